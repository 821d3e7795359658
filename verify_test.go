package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/example/ftgo"
	"github.com/viewgate/viewgate/example/ftgo/sim"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
)

// company is food to go's services, and a broker that their events go to.
type company struct {
	*testing.T
	flags []string // by which viewgate finds them
	urls  func(ftgo.Service) string
}

func newCompany(t *testing.T) *company {
	t.Helper()
	var topics []string
	for _, s := range event.DefaultSources() {
		topics = append(topics, s.Topic)
	}
	b, err := broker.Start(broker.Options{Addr: "127.0.0.1:0", Topics: topics, Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	services, err := ftgo.New(t.TempDir(), ftgo.Options{Brokers: []string{b.Addr()}, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- services.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, services.Close()); err != nil {
			t.Error(err)
		}
	})
	return &company{T: t, urls: services.URL, flags: []string{
		"--kafka", b.Addr(), "--order-service", services.URL(ftgo.OrderService),
		"--kitchen-service", services.URL(ftgo.KitchenService), "--delivery-service", services.URL(ftgo.DeliveryService),
		"--accounting-service", services.URL(ftgo.AccountingService), "--restaurant-service", services.URL(ftgo.RestaurantService),
	}}
}

// work lets simulated customers order so much, and returns when all of it has come to its end.
func (c *company) work(orders int) error {
	_, err := sim.Run(c.Context(), sim.Options{
		Orders: orders, Rate: 100, Seed: 1, Speed: 50,
		OrderURL: c.urls(ftgo.OrderService), KitchenURL: c.urls(ftgo.KitchenService), DeliveryURL: c.urls(ftgo.DeliveryService),
		RestaurantURL: c.urls(ftgo.RestaurantService), ConsumerURL: c.urls(ftgo.ConsumerService),
	})
	return err
}

const versionsQuery = `query ($id: ID!, $mode: FreshnessMode!) { order(id: $id, freshness: {mode: $mode}) {
  version ticket { version } delivery { version } bill { version }
} }`

// caughtUp waits until the view has so many orders, each as its owners have it.
func (p *process) caughtUp(orders int) {
	p.Helper()
	p.eventually(func() error {
		var page orderPage
		if _, err := p.query(&page, pageQuery, map[string]any{"first": 100}); err != nil {
			return err
		}
		if len(page.OrderHistory.Nodes) != orders {
			return fmt.Errorf("%d orders, want %d", len(page.OrderHistory.Nodes), orders)
		}
		for _, n := range page.OrderHistory.Nodes {
			var have, told map[string]any
			if _, err := p.query(&have, versionsQuery, map[string]any{"id": n.OrderID, "mode": "EVENTUAL"}); err != nil {
				return err
			}
			if _, err := p.query(&told, versionsQuery, map[string]any{"id": n.OrderID, "mode": "FRESH"}); err != nil {
				return err
			}
			if fmt.Sprint(have) != fmt.Sprint(told) {
				return fmt.Errorf("order %s is %v, and its owners have %v", n.OrderID, have, told)
			}
		}
		return nil
	})
}

// spoil changes a document in an index behind the versions' back, as a wrong projection would have, and returns its id. It
// is one whose parts were folded from events: where an owner was asked for a missing one, its answer stands.
func spoil(t *testing.T, indices view.Indices) string {
	t.Helper()
	defer indices.Close()
	index, err := indices.Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for {
		ids, err := index.Sample(t.Context(), 100, 1)
		if err != nil {
			t.Fatal(err)
		}
		found, err := index.Get(t.Context(), view.Support(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			o, err := order.Decode(found[id].Source)
			if err != nil {
				t.Fatal(err)
			}
			if o.Ticket == nil || o.Ticket.ReadyBy == nil || o.Part(order.AggregateOrder).Origin != view.FromEvents ||
				o.Part(order.AggregateTicket).Origin != view.FromEvents {
				continue
			}
			o.Restaurant.Name = "Nowhere"
			o.Ticket.ReadyBy = nil
			source, err := o.Encode()
			if err != nil {
				t.Fatal(err)
			}
			write := view.Write{ID: id, Revision: found[id].Revision, Source: source}
			if r := index.Apply(t.Context(), []view.Write{write})[0]; r.Err != nil && !errors.Is(r.Err, view.ErrConflict) {
				t.Fatal(r.Err)
			} else if r.Err == nil {
				return id
			}
		}
	}
}

// runVerify runs viewgate verify and checks its exit code and what it says.
func runVerify(t *testing.T, env map[string]string, code int, said []string, args ...string) string {
	t.Helper()
	c := start(t, env, append([]string{"verify", "orders", "--pause", "1s"}, args...)...)
	<-c.exited
	text := c.out.String() + c.err.String()
	if c.code != code {
		t.Errorf("verify %v: exit code %d, want %d:\n%s", args, c.code, code, text)
	}
	for _, what := range said {
		if !regexp.MustCompile(what).MatchString(text) {
			t.Errorf("verify %v says nothing like %q:\n%s", args, what, text)
		}
	}
	return c.out.String()
}

// drifted waits until a process has counted drift of these fields.
func (p *process) drifted(fields ...string) {
	p.Helper()
	p.eventually(func() error {
		response, err := http.Get(p.url + "/metrics")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		for _, f := range fields {
			if !strings.Contains(string(text), fmt.Sprintf("viewgate_view_drift_total{field=%q,view=\"orders\"}", f)) {
				return fmt.Errorf("no drift of %s is counted", f)
			}
		}
		return nil
	})
}

// TestVerify compares an embedded view with the example's services: it is what they say. A wrong document is found, by the
// process that serves and by the command, and healed.
func TestVerify(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	data := t.TempDir()
	serveArgs := append([]string{"serve", "--addr", "127.0.0.1:0", "--data", data}, c.flags...)
	verifyArgs := append([]string{"--data", data}, c.flags...)
	const orders = 25
	p := start(t, nil, serveArgs...)
	p.waitForURL()
	if err := c.work(orders); err != nil {
		t.Fatal(err)
	}
	p.caughtUp(orders)
	runVerify(t, nil, 1, []string{fmt.Sprintf("in use by process %d", os.Getpid()), "serve --verify-rate"}, verifyArgs...)
	if code := p.stop(); code != 0 {
		t.Fatalf("serve: exit code %d", code)
	}
	runVerify(t, nil, 0, []string{`all 25 documents`, `compared 25 documents .* equal, 0 drift, 0 behind, 0 missing in view, ` +
		`0 ahead, 0 missing at owner, 0 changing, 0 degraded, 0 unversioned, 0 owner failed`}, verifyArgs...)

	indices, err := embedded.OpenIndices(viewDir(data, mappingOf(t, order.ViewName)), mappingOf(t, order.ViewName), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := spoil(t, indices)
	table := []string{
		`FIELD +DOCUMENTS +EXAMPLE +VIEW +OWNER`, `order.restaurant.name +1 +` + id + ` +"Nowhere" at version \d+ +".*" at version`,
		`ticket.readyBy +1 +` + id + ` +null at version \d+ +"20.*" at version`, ` 2 drift, `,
	}
	runVerify(t, nil, 1, table, verifyArgs...)
	p = start(t, nil, append(serveArgs, "--verify-rate", "500")...)
	p.waitForURL()
	p.drifted("order.restaurant.name", "ticket.readyBy")
	if code := p.stop(); code != 0 {
		t.Fatalf("serve: exit code %d", code)
	}
	runVerify(t, nil, 0, append(table, "healed 2, not healed 0"), append(verifyArgs, "--heal")...)
	runVerify(t, nil, 0, []string{` 0 drift, `}, append(verifyArgs, "--all")...)
}

// TestVerifyUnversioned: of events without versions nothing is compared whose owners tell no version either, and nothing is
// wrong with it.
func TestVerifyUnversioned(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	data := t.TempDir()
	loaded := start(t, nil, "load", filepath.Join("event", "testdata", "orders.jsonl"), c.flags[0], c.flags[1])
	if <-loaded.exited; loaded.code != 0 {
		t.Fatal(loaded.err.String())
	}
	p := start(t, nil, append([]string{"serve", "--addr", "127.0.0.1:0", "--data", data}, c.flags...)...)
	p.waitForURL()
	p.eventually(func() error {
		var page orderPage
		if _, err := p.query(&page, pageQuery, map[string]any{"first": 1}); err != nil || page.OrderHistory.Total.Count == 0 {
			return fmt.Errorf("%d orders, %v", page.OrderHistory.Total.Count, err)
		}
		return nil
	})
	if code := p.stop(); code != 0 {
		t.Fatalf("serve: exit code %d", code)
	}
	runVerify(t, nil, 0, []string{` 0 equal, 0 drift, .* [1-9]\d* unversioned, `}, append([]string{"--data", data}, c.flags...)...)
}

// TestVerifyBesideIndexers does the same in Elasticsearch, while an indexer runs and orders are placed.
func TestVerifyBesideIndexers(t *testing.T) {
	t.Parallel()
	e := realElasticsearch(t)
	c := newCompany(t)
	env := map[string]string{"ELASTICSEARCH_URL": e.url, "ELASTICSEARCH_PREFIX": e.prefix, "ELASTICSEARCH_REFRESH": "100ms"}
	p := start(t, env, append([]string{"serve", "--addr", "127.0.0.1:0"}, c.flags...)...)
	p.waitForURL()
	const orders = 25
	if err := c.work(orders); err != nil {
		t.Fatal(err)
	}
	p.caughtUp(orders)
	runVerify(t, env, 0, []string{` 0 drift, `}, c.flags...)
	one := runVerify(t, env, 0, []string{`10 documents chosen at random, --seed 7 `}, append(c.flags, "--sample", "10", "--seed", "7")...)
	if two := runVerify(t, env, 0, nil, append(c.flags, "--sample", "10", "--seed", "7")...); firstLine(one) != firstLine(two) {
		t.Errorf("the same seed says:\n%s\n%s", one, two)
	}

	indices, err := elastic.OpenIndices(t.Context(), mappingOf(t, order.ViewName), elastic.Options{URLs: []string{e.url}, Prefix: e.prefix})
	if err != nil {
		t.Fatal(err)
	}
	id := spoil(t, indices)
	runVerify(t, env, 1, []string{`order.restaurant.name +1 +` + id, ` 2 drift, `}, append(c.flags, "--all")...)
	worked := make(chan error, 1)
	go func() { worked <- c.work(orders) }()
	runVerify(t, env, 0, []string{`order.restaurant.name +1 +` + id, ` 2 drift, `}, append(c.flags, "--all", "--heal")...)
	if err := <-worked; err != nil {
		t.Fatal(err)
	}
	p.caughtUp(2 * orders)
	runVerify(t, env, 0, []string{` 0 drift, `}, append(c.flags, "--all")...)

	// An order that the view has lost is found among its consumer's others.
	documents, _, err := e.documents()
	if err != nil {
		t.Fatal(err)
	}
	lost := ""
	consumers := map[string]bool{}
	for id, source := range documents {
		o, err := order.Decode([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		if consumers[o.Consumer.ConsumerID] {
			lost = id
		}
		consumers[o.Consumer.ConsumerID] = true
	}
	if _, err := e.ask(http.MethodDelete, "/"+e.prefix+order.ViewName+"/_doc/"+lost+"?refresh=true", ""); err != nil {
		t.Fatal(err)
	}
	missing := []string{`missing in view, for example ORDER of document ` + lost, ` [1-4] missing in view, `, `asked for the orders of`}
	runVerify(t, env, 1, missing, append(c.flags, "--all", "--consumers", "1000")...)
	runVerify(t, env, 0, missing, append(c.flags, "--all", "--consumers", "1000", "--heal")...)
	p.caughtUp(2 * orders)
	runVerify(t, env, 0, []string{` 0 missing in view, `}, append(c.flags, "--all", "--consumers", "1000")...)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
