package rebuild

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

var orders = projection.NewOrders(nil)

// sample returns an order with an order part and a ticket part.
func sample(change func(*order.Order)) view.Document {
	o := order.New("1")
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o.Details = order.Details{State: order.Approved, CreatedAt: at, Consumer: &order.Consumer{ConsumerID: "7"}}
	o.Part(order.AggregateOrder).Version = 2
	o.Ticket = &order.Ticket{State: order.TicketAccepted}
	o.Part(order.AggregateTicket).Version = 4
	o.Record(order.Entry{Type: "OrderCreatedEvent", At: at, Aggregate: order.AggregateOrder, Version: 1})
	o.Record(order.Entry{Type: "TicketCreatedEvent", At: at, Aggregate: order.AggregateTicket, Version: 1})
	if change != nil {
		change(o)
	}
	source, err := o.Encode()
	if err != nil {
		panic(err)
	}
	return view.Document{ID: "1", Hidden: o.Hidden(), Source: source}
}

func TestCompare(t *testing.T) {
	ticket := func(change func(*view.Part)) func(*order.Order) {
		return func(o *order.Order) { change(o.Part(order.AggregateTicket)) }
	}
	waits := []view.Event{{Version: 6, Type: "TicketPickedUpEvent"}}
	place := func(partition int32, offset int64) func(*order.Order) {
		return ticket(func(p *view.Part) { *p = view.Part{Last: &view.Place{Partition: partition, Offset: offset}} })
	}
	for _, tt := range []struct {
		name          string
		live, rebuilt func(*order.Order)
		want          Comparison
	}{
		{"equal", nil, nil, Comparison{Same: 4}},
		{"ahead", nil, ticket(func(p *view.Part) { p.Version = 5 }), Comparison{Same: 3, Ahead: 1}},
		{"ahead, and other elsewhere", func(o *order.Order) { o.State = order.Rejected },
			ticket(func(p *view.Part) { p.Version = 5 }),
			Comparison{Same: 2, Ahead: 1, Wrong: []string{"ORDER at version 2: state"}}},
		{"behind", ticket(func(p *view.Part) { p.Version = 5 }), nil,
			Comparison{Same: 3, Wrong: []string{"TICKET: live at version 5, rebuilt at version 4"}}},
		{"lacks a part", nil, func(o *order.Order) { delete(o.Parts, order.AggregateTicket) },
			Comparison{Same: 3, Wrong: []string{"TICKET: live at version 4, rebuilt at version 0"}}},
		{"another state", nil, func(o *order.Order) { o.Ticket.State = order.TicketPreparing },
			Comparison{Same: 3, Wrong: []string{"TICKET at version 4: state"}}},
		{"another timeline", nil, func(o *order.Order) { o.Timeline = o.Timeline[:1] },
			Comparison{Same: 3, Wrong: []string{"TICKET at version 4: history"}}},
		{"told by the owner", ticket(func(p *view.Part) { p.Version, p.Origin = 9, view.FromOwner }), nil,
			Comparison{Same: 3, Healed: 1}},
		{"told by the owner, and events since", ticket(func(p *view.Part) { p.Version = 6 }),
			ticket(func(p *view.Part) { p.Waiting = waits }), Comparison{Same: 3, Healed: 1}},
		{"waits in both", ticket(func(p *view.Part) { p.Waiting = waits }), ticket(func(p *view.Part) { p.Waiting = waits }),
			Comparison{Same: 4}},
		{"a mark that is missing", ticket(func(p *view.Part) { p.Degrade(3, "body") }), nil,
			Comparison{Same: 3, Wrong: []string{"TICKET at version 4: degraded"}}},
		{"another mark", ticket(func(p *view.Part) { p.Degrade(3, "body") }), ticket(func(p *view.Part) { p.Degrade(3, "time") }),
			Comparison{Same: 3, Wrong: []string{"TICKET at version 4: degraded"}}},
		{"without versions", place(1, 7), place(1, 7), Comparison{Same: 4}},
		{"without versions, ahead", place(1, 7), place(1, 8), Comparison{Same: 3, Ahead: 1}},
		{"without versions, behind", place(1, 8), place(1, 7),
			Comparison{Same: 3, Wrong: []string{"TICKET: live at offset 8 of partition 1, rebuilt at offset 7 of partition 1"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Compare(orders, sample(tt.live), sample(tt.rebuilt))
			for i, what := range got.Wrong { // what the states are is for people
				if i < len(tt.want.Wrong) {
					got.Wrong[i] = what[:min(len(what), len(tt.want.Wrong[i]))]
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("comparison (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("hidden", func(t *testing.T) {
		a, b := sample(nil), sample(nil)
		b.Hidden = true
		if got := Compare(orders, a, b); len(got.Wrong) != 1 {
			t.Errorf("comparison %+v", got)
		}
	})
	t.Run("not an order", func(t *testing.T) {
		b := sample(nil)
		b.Source = json.RawMessage(`{}`)
		if got := Compare(orders, sample(nil), b); len(got.Wrong) != 1 || got.Same != 0 {
			t.Errorf("comparison %+v", got)
		}
	})
}
