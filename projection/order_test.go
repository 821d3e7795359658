package projection_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

var orders = projection.NewOrders(nil)

// TestViewEqualsFoldOfLog is the law that everything else rests on: whatever the order, the duplicates and the splits in
// which an order's events come, the document is what a naive fold of them in their right order gives.
func TestViewEqualsFoldOfLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := history(t)
		want := naive(log)
		got := decode(t, fold(t, shuffled(t, log)))
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(order.Order{}, "Parts")); diff != "" {
			t.Fatalf("document differs from the naive fold (-want +got):\n%s", diff)
		}
		for aggregate, part := range got.Parts {
			if len(part.Waiting) > 0 || part.Degraded != nil {
				t.Fatalf("%s part is left with %+v", aggregate, part)
			}
		}
	})
}

// TestOrderOfArrivalIsIrrelevant compares bytes, bookkeeping and all.
func TestOrderOfArrivalIsIrrelevant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := history(t)
		want := fold(t, log)
		if got := fold(t, shuffled(t, log)); !bytes.Equal(want, got) {
			t.Fatalf("documents differ:\n%s\n%s", want, got)
		}
		if got := fold(t, log); !bytes.Equal(want, got) {
			t.Fatalf("two replays differ:\n%s\n%s", want, got)
		}
	})
}

// TestWaitingIsAFunctionOfTheSet is the law for histories with events missing: any order of the same set.
func TestWaitingIsAFunctionOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := slices.DeleteFunc(history(t), func(event.Envelope) bool {
			return rapid.IntRange(0, 3).Draw(t, "missing") == 0
		})
		if want, got := fold(t, log), fold(t, shuffled(t, log)); !bytes.Equal(want, got) {
			t.Fatalf("documents differ:\n%s\n%s", want, got)
		}
	})
}

