package compose

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
)

// putBoth puts an order into the view as reads by id and as searches see it.
func putBoth(t *testing.T, w *world, o *order.Order) {
	t.Helper()
	source, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*embedded.Store{w.now, w.searched} {
		for _, r := range s.Apply(t.Context(), []view.Write{{ID: o.OrderID, Hidden: o.Hidden(), Source: source}}) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
}

// TestFreshListOfUnversioned: a fresh list and a part without versions.
func TestFreshListOfUnversioned(t *testing.T) {
	w := newWorld(t)
	w.has("1", Versions{Order: 2, Ticket: 3}, Versions{}, Versions{})
	r := w.reader(t, abreast())
	o := at("1", Versions{Order: 2, Ticket: 1})
	*o.Part(order.AggregateTicket) = view.Part{Last: &view.Place{}}
	o.Derive()
	putBoth(t, w, o)
	page, err := r.SearchOrders(t.Context(), view.As(view.RoleConsumer, "7"), ListRequest{
		Query: view.Query{Sort: newestFirst, Size: 10}, Freshness: Freshness{Mode: Fresh}, Parts: AllParts})
	if err != nil {
		t.Fatal(err)
	}
	want := at("1", w.owners["1"]).Ticket.State
	if got := page.Hits[0].Order.Ticket.State; !page.Kept || got != want {
		t.Errorf("list: kept %v, reason %s, ticket %s; the kitchen says %s", page.Kept, page.Reason, got, want)
	}
}

// TestOwnerWithoutVersions: an owner whose answers have no version.
func TestOwnerWithoutVersions(t *testing.T) {
	f := serveOwners(t)
	f.hasOrder("1", "7", Versions{Order: 2})
	f.has("tickets", "1", `{"ticketId":1,"state":"PREPARING"}`)
	for _, versioned := range []bool{true, false} {
		o := at("1", Versions{Order: 2, Ticket: 1})
		if !versioned {
			*o.Part(order.AggregateTicket) = view.Part{Last: &view.Place{}}
		}
		r := NewReader(newStore(t, o), mappingOf(t), newOwners(t, f.options()), ReaderOptions{})
		a := r.ReadOrders(t.Context(), view.Support(), []Request{{ID: "1", Freshness: Freshness{Mode: Fresh}, Parts: PartsOf(order.AggregateTicket)}})[0]
		if a.Kept || a.Failed[order.AggregateTicket] == nil {
			t.Errorf("view versioned %v: kept %v, %s, %s: ticket %s; the kitchen says PREPARING", versioned, a.Kept, a.Source, a.Reason, a.Order.Ticket.State)
		}
	}
}

// FRESH with maxStaleness and a token.
func TestFreshKeepsSeen(t *testing.T) {
	w := newWorld(t)
	old, latest := Versions{Order: 1, Ticket: 1}, Versions{Order: 2, Ticket: 2}
	w.has("1", latest, old, old)
	r := w.reader(t, abreast())
	a := r.ReadOrders(t.Context(), view.Support(), []Request{{ID: "1", Parts: AllParts, Freshness: Freshness{
		Mode: Fresh, MaxStaleness: 5 * time.Second, Least: latest}}})[0]
	if !a.Kept || !a.Versions.Reach(latest) {
		t.Errorf("by id: kept at %v, seen at %v", a.Versions, latest)
	}
	for _, f := range []Freshness{{Mode: Fresh, MaxStaleness: 2 * time.Minute}, {Mode: Fresh}} {
		page, err := r.SearchOrders(t.Context(), view.Support(), ListRequest{
			Query: view.Query{Sort: newestFirst, Size: 10}, Freshness: f, Seen: Seen{"1": latest}, Parts: AllParts})
		if err != nil {
			t.Fatal(err)
		}
		if v := VersionsOf(page.Hits[0].Order, AllParts); !page.Kept || !v.Reach(latest) {
			t.Errorf("list %+v: not kept at %v, seen at %v", f, v, latest)
		}
	}
}

// TestForeignConsumerAlike: what a consumer learns of another's orders.
func TestForeignConsumerAlike(t *testing.T) {
	for _, whose := range []string{"8", "99"} { // 8 has an order, 99 none
		w := newWorld(t)
		w.has("3", Versions{Order: 2, Ticket: 2}, Versions{Order: 1, Ticket: 1}, Versions{Order: 1, Ticket: 1})
		w.broken = "tickets"
		page, err := w.reader(t, abreast()).SearchOrders(t.Context(), view.As(view.RoleConsumer, "7"), ListRequest{
			Query:    view.Query{Filter: view.In{Field: consumerPath, Values: []any{whose}}, Sort: newestFirst, Size: 10},
			Consumer: whose, Freshness: Freshness{Mode: Fresh}, Parts: AllParts})
		if err != nil || len(page.Hits) > 0 || page.Reason != Satisfied || !page.Kept || len(w.calls) > 0 {
			t.Errorf("consumer 7 asks for the orders of %s: %+v, %v, calls %v", whose, page, err, w.calls)
		}
	}
}

type failFirst struct {
	*world
	n atomic.Int32
}

func (s *failFirst) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	if s.n.Add(1) == 1 {
		return view.Page{}, view.ErrUnavailable
	}
	return s.world.Search(ctx, v, q)
}

