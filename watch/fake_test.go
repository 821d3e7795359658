package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/viewtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/blevesearch/bleve_index_api.AnalysisWorker")) // of bleve's own pool, for ever
}

// lateStore is a store whose searches see a write only after a refresh, as Elasticsearch's do.
type lateStore struct {
	view.Store            // what Get sees
	searched   view.Store // what Search sees

	mu       sync.Mutex
	unseen   []view.Write // guarded by mu: applied since the last refresh
	seen     map[string]view.Revision
	gets     int
	searches int
	err      error
	onRead   func() // guarded by mu: called once, when the next read has seen what it returns
}

// read calls and forgets onRead.
func (s *lateStore) read() {
	s.mu.Lock()
	f := s.onRead
	s.onRead = nil
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

func (s *lateStore) Apply(ctx context.Context, writes []view.Write) []view.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unseen = append(s.unseen, writes...)
	return s.Store.Apply(ctx, writes)
}

func (s *lateStore) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, write := range s.unseen {
		write.Revision = s.seen[write.ID]
		result := s.searched.Apply(ctx, []view.Write{write})[0]
		if result.Err != nil {
			return result.Err
		}
		s.seen[write.ID] = result.Revision
	}
	s.unseen = nil
	return nil
}

func (s *lateStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *lateStore) Get(ctx context.Context, v view.Viewer, ids []string) (map[string]view.Document, error) {
	s.mu.Lock()
	s.gets++
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	documents, err := s.Store.Get(ctx, v, ids)
	s.read()
	return documents, err
}

func (s *lateStore) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	s.mu.Lock()
	s.searches++
	s.mu.Unlock()
	page, err := s.searched.Search(ctx, v, q)
	s.read()
	return page, err
}

// world is a view that changes, and a Watcher of it.
type world struct {
	*Watcher
	t       testing.TB
	mapping *view.Mapping
	store   *lateStore
	hub     *feed.Hub

	mu        sync.Mutex
	revisions map[string]view.Revision
	marks     int
}

func newWorld(t testing.TB, o Options) *world {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	x := &world{t: t, hub: feed.NewHub(), revisions: map[string]view.Revision{}}
	if x.mapping, err = view.MappingOf(s, order.ViewName); err != nil {
		t.Fatal(err)
	}
	x.store = &lateStore{
		Store: viewtest.NewReference(x.mapping), searched: viewtest.NewReference(x.mapping), seen: map[string]view.Revision{},
	}
	x.hub.Follow("index")
	o.Logger = slog.New(slog.DiscardHandler)
	x.Watcher = New(x.store, x.mapping, func() (view.Store, error) { return embedded.OpenMemory(x.mapping) },
		func() Listener { return x.hub.Listen() }, o)
	return x
}

// run runs the Watcher, until the test ends or the function that it returns is called.
func (x *world) run() (stop func()) {
	x.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	for x.hub.Listeners() == 0 {
		time.Sleep(time.Millisecond)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				x.t.Errorf("Run: %v", err)
			}
		})
	}
	x.t.Cleanup(stop)
	return stop
}

// write writes an order and tells the feed.
func (x *world) write(o *order.Order) {
	x.t.Helper()
	x.writeSilently(o)
	x.hub.Publish(feed.News{Index: "index", Changed: []string{o.OrderID}}, nil)
}

func (x *world) writeSilently(o *order.Order) {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	source, err := o.Encode()
	if err != nil {
		x.t.Fatal(err)
	}
	result := x.store.Apply(context.Background(), []view.Write{{
		ID: o.OrderID, Revision: x.revisions[o.OrderID], Hidden: o.Hidden(), Source: source,
	}})[0]
	if result.Err != nil {
		x.t.Fatal(result.Err)
	}
	x.revisions[o.OrderID] = result.Revision
}

// newOrder is an order at a version, of a consumer.
func newOrder(id, version int, consumer string, state order.State) *order.Order {
	o := order.New(fmt.Sprint(id))
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC).Add(time.Duration(id) * time.Minute)
	total := order.Money{Amount: fmt.Sprintf("%d.50", version), Currency: order.Currency}
	o.Details = order.Details{
		State: state, CreatedAt: at, Total: &total,
		Consumer:   &order.Consumer{ConsumerID: consumer, Name: "Ada Byron"},
		Restaurant: &order.Restaurant{RestaurantID: fmt.Sprint(id % 2), Name: "Ajanta"},
	}
	o.Part(order.AggregateOrder).Version = view.Version(version)
	o.Derive()
	return o
}

// within is a context that ends before the test is given up.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// follow returns a subscription to an order, closed with the test.
func (x *world) follow(v view.Viewer, id string) *Subscription {
	x.t.Helper()
	s, err := x.Order(within(x.t), v, id)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(s.Close)
	return s
}

// list returns a subscription to a list, closed with the test.
func (x *world) list(v view.Viewer, q view.Query, newest int) *Subscription {
	x.t.Helper()
	s, err := x.Orders(within(x.t), v, q, newest, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(s.Close)
	return s
}

// next returns what comes next, in short: "id/version", "null", "-id/version" of one that does not match any more, or an
// error.
func next(t testing.TB, s *Subscription) string {
	t.Helper()
	change, err := s.Next(within(t))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		t.Fatal("nothing came")
	case err != nil:
		return err.Error()
	case change.Order == nil:
		return "null"
	case !change.Matches:
		return fmt.Sprintf("-%s/%d", change.Order.OrderID, change.Order.Version)
	}
	return fmt.Sprintf("%s/%d", change.Order.OrderID, change.Order.Version)
}

// nexts returns the next n.
func nexts(t testing.TB, s *Subscription, n int) []string {
	t.Helper()
	got := make([]string, n)
	for i := range got {
		got[i] = next(t, s)
	}
	return got
}
