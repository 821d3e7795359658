package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/broker"
)

// buffer is output that another goroutine reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// process is a run of a command line in this process.
type process struct {
	*testing.T
	out, err buffer
	url      string // of the HTTP server, once it has been waited for
	cancel   context.CancelFunc
	exited   chan struct{}
	code     int // once exited is closed
}

// start runs a command line until stop, or the end of the test.
func start(t *testing.T, env map[string]string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{T: t, cancel: cancel, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		p.code = run(ctx, console{&p.out, &p.err, func(name string) string { return env[name] }}, args)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("viewgate %s\n%s\n%s", strings.Join(args, " "), &p.out, &p.err)
		}
	})
	return p
}

// stop interrupts the process and returns its exit code. It must be gone within 20 seconds.
func (p *process) stop() int {
	p.Helper()
	p.cancel()
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		p.Error("not gone 20 seconds after the interrupt")
		<-p.exited
	}
	return p.code
}

var urlPattern = regexp.MustCompile(`(http://[0-9a-z.:]+)/(?:graphql|readyz)`)

// waitForURL waits until the process says where it serves.
func (p *process) waitForURL() {
	p.Helper()
	p.eventually(func() error {
		select {
		case <-p.exited:
			p.Fatalf("exited with %d:\n%s", p.code, &p.err)
		default:
		}
		found := urlPattern.FindStringSubmatch(p.out.String() + p.err.String())
		if found == nil {
			return fmt.Errorf("no URL in %q and %q", &p.out, &p.err)
		}
		p.url = found[1]
		return nil
	})
}

// eventually tries until there is no error, for a minute at most.
func (p *process) eventually(try func() error) {
	p.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			p.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// answer is a GraphQL response.
type answer struct {
	Data       json.RawMessage
	Errors     []struct{ Message string }
	Extensions struct {
		Freshness []struct {
			Path                  []any
			Source, Reason, Token string
			LagMs                 *int
			Kept                  bool
		}
	}
}

// query asks the process and decodes the data.
func (p *process) query(into any, query string, variables map[string]any) (answer, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return answer{}, err
	}
	response, err := http.Post(p.url+"/graphql", "application/json", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	var a answer
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		return answer{}, err
	}
	if len(a.Errors) > 0 {
		return a, fmt.Errorf("%+v", a.Errors)
	}
	return a, json.Unmarshal(a.Data, into)
}

type orderPage struct {
	OrderHistory struct {
		Total struct{ Count int }
		Nodes []struct {
			OrderID   string
			Status    string
			LineItems []struct{ Name string }
			Timeline  []struct{ Type string }
		}
	}
}

const pageQuery = `query ($q: String, $first: Int) {
  orderHistory(query: $q, first: $first) { total { count } nodes { orderId status lineItems { name } timeline { type } } }
}`