// TestUnderWayFails: the search for what is under way fails, the page's own does not. The order itself has not changed lately.
func TestUnderWayFails(t *testing.T) {
	w := newWorld(t)
	w.has("1", Versions{Order: 2, Ticket: 2}, Versions{Order: 2, Ticket: 1}, Versions{Order: 2, Ticket: 1})
	r := w.reader(t, abreast())
	r.store = &failFirst{world: w}
	// The Order service tells of no orders since.
	f := serveOwners(t)
	f.has("tickets", "1", `{"ticketId":1,"version":2,"state":"ACCEPTED"}`)
	f.hasOrder("1", "7", Versions{Order: 2})
	r.owners = newOwners(t, f.options())
	page, err := r.SearchOrders(t.Context(), view.As(view.RoleConsumer, "7"), ListRequest{
		Query: view.Query{Sort: newestFirst, Size: 10}, Freshness: Freshness{Mode: Fresh}, Parts: AllParts})
	if err != nil {
		t.Fatal(err)
	}
	if v := VersionsOf(page.Hits[0].Order, AllParts); page.Kept && v.Ticket < 2 {
		t.Errorf("kept %v, %s, ticket at %d; the kitchen has 2", page.Kept, page.Reason, v.Ticket)
	}
}

// moving is a progress that moves to another index, which is behind.
type moving struct {
	*fakeProgress
	index atomic.Value
}

func (m *moving) Index() string { return m.index.Load().(string) }

type movesOnSearch struct {
	*world
	move func()
}

func (s *movesOnSearch) Refresh(context.Context) error { return nil }

func (s *movesOnSearch) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	s.move()
	return s.world.Search(ctx, v, q)
}

// TestIndexMovesDuringList: a rollback between the wait and the search.
func TestIndexMovesDuringList(t *testing.T) {
	w := newWorld(t)
	old, latest := Versions{Order: 1, Ticket: 1}, Versions{Order: 2, Ticket: 2}
	w.has("1", latest, latest, old) // what is searched stands for the other index
	p := &moving{fakeProgress: abreast()}
	p.index.Store("a")
	r := w.reader(t, p)
	s := &movesOnSearch{world: w, move: func() {
		p.index.Store("b")
		p.mu.Lock()
		p.lag, p.written = new(time.Hour), feed.Positions{topic: 5}
		p.mu.Unlock()
	}}
	r.store, r.horizon.store = s, s
	page, err := r.SearchOrders(t.Context(), view.Support(), ListRequest{
		Query: view.Query{Sort: newestFirst, Size: 10}, Freshness: Freshness{Mode: Fresh}, Parts: AllParts})
	if err != nil {
		t.Fatal(err)
	}
	if v := VersionsOf(page.Hits[0].Order, AllParts); page.Kept && !v.Reach(latest) {
		t.Errorf("kept %v, %s, lag %v, at %v, published %v", page.Kept, page.Reason, page.Lag, v, latest)
	}
}

type silentKafka struct{ *fakeProgress }

func (silentKafka) Ends(ctx context.Context) (feed.Positions, error) {
	<-ctx.Done()
	return nil, errors.Join(errors.New("kafka does not answer"), ctx.Err())
}

// Kafka takes connections and does not answer.
func TestSilentKafka(t *testing.T) {
	w := newWorld(t)
	w.has("1", Versions{Order: 1}, Versions{Order: 1}, Versions{Order: 1})
	r := w.reader(t, silentKafka{abreast()})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	page, err := r.SearchOrders(ctx, view.Support(), ListRequest{
		Query: view.Query{Sort: newestFirst, Size: 10}, Freshness: Freshness{Mode: Fresh, Wait: 50 * time.Millisecond}, Parts: AllParts})
	if err != nil || page.Kept {
		t.Errorf("%+v, %v; want what there is, and that it may be stale", page, err)
	}
}

// TestDegradedIsMatchedAnew: a degraded order, whose lost event would make it match.
func TestDegradedIsMatchedAnew(t *testing.T) {
	w := newWorld(t)
	w.has("1", Versions{Order: 4}, Versions{}, Versions{})
	r := w.reader(t, abreast())
	o := at("1", Versions{Order: 2})
	o.Part(order.AggregateOrder).Degraded = &view.Degraded{Since: 3, Reason: "undecodable"}
	putBoth(t, w, o)
	page, err := r.SearchOrders(t.Context(), view.Support(), ListRequest{
		Query:     view.Query{Filter: view.In{Field: "state", Values: []any{"APPROVED"}}, Sort: newestFirst, Size: 10},
		Freshness: Freshness{Mode: Fresh}, Parts: AllParts})
	if err != nil || page.Total != 0 || len(page.Hits) > 0 || page.Reason != Degraded {
		t.Errorf("%+v, %v; the order is %s", page, err, at("1", w.owners["1"]).State)
	}
}

