package promises

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/example/ftgo"
	"github.com/viewgate/viewgate/feed"
	feedbroker "github.com/viewgate/viewgate/feed/broker"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/embedded"
)

// world is food to go with a gateway over its orders: the services, whose outboxes lag, a broker, an indexer that can be
// slowed, held up and killed, and a view that can be exchanged for one that is being filled.
type world struct {
	*testing.T
	brokers  []string
	services *ftgo.Services
	mapping  *view.Mapping

	elasticsearch string // its URL; empty: the view is embedded

	client  *http.Client
	calls   calls
	hub     *feed.Hub
	log     *feedbroker.Log
	owners  *compose.Owners
	gateway http.Handler
	kafka   sarama.Client

	view    atomic.Pointer[valve] // what the gateway reads
	stop    func()                // the indexer
	indices int
}

// newWorld starts everything. Now and then an outbox lags by up to 30 ms, and all that is behind in it.
func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		T: t, hub: feed.NewHub(), elasticsearch: os.Getenv("VIEWGATE_TEST_ELASTICSEARCH"),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	t.Cleanup(w.client.CloseIdleConnections)
	var err error
	if w.mapping, err = lab.Mapping(); err != nil {
		t.Fatal(err)
	}
	b, err := broker.Start(broker.Options{
		Addr: "127.0.0.1:0", Dir: t.TempDir(), Topics: topics(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	w.brokers = []string{b.Addr()}
	if w.kafka, err = sarama.NewClient(w.brokers, indexer.NewConfig()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.kafka.Close() })
	w.serve(seed)
	w.follow()
	w.index()
	w.open()
	return w
}

// serve starts the services.
func (w *world) serve(seed uint64) {
	var err error
	w.services, err = ftgo.New(w.TempDir(), ftgo.Options{
		Brokers: w.brokers, NoSync: true, Log: slog.New(slog.DiscardHandler),
		OutboxDelay: func(m ftgo.Message) time.Duration {
			r := rand.New(rand.NewPCG(seed, uint64(len(m.Data))+m.Version))
			if r.IntN(12) > 0 {
				return 0
			}
			return time.Duration(r.IntN(30)) * time.Millisecond
		},
		Intercept: func(_ ftgo.Service, next http.Handler) http.Handler { return w.calls.count(next) },
	})
	if err != nil {
		w.Fatal(err)
	}
	w.goes(w.services.Run, func() error { return w.services.Close() })
}

// follow tells the hub where the topics end.
func (w *world) follow() {
	var ours []string
	for _, s := range event.DefaultSources() {
		if _, is := aggregates[s.Aggregate]; is {
			ours = append(ours, s.Topic)
		}
	}
	w.log = feedbroker.NewLog(w.brokers, indexer.NewConfig(), ours, nil)
	w.goes(func(ctx context.Context) error {
		w.log.Observe(ctx, w.hub)
		return nil
	}, w.log.Close)
}

// progress is what the hub and the log know.
type progress struct {
	*feed.Hub
	log *feedbroker.Log
}

func (p progress) Lag() (time.Duration, bool)                       { return p.Hub.Lag(time.Now()) }
func (p progress) Ends(ctx context.Context) (feed.Positions, error) { return p.log.Ends(ctx) }

func topics() (names []string) {
	for _, s := range event.DefaultSources() {
		names = append(names, s.Topic)
	}
	return names
}

// goes runs something until the test ends, and closes it then.
func (w *world) goes(run func(context.Context) error, end func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	w.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.Error(err)
		}
		if end != nil {
			if err := end(); err != nil {
				w.Error(err)
			}
		}
	})
}

// index opens a new view, which the gateway reads from now on: in Elasticsearch, where the environment names one.
func (w *world) index() {
	w.indices++
	index := w.newIndex()
	id, err := index.ID(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	w.view.Store(&valve{Index: index})
	w.hub.Follow(id)
	w.start()
}

func (w *world) newIndex() view.Index {
	if w.elasticsearch != "" {
		return lab.OpenView(w, elastic.Options{
			URLs: []string{w.elasticsearch}, Prefix: lab.NewPrefix(w, w.elasticsearch), RefreshInterval: refreshInterval,
		}).Pinned()
	}
	store, err := embedded.OpenTemp(w.mapping, embedded.Options{})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { store.Close() })
	return store
}

// refreshInterval is how long a search may not see what a read by id does.
const refreshInterval = 2 * time.Second

// start starts an indexer of the view that is read.
func (w *world) start() {
	target := w.view.Load()
	id, err := target.ID(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	config := indexer.NewConfig()
	x, err := indexer.New(w.brokers, config, event.DefaultSources(), []indexer.View{{
		Name: "orders", Projection: projection.NewOrders(nil), Store: target, Index: id,
	}}, indexer.Options{Group: fmt.Sprint("promises-", w.indices), Feed: w.hub, DrainTimeout: time.Millisecond})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	var once sync.Once
	lab.Eventually(w, time.Minute, func() error {
		if _, known := x.Lag(); !known {
			return errors.New("the indexer has claimed nothing yet")
		}
		return nil
	})
	w.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				w.Error(err)
			}
		})
	}
	stop := w.stop
	w.Cleanup(func() {
		target.let(0)
		stop()
	})
}