// TestOwnersAnswerJoins: an owner's answer is the state at its version, so joining answers with what the events gave, in
// any order and grouping and however often, gives the state at the highest of their versions.
func TestOwnersAnswerJoins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := history(t)
		seen, earlier, later := beginnings(t, log, "view"), beginnings(t, log, "owners"), beginnings(t, log, "owners again")
		all := union(seen, union(earlier, later))
		want := naive(all)

		join := func(first *order.Order, others ...*order.Order) *order.Order {
			joined := clone(t, first)
			for _, o := range others {
				joined.Join(clone(t, o))
			}
			return joined
		}
		a, b, c := decode(t, fold(t, seen)), answered(earlier), answered(later)
		abc := join(a, b, c)
		ignore := cmpopts.IgnoreFields(order.Order{}, "Parts", "Timeline", "UpdatedAt")
		if diff := cmp.Diff(want, abc, ignore); diff != "" {
			t.Fatalf("the join is not the state at the highest versions (-want +got):\n%s", diff)
		}
		for name, joined := range map[string]*order.Order{
			"associative": join(a, join(b, c)), "commutative": join(c, b, a), "idempotent": join(abc, a, b, c, abc),
		} {
			if diff := cmp.Diff(abc, joined); diff != "" {
				t.Fatalf("the join is not %s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// TestDeliveryBeforeItsOrder: the document waits, hidden, for the event that tells what was ordered.
func TestDeliveryBeforeItsOrder(t *testing.T) {
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	d := orders.New("7")
	d.Offer(envelope(event.Delivery, 1, "DeliveryCreated", at, &event.DeliveryCreated{OrderID: "7"}))
	if !d.Hidden() {
		t.Error("a document without an order part is not hidden")
	}
	d.Offer(envelope(event.Order, 2, "OrderAuthorized", at, &event.OrderAuthorized{}))
	if !d.Hidden() {
		t.Error("an order's second event alone makes it visible")
	}
	created := &event.OrderCreatedEvent{
		OrderDetails: event.OrderDetails{ConsumerID: "3", RestaurantID: "1"}, RestaurantName: "Ajanta",
	}
	d.Offer(envelope(event.Order, 1, "OrderCreatedEvent", at, created))
	if d.Hidden() {
		t.Error("a document with its order part is hidden")
	}
	source, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	o, err := order.Decode(source)
	if err != nil {
		t.Fatal(err)
	}
	if o.State != order.Approved || o.Delivery == nil || o.Version != 2 {
		t.Errorf("got state %s, delivery %v, version %d", o.State, o.Delivery, o.Version)
	}
}

func TestOutcomes(t *testing.T) {
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	ticket := func(version uint64) event.Envelope {
		return envelope(event.Ticket, version, "TicketRevised", at, &event.TicketRevised{})
	}
	unversioned := func(partition int32, offset int64, id string) event.Envelope {
		e := ticket(0)
		e.Partition, e.Offset, e.ID = partition, offset, id
		return e
	}
	unknown := envelope(event.Ticket, 1, "TicketSinging", at, nil)
	many := []event.Envelope{}
	for v := uint64(2); v <= view.MaxWaiting+2; v++ {
		many = append(many, ticket(v))
	}
	rising := projection.NewOrders(map[event.Aggregate]view.Ordering{event.Ticket: view.Rising})
	tests := []struct {
		name       string
		projection *projection.Orders
		before     []event.Envelope
		event      event.Envelope
		want       projection.Outcome
		changed    bool
	}{
		{"first", orders, nil, ticket(1), projection.Applied, true},
		{"again", orders, []event.Envelope{ticket(1)}, ticket(1), projection.Stale, false},
		{"unknown type", orders, nil, unknown, projection.Skipped, true},
		{"gap", orders, []event.Envelope{ticket(1)}, ticket(3), projection.Held, true},
		{"waits already", orders, []event.Envelope{ticket(1), ticket(3)}, ticket(3), projection.Stale, false},
		{"too many wait", orders, many[:view.MaxWaiting], many[view.MaxWaiting], projection.Refused, true},
		{"gap where versions merely rise", rising, []event.Envelope{ticket(1)}, ticket(3), projection.Applied, true},
		{"lower where versions merely rise", rising, []event.Envelope{ticket(3)}, ticket(2), projection.Stale, true},
		{"unversioned", orders, nil, unversioned(0, 5, "a"), projection.Applied, true},
		{"unversioned, same place", orders, []event.Envelope{unversioned(0, 5, "a")}, unversioned(0, 5, "a"), projection.Stale, false},
		{"unversioned, earlier place", orders, []event.Envelope{unversioned(0, 5, "a")}, unversioned(0, 4, "b"), projection.Stale, true},
		{"unversioned, published twice", orders, []event.Envelope{unversioned(0, 5, "a")}, unversioned(0, 9, "a"), projection.Stale, false},
		{"unversioned, other partition", orders, []event.Envelope{unversioned(0, 5, "a")}, unversioned(1, 2, "b"), projection.Applied, true},
		{"unversioned among versioned", orders, []event.Envelope{ticket(1)}, unversioned(0, 5, "a"), projection.Refused, false},
		{"versioned among unversioned", orders, []event.Envelope{unversioned(0, 5, "a")}, ticket(1), projection.Refused, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := test.projection.New("7")
			for _, e := range test.before {
				if r := d.Offer(e); r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			r := d.Offer(test.event)
			if r.Outcome != test.want || r.Changed != test.changed || (r.Err != nil) != (test.want == projection.Refused) {
				t.Errorf("got %+v, want %s, changed %t", r, test.want, test.changed)
			}
		})
	}
}

// TestDegraded: the mark goes when what was missing has come, from an event or from the owner, and not before.
func TestDegraded(t *testing.T) {
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	ticket := func(version uint64) event.Envelope {
		return envelope(event.Ticket, version, "TicketRevised", at, &event.TicketRevised{})
	}
	degraded := func(t *testing.T, d projection.Document) *order.Order {
		source, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		o, err := order.Decode(source)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	d := orders.New("7")
	d.Offer(ticket(1))
	d.Degrade(ticket(2), "refused")
	if o := degraded(t, d); o.Part(order.AggregateTicket).Degraded == nil {
		t.Error("not marked")
	}
	d.Offer(ticket(3))
	owner := func(version view.Version) *order.Order {
		o := order.New("7")
		o.Ticket = &order.Ticket{State: order.TicketAccepted}
		*o.Part(order.AggregateTicket) = view.Part{Version: version, Origin: view.FromOwner}
		return o
	}
	o := degraded(t, d)
	o.Join(owner(1))
	if o.Part(order.AggregateTicket).Degraded == nil {
		t.Error("an owner's answer from before the missing event took the mark away")
	}
	o.Join(owner(2))
	if p := o.Part(order.AggregateTicket); p.Degraded != nil || o.Ticket.State != order.TicketAccepted {
		t.Errorf("an owner's answer did not heal the part: %+v", p)
	}
	d.Offer(ticket(2))
	if p := degraded(t, d).Part(order.AggregateTicket); p.Degraded != nil || p.Version != 3 || len(p.Waiting) > 0 {
		t.Errorf("the missing event did not heal the part: %+v", p)
	}
}

// TestDegradedByUnknown: a record of which not even the version is known is healed by an owner who is no further than the
// part, since then it cannot have been an event.
func TestDegradedByUnknown(t *testing.T) {
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	d := orders.New("7")
	for v := uint64(1); v <= 4; v++ {
		d.Offer(envelope(event.Ticket, v, "TicketRevised", at, &event.TicketRevised{}))
	}
	d.Degrade(event.Envelope{Aggregate: event.Ticket, Offset: 5}, "format")
	answer := order.New("7")
	answer.Ticket = &order.Ticket{State: order.TicketAccepted}
	*answer.Part(order.AggregateTicket) = view.Part{Version: 4, Origin: view.FromOwner}
	source, err := answer.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(d.Incomplete(), event.Ticket) {
		t.Error("not marked")
	}
	if r := d.Join(source); !r.Changed || slices.Contains(d.Incomplete(), event.Ticket) {
		t.Errorf("got %+v, incomplete %v", r, d.Incomplete())
	}
}

// TestJoinReleasesWaitingEvents: events beyond a gap are folded as soon as an owner's answer covers the gap.
func TestJoinReleasesWaitingEvents(t *testing.T) {
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	d := orders.New("7")
	d.Offer(envelope(event.Ticket, 3, "TicketPickedUpEvent", at, &event.TicketPickedUpEvent{}))
	if got := d.Incomplete(); !slices.Equal(got, []event.Aggregate{event.Order, event.Ticket}) {
		t.Errorf("incomplete: %v", got)
	}
	d.Offer(envelope(event.Order, 1, "OrderCreatedEvent", at, &event.OrderCreatedEvent{
		OrderDetails: event.OrderDetails{ConsumerID: "3", RestaurantID: "1"},
	}))
	answer := func(version view.Version) json.RawMessage {
		o := order.New("7")
		o.Ticket = &order.Ticket{State: order.TicketPreparing, PreparingTime: &at}
		*o.Part(order.AggregateTicket) = view.Part{Version: version, Origin: view.FromOwner}
		source, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return source
	}
	if r := d.Join(answer(1)); r.Outcome != projection.Applied || len(d.Incomplete()) != 1 {
		t.Errorf("an answer below the gap: %+v, incomplete %v", r, d.Incomplete())
	}
	if r := d.Join(answer(1)); r.Outcome != projection.Stale || r.Changed {
		t.Errorf("the same answer again: %+v", r)
	}
	if r := d.Join(answer(2)); r.Outcome != projection.Applied || !r.Changed || len(d.Incomplete()) > 0 {
		t.Errorf("an answer that covers the gap: %+v, incomplete %v", r, d.Incomplete())
	}
	source, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	o, err := order.Decode(source)
	if err != nil {
		t.Fatal(err)
	}
	want := &order.Ticket{Version: 3, State: order.TicketPickedUp, PreparingTime: &at, PickedUpTime: &at}
	if diff := cmp.Diff(want, o.Ticket); diff != "" {
		t.Errorf("ticket (-want +got):\n%s", diff)
	}
	if r := d.Join(json.RawMessage(`{`)); r.Outcome != projection.Refused || r.Err == nil {
		t.Errorf("an answer that cannot be read: %+v", r)
	}
}

var aggregateOf = map[event.Aggregate]order.Aggregate{
	event.Order: order.AggregateOrder, event.Ticket: order.AggregateTicket,
	event.Delivery: order.AggregateDelivery, event.Account: order.AggregateBill,
}

// fold folds events the way the indexer does: in batches, between which the document is stored and read again.
func fold(t *rapid.T, events []event.Envelope) json.RawMessage {
	d := orders.New("7")
	for _, e := range events {
		if r := d.Offer(e); r.Err != nil {
			t.Fatalf("%s %d: %v", e.Type, e.Version, r.Err)
		}
		if rapid.IntRange(0, 3).Draw(t, "split") == 0 {
			d = reopened(t, d)
		}
	}
	source, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func reopened(t *rapid.T, d projection.Document) projection.Document {
	source, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	d, err = orders.Decode(source)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func decode(t *rapid.T, source json.RawMessage) *order.Order {
	o, err := order.Decode(source)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func clone(t *rapid.T, o *order.Order) *order.Order {
	source, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, source)
}

// shuffled draws an order of the events in which some come more than once.
func shuffled(t *rapid.T, events []event.Envelope) []event.Envelope {
	twice := slices.Clone(events)
	for _, e := range events {
		if rapid.IntRange(0, 4).Draw(t, "duplicate") == 0 {
			twice = append(twice, e)
		}
	}
	return rapid.Permutation(twice).Draw(t, "order")
}

// beginnings draws what somebody has seen who has seen each aggregate's events up to some version.
func beginnings(t *rapid.T, log []event.Envelope, who string) []event.Envelope {
	upTo := map[event.Aggregate]uint64{}
	for a := range aggregateOf {
		upTo[a] = rapid.Uint64Range(0, 8).Draw(t, who+" "+string(a))
	}
	return slices.DeleteFunc(slices.Clone(log), func(e event.Envelope) bool { return e.Version > upTo[e.Aggregate] })
}

// answered returns what owners that have seen these events answer, as composition puts it.
func answered(events []event.Envelope) *order.Order {
	o := naive(events)
	o.Timeline = nil
	for _, e := range events {
		p := o.Part(aggregateOf[e.Aggregate])
		p.Version, p.Origin = max(p.Version, view.Version(e.Version)), view.FromOwner
	}
	o.Derive()
	return o
}

func union(a, b []event.Envelope) []event.Envelope {
	all := slices.Clone(a)
	for _, e := range b {
		if !slices.ContainsFunc(a, func(x event.Envelope) bool { return x.ID == e.ID }) {
			all = append(all, e)
		}
	}
	return all
}
