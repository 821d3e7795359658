package watch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/viewtest"
)

// TestNoGap: while orders are written from all sides and news get lost, subscribers come at random moments, to orders and
// to lists. Whatever of an order a subscriber is sent is newer than what it was sent before and not older than what had
// been written when it came; none is foreign to it; and in the end it has what a search finds.
func TestNoGap(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checkNoGap(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

const (
	orders   = 12
	versions = 25
)

// queries are what the lists list.
var queries = []view.Query{
	{},
	approved,
	{Match: viewtest.Words("ajanta")},
	{Match: viewtest.Words("9")},
	{Filter: view.Not{Filter: approved.Filter}},
	{Filter: view.Range{Field: "total", GTE: 10.0, LT: 20.0}},
	{Filter: view.And{approved.Filter, view.In{Field: "restaurant.restaurantId", Values: []any{"1"}}}},
	{Filter: view.Or{view.Exists{Field: "ticket.state"}, view.In{Field: "orderId", Values: []any{"3", "4"}}}},
}

func checkNoGap(t *testing.T, random *rand.Rand) {
	x := newWorld(t, Options{})
	x.run()
	states := []order.State{order.Approved, order.Approved, order.Cancelled, order.ApprovalPending}
	var mu sync.Mutex
	written := map[string]view.Version{} // guarded by mu

	var writers, followers sync.WaitGroup
	for id := range orders {
		random := rand.New(rand.NewPCG(random.Uint64(), 1))
		writers.Go(func() {
			for version := 1; version <= versions; version++ {
				o := newOrder(id, version, fmt.Sprint(7+id%2), states[random.IntN(len(states))])
				if random.IntN(2) == 0 {
					o.Ticket = &order.Ticket{State: order.TicketAccepted}
				}
				if random.IntN(10) == 0 {
					x.writeSilently(o)
					x.hub.Lose()
				} else {
					x.write(o)
				}
				mu.Lock()
				written[o.OrderID] = view.Version(version)
				mu.Unlock()
				time.Sleep(time.Duration(random.IntN(3)) * time.Millisecond) // so that subscribers come in between
			}
		})
	}
	came := func() map[string]view.Version {
		mu.Lock()
		defer mu.Unlock()
		least := map[string]view.Version{}
		for id, version := range written {
			least[id] = version
		}
		return least
	}
	ctx := within(t)
	done := make(chan struct{})
	for range 40 {
		viewer := []view.Viewer{ada, bob, view.Support()}[random.IntN(3)]
		id, q := fmt.Sprint(random.IntN(orders)), queries[random.IntN(len(queries))]
		single, newest, pause := random.IntN(3) == 0, random.IntN(2)*100, time.Duration(random.IntN(60))*time.Millisecond
		var shown []string
		for id := range orders {
			if random.IntN(4) == 0 {
				shown = append(shown, fmt.Sprint(id))
			}
		}
		followers.Go(func() {
			time.Sleep(pause)
			least := came()
			f := &follower{t: t, world: x, viewer: viewer, id: id, newest: newest, has: map[string]view.Version{},
				least: least, gone: map[string]view.Version{}}
			var s *Subscription
			var err error
			if single {
				s, err = x.Order(ctx, viewer, id)
			} else {
				f.id, f.query, f.shown = "", q, shown
				s, err = x.Orders(ctx, viewer, q, newest, shown)
			}
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			f.follow(ctx, s, done)
		})
	}
	writers.Wait()
	if err := x.store.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	close(done)
	followers.Wait()
}

// follower is a client: what it has been sent.
type follower struct {
	t      *testing.T
	world  *world
	viewer view.Viewer
	id     string // "" for a list
	query  view.Query
	newest int
	shown  []string                // orders that it says it shows already
	least  map[string]view.Version // what had been written when it came
	has    map[string]view.Version
	gone   map[string]view.Version // what it was told to drop
}

// follow takes what comes until all has been written and it has what there is.
func (f *follower) follow(ctx context.Context, s *Subscription, done <-chan struct{}) {
	writing, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-done:
			cancel()
		case <-writing.Done():
		}
	}()
	if !f.takeAll(writing, s, func() bool { return false }) {
		return
	}
	final := f.search(ctx)
	if f.takeAll(ctx, s, func() bool { return f.settled(final) }) && !f.settled(final) {
		f.t.Errorf("%v %q %+v: in the end it has %v, want %v", f.viewer, f.id, f.query, f.has, final)
	}
}