// open makes the gateway.
func (w *world) open() {
	var err error
	w.owners, err = compose.NewOwners(w.mapping, compose.Options{
		Order: w.services.URL(ftgo.OrderService), Kitchen: w.services.URL(ftgo.KitchenService),
		Delivery: w.services.URL(ftgo.DeliveryService), Accounting: w.services.URL(ftgo.AccountingService),
		Transport: forGateway{w.client.Transport}, Timeout: 20 * time.Second, MaxCalls: 64, // they answer, so nobody may give up
	})
	if err != nil {
		w.Fatal(err)
	}
	options := compose.ReaderOptions{
		Progress: progress{w.hub, w.log},
		Scratch:  func() (view.Store, error) { return embedded.OpenMemory(w.mapping) },
	}
	if w.elasticsearch != "" {
		options.SearchDelay = refreshInterval
	}
	reader := compose.NewReader(reads{w: w}, w.mapping, w.owners, options)
	w.gateway, err = graph.NewHandler(reader, w.mapping, graph.Options{
		Viewer: auth.Everybody(view.Support()),
	})
	if err != nil {
		w.Fatal(err)
	}
}

// reads is the view that the gateway reads, whichever it is.
type reads struct {
	view.Store // what is not asked here
	w          *world
}

func (r reads) Get(ctx context.Context, v view.Viewer, ids []string) (map[string]view.Document, error) {
	return r.w.view.Load().Get(ctx, v, ids)
}

func (r reads) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	return r.w.view.Load().Search(ctx, v, q)
}

func (r reads) Refresh(ctx context.Context) error { return r.w.view.Load().Refresh(ctx) }
func (r reads) Apply(context.Context, []view.Write) []view.Result {
	panic("a query never writes")
}
func (r reads) Close() error { return nil }

// valve is a view whose writes can be slowed and held up.
type valve struct {
	view.Index
	mu     sync.Mutex
	pause  time.Duration // guarded by mu: before each batch of writes
	opened chan struct{} // guarded by mu: closed when writes may go on; nil where they may
	held   int           // guarded by mu: batches that wait for that
}

// let lets writes through after a pause.
func (v *valve) let(pause time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pause = pause
	if v.opened != nil {
		close(v.opened)
		v.opened = nil
	}
}

// waiting reports whether there are writes that are held up.
func (v *valve) waiting() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.opened != nil && v.held > 0
}

// hold holds writes up.
func (v *valve) hold() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.opened == nil {
		v.opened = make(chan struct{})
	}
}

func (v *valve) Apply(ctx context.Context, writes []view.Write) []view.Result {
	v.mu.Lock()
	pause, opened := v.pause, v.opened
	if opened != nil {
		v.held++
	}
	v.mu.Unlock()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	if opened != nil {
		select {
		case <-opened:
		case <-ctx.Done():
		}
		v.mu.Lock()
		v.held--
		v.mu.Unlock()
	}
	if ctx.Err() != nil {
		results := make([]view.Result, len(writes))
		for i := range results {
			results[i].Err = fmt.Errorf("%w: %w", view.ErrRetry, ctx.Err())
		}
		return results
	}
	return v.Index.Apply(ctx, writes)
}

// calls counts what the gateway asks the owners for, by collection.
type calls struct {
	mu sync.Mutex
	n  map[string]int // guarded by mu
}

// fromGateway marks the gateway's calls.
const fromGateway = "X-From-Gateway"

func (c *calls) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, r *http.Request) {
		if r.Header.Get(fromGateway) != "" {
			collection, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
			c.mu.Lock()
			if c.n == nil {
				c.n = map[string]int{}
			}
			c.n[collection]++
			c.mu.Unlock()
		}
		next.ServeHTTP(response, r)
	})
}

// take returns the counts and begins anew.
func (c *calls) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = nil
	return n
}

type forGateway struct{ http.RoundTripper }

func (g forGateway) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(fromGateway, "1")
	return g.RoundTripper.RoundTrip(r)
}

// call asks a service for something, and reports whether it answered with success.
func (w *world) call(service ftgo.Service, method, path string, in, out any) bool {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			w.Error(err)
		}
	}
	request, err := http.NewRequest(method, w.services.URL(service)+path, &body)
	if err != nil {
		w.Error(err)
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header["Idempotency-Key"] = nil // a connection that was closed while it was idle is not an answer: try another
	response, err := w.client.Do(request)
	if err != nil {
		w.Errorf("%s %s: %v", method, path, err)
		return false
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(response.Body); err != nil {
		w.Errorf("%s %s: %v", method, path, err)
	}
	if response.StatusCode >= 300 {
		if response.StatusCode != http.StatusConflict && response.StatusCode != http.StatusNotFound {
			w.Errorf("%s %s: %d %s", method, path, response.StatusCode, answer.String())
		}
		return false
	}
	if out != nil {
		if err := json.Unmarshal(answer.Bytes(), out); err != nil {
			w.Errorf("%s %s: %v in %s", method, path, err, answer.String())
		}
	}
	return true
}

// ask sends a query to the gateway.
func (w *world) ask(query string, variables map[string]any, answer any) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		w.Error(err)
		return
	}
	request := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	response := httptest.NewRecorder()
	w.gateway.ServeHTTP(response, request)
	if err := json.Unmarshal(response.Body.Bytes(), answer); err != nil {
		w.Errorf("%v in %s", err, response.Body)
	}
}
