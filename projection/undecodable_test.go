package projection_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// delivery is a record as it is delivered: an event, or what cannot be decoded.
type delivery struct {
	event.Envelope
	undecodable string // why
}

// partitions draws what the partitions hold from which the events of one order come, one for each aggregate: its events in
// nearly their order, some twice, and records that cannot be decoded behind the first of them.
func partitions(t *rapid.T, unversioned bool) (all [][]delivery) {
	log := history(t)
	for _, a := range []event.Aggregate{event.Order, event.Ticket, event.Delivery, event.Account} {
		var p []delivery
		for _, e := range log {
			if e.Aggregate == a {
				p = append(p, delivery{Envelope: e})
			}
		}
		slices.SortStableFunc(p, func(a, b delivery) int { return int(a.Version) - int(b.Version) })
		for n := rapid.IntRange(0, 3).Draw(t, "moved or doubled"); n > 0 && len(p) > 2; n-- {
			from, to := rapid.IntRange(1, len(p)-1).Draw(t, "from"), rapid.IntRange(1, len(p)-1).Draw(t, "to")
			one := p[from]
			if rapid.Bool().Draw(t, "moved") {
				p = slices.Delete(p, from, from+1)
			}
			p = slices.Insert(p, min(to, len(p)), one)
		}
		for n := rapid.IntRange(0, 3).Draw(t, "undecodable"); n > 0 && len(p) > 0; n-- {
			one := delivery{event.Envelope{Aggregate: a}, rapid.SampledFrom([]string{"format", "body"}).Draw(t, "reason")}
			p = slices.Insert(p, rapid.IntRange(1, len(p)).Draw(t, "place"), one)
		}
		for i := range p {
			p[i].Offset = int64(i)
			if unversioned {
				p[i].Version, p[i].ID = 0, ""
			}
		}
		all = append(all, p)
	}
	return all
}

// consume folds what the partitions hold, in any order that keeps theirs. Again and again a consumer dies, and the next
// one goes back in a partition, as far as redelivered says.
func consume(t *rapid.T, all [][]delivery, redelivered bool) []byte {
	d := orders.New("7")
	next := make([]int, len(all))
	deaths := 0
	for {
		var left []int
		for i, p := range all {
			if next[i] < len(p) {
				left = append(left, i)
			}
		}
		if redelivered && deaths < 6 && rapid.IntRange(0, 5).Draw(t, "dies") == 0 {
			i := rapid.IntRange(0, len(all)-1).Draw(t, "goes back in")
			next[i] = rapid.IntRange(0, next[i]).Draw(t, "to")
			d = reopened(t, d)
			deaths++
			continue
		}
		if len(left) == 0 {
			break
		}
		i := rapid.SampledFrom(left).Draw(t, "partition")
		fold := all[i][next[i]]
		next[i]++
		if fold.undecodable != "" {
			d.Degrade(fold.Envelope, fold.undecodable)
		} else if r := d.Offer(fold.Envelope); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	source, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// TestUndecodableRecords is the law for the marks of records that cannot be decoded: whatever is delivered again, and
// however the partitions' records come between each other's, the document is the same.
func TestUndecodableRecords(t *testing.T) {
	for name, unversioned := range map[string]bool{"versioned": false, "unversioned": true} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				all := partitions(t, unversioned)
				want, got := consume(t, all, false), consume(t, all, true)
				if !bytes.Equal(want, got) {
					t.Fatalf("documents differ:\n%s\n%s", want, got)
				}
			})
		})
	}
}

// TestUndecodableBeforeTheFirstEvent: a part that has not begun is not marked, in a document that there is, or is not.
func TestUndecodableBeforeTheFirstEvent(t *testing.T) {
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	ticket := func(version uint64, offset int64) event.Envelope {
		e := envelope(event.Ticket, version, "TicketRevised", at, &event.TicketRevised{})
		e.Offset = offset
		return e
	}
	bad := func(offset int64) event.Envelope { return event.Envelope{Aggregate: event.Ticket, Offset: offset} }
	marked := func(d projection.Document) bool { return slices.Contains(d.Incomplete(), event.Ticket) }

	d := orders.New("7")
	if d.Degrade(bad(3), "format") || marked(d) {
		t.Error("marked before any event")
	}
	d.Offer(ticket(1, 4))
	if marked(d) {
		t.Error("marked by the first event")
	}
	// Nothing knows of the record any more, so it marks the part when it comes again; which an event behind it mends.
	if !d.Degrade(bad(3), "format") || !marked(d) {
		t.Error("not marked")
	}
	d.Offer(ticket(2, 5))
	if marked(d) {
		t.Error("an event that follows without a gap left the mark")
	}
	if d.Degrade(bad(3), "format") || marked(d) {
		t.Error("marked by what had marked it before")
	}

	u := orders.New("7") // of an unversioned part the last event's place is known
	u.Offer(ticket(0, 4))
	if u.Degrade(bad(3), "format") || marked(u) {
		t.Error("a part without versions is marked by what came before it")
	}
	if !u.Degrade(bad(5), "format") || !marked(u) {
		t.Error("a part without versions is not marked")
	}
}

// TestUndecodablePlaces: what a join knows of places is what either side knew.
func TestUndecodablePlaces(t *testing.T) {
	part := func(places ...view.Place) *order.Order {
		o := order.New("7")
		*o.Part(order.AggregateTicket) = view.Part{Version: 1, Undecodable: places}
		return o
	}
	o := part(view.Place{Partition: 1, Offset: 5}, view.Place{Partition: 3, Offset: 1})
	o.Join(part(view.Place{Offset: 2}, view.Place{Partition: 1, Offset: 4}, view.Place{Partition: 3, Offset: 8}))
	want := []view.Place{{Offset: 2}, {Partition: 1, Offset: 5}, {Partition: 3, Offset: 8}}
	if got := o.Part(order.AggregateTicket).Undecodable; !slices.Equal(got, want) {
		t.Errorf("places are %v, want %v", got, want)
	}
}