// takeAll takes what comes until enough has come or ctx ends; not ok after another error.
func (f *follower) takeAll(ctx context.Context, s *Subscription, enough func() bool) (ok bool) {
	for !enough() {
		change, err := s.Next(ctx)
		switch {
		case err == nil:
			f.take(change)
		case ctx.Err() != nil:
			return true
		default:
			f.t.Error(err)
			return false
		}
	}
	return true
}

func (f *follower) take(change Change) {
	o := change.Order
	if o == nil {
		if f.id == "" || len(f.has) > 0 || f.least[f.id] > 0 && f.mayHave(f.id) {
			f.t.Errorf("%v %q: null", f.viewer, f.id)
		}
		return
	}
	if !f.viewer.SeesAll() && f.viewer != view.As(view.RoleConsumer, o.Consumer.ConsumerID) {
		f.t.Errorf("%v is sent order %s of consumer %s", f.viewer, o.OrderID, o.Consumer.ConsumerID)
	}
	had, has := f.has[o.OrderID]
	if o.Version <= max(had, f.gone[o.OrderID]) || o.Version < f.least[o.OrderID] {
		f.t.Errorf("order %s is sent at version %d after %d and %d, written before: %d", o.OrderID, o.Version, had,
			f.gone[o.OrderID], f.least[o.OrderID])
	}
	if change.Matches {
		f.has[o.OrderID] = o.Version
		return
	}
	if !has && (f.gone[o.OrderID] > 0 || !slices.Contains(f.shown, o.OrderID)) {
		f.t.Errorf("order %s does not match any more, but was not sent", o.OrderID)
	}
	delete(f.has, o.OrderID)
	f.gone[o.OrderID] = o.Version
}

func (f *follower) mayHave(id string) bool {
	documents, err := f.world.store.Store.Get(f.t.Context(), f.viewer, []string{id})
	if err != nil {
		f.t.Error(err)
	}
	_, may := documents[id]
	return may
}

// search returns what a search finds.
func (f *follower) search(ctx context.Context) map[string]view.Version {
	q := f.query
	q.Size = 100
	if f.id != "" {
		q = view.Query{Filter: view.In{Field: "orderId", Values: []any{f.id}}, Size: 1}
	}
	page, err := f.world.store.searched.Search(ctx, f.viewer, q)
	if err != nil {
		f.t.Error(err)
	}
	found := map[string]view.Version{}
	for _, hit := range page.Hits {
		o, err := order.Decode(hit.Source)
		if err != nil {
			f.t.Error(err)
		}
		found[hit.ID] = o.Version
	}
	return found
}

// settled reports whether it has what is found. Who began with none, did not show an order, and was sent none of it, need not
// have it: it may not have changed since.
func (f *follower) settled(found map[string]view.Version) bool {
	want := map[string]view.Version{}
	for id, version := range found {
		_, has := f.has[id]
		showed := f.least[id] > 0 && slices.Contains(f.shown, id)
		if f.id != "" || f.newest > 0 || showed || has {
			want[id] = version
		}
	}
	return cmp.Equal(want, f.has)
}

// Where another index is read, all subscribers are brought to its state.
func TestFeedOfAnotherIndex(t *testing.T) {
	x := newWorld(t, Options{})
	x.run()
	s := x.follow(ada, "1")
	expect(t, s, "null")
	x.writeSilently(newOrder(1, 1, "7", order.Approved))
	x.hub.Publish(feed.News{Index: "another", Changed: []string{"1"}}, nil)
	x.told()
	x.hub.Follow("another") // which is the same store here
	expect(t, s, "1/1")
}
