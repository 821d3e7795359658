package compose

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

var ada = view.As(view.RoleConsumer, "7")

// told is what a test compares of an Answer.
type told struct {
	Order    bool
	Source   Source
	Reason   Reason
	Kept     bool
	Versions Versions
	Failed   Parts
}

func tell(a Answer) told {
	t := told{Order: a.Order != nil, Source: a.Source, Reason: a.Reason, Kept: a.Kept, Versions: a.Versions}
	for part := range a.Failed {
		t.Failed |= PartsOf(part)
	}
	return t
}

func TestReadOrders(t *testing.T) {
	least := func(v Versions) Freshness { return Freshness{Mode: AtLeast, Least: v} }
	strict := func(f Freshness) Freshness { f.OnStale = Fail; return f }
	fresh, eventual := Freshness{Mode: Fresh}, Freshness{}
	viewV, ownerV := Versions{3, 2, 1, 1}, Versions{4, 2, 3, 1}
	for _, test := range []struct {
		name   string
		viewer view.Viewer
		fresh  Freshness
		parts  Parts
		doc    *order.Order // nil: the view has none
		owners Versions     // what they have; 0: nothing
		broken string       // a collection whose owner fails
		down   bool         // the view is
		want   told
		calls  map[string]int
		err    error
	}{
		{name: "eventual", viewer: ada, fresh: eventual, parts: AllParts, doc: inView("1", "7", viewV), owners: ownerV,
			want: told{true, FromView, Satisfied, true, viewV, 0}},
		{name: "eventual, unknown", viewer: ada, fresh: eventual, parts: AllParts, owners: ownerV,
			want: told{false, FromView, Missing, true, Versions{}, 0}},
		{name: "eventual, foreign", viewer: ada, fresh: eventual, parts: AllParts, doc: inView("1", "8", viewV),
			want: told{false, FromView, Missing, true, Versions{}, 0}},
		{name: "eventual, degraded", viewer: ada, fresh: eventual, parts: AllParts,
			doc: changed(inView("1", "7", viewV), order.AggregateDelivery, degraded), owners: ownerV,
			want:  told{true, FromBoth, Degraded, true, Versions{3, 2, 3, 1}, 0},
			calls: map[string]int{"deliveries": 1}},
		{name: "eventual, degraded, owner down", viewer: ada, fresh: eventual, parts: AllParts, broken: "deliveries",
			doc: changed(inView("1", "7", viewV), order.AggregateDelivery, degraded), owners: ownerV,
			want:  told{true, FromView, OwnerDown, true, viewV, PartsOf(order.AggregateDelivery)},
			calls: map[string]int{"deliveries": 1}},
		{name: "eventual, hidden", viewer: ada, fresh: eventual, parts: ticketPart,
			doc: inView("1", "", Versions{Ticket: 2}), owners: ownerV,
			want:  told{true, FromBoth, Missing, true, Versions{Ticket: 2}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "eventual, hidden and foreign", viewer: view.As(view.RoleConsumer, "8"), fresh: eventual, parts: ticketPart,
			doc: inView("1", "", Versions{Ticket: 2}), owners: ownerV,
			want:  told{false, FromView, Missing, true, Versions{}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "eventual, hidden, owner down", viewer: ada, fresh: eventual, parts: ticketPart, broken: "orders",
			doc: inView("1", "", Versions{Ticket: 2}), owners: ownerV,
			want:  told{false, FromView, Missing, true, Versions{}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "eventual, view down", viewer: ada, fresh: eventual, parts: ticketPart, down: true, owners: ownerV,
			want:  told{true, FromOwners, ViewDown, true, Versions{Ticket: 2}, 0},
			calls: map[string]int{"orders": 1, "tickets": 1}},
		{name: "view and order owner down", viewer: ada, fresh: eventual, parts: ticketPart, down: true, owners: ownerV,
			broken: "orders", want: told{false, FromOwners, OwnerDown, false, Versions{}, 0},
			calls: map[string]int{"orders": 1, "tickets": 1}, err: view.ErrUnavailable},

		{name: "at least, reached", viewer: ada, fresh: least(viewV), parts: AllParts, doc: inView("1", "7", viewV),
			owners: ownerV, want: told{true, FromView, Satisfied, true, viewV, 0}},
		{name: "at least, behind", viewer: ada, fresh: least(Versions{Order: 4}), parts: AllParts,
			doc: inView("1", "7", viewV), owners: ownerV,
			want:  told{true, FromBoth, Behind, true, Versions{4, 2, 1, 1}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "at least, behind, all that is selected", viewer: ada, fresh: least(Versions{Order: 4}), parts: orderPart,
			doc: inView("1", "7", viewV), owners: ownerV,
			want:  told{true, FromOwners, Behind, true, Versions{Order: 4}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "at least, owner behind too", viewer: ada, fresh: least(Versions{Order: 9}), parts: orderPart,
			doc: inView("1", "7", viewV), owners: ownerV,
			want:  told{true, FromOwners, Behind, false, Versions{Order: 4}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "at least, owner older than the view", viewer: ada, fresh: least(Versions{Order: 9}), parts: orderPart,
			doc: inView("1", "7", Versions{Order: 8}), owners: ownerV,
			want:  told{true, FromView, Behind, false, Versions{Order: 8}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "at least, owner down", viewer: ada, fresh: least(Versions{Order: 4}), parts: orderPart,
			doc: inView("1", "7", viewV), broken: "orders",
			want:  told{true, FromView, OwnerDown, false, Versions{Order: 3}, orderPart},
			calls: map[string]int{"orders": 1}},
		{name: "at least, owner down, strict", viewer: ada, fresh: strict(least(Versions{Order: 4})), parts: orderPart,
			doc: inView("1", "7", viewV), broken: "orders",
			want:  told{false, FromView, OwnerDown, false, Versions{}, orderPart},
			calls: map[string]int{"orders": 1}, err: ErrStale},
		{name: "at least, unversioned", viewer: ada, fresh: least(Versions{Ticket: 2}), parts: ticketPart,
			doc: changed(inView("1", "7", viewV), order.AggregateTicket, unversioned), owners: ownerV,
			want:  told{true, FromOwners, Unversioned, true, Versions{Ticket: 2}, 0},
			calls: map[string]int{"tickets": 1}},
		{name: "at least, not in the view", viewer: ada, fresh: least(Versions{Order: 1}), parts: orderPart, owners: ownerV,
			want:  told{true, FromOwners, Missing, true, Versions{Order: 4}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "at least, unknown", viewer: ada, fresh: least(Versions{Order: 1}), parts: orderPart,
			want:  told{false, FromOwners, Missing, false, Versions{}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "at least, unknown, strict", viewer: ada, fresh: strict(least(Versions{Order: 1})), parts: orderPart,
			want:  told{false, FromOwners, Missing, false, Versions{}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "at least, foreign, strict", viewer: view.As(view.RoleConsumer, "8"),
			fresh: strict(least(Versions{Order: 1})), parts: orderPart, doc: inView("1", "7", viewV), owners: ownerV,
			want:  told{false, FromOwners, Missing, false, Versions{}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "at least, unknown, owner down", viewer: ada, fresh: least(Versions{Order: 1}), parts: orderPart,
			broken: "orders", want: told{false, FromOwners, OwnerDown, false, Versions{}, 0},
			calls: map[string]int{"orders": 1}, err: ErrOwner},

		{name: "fresh", viewer: ada, fresh: fresh, parts: AllParts, doc: inView("1", "7", viewV), owners: ownerV,
			want:  told{true, FromOwners, Asked, true, ownerV, 0},
			calls: map[string]int{"orders": 1, "tickets": 1, "deliveries": 1, "bills": 1}},
		{name: "fresh, no ticket selected", viewer: ada, fresh: fresh, parts: orderPart | billPart,
			doc: inView("1", "7", viewV), owners: ownerV,
			want:  told{true, FromOwners, Asked, true, Versions{Order: 4, Bill: 1}, 0},
			calls: map[string]int{"orders": 1, "bills": 1}},
		{name: "fresh, only the ticket", viewer: ada, fresh: fresh, parts: ticketPart, doc: inView("1", "7", viewV),
			owners: ownerV, want: told{true, FromOwners, Asked, true, Versions{Ticket: 2}, 0},
			calls: map[string]int{"tickets": 1}},
		{name: "fresh, only the ticket, not in the view", viewer: ada, fresh: fresh, parts: ticketPart, owners: ownerV,
			want:  told{true, FromOwners, Missing, true, Versions{Ticket: 2}, 0},
			calls: map[string]int{"tickets": 1, "orders": 1}},
		{name: "fresh, view newer than an owner", viewer: ada, fresh: fresh, parts: AllParts,
			doc: inView("1", "7", Versions{9, 2, 1, 1}), owners: ownerV,
			want:  told{true, FromBoth, Asked, true, Versions{9, 2, 3, 1}, 0},
			calls: map[string]int{"orders": 1, "tickets": 1, "deliveries": 1, "bills": 1}},
		{name: "fresh, kitchen down", viewer: ada, fresh: fresh, parts: AllParts, doc: inView("1", "7", viewV),
			owners: ownerV, broken: "tickets",
			want:  told{true, FromBoth, OwnerDown, false, ownerV, ticketPart},
			calls: map[string]int{"orders": 1, "tickets": 1, "deliveries": 1, "bills": 1}},
		{name: "fresh, kitchen down, strict", viewer: ada, fresh: strict(fresh), parts: AllParts,
			doc: inView("1", "7", viewV), owners: ownerV, broken: "tickets",
			want:  told{false, FromBoth, OwnerDown, false, Versions{}, ticketPart},
			calls: map[string]int{"orders": 1, "tickets": 1, "deliveries": 1, "bills": 1}, err: ErrStale},
		{name: "fresh, no bill yet", viewer: ada, fresh: fresh, parts: orderPart | billPart,
			doc: inView("1", "7", Versions{Order: 1}), owners: Versions{Order: 1},
			want:  told{true, FromOwners, Asked, true, Versions{Order: 1}, 0},
			calls: map[string]int{"orders": 1, "bills": 1}},
		{name: "fresh, unknown", viewer: ada, fresh: fresh, parts: orderPart,
			want:  told{false, FromOwners, Missing, true, Versions{}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "fresh, foreign", viewer: view.As(view.RoleConsumer, "8"), fresh: fresh, parts: orderPart, owners: ownerV,
			doc:   inView("1", "7", viewV),
			want:  told{false, FromOwners, Missing, true, Versions{}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "fresh, foreign in the owner's eyes", viewer: view.As(view.RoleConsumer, "8"), fresh: fresh, parts: orderPart,
			doc: inView("1", "8", viewV), owners: ownerV,
			want:  told{false, FromOwners, Missing, true, Versions{}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "fresh, foreign, nobody", viewer: view.Viewer{}, fresh: fresh, parts: AllParts, doc: inView("1", "7", viewV),
			owners: ownerV, want: told{false, FromOwners, Missing, true, Versions{}, 0},
			calls: map[string]int{"orders": 1, "tickets": 1, "deliveries": 1, "bills": 1}},
		{name: "fresh, restaurant's staff", viewer: view.As(view.RoleRestaurant, "1"), fresh: fresh, parts: orderPart,
			doc: inView("1", "7", viewV), owners: ownerV,
			want:  told{true, FromOwners, Asked, true, Versions{Order: 4}, 0},
			calls: map[string]int{"orders": 1}},
		{name: "fresh, support, hidden", viewer: view.Support(), fresh: eventual, parts: orderPart,
			doc: inView("1", "", Versions{Ticket: 2}), owners: ownerV,
			want:  told{true, FromOwners, Missing, true, Versions{Order: 4}, 0},
			calls: map[string]int{"orders": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := serveOwners(t)
			f.hasOrder("1", "7", test.owners)
			if test.broken != "" {
				f.breaks(test.broken, status(500))
			}
			s := newStore(t)
			if test.doc != nil {
				s.put(t, test.doc)
			}
			if test.down {
				s.err = fmt.Errorf("%w: refused", view.ErrUnavailable)
			}
			r := NewReader(s, s.mapping, newOwners(t, f.options()), ReaderOptions{})
			a := r.ReadOrders(t.Context(), test.viewer, []Request{{ID: "1", Freshness: test.fresh, Parts: test.parts}})[0]
			if diff := cmp.Diff(test.want, tell(a)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if test.calls == nil {
				test.calls = map[string]int{}
			}
			if diff := cmp.Diff(test.calls, f.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if !errors.Is(a.Err, test.err) || test.err == nil && a.Err != nil {
				t.Errorf("error %v, want %v", a.Err, test.err)
			}
		})
	}
}

// The timeline is the view's alone: it shows an owner's part in full only where it has every event up to that part's version.
func TestFreshTimeline(t *testing.T) {
	owned := func(p *view.Part) { p.Origin = view.FromOwner }
	viewV := Versions{3, 2, 1, 1}
	for _, test := range []struct {
		name   string
		change func(*view.Part) // of the view's delivery
		owners Versions
		owned  Parts
		kept   bool
		reason Reason
	}{
		{"abreast", nil, viewV, AllParts, true, Asked},
		{"an owner is ahead", nil, Versions{3, 3, 1, 1}, AllParts, false, Behind},
		{"an owner is behind", nil, Versions{3, 1, 1, 1}, AllParts &^ ticketPart, true, Asked},
		{"abreast, but an owner had told the view", owned, viewV, AllParts, false, Behind},
		{"abreast, but an event is lost", degraded, viewV, AllParts, false, Degraded},
		{"without versions", unversioned, viewV, AllParts, false, Behind},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := serveOwners(t)
			f.hasOrder("1", "7", test.owners)
			doc := inView("1", "7", viewV)
			if test.change != nil {
				doc = changed(doc, order.AggregateDelivery, test.change)
			}
			r := NewReader(newStore(t, doc), mappingOf(t), newOwners(t, f.options()), ReaderOptions{})
			a := r.ReadOrders(t.Context(), view.Support(), []Request{
				{ID: "1", Freshness: Freshness{Mode: Fresh}, Parts: AllParts, History: true}})[0]
			if a.Err != nil || a.Kept != test.kept || a.Owned != test.owned || a.Reason != test.reason {
				t.Errorf("kept %v of owners %v, %q, error %v; want %v, %v, %q", a.Kept, a.Owned.List(), a.Reason, a.Err,
					test.kept, test.owned.List(), test.reason)
			}
		})
	}
}

// One read of the view and one call per owner serve a whole batch, whatever its requests want.
func TestReadOrdersBatch(t *testing.T) {
	f := serveOwners(t)
	s := newStore(t)
	var requests []Request
	for i := range 50 {
		id := fmt.Sprint(i)
		s.put(t, inView(id, "7", Versions{1, 1, 1, 1}))
		f.hasOrder(id, "7", Versions{2, 2, 2, 2})
		requests = append(requests, Request{ID: id, Parts: AllParts}, Request{ID: id, Parts: ticketPart,
			Freshness: Freshness{Mode: Fresh}})
	}
	r := NewReader(s, s.mapping, newOwners(t, f.options()), ReaderOptions{})
	for i, a := range r.ReadOrders(t.Context(), ada, requests) {
		want := Versions{1, 1, 1, 1}
		if i%2 == 1 {
			want = Versions{Ticket: 2}
		}
		if a.Err != nil || a.Order == nil || a.Order.OrderID != requests[i].ID || a.Versions != want {
			t.Fatalf("request %d: %+v", i, a)
		}
		if i%2 == 0 && (a.Order.Ticket.Version != 1 || a.Order.Parts[order.AggregateTicket].Origin != view.FromEvents) {
			t.Fatalf("request %d, which asked for the view, was given what another had composed", i)
		}
	}
	if s.gets != 1 {
		t.Errorf("%d reads of the view", s.gets)
	}
	if diff := cmp.Diff(map[string]int{"tickets": 1}, f.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestWait(t *testing.T) {
	for _, test := range []struct {
		name   string
		wait   time.Duration
		viewer view.Viewer
		comes  time.Duration // when the view has what is asked for; 0: never
		want   told
		took   func(time.Duration) bool
	}{
		{"comes in time", time.Second, ada, 30 * time.Millisecond,
			told{true, FromView, Waited, true, Versions{Order: 4}, 0},
			func(d time.Duration) bool { return d >= 30*time.Millisecond && d < 130*time.Millisecond }},
		{"at the last moment", 300 * time.Millisecond, ada, 300 * time.Millisecond,
			told{true, FromView, Waited, true, Versions{Order: 4}, 0},
			func(d time.Duration) bool { return d == 300*time.Millisecond }},
		{"never", 300 * time.Millisecond, ada, 0,
			told{true, FromView, NotConfigured, false, Versions{Order: 3}, orderPart},
			func(d time.Duration) bool { return d == 300*time.Millisecond }},
		{"no patience", 0, ada, 30 * time.Millisecond,
			told{true, FromView, NotConfigured, false, Versions{Order: 3}, orderPart},
			func(d time.Duration) bool { return d == 0 }},
		{"foreign", 300 * time.Millisecond, view.As(view.RoleConsumer, "8"), 30 * time.Millisecond,
			told{false, FromOwners, NotConfigured, false, Versions{}, 0},
			func(d time.Duration) bool { return d == 300*time.Millisecond }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore(t, inView("1", "7", Versions{3, 1, 1, 1}))
				start := time.Now()
				s.onGet = func(int, *fakeStore) {
					if test.comes > 0 && time.Since(start) >= test.comes {
						s.put(t, inView("1", "7", Versions{4, 1, 1, 1}))
					}
				}
				r := NewReader(s, s.mapping, newOwners(t, Options{}), ReaderOptions{})
				a := r.ReadOrders(t.Context(), test.viewer, []Request{{ID: "1", Parts: orderPart, Freshness: Freshness{
					Mode: AtLeast, Least: Versions{Order: 4}, Wait: test.wait,
				}}})[0]
				if diff := cmp.Diff(test.want, tell(a)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if took := time.Since(start); !test.took(took) {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, inView("1", "7", Versions{Order: 3}))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		r := NewReader(s, s.mapping, newOwners(t, Options{}), ReaderOptions{})
		r.ReadOrders(ctx, ada, []Request{{ID: "1", Parts: orderPart, Freshness: Freshness{
			Mode: AtLeast, Least: Versions{Order: 4}, Wait: time.Hour,
		}}})
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("waited %v", took)
		}
	})
}

// An answer that shows the timeline keeps no promise where the view lacks the latest events, though the part is new.
func TestHistoryLags(t *testing.T) {
	f := serveOwners(t)
	f.hasOrder("1", "7", Versions{4, 1, 1, 1})
	s := newStore(t, inView("1", "7", Versions{3, 1, 1, 1}))
	r := NewReader(s, s.mapping, newOwners(t, f.options()), ReaderOptions{})
	q := Request{ID: "1", Parts: AllParts, History: true, Freshness: Freshness{Mode: Fresh}}
	a := r.ReadOrders(t.Context(), ada, []Request{q})[0]
	want := told{true, FromOwners, Behind, false, Versions{4, 1, 1, 1}, 0}
	if diff := cmp.Diff(want, tell(a)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(a.Order.Timeline) != 4 {
		t.Errorf("%d entries in the timeline, want the view's", len(a.Order.Timeline))
	}
}
