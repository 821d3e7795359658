package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/wire"
)

// publisher publishes orders until it is stopped, and knows what their documents must be.
type publisher struct {
	*testing.T
	producer sarama.SyncProducer
	sent     map[string][]event.Envelope // by order; not while it publishes
	stop     context.CancelFunc
	done     chan error
}

// publishOrders begins to publish orders with numbers from first on, some hundred a second.
func publishOrders(t *testing.T, brokerAddr string) *publisher {
	t.Helper()
	producer, err := sarama.NewSyncProducer([]string{brokerAddr}, indexer.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &publisher{T: t, producer: producer, sent: map[string][]event.Envelope{}, stop: cancel, done: make(chan error, 1)}
	go func() { p.done <- p.publish(ctx) }()
	t.Cleanup(func() { cancel(); producer.Close() })
	return p
}

func (p *publisher) publish(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		var messages []*sarama.ProducerMessage
		for i := range 4 { // an order that is new and three that get on
			number := n - 7*i
			if number < 0 {
				continue
			}
			id := fmt.Sprint(number)
			e := step(id, uint64(i+1))
			p.sent[id] = append(p.sent[id], e)
			key, headers, value := event.EncodeCloudEvent(e)
			m := &sarama.ProducerMessage{
				Topic: event.TopicOf(e.Aggregate), Key: sarama.ByteEncoder(key), Value: sarama.ByteEncoder(value),
			}
			for _, h := range headers {
				m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
			}
			messages = append(messages, m)
		}
		if err := p.producer.SendMessages(messages); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// step returns what happens to an order's Order aggregate as its version.
func step(id string, version uint64) event.Envelope {
	payload := []any{
		&event.OrderCreatedEvent{OrderDetails: event.OrderDetails{
			LineItems:    []wire.LineItem{{MenuItemID: "1", Name: "Chicken Vindaloo", Quantity: 1}},
			RestaurantID: "1", ConsumerID: "9",
		}, RestaurantName: "Ajanta"},
		&event.OrderAuthorized{}, &event.OrderCancelRequested{}, &event.OrderCancelled{},
	}[version-1]
	data, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return event.Envelope{
		ID: fmt.Sprintf("%s-%d", id, version), Aggregate: event.Order, AggregateID: id,
		Type: fmt.Sprintf("%T", payload)[len("*event."):], Version: version, Data: data, Payload: payload,
		Time: time.Date(2026, 3, 1, 11, 0, int(version), 0, time.UTC),
	}
}

// finish stops publishing and returns the documents that the log makes.
func (p *publisher) finish() map[string]string {
	p.Helper()
	p.stop()
	if err := <-p.done; err != nil {
		p.Fatal(err)
	}
	orders := projection.NewOrders(nil)
	documents := map[string]string{}
	for id, events := range p.sent {
		d := orders.New(id)
		for _, e := range events {
			if err := d.Offer(e).Err; err != nil {
				p.Fatal(err)
			}
		}
		source, err := d.Encode()
		if err != nil {
			p.Fatal(err)
		}
		documents[id] = string(source)
	}
	return documents
}

// elasticsearch is a real one, in which a test has names of its own.
type elasticsearch struct {
	*testing.T
	url, prefix string
}

// realElasticsearch skips the test where there is none, or fails it where there must be one. What the test makes is
// deleted at its end.
func realElasticsearch(t *testing.T) elasticsearch {
	t.Helper()
	url := os.Getenv("VIEWGATE_TEST_ELASTICSEARCH")
	if url == "" {
		if os.Getenv("VIEWGATE_TEST_BACKENDS") == "required" {
			t.Fatal("VIEWGATE_TEST_ELASTICSEARCH is not set, and VIEWGATE_TEST_BACKENDS requires it")
		}
		t.Skip("VIEWGATE_TEST_ELASTICSEARCH is not set: \"backends/backends es-up\" starts one")
	}
	e := elasticsearch{t, url, "viewgate-test-" + strings.ToLower(rand.Text()) + "-"}
	t.Cleanup(func() {
		for _, index := range e.indices() {
			if _, err := e.ask(http.MethodDelete, "/"+index, ""); err != nil {
				t.Error(err)
			}
		}
	})
	return e
}

func (e elasticsearch) indices() []string {
	text, err := e.ask(http.MethodGet, "/"+e.prefix+"*/_alias", "")
	var indices map[string]any
	if err == nil {
		err = json.Unmarshal(text, &indices)
	}
	if err != nil {
		e.Fatal(err)
	}
	var names []string
	for name := range indices {
		names = append(names, name)
	}
	return names
}

func (e elasticsearch) ask(method, path, body string) ([]byte, error) {
	request, err := http.NewRequest(method, e.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer, err
}

// documents returns what is behind the view's alias, each without what the store adds, and the name of the index there.
func (e elasticsearch) documents() (map[string]string, string, error) {
	alias := e.prefix + order.ViewName
	if _, err := e.ask(http.MethodPost, "/"+alias+"/_refresh", ""); err != nil {
		return nil, "", err
	}
	text, err := e.ask(http.MethodPost, "/"+alias+"/_search", `{"size": 10000}`)
	if err != nil {
		return nil, "", err
	}
	var answer struct {
		Hits struct {
			Hits []struct {
				ID     string          `json:"_id"`
				Index  string          `json:"_index"`
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, "", err
	}
	found, index := map[string]string{}, ""
	for _, hit := range answer.Hits.Hits {
		_, rest, ok := bytes.Cut(hit.Source, []byte(`false},`))
		if !ok {
			return nil, "", fmt.Errorf("document %s is hidden: %s", hit.ID, hit.Source)
		}
		found[hit.ID], index = "{"+string(rest), hit.Index
	}
	return found, index, nil
}

// movePattern finds what a process logs when another index becomes live.
var movePattern = regexp.MustCompile(`msg="another index is live" view=orders .*now=(\S+)`)

// TestRebuildWhileServing rebuilds the view and rolls it back while orders are published, an indexer and a gateway run,
// and queries are asked. In the end each document behind the alias is the fold of its events, and no query has failed.
func TestRebuildWhileServing(t *testing.T) {
	t.Parallel()
	e := realElasticsearch(t)
	var topics []string
	for _, s := range event.DefaultSources() {
		topics = append(topics, s.Topic)
	}
	b, err := broker.Start(broker.Options{Addr: "127.0.0.1:0", Topics: topics, Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	env := map[string]string{"KAFKA_BROKERS": b.Addr(), "ELASTICSEARCH_URL": e.url, "ELASTICSEARCH_PREFIX": e.prefix}
	p := start(t, env, "serve", "--addr", "127.0.0.1:0")
	p.waitForURL()
	gateway := start(t, env, "serve", "--addr", "127.0.0.1:0", "--role", "gateway")
	gateway.waitForURL()
	gateway.knows(true)
	published := publishOrders(t, b.Addr())
	asking, stop := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() { asked <- askUntil(asking, p) }()

	// do runs a command, and then waits until the indexer that runs has orders in another index than before.
	index := ""
	do := func(args ...string) {
		t.Helper()
		if args != nil {
			c := start(t, env, args...)
			<-c.exited
			if c.code != 0 {
				t.Fatalf("%v: exit code %d\n%s\n%s", args, c.code, &c.out, &c.err)
			}
		}
		before, seen := index, -1
		p.eventually(func() error {
			documents, now, err := e.documents()
			if err != nil {
				return err
			}
			if seen < 0 {
				seen = len(documents)
			}
			if now == before || len(documents) < seen+20 {
				return fmt.Errorf("%d documents in %s, %d in %s before", len(documents), now, seen, before)
			}
			if args != nil {
				for _, moved := range []*process{p, gateway} {
					moves := movePattern.FindAllStringSubmatch(moved.err.String(), -1)
					if len(moves) == 0 || moves[len(moves)-1][1] != now {
						return fmt.Errorf("a process has moved to %v, want %s", moves, now)
					}
				}
			}
			index = now
			return nil
		})
	}
	do()
	first := index
	do("rebuild", "orders")
	second := index
	do("rollback", "orders")
	if index != first {
		t.Errorf("rolled back to %s, want %s", index, first)
	}
	do("rollback", "orders")
	if index != second {
		t.Errorf("rolled forward to %s, want %s", index, second)
	}
	stop()
	if err := <-asked; err != nil {
		t.Errorf("a query failed: %v", err)
	}
	want := published.finish()
	p.eventually(func() error {
		got, _, err := e.documents()
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("documents (-want +got):\n%.2000s", diff)
		}
		return nil
	})
	gateway.knows(true)
	late := start(t, env, "serve", "--addr", "127.0.0.1:0", "--role", "gateway")
	late.waitForURL()
	late.knows(true)
	delete(env, "KAFKA_BROKERS")
	alone := start(t, env, "serve", "--addr", "127.0.0.1:0", "--role", "gateway")
	alone.waitForURL()
	alone.knows(false)
	if code := p.stop(); code != 0 {
		t.Errorf("serve: exit code %d", code)
	}
}

// knows waits until the process tells how far the view is, or does not. What it tells then is of the index that is read:
// it has passed ends of the topics that were asked for after the call.
func (p *process) knows(want bool) {
	p.Helper()
	since := time.Now()
	p.eventually(func() error {
		a, err := p.query(new(orderPage), pageQuery, map[string]any{"first": 1})
		if err != nil {
			return err
		}
		if len(a.Extensions.Freshness) != 1 {
			return fmt.Errorf("freshness is %+v", a.Extensions.Freshness)
		}
		lag := a.Extensions.Freshness[0].LagMs
		if (lag != nil) != want || lag != nil && time.Duration(*lag)*time.Millisecond > time.Since(since)+searchDelay {
			return fmt.Errorf("freshness is %+v %v after it was asked for", a.Extensions.Freshness[0], time.Since(since))
		}
		return nil
	})
}

// searchDelay is how much later searches of an index see a write than reads by id do.
const searchDelay = elastic.DefaultRefreshInterval

// askUntil asks for orders until ctx ends or an answer is an error.
func askUntil(ctx context.Context, p *process) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		var page orderPage
		if _, err := p.query(&page, pageQuery, map[string]any{"first": 5}); err != nil {
			return err
		}
		<-tick.C
	}
	return nil
}

// TestOtherSchema makes an index of another schema live under a process that serves: that goes on with its own, to read and
// to write; a new process is told what to do.
func TestOtherSchema(t *testing.T) {
	t.Parallel()
	e := realElasticsearch(t)
	var topics []string
	for _, s := range event.DefaultSources() {
		topics = append(topics, s.Topic)
	}
	b, err := broker.Start(broker.Options{Addr: "127.0.0.1:0", Topics: topics, Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	env := map[string]string{"KAFKA_BROKERS": b.Addr(), "ELASTICSEARCH_URL": e.url, "ELASTICSEARCH_PREFIX": e.prefix}
	p := start(t, env, "serve", "--addr", "127.0.0.1:0")
	p.waitForURL()

	sdl, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	other, err := view.MappingOf(sdl, order.ViewName)
	if err != nil {
		t.Fatal(err)
	}
	other.Hash = "00000000"
	indices, err := elastic.OpenIndices(t.Context(), other, elastic.Options{URLs: []string{e.url}, Prefix: e.prefix})
	if err != nil {
		t.Fatal(err)
	}
	defer indices.Close()
	next, err := indices.Create(t.Context())
	if err == nil {
		err = indices.Publish(t.Context(), next)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.eventually(func() error {
		if log := p.err.String(); !strings.Contains(log, "stays with its own") || !strings.Contains(log, next.Name()) {
			return fmt.Errorf("no warning in %s", log)
		}
		return nil
	})
	published := publishOrders(t, b.Addr())
	p.eventually(func() error {
		var page orderPage
		if _, err := p.query(&page, pageQuery, map[string]any{"first": 1}); err != nil || page.OrderHistory.Total.Count < 20 {
			return fmt.Errorf("%d orders, %v", page.OrderHistory.Total.Count, err)
		}
		return nil
	})
	published.finish()
	again := start(t, env, "serve", "--addr", "127.0.0.1:0")
	if <-again.exited; again.code != 1 || !strings.Contains(again.err.String(), `run "viewgate rebuild orders"`) {
		t.Errorf("a new process: exit code %d, %s", again.code, &again.err)
	}
}

// TestRebuildCommandLine: what is wrong with a command line, or with the state of things, is told.
func TestRebuildCommandLine(t *testing.T) {
	t.Parallel()
	var topics []string
	for _, s := range event.DefaultSources() {
		topics = append(topics, s.Topic)
	}
	b, err := broker.Start(broker.Options{Addr: "127.0.0.1:0", Topics: topics})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	data := t.TempDir()
	kafka := []string{"--kafka", b.Addr(), "--data", data}
	run := func(t *testing.T, want string, code int, args ...string) {
		t.Helper()
		c := start(t, nil, append(args, kafka...)...)
		<-c.exited
		if said := c.out.String() + c.err.String(); c.code != code || !strings.Contains(said, want) {
			t.Errorf("viewgate %s: exit code %d and\n%s\nwant %d and %q", strings.Join(args, " "), c.code, said, code, want)
		}
	}
	loaded := start(t, nil, "load", filepath.Join("event", "testdata", "orders.jsonl"), "--kafka", b.Addr())
	if <-loaded.exited; loaded.code != 0 {
		t.Fatal(loaded.err.String())
	}
	run(t, `VIEW "order" is not one of orders`, 2, "rebuild", "order")
	run(t, "no index was live before this one: there is none", 1, "rollback", "orders")
	run(t, "there is no such index", 1, "rebuild", "orders", "--abandon")
	run(t, "is live now", 0, "rebuild", "orders")
	run(t, "--metrics: ", 1, "rebuild", "orders", "--metrics", "127.0.0.1")
	run(t, "metrics=http://127.0.0.1", 0, "rebuild", "orders", "--metrics", "127.0.0.1:0", "--log-level", "info")
	run(t, "0 documents differ", 0, "rebuild", "orders")
	run(t, "is live again", 0, "rollback", "orders")

	p := start(t, nil, append([]string{"serve", "--addr", "127.0.0.1:0"}, kafka...)...)
	p.waitForURL()
	run(t, fmt.Sprintf("in use by process %d", os.Getpid()), 1, "rebuild", "orders")
	var page orderPage
	if _, err := p.query(&page, pageQuery, map[string]any{"first": 100}); err != nil || page.OrderHistory.Total.Count == 0 {
		t.Errorf("after rebuilds %d orders, %v", page.OrderHistory.Total.Count, err)
	}
	c := start(t, nil, "rebuild", "orders")
	if <-c.exited; c.code != 1 || !strings.Contains(c.err.String(), "--elasticsearch or --data") {
		t.Errorf("without a place: %d, %s", c.code, &c.err)
	}
}
