package projection

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/wire"
)

// Orders is the projection of the order view: the events of Order, Ticket, Delivery and Account make one document for
// each order.
type Orders struct {
	ordering map[event.Aggregate]view.Ordering
}

var _ Projection = (*Orders)(nil)

// NewOrders returns the projection. Ordering says what each aggregate's topic promises of its versions; one that is not
// in it has contiguous ones.
func NewOrders(ordering map[event.Aggregate]view.Ordering) *Orders { return &Orders{ordering} }

// parts maps the events' aggregates to the document's parts.
var parts = map[event.Aggregate]order.Aggregate{
	event.Order:    order.AggregateOrder,
	event.Ticket:   order.AggregateTicket,
	event.Delivery: order.AggregateDelivery,
	event.Account:  order.AggregateBill,
}

// Aggregates implements Projection.
func (*Orders) Aggregates() []event.Aggregate {
	return []event.Aggregate{event.Order, event.Ticket, event.Delivery, event.Account}
}

// DocumentID implements Projection: the order's id, which the event names where its aggregate's own id is another.
func (*Orders) DocumentID(e event.Envelope) string {
	var id wire.ID
	switch p := e.Payload.(type) {
	case *event.DeliveryCreated:
		id = p.OrderID
	case *event.DeliveryScheduled:
		id = p.OrderID
	case *event.DeliveryLocationUpdated:
		id = p.OrderID
	case *event.DeliveryPickedUp:
		id = p.OrderID
	case *event.DeliveryDelivered:
		id = p.OrderID
	case *event.DeliveryCancelled:
		id = p.OrderID
	case *event.AccountAuthorizedEvent:
		id = p.OrderID
	case *event.AccountAuthorizationFailed:
		id = p.OrderID
	case *event.AuthorizationReversed:
		id = p.OrderID
	case *event.AuthorizationRevised:
		id = p.OrderID
	}
	if id == "" {
		return e.AggregateID
	}
	return string(id)
}

// New implements Projection.
func (p *Orders) New(id string) Document { return &orderDocument{order.New(id), p.ordering} }

// Decode implements Projection.
func (p *Orders) Decode(source json.RawMessage) (Document, error) {
	o, err := order.Decode(source)
	if err != nil {
		return nil, err
	}
	return &orderDocument{o, p.ordering}, nil
}

// orderDocument is an order while events are folded into it.
type orderDocument struct {
	*order.Order
	ordering map[event.Aggregate]view.Ordering
}

// Offer implements Document.
func (d *orderDocument) Offer(e event.Envelope) Result { return offer(d, d.ordering[e.Aggregate], e) }

// Degrade implements Document.
func (d *orderDocument) Degrade(e event.Envelope, reason string) bool { return degrade(d, e, reason) }

// Incomplete implements Document.
func (d *orderDocument) Incomplete() []event.Aggregate {
	return incomplete(d, (*Orders)(nil).Aggregates(), d.Hidden())
}

// Subject returns who ordered, "" where that is not known.
func (d *orderDocument) Subject() string {
	if d.Consumer == nil {
		return ""
	}
	return d.Consumer.ConsumerID
}

// Join implements Document.
func (d *orderDocument) Join(answer json.RawMessage) Result {
	owners, err := order.Decode(answer)
	if err != nil {
		return Result{Refused, false, err}
	}
	return join(d, (*Orders)(nil).Aggregates(), func() { d.Order.Join(owners) })
}

// Parts implements Document.
func (d *orderDocument) Parts() []Part {
	var all []Part
	for _, a := range (*Orders)(nil).Aggregates() {
		p := Part{Name: string(parts[a]), Aggregate: a, State: stateOf(d.state(parts[a]), "version")}
		if known := d.known(a); known != nil {
			p.Part = *known
		}
		if entries := d.entries(parts[a]); entries != nil {
			p.History = stateOf(entries)
		}
		all = append(all, p)
	}
	return all
}

// state returns what a part holds of its aggregate.
func (d *orderDocument) state(a order.Aggregate) any {
	switch a {
	case order.AggregateTicket:
		return d.Ticket
	case order.AggregateDelivery:
		return d.Delivery
	case order.AggregateBill:
		return d.Bill
	}
	return d.Details
}

// entries returns a part's entries of the timeline.
func (d *orderDocument) entries(a order.Aggregate) (entries []order.Entry) {
	for _, e := range d.Timeline {
		if e.Aggregate == a {
			entries = append(entries, e)
		}
	}
	return entries
}

// Forget implements Document.
func (d *orderDocument) Forget(part string) {
	a := order.Aggregate(part)
	switch a {
	case order.AggregateOrder:
		d.Details = order.Details{}
	case order.AggregateTicket:
		d.Ticket = nil
	case order.AggregateDelivery:
		d.Delivery = nil
	case order.AggregateBill:
		d.Bill = nil
	}
	delete(d.Order.Parts, a)
}

func (d *orderDocument) known(a event.Aggregate) *view.Part { return d.Order.Parts[parts[a]] }
func (d *orderDocument) part(a event.Aggregate) *view.Part  { return d.Part(parts[a]) }

// record adds an event to the timeline.
func (d *orderDocument) record(e event.Envelope) bool {
	before := len(d.Timeline)
	if e.Payload != nil && e.Type != "DeliveryLocationUpdated" {
		d.Record(order.Entry{
			Type: e.Type, At: e.Time, Aggregate: parts[e.Aggregate], Version: view.Version(e.Version), ID: e.ID,
		})
	}
	return len(d.Timeline) > before
}

