package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/wire"
)

// history is an order's events, in their order.
func history(id string) []event.Envelope {
	var events []event.Envelope
	versions := map[event.Aggregate]uint64{}
	for i, payload := range []any{
		&event.OrderCreatedEvent{OrderDetails: event.OrderDetails{
			LineItems:    []wire.LineItem{{MenuItemID: "1", Name: "Chicken Vindaloo", Quantity: 1}},
			RestaurantID: "1", ConsumerID: "9",
		}, RestaurantName: "Ajanta"},
		&event.TicketCreatedEvent{}, &event.OrderAuthorized{}, &event.TicketPreparationStartedEvent{},
		&event.OrderCancelRequested{}, &event.TicketPreparationCompletedEvent{}, &event.OrderCancelUndone{},
		&event.TicketPickedUpEvent{}, &event.OrderCancelRequested{}, &event.OrderCancelled{},
	} {
		data, err := json.Marshal(payload)
		if err != nil {
			panic(err)
		}
		name := fmt.Sprintf("%T", payload)[len("*event."):]
		aggregate := event.Order
		if name[0] == 'T' {
			aggregate = event.Ticket
		}
		versions[aggregate]++
		events = append(events, event.Envelope{
			ID: fmt.Sprintf("%s-%d", id, i), Aggregate: aggregate, AggregateID: id, Type: name, Version: versions[aggregate],
			Data: data, Payload: payload, Time: noon.Add(time.Duration(i) * time.Second),
		})
	}
	return events
}

// foldOf returns the document that events make.
func (w *world) foldOf(id string, events []event.Envelope) *order.Order {
	w.t.Helper()
	d := w.orders.New(id)
	for _, e := range events {
		if r := d.Offer(e); r.Err != nil {
			w.t.Fatal(r.Err)
		}
	}
	source, err := d.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	o, err := order.Decode(source)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// index folds an event into its document as an indexer does.
func (w *world) index(e event.Envelope) error {
	for {
		found, err := w.Index.Get(context.Background(), view.Support(), []string{e.AggregateID})
		if err != nil {
			return err
		}
		stored, exists := found[e.AggregateID]
		d := projection.Document(w.orders.New(e.AggregateID))
		if exists {
			if d, err = w.orders.Decode(stored.Source); err != nil {
				return err
			}
		}
		if r := d.Offer(e); r.Err != nil || !r.Changed {
			return r.Err
		}
		source, err := d.Encode()
		if err != nil {
			return err
		}
		write := view.Write{ID: e.AggregateID, Revision: stored.Revision, Hidden: d.Hidden(), Source: source}
		if err := w.Index.Apply(context.Background(), []view.Write{write})[0].Err; !errors.Is(err, view.ErrConflict) {
			return err
		}
	}
}

// spoil changes a stored document, as another writer would, behind the versions' back.
func (w *world) spoil(o *order.Order) {
	w.t.Helper()
	o.Restaurant = &order.Restaurant{RestaurantID: o.Restaurant.RestaurantID, Name: "Nowhere"}
	if o.Ticket != nil {
		o.Ticket.AcceptTime = &noon
	}
	w.put(o)
}

// TestHealUnderConflicts: events that an indexer writes each time that a mended document is about to be written are all in
// it in the end, and so is what was mended.
func TestHealUnderConflicts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		events := history("1")
		at := rapid.IntRange(1, len(events)).Draw(t, "indexed")
		told := rapid.IntRange(at, len(events)).Draw(t, "told by the owners")
		w.own(w.foldOf("1", events[:told]))
		w.spoil(w.foldOf("1", events[:at]))
		next := events[at:]
		w.write = func(view.Write) error {
			n := rapid.IntRange(0, len(next)).Draw(t, "events")
			for _, e := range next[:n] {
				if err := w.index(e); err != nil {
					t.Fatal(err)
				}
			}
			at += n
			told = max(told, at) // no event is published before its owner knows of it
			w.own(w.foldOf("1", events[:told]))
			next = next[n:]
			if rapid.IntRange(0, 9).Draw(t, "fault") == 0 {
				return view.ErrConflict
			}
			return nil
		}
		r := w.verify(Options{Heal: true})
		if r.Wrong != 0 || r.Healed == 0 {
			t.Fatalf("%s; healed %d, left %+v", parts(r), r.Healed, r.Left)
		}
		for _, e := range next {
			if err := w.index(e); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(w.foldOf("1", events), w.stored("1"), bookkeeping); diff != "" {
			t.Fatalf("document (-events +stored):\n%s", diff)
		}
	})
}

// TestHealBesideIndexers heals again and again while two goroutines index: in the end each document is the fold of its
// events.
func TestHealBesideIndexers(t *testing.T) {
	w := newWorld(t)
	const documents = 40
	for i := range documents {
		id := fmt.Sprint(i)
		events := history(id)
		w.own(w.foldOf(id, events)) // who knows all of it already
		w.spoil(w.foldOf(id, events[:1+i%3]))
	}
	var indexers errgroup.Group
	for half := range 2 {
		indexers.Go(func() error {
			for i := range len(history("0")) {
				for n := half; n < documents; n += 2 {
					if err := w.index(history(fmt.Sprint(n))[i]); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	done := make(chan error, 1)
	go func() { done <- indexers.Wait() }()
	for indexing := true; indexing; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			indexing = false
		default:
		}
		if r := w.verify(Options{Heal: true}); r.Unable != 0 {
			t.Fatalf("left %+v", r.Left)
		}
	}
	for i := range documents {
		id := fmt.Sprint(i)
		if diff := cmp.Diff(w.foldOf(id, history(id)), w.stored(id), bookkeeping); diff != "" {
			t.Fatalf("document %s (-events +stored):\n%s", id, diff)
		}
	}
}

// TestHealGivesUp: what the store never takes is told, and the verification goes on.
func TestHealGivesUp(t *testing.T) {
	for _, why := range []error{view.ErrRefused, view.ErrConflict} {
		w := newWorld(t)
		for _, id := range []string{"1", "2"} {
			events := history(id)
			w.own(w.foldOf(id, events))
			w.spoil(w.foldOf(id, events))
		}
		w.write = func(one view.Write) error {
			if one.ID == "1" {
				return why
			}
			return nil
		}
		r := w.verify(Options{Heal: true})
		if r.Unable != 2 || r.Healed != 2 || r.Wrong != 2 || r.Left[0].ID != "1" || r.Left[0].Err == nil {
			t.Errorf("%v: healed %d, wrong %d, left %+v", why, r.Healed, r.Wrong, r.Left)
		}
	}
}