// TestMendedByAnOlderOwner: the owner that is to mend a degraded part is older than what was lost.
func TestMendedByAnOlderOwner(t *testing.T) {
	w := newWorld(t)
	w.has("1", Versions{Order: 2}, Versions{}, Versions{})
	r := w.reader(t, abreast())
	o := at("1", Versions{Order: 2})
	o.Part(order.AggregateOrder).Degraded = &view.Degraded{Since: 3, Reason: "undecodable"}
	putBoth(t, w, o)
	page, err := r.SearchOrders(t.Context(), view.Support(), ListRequest{
		Query: view.Query{Sort: newestFirst, Size: 10}, Freshness: Freshness{Mode: Fresh}, Parts: AllParts})
	if err != nil {
		t.Fatal(err)
	}
	if p := page.Hits[0].Order.Parts[order.AggregateOrder]; page.Kept || p.Degraded == nil {
		t.Errorf("kept %v, reason %s, source %s, and still degraded since %d at %d", page.Kept, page.Reason, page.Source, p.Degraded.Since, p.Version)
	}
}

// TestSeenAndMissing: an order that the view does not have, seen at its first version, in a list that shows its ticket.
func TestSeenAndMissing(t *testing.T) {
	w := newWorld(t)
	w.has("1", Versions{Order: 2, Ticket: 2}, Versions{}, Versions{})
	r := w.reader(t, behind())
	page, err := r.SearchOrders(t.Context(), view.Support(), ListRequest{
		Query: view.Query{Sort: newestFirst, Size: 10}, Freshness: Freshness{Mode: AtLeast}, Seen: Seen{"1": {Order: 1}}, Parts: AllParts})
	if err != nil {
		t.Fatal(err)
	}
	a := r.ReadOrders(t.Context(), view.Support(), []Request{{ID: "1", Freshness: Freshness{Mode: AtLeast, Least: Versions{Order: 1}}, Parts: AllParts}})[0]
	if page.Hits[0].Order.Ticket == nil || a.Order.Ticket == nil {
		t.Errorf("list: ticket nil, status %s, kept %v, %s; by id: ticket %s, status %s", page.Hits[0].Order.Status, page.Kept, page.Reason, a.Order.Ticket.State, a.Order.Status)
	}
}

// TestSeenNowhere: a seen order that nobody has.
func TestSeenNowhere(t *testing.T) {
	w := newWorld(t)
	w.has("2", Versions{Order: 1}, Versions{Order: 1}, Versions{Order: 1})
	r := w.reader(t, behind())
	_, err := r.SearchOrders(t.Context(), view.Support(), ListRequest{
		Query: view.Query{Sort: newestFirst, Size: 10}, Freshness: Freshness{Mode: AtLeast, OnStale: Fail}, Seen: Seen{"1": {Order: 1}}, Parts: AllParts})
	if !errors.Is(err, ErrStale) {
		t.Errorf("error %v, want ErrStale", err)
	}
}

// An event that was published waits beyond a gap: the indexer has passed it, and the view does not show it.
func TestWaitingEventsCount(t *testing.T) {
	w := newWorld(t)
	w.has("1", Versions{Order: 4}, Versions{}, Versions{})
	r := w.reader(t, abreast())
	o := at("1", Versions{Order: 2})
	o.Part(order.AggregateOrder).Waiting = []view.Event{{Version: 4, Type: "OrderCancelled", Time: placed, Data: []byte(`{}`)}}
	putBoth(t, w, o)
	for _, f := range []Freshness{{Mode: Fresh}, {MaxStaleness: 2 * time.Minute}, {Mode: AtLeast, Beyond: &feed.Positions{topic: 9}}} {
		page, err := r.SearchOrders(t.Context(), view.Support(), ListRequest{
			Query: view.Query{Sort: newestFirst, Size: 10}, Freshness: f, Parts: AllParts})
		if err != nil {
			t.Fatal(err)
		}
		if v := VersionsOf(page.Hits[0].Order, AllParts); !page.Kept || v.Order < 4 {
			t.Errorf("list %s %v: kept, %s, order at %d, and version 4 was published", f.Mode, f.MaxStaleness, page.Reason, v.Order)
		}
		if f.Mode == Fresh {
			continue
		}
		a := r.ReadOrders(t.Context(), view.Support(), []Request{{ID: "1", Freshness: f, Parts: AllParts}})[0]
		if !a.Kept || a.Versions.Order < 4 {
			t.Errorf("by id %s %v: kept, %s, order at %d, and version 4 was published", f.Mode, f.MaxStaleness, a.Reason, a.Versions.Order)
		}
	}
}