// TestDemo runs the whole demo: simulated orders come to their ends in the view, an order is found by words and by its
// id as fresh as its owners, and all of it is still there after a restart. An order placed beside the simulated ones is
// delivered like them, and an interrupt in their midst is no failure.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	args := []string{"demo", "--addr", "127.0.0.1:0", "--broker-addr", "127.0.0.1:0", "--services-port", "0", "--data", dir,
		"--rate", "50", "--speed", "20"}
	const orders = 25
	p := start(t, nil, append(args, "--orders", fmt.Sprint(orders))...)
	p.waitForURL()
	final := map[string]bool{"DELIVERED": true, "CANCELLED": true, "REJECTED": true, "PAYMENT_FAILED": true}
	var page orderPage
	p.eventually(func() error {
		page = orderPage{}
		if _, err := p.query(&page, pageQuery, map[string]any{"first": 100}); err != nil {
			return err
		}
		ended := 0
		for _, n := range page.OrderHistory.Nodes {
			if final[n.Status] {
				ended++
			}
		}
		if ended != orders {
			return fmt.Errorf("%d of %d orders, %d of them at their end", page.OrderHistory.Total.Count, orders, ended)
		}
		return nil
	})
	one := page.OrderHistory.Nodes[0]
	var fresh struct{ Order *struct{ Status string } }
	a, err := p.query(&fresh, `query ($id: ID!) { order(id: $id, freshness: {mode: FRESH}) { status ticket { state } } }`,
		map[string]any{"id": one.OrderID})
	if err != nil {
		t.Fatal(err)
	}
	if fresh.Order == nil || fresh.Order.Status != one.Status {
		t.Errorf("order %s fresh from its owners is %+v, in the view %s", one.OrderID, fresh.Order, one.Status)
	}
	if f := a.Extensions.Freshness; len(f) != 1 || f[0].Source == "VIEW" || f[0].Token == "" || f[0].LagMs == nil {
		t.Errorf("extensions.freshness is %+v", f)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/playground", "/"} {
		response, err := http.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", path, response.Status)
		}
	}
	checkMetrics(t, p.get("/metrics"))
	if code := p.stop(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &p.err)
	}

	again := start(t, nil, append(args, "--orders", "-1", "--rate", "5")...)
	again.waitForURL()
	var kept orderPage
	if _, err := again.query(&kept, pageQuery, map[string]any{"first": 100}); err != nil {
		t.Fatal(err)
	}
	if got := kept.OrderHistory.Total.Count; got < orders || !kept.has(one.OrderID) {
		t.Errorf("%d orders after a restart, want %d or more, %s among them", got, orders, one.OrderID)
	}
	placed, err := http.Post(postPattern.FindStringSubmatch(again.out.String())[1], "application/json", strings.NewReader(
		`{"consumerId": 1, "restaurantId": 1, "lineItems": [{"menuItemId": 1, "quantity": 1}],
		"deliveryAddress": {"street1": "9 Amazing View", "city": "Oakland", "state": "CA", "zip": "94612"}}`))
	if err != nil {
		t.Fatal(err)
	}
	defer placed.Body.Close()
	var receipt struct{ OrderID json.Number }
	if err := json.NewDecoder(placed.Body).Decode(&receipt); err != nil || placed.StatusCode >= 300 {
		t.Fatalf("POST /orders: %s, %v", placed.Status, err)
	}
	again.eventually(func() error {
		var o struct{ Order *struct{ Status string } }
		_, err := again.query(&o, `query ($id: ID!) { order(id: $id) { status } }`, map[string]any{"id": receipt.OrderID})
		if err == nil && (o.Order == nil || o.Order.Status != "DELIVERED") {
			err = fmt.Errorf("order %s is %+v, want it delivered", receipt.OrderID, o.Order)
		}
		return err
	})
	if code := again.stop(); code != 0 || strings.Contains(again.err.String(), "canceled") {
		t.Errorf("exit code %d after an interrupt: %s", code, &again.err)
	}
}

var postPattern = regexp.MustCompile(`POST (http://[0-9.:]+/orders)`)

