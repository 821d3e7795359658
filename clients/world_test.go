package clients_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/watch"
)

// server serves three orders of one consumer to whoever is not called Mallory.
type server struct {
	url     string
	hub     *feed.Hub
	store   *embedded.Store
	create  func() *graph.Handler
	handler atomic.Pointer[graph.Handler]
}

func newServer(t *testing.T) *server {
	t.Helper()
	definition, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	mapping, err := view.MappingOf(definition, order.ViewName)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{hub: feed.NewHub()}
	s.hub.Follow("index")
	if s.store, err = embedded.OpenMemory(mapping); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	for n := 1; n <= 3; n++ {
		s.write(t, n, 1)
	}
	owners, err := compose.NewOwners(mapping, compose.Options{})
	if err != nil {
		t.Fatal(err)
	}
	scratch := func() (view.Store, error) { return embedded.OpenMemory(mapping) }
	reader := compose.NewReader(s.store, mapping, owners, compose.ReaderOptions{Scratch: scratch})
	watcher := watch.New(s.store, mapping, scratch, func() watch.Listener { return s.hub.Listen() },
		watch.Options{Refresh: reader.Refresh})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- watcher.Run(ctx) }()
	s.create = func() *graph.Handler {
		handler, err := graph.NewHandler(reader, mapping, graph.Options{
			Watcher: watcher,
			Viewer: func(_ context.Context, header http.Header) (auth.Identity, error) {
				if header.Get("Authorization") == "Mallory" {
					return auth.Identity{}, auth.ErrUnauthenticated
				}
				return auth.Identity{Viewer: view.Support()}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return handler
	}
	s.handler.Store(s.create())
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.Load().ServeHTTP(w, r)
	}))
	s.url = listening.URL + "/graphql"
	t.Cleanup(func() {
		s.replace(t)
		listening.CloseClientConnections()
		listening.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// replace stops the handler as a process that ends does, behind another one.
func (s *server) replace(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.handler.Swap(s.create()).Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// write writes the nth order at a version, and tells the feed.
func (s *server) write(t *testing.T, n, version int) {
	t.Helper()
	o := order.New(fmt.Sprint(n))
	total := order.Money{Amount: fmt.Sprintf("%d.50", n), Currency: order.Currency}
	o.Details = order.Details{
		State: order.Approved, CreatedAt: time.Date(2026, 3, 1, 11, 7+n, 0, 0, time.UTC), Total: &total,
		Consumer: &order.Consumer{ConsumerID: "7", Name: "Ada Byron"},
	}
	o.Part(order.AggregateOrder).Version = view.Version(version)
	source, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	documents, err := s.store.Get(t.Context(), view.Support(), []string{o.OrderID})
	if err != nil {
		t.Fatal(err)
	}
	result := s.store.Apply(t.Context(), []view.Write{{
		ID: o.OrderID, Revision: documents[o.OrderID].Revision, Source: source,
	}})[0]
	if err := errors.Join(result.Err, s.store.Refresh(t.Context())); err != nil {
		t.Fatal(err)
	}
	s.hub.Publish(feed.News{Index: "index", Changed: []string{o.OrderID}}, nil)
}
