package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/watch"
)

// live is a gateway with a feed, behind a real server.
type live struct {
	*gateway
	handler *Handler
	hub     *feed.Hub
	watcher *watch.Watcher
	server  *httptest.Server
	metrics *prometheus.Registry

	mu       sync.Mutex
	observed []Observation // guarded by mu: what Observe was told
}

// newLive serves these orders to a viewer. What is set may be changed before the handler is made.
func newLive(t testing.TB, viewer view.Viewer, orders []*order.Order, change ...func(*Options, *watch.Options)) *live {
	t.Helper()
	l := &live{gateway: newGateway(t, viewer, orders), hub: feed.NewHub(), metrics: prometheus.NewRegistry()}
	l.hub.Follow("index")
	watching := watch.Options{
		Refresh: l.reader.Refresh, Logger: slog.New(slog.NewTextHandler(l.log, nil)), Registerer: l.metrics,
	}
	options := Options{
		Viewer: auth.Everybody(viewer), TokenKey: testKey, Logger: watching.Logger,
		Observe: func(_ context.Context, o Observation) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.observed = append(l.observed, o)
		},
	}
	for _, f := range change {
		f(&options, &watching)
	}
	l.watcher = watch.New(l.store, l.mapping, func() (view.Store, error) { return embedded.OpenMemory(l.mapping) },
		func() watch.Listener { return l.hub.Listen() }, watching)
	options.Watcher = l.watcher
	var err error
	if l.handler, err = NewHandler(l.reader, l.mapping, options); err != nil {
		t.Fatal(err)
	}
	l.Handler = l.handler
	l.server = httptest.NewServer(l.handler)

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.watcher.Run(ctx) }()
	t.Cleanup(func() {
		l.shutDown(t)
		l.server.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := l.watcher.Subscriptions(); n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
	})
	return l
}

func (l *live) shutDown(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := l.handler.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// waitObserved returns what Observe was told, once that is of n operations.
func (l *live) waitObserved(t testing.TB, n int) []Observation {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		observed := slices.Clone(l.observed)
		l.mu.Unlock()
		if len(observed) >= n {
			return observed
		}
		select {
		case <-deadline:
			t.Fatalf("%d operations are observed, want %d: %+v", len(observed), n, observed)
		case <-time.After(time.Millisecond):
		}
	}
}

// metric returns what a counter counts, or a histogram's sum and how much it sums up.
func (l *live) metric(t testing.TB, name string) (sum float64, of uint64) {
	t.Helper()
	families, err := l.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			m := family.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum(), m.GetHistogram().GetSampleCount()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0, 0
}

// write writes the next state of an order, and tells the feed.
func (l *live) write(t testing.TB, o *order.Order) {
	t.Helper()
	source, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	documents, err := l.store.Store.Get(context.Background(), view.Support(), []string{o.OrderID})
	if err != nil {
		t.Fatal(err)
	}
	result := l.store.Apply(context.Background(), []view.Write{{
		ID: o.OrderID, Revision: documents[o.OrderID].Revision, Hidden: o.Hidden(), Source: source,
	}})[0]
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	l.hub.Publish(feed.News{Index: "index", Changed: []string{o.OrderID}}, nil)
}

// at is the nth order at a version of its order part, in a state.
func at(n, version int, state order.State) *order.Order {
	o := newOrder(n)
	o.State = state
	o.Part(order.AggregateOrder).Version = view.Version(version)
	return o
}

// client is a client of graphql-transport-ws.
type client struct {
	t    testing.TB
	conn *websocket.Conn
	ctx  context.Context
}

// dial connects, and introduces itself.
func (l *live) dial(t testing.TB) *client {
	t.Helper()
	c := l.connect(t, socketProtocol)
	c.send(`{"type":"connection_init"}`)
	c.expect(`{"type":"connection_ack"}`)
	return c
}

func (l *live) connect(t testing.TB, protocols ...string) *client {
	t.Helper()
	return l.connectWith(t, &websocket.DialOptions{Subprotocols: protocols})
}

func (l *live) connectWith(t testing.TB, options *websocket.DialOptions) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, l.server.URL, options)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { conn.CloseNow() })
	return &client{t, conn, ctx}
}

func (c *client) send(text string) {
	c.t.Helper()
	if err := c.conn.Write(c.ctx, websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) subscribe(id, query string) {
	c.t.Helper()
	payload, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(fmt.Sprintf(`{"id":%q,"type":"subscribe","payload":%s}`, id, payload))
}

func (c *client) read() string {
	c.t.Helper()
	_, data, err := c.conn.Read(c.ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(data)
}

func (c *client) expect(want string) {
	c.t.Helper()
	if got := c.read(); got != want {
		c.t.Fatalf("message %s, want %s", got, want)
	}
}

// closed returns the code with which the server closes the connection.
func (c *client) closed() websocket.StatusCode {
	c.t.Helper()
	return c.end().Code
}

// end is closed, with the server's reason.
func (c *client) end() (end websocket.CloseError) {
	c.t.Helper()
	for {
		if _, _, err := c.conn.Read(c.ctx); err != nil {
			if !errors.As(err, &end) {
				c.t.Errorf("no close code: %v", err)
				end.Code = -1
			}
			return end
		}
	}
}

// received is a message, with its payload as a response.
type received struct {
	ID, Type string
	Payload  json.RawMessage
}

// next returns the next message, which must be of this type and id, and its payload as a response.
func (c *client) next(kind, id string) answered {
	c.t.Helper()
	text := c.read()
	var m received
	if err := json.Unmarshal([]byte(text), &m); err != nil || m.Type != kind || m.ID != id {
		c.t.Fatalf("message %s, want %s of %s", text, kind, id)
	}
	var a answered
	switch kind {
	case "next":
		if err := json.Unmarshal(m.Payload, &a); err != nil {
			c.t.Fatalf("%v in %s", err, text)
		}
	case "error":
		if err := json.Unmarshal(m.Payload, &a.Errors); err != nil {
			c.t.Fatalf("%v in %s", err, text)
		}
	}
	return a
}

// nextEvent reads a server-sent event, its name and data.
func nextEvent(read func() (string, error)) (name, data string, err error) {
	for {
		line, err := read()
		if err != nil {
			return "", "", err
		}
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "event: "):
			name = line[len("event: "):]
		case strings.HasPrefix(line, "data:"):
			data = strings.TrimSpace(line[len("data:"):])
		case line == "" && name != "":
			return name, data, nil
		case line == "", strings.HasPrefix(line, ":"):
		default:
			return "", "", errors.New("line " + line)
		}
	}
}