// TestLoad publishes a file of real orders as Eventuate Tram events and finds each order by each word of its dishes.
func TestLoad(t *testing.T) {
	var topics []string
	for _, s := range event.DefaultSources() {
		topics = append(topics, s.Topic)
	}
	b, err := broker.Start(broker.Options{Addr: "127.0.0.1:0", Topics: topics})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	file := filepath.Join("event", "testdata", "orders.jsonl")
	loaded := start(t, map[string]string{"KAFKA_BROKERS": b.Addr()}, "load", file)
	<-loaded.exited
	if loaded.code != 0 {
		t.Fatal(loaded.err.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d events published", bytes.Count(text, []byte("\n"))); !strings.Contains(loaded.err.String(), want) {
		t.Errorf("load said %q, want %q in it", &loaded.err, want)
	}

	p := start(t, nil, "serve", "--addr", "127.0.0.1:0", "--kafka", b.Addr(), "--data", t.TempDir())
	p.waitForURL()
	created := bytes.Count(text, []byte("OrderCreatedEvent"))
	var page orderPage
	p.eventually(func() error {
		page = orderPage{}
		if _, err := p.query(&page, pageQuery, map[string]any{"first": 100}); err != nil {
			return err
		}
		events := 0
		for _, n := range page.OrderHistory.Nodes {
			events += len(n.Timeline)
		}
		if len(page.OrderHistory.Nodes) != created || events == 0 {
			return fmt.Errorf("%d orders with %d events, want %d", len(page.OrderHistory.Nodes), events, created)
		}
		return nil
	})
	words := regexp.MustCompile(`[\p{L}\p{N}]+`)
	for _, n := range page.OrderHistory.Nodes {
		for _, item := range n.LineItems {
			for _, word := range words.FindAllString(item.Name, -1) {
				var found orderPage
				if _, err := p.query(&found, pageQuery, map[string]any{"q": strings.ToUpper(word), "first": 100}); err != nil {
					t.Fatal(err)
				}
				if !found.has(n.OrderID) {
					t.Errorf("order %s is not found by %q of %q", n.OrderID, word, item.Name)
				}
			}
		}
	}
	// The file's producers send no versions, so nothing of it may satisfy a version that somebody saw.
	var o struct{ Order *struct{ Version int } }
	a, err := p.query(&o, `query ($id: ID!) {
		order(id: $id, freshness: {mode: AT_LEAST, waitMs: 0, seen: [{aggregate: ORDER, id: $id, version: 1}]}) { version }
	}`, map[string]any{"id": page.OrderHistory.Nodes[0].OrderID})
	if err != nil {
		t.Fatal(err)
	}
	if f := a.Extensions.Freshness; len(f) != 1 || f[0].Reason == "satisfied" {
		t.Errorf("extensions.freshness is %+v", f)
	}
}

func (p orderPage) has(id string) bool {
	for _, n := range p.OrderHistory.Nodes {
		if n.OrderID == id {
			return true
		}
	}
	return false
}

// TestCommandLine: a wrong command line exits with 2, a failure with 1, and both say what to do.
func TestCommandLine(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.jsonl")
	if err := os.WriteFile(bad, []byte("{\"topic\": \"t\", \"value\": \"v\"}\n{\"topics\": 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "viewgate.yaml")
	if err := os.WriteFile(config, []byte("topics:\n  - name: a\n    aggregat: Order\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		env  map[string]string
		args []string
		code int
		want string
	}{
		{"nothing", nil, nil, 2, "viewgate demo"},
		{"help", nil, []string{"--help"}, 0, "serve"},
		{"help of a command", nil, []string{"serve", "--help"}, 0, "environment: ELASTICSEARCH_URL"},
		{"help on a command", nil, []string{"help", "load"}, 0, "JSON Lines"},
		{"version", nil, []string{"version"}, 0, "viewgate"},
		{"unknown command", nil, []string{"sreve"}, 2, `no command "sreve"`},
		{"unknown flag", nil, []string{"serve", "--adr", ":1"}, 2, "-adr"},
		{"an argument too many", nil, []string{"serve", "here"}, 2, "takes nothing beside its flags"},
		{"an argument too few", nil, []string{"load"}, 2, "takes FILE"},
		{"bad variable", map[string]string{"ORDERS": "many"}, []string{"demo"}, 2, "ORDERS"},
		{"bad duration", map[string]string{"ELASTICSEARCH_REFRESH": "soon"}, []string{"serve"}, 2, "ELASTICSEARCH_REFRESH"},
		{"no Elasticsearch", nil, []string{"serve", "--elasticsearch", "http://127.0.0.1:1"}, 1, "127.0.0.1:1"},
		{"nowhere to keep", nil, []string{"serve"}, 2, "--elasticsearch"},
		{"unknown role", nil, []string{"serve", "--role", "boss"}, 2, "not one of all, gateway, indexer"},
		{"a gateway alone", nil, []string{"serve", "--role", "gateway", "--data", t.TempDir()}, 2, "--elasticsearch"},
		{"verify another view", nil, []string{"verify", "order", "--data", t.TempDir()}, 2, `VIEW "order" is not one of orders`},
		{"verify too many", nil, []string{"verify", "orders", "--sample", "10001", "--data", t.TempDir()}, 2, "--all"},
		{"verify without a pause", nil, []string{"verify", "orders", "--pause", "0s", "--data", t.TempDir()}, 2, "--pause 0s"},
		{"verify nothing", nil, []string{"verify", "orders"}, 2, "--elasticsearch or --data"},
		{"verify with nobody", nil, []string{"verify", "orders", "--data", t.TempDir()}, 2, "--order-service"},
		{"help on verify", nil, []string{"verify", "--help"}, 0, "there a difference is drift"},
		{"export another view", nil, []string{"export", "order", "--data", t.TempDir()}, 2, `VIEW "order"`},
		{"export nothing", nil, []string{"export", "orders"}, 2, "--elasticsearch or --data"},
		{"export in another format", nil, []string{"export", "orders", "--format", "xml", "--data", t.TempDir()}, 2, "not one of jsonl, csv"},
		{"export fields of lines", nil, []string{"export", "orders", "--fields", "city", "--data", t.TempDir()}, 2, "--fields goes with --format csv"},
		{"export no such field", nil, []string{"export", "orders", "--format", "csv", "--fields", "citty", "--data", t.TempDir()}, 2, "did you mean city?"},
		{"export in no order", nil, []string{"export", "orders", "--order", "city", "--data", t.TempDir()}, 2,
			"--order: there is no order by deliveryAddress.city, only by createdAt, "},
		{"export as nobody", nil, []string{"export", "orders", "--as", "courier:1", "--data", t.TempDir()}, 2, "consumer:ID or restaurant:ID"},
		{"export as a consumer of no name", nil, []string{"export", "orders", "--as", "consumer:", "--data", t.TempDir()}, 2, "--as"},
		{"export less than nothing", nil, []string{"export", "orders", "--limit", "-1", "--data", t.TempDir()}, 2, "--limit -1"},
		{"export by force", nil, []string{"export", "orders", "--force", "--data", t.TempDir()}, 2, "--force goes with --output"},
		{"help on export", nil, []string{"export", "--help"}, 0, "An export shows everything"},
		{"a rate without owners", nil, []string{"serve", "--verify-rate", "1", "--data", t.TempDir()}, 2, "--order-service"},
		{"a rate too high", nil, []string{"serve", "--verify-rate", "NaN", "--data", t.TempDir()}, 2, "--verify-rate NaN"},
		{"a gateway's rate", nil, []string{"serve", "--role", "gateway", "--verify-rate", "1", "--elasticsearch", "http://127.0.0.1:1"}, 2, "--verify-rate goes with an indexer"},
		{"no brokers", nil, []string{"serve", "--kafka", ",", "--data", t.TempDir()}, 2, "--kafka"},
		{"no rate", nil, []string{"demo", "--rate", "0"}, 2, "--rate 0: not a number above 0"},
		{"negative rate", nil, []string{"demo", "--rate", "-1"}, 2, "--rate -1"},
		{"endless rate", nil, []string{"demo", "--rate", "Inf"}, 2, "--rate +Inf"},
		{"negative speed", nil, []string{"demo", "--speed", "-1"}, 2, "--speed -1"},
		{"no number for a speed", map[string]string{"SPEED": "NaN"}, []string{"demo"}, 2, "--speed NaN"},
		{"negative orders", nil, []string{"demo", "--orders", "-2"}, 2, "--orders -2"},
		{"unknown key", nil, []string{"serve", "--config", config, "--data", t.TempDir()}, 1, "aggregat"},
		{"missing configuration", nil, []string{"serve", "--config", config + "x", "--data", t.TempDir()}, 1, "no such file"},
		{"bad level", nil, []string{"serve", "--log-level", "loud", "--data", t.TempDir()}, 1, "--log-level"},
		{"short key", nil, []string{"serve", "--token-key", "short", "--data", t.TempDir()}, 1, "--token-key"},
		{"claims of no token", nil, []string{"serve", "--jwt-consumer-claim", "uid", "--data", t.TempDir()}, 2, "--auth jwt"},
		{"subjects of no record", nil, []string{"serve", "--audit-subject", "plain", "--data", t.TempDir()}, 2, "--audit-log"},
		{"bad URL", nil, []string{"serve", "--order-service", "::", "--data", t.TempDir()}, 1, "order"},
		{"bad header", nil, []string{"serve", "--owner-header", "X-Key", "--data", t.TempDir()}, 1, "--owner-header, number 1"},
		{"header of the call", nil, []string{"serve", "--forward-header", "Accept", "--data", t.TempDir()}, 1, "--forward-header"},
		{"no such file", nil, []string{"load", bad + "x"}, 1, "no such file"},
		{"no broker", nil, []string{"load", bad, "--kafka", "127.0.0.1:1"}, 1, "--kafka"},
		{"unknown action", nil, []string{"dlq", "lsit"}, 2, "not one of list, show, replay"},
		{"no action", nil, []string{"dlq"}, 2, "takes ACTION"},
		{"flag of another action", nil, []string{"dlq", "list", "--dry-run"}, 2, "--dry-run goes with replay"},
		{"bad letter", nil, []string{"dlq", "show", "--letter", "17"}, 2, "not TOPIC/PARTITION/OFFSET"},
		{"unknown reason", nil, []string{"dlq", "list", "--reason", "bogus"}, 2,
			`"bogus" is not one of topic, too_large, format, encoding, `},
		{"unknown topic", nil, []string{"dlq", "list", "--topic", "Odrer"}, 1, "none of the topics"},
		{"unknown mechanism", nil, []string{"load", bad, "--kafka-sasl", "SCRAM"}, 1, "is not one of PLAIN"},
		{"bad switch", map[string]string{"KAFKA_TLS": "perhaps"}, []string{"load", bad}, 2, "KAFKA_TLS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, test.env, test.args...)
			<-p.exited
			if said := p.out.String() + p.err.String(); p.code != test.code || !strings.Contains(said, test.want) {
				t.Errorf("exit code %d and %q, want %d and %q", p.code, said, test.code, test.want)
			}
		})
	}
}