func (d *orderDocument) apply(at time.Time, payload any) {
	switch p := payload.(type) {
	case *event.OrderCreatedEvent:
		d.Details = created(at, p)
	case *event.OrderAuthorized, *event.OrderCancelUndone, *event.OrderRevisionRejected:
		d.State = order.Approved
	case *event.OrderRejected:
		d.State = order.Rejected
	case *event.OrderCancelRequested:
		d.State = order.CancelPending
	case *event.OrderCancelled:
		d.State = order.Cancelled
	case *event.OrderRevisionProposed:
		d.State = order.RevisionPending
	case *event.OrderRevised:
		d.State = order.Approved
		d.revise(&p.Revision)

	case *event.TicketCreatedEvent:
		d.ticket().State = order.TicketAwaitingAcceptance
	case *event.TicketAcceptedEvent:
		t := d.ticket()
		t.State, t.ReadyBy, t.AcceptTime = order.TicketAccepted, moment(p.ReadyBy), &at
	case *event.TicketPreparationStartedEvent:
		t := d.ticket()
		t.State, t.PreparingTime = order.TicketPreparing, &at
	case *event.TicketPreparationCompletedEvent:
		t := d.ticket()
		t.State, t.ReadyForPickupTime = order.TicketReadyForPickup, &at
	case *event.TicketPickedUpEvent:
		t := d.ticket()
		t.State, t.PickedUpTime = order.TicketPickedUp, &at
	case *event.TicketCancelled:
		d.ticket().State = order.TicketCancelled
	case *event.TicketRevised:
		d.ticket()

	case *event.DeliveryCreated:
		d.delivery().State = order.DeliveryPending
	case *event.DeliveryScheduled:
		v := d.delivery()
		v.State, v.CourierID = order.DeliveryScheduled, string(p.AssignedCourier)
		v.EstimatedDeliveryTime = moment(p.EstimatedDeliveryTime)
	case *event.DeliveryLocationUpdated:
		d.delivery().Location = &order.Location{Latitude: p.Latitude, Longitude: p.Longitude}
	case *event.DeliveryPickedUp:
		d.delivery().State = order.DeliveryPickedUp
	case *event.DeliveryDelivered:
		d.delivery().State = order.DeliveryDelivered
	case *event.DeliveryCancelled:
		d.delivery().State = order.DeliveryCancelled

	case *event.AccountAuthorizedEvent:
		d.Bill = bill(order.BillAuthorized, p.Amount)
	case *event.AccountAuthorizationFailed:
		d.Bill = bill(order.BillAuthorizationFailed, p.Amount)
	case *event.AuthorizationReversed:
		d.Bill = bill(order.BillReversed, p.Amount)
	case *event.AuthorizationRevised:
		d.Bill = bill(order.BillRevised, p.Amount)
	}
}

// ticket returns the ticket part's state, begun if need be: a part may begin with any of its events.
func (d *orderDocument) ticket() *order.Ticket {
	if d.Ticket == nil {
		d.Ticket = &order.Ticket{State: order.TicketAwaitingAcceptance}
	}
	return d.Ticket
}

// delivery returns the delivery part's state, begun if need be.
func (d *orderDocument) delivery() *order.Delivery {
	if d.Delivery == nil {
		d.Delivery = &order.Delivery{State: order.DeliveryPending}
	}
	return d.Delivery
}

func bill(state order.BillState, amount wire.Money) *order.Bill {
	return &order.Bill{State: state, Amount: order.NewMoney(amount)}
}

// created returns the order part that an order begins with.
func created(at time.Time, p *event.OrderCreatedEvent) order.Details {
	return order.Details{
		State:           order.ApprovalPending,
		CreatedAt:       at,
		DeliveryTime:    moment(p.DeliveryTime),
		Total:           order.NewMoney(p.OrderDetails.OrderTotal),
		Consumer:        &order.Consumer{ConsumerID: string(p.OrderDetails.ConsumerID), Name: p.ConsumerName},
		Restaurant:      &order.Restaurant{RestaurantID: string(p.OrderDetails.RestaurantID), Name: p.RestaurantName},
		LineItems:       order.NewLineItems(p.OrderDetails.LineItems),
		DeliveryAddress: order.NewAddress(p.DeliveryAddress),
	}
}

// revise makes the revision. Where the event does not carry the new lines, as the original services' does not, they
// follow from the old ones and the revised quantities, of which 0 takes a line off.
func (d *orderDocument) revise(r *event.Revision) {
	if r.NewOrderTotal != nil {
		d.Total = order.NewMoney(*r.NewOrderTotal)
	}
	if info := r.OrderRevision.DeliveryInformation; info != nil {
		if info.DeliveryTime != nil {
			d.DeliveryTime = moment(info.DeliveryTime)
		}
		if info.DeliveryAddress != nil {
			d.DeliveryAddress = order.NewAddress(info.DeliveryAddress)
		}
	}
	if r.LineItems != nil {
		d.LineItems = order.NewLineItems(r.LineItems)
		return
	}
	quantities := map[string]int{}
	for _, revised := range r.OrderRevision.RevisedOrderLineItems {
		quantities[string(revised.MenuItemID)] = revised.Quantity
	}
	lines := d.LineItems
	d.LineItems = nil
	for _, line := range lines {
		quantity, revised := quantities[line.MenuItemID]
		if revised && quantity == 0 {
			continue
		}
		if revised {
			price, err := wire.ParseMoney(line.Price.Amount)
			if err != nil { // it was written from a Money
				panic(fmt.Sprintf("projection: order %s: %v", d.OrderID, err))
			}
			line.Quantity, line.Total = quantity, *order.NewMoney(price.Times(quantity))
		}
		d.LineItems = append(d.LineItems, line)
	}
}

func moment(t *wire.Time) *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}
