package projection_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/wire"
)

// naive is the oracle: the events in their right order, one at a time, each written out plainly. It shares no code with
// the projection's folding.
func naive(log []event.Envelope) *order.Order {
	o := order.New("7")
	log = slices.Clone(log)
	slices.SortStableFunc(log, func(a, b event.Envelope) int { return int(a.Version) - int(b.Version) })
	states := map[string]string{
		"OrderAuthorized": "APPROVED", "OrderRejected": "REJECTED", "OrderCancelRequested": "CANCEL_PENDING",
		"OrderCancelUndone": "APPROVED", "OrderCancelled": "CANCELLED", "OrderRevisionProposed": "REVISION_PENDING",
		"OrderRevised": "APPROVED", "OrderRevisionRejected": "APPROVED", "OrderCreatedEvent": "APPROVAL_PENDING",
		"TicketCreatedEvent": "AWAITING_ACCEPTANCE", "TicketAcceptedEvent": "ACCEPTED",
		"TicketPreparationStartedEvent": "PREPARING", "TicketPreparationCompletedEvent": "READY_FOR_PICKUP",
		"TicketPickedUpEvent": "PICKED_UP", "TicketCancelled": "CANCELLED",
		"DeliveryCreated": "PENDING", "DeliveryScheduled": "SCHEDULED", "DeliveryPickedUp": "PICKED_UP",
		"DeliveryDelivered": "DELIVERED", "DeliveryCancelled": "CANCELLED",
		"AccountAuthorizedEvent": "AUTHORIZED", "AccountAuthorizationFailed": "AUTHORIZATION_FAILED",
		"AuthorizationReversed": "REVERSED", "AuthorizationRevised": "REVISED",
	}
	for _, e := range log {
		aggregate, version, at := aggregateOf[e.Aggregate], view.Version(e.Version), e.Time
		if e.Payload != nil && e.Type != "DeliveryLocationUpdated" {
			o.Timeline = append(o.Timeline, order.Entry{Type: e.Type, At: at, Aggregate: aggregate, Version: version})
		}
		state, changes := states[e.Type]
		switch e.Aggregate {
		case event.Order:
			o.Details.Version = version
			if changes {
				o.State = order.State(state)
			}
		case event.Ticket:
			if o.Ticket == nil && e.Payload != nil {
				o.Ticket = &order.Ticket{State: order.TicketAwaitingAcceptance}
			}
			if changes {
				o.Ticket.State = order.TicketState(state)
			}
		case event.Delivery:
			if o.Delivery == nil && e.Payload != nil {
				o.Delivery = &order.Delivery{State: order.DeliveryPending}
			}
			if changes {
				o.Delivery.State = order.DeliveryState(state)
			}
		case event.Account:
			if changes {
				o.Bill = &order.Bill{State: order.BillState(state)}
			}
		}
		naiveFields(o, e)
		if o.Ticket != nil && e.Aggregate == event.Ticket {
			o.Ticket.Version = version
		}
		if o.Delivery != nil && e.Aggregate == event.Delivery {
			o.Delivery.Version = version
		}
		if o.Bill != nil && e.Aggregate == event.Account {
			o.Bill.Version = version
		}
	}
	slices.SortStableFunc(o.Timeline, func(a, b order.Entry) int {
		rank := func(e order.Entry) string {
			return fmt.Sprint(e.At.UnixMilli(), slices.Index(order.Aggregates, e.Aggregate), e.Version+10)
		}
		return strings.Compare(rank(a), rank(b))
	})
	o.UpdatedAt = o.CreatedAt
	for _, e := range o.Timeline {
		if e.At.After(o.UpdatedAt) {
			o.UpdatedAt = e.At
		}
	}
	o.Status = naiveStatus(o)
	return o
}

// naiveFields sets what an event sets beside the state.
func naiveFields(o *order.Order, e event.Envelope) {
	at := e.Time
	optional := func(t *wire.Time) *time.Time {
		if t == nil {
			return nil
		}
		u := t.Time
		return &u
	}
	usd := func(m wire.Money) *order.Money { return &order.Money{Amount: m.StringFixed(2), Currency: "USD"} }
	items := func(lines []wire.LineItem) (items []order.LineItem) {
		for _, l := range lines {
			items = append(items, order.LineItem{
				MenuItemID: string(l.MenuItemID), Name: l.Name, Quantity: l.Quantity, Price: *usd(l.Price), Total: *usd(l.Total),
			})
		}
		return items
	}
	switch p := e.Payload.(type) {
	case *event.OrderCreatedEvent:
		o.CreatedAt, o.DeliveryTime, o.Total = at, optional(p.DeliveryTime), usd(p.OrderDetails.OrderTotal)
		o.Consumer = &order.Consumer{ConsumerID: "3", Name: p.ConsumerName}
		o.Restaurant = &order.Restaurant{RestaurantID: "1", Name: "Ajanta"}
		o.LineItems = items(p.OrderDetails.LineItems)
		o.DeliveryAddress = &order.Address{
			Street1: p.DeliveryAddress.Street1, City: "Oakland", State: "CA", Zip: "94612",
		}
	case *event.OrderRevised:
		o.Total = usd(*p.NewOrderTotal)
		if p.LineItems != nil {
			o.LineItems = items(p.LineItems)
			return
		}
		var lines []order.LineItem
		for _, l := range o.LineItems {
			if l.MenuItemID == "1" {
				l.Quantity = p.OrderRevision.RevisedOrderLineItems[0].Quantity
				price, _ := wire.ParseMoney(l.Price.Amount)
				l.Total = *usd(price.Times(l.Quantity))
			}
			if l.Quantity > 0 {
				lines = append(lines, l)
			}
		}
		o.LineItems = lines
	case *event.TicketAcceptedEvent:
		o.Ticket.AcceptTime, o.Ticket.ReadyBy = &at, optional(p.ReadyBy)
	case *event.TicketPreparationStartedEvent:
		o.Ticket.PreparingTime = &at
	case *event.TicketPreparationCompletedEvent:
		o.Ticket.ReadyForPickupTime = &at
	case *event.TicketPickedUpEvent:
		o.Ticket.PickedUpTime = &at
	case *event.DeliveryScheduled:
		o.Delivery.CourierID = string(p.AssignedCourier)
		o.Delivery.EstimatedDeliveryTime = optional(p.EstimatedDeliveryTime)
	case *event.DeliveryLocationUpdated:
		o.Delivery.Location = &order.Location{Latitude: p.Latitude, Longitude: p.Longitude}
	case *event.AccountAuthorizedEvent:
		o.Bill.Amount = usd(p.Amount)
	case *event.AccountAuthorizationFailed:
		o.Bill.Amount = usd(p.Amount)
	case *event.AuthorizationReversed:
		o.Bill.Amount = usd(p.Amount)
	case *event.AuthorizationRevised:
		o.Bill.Amount = usd(p.Amount)
	}
}

// naiveStatus is the table of what a customer is shown, first match first.
func naiveStatus(o *order.Order) order.Status {
	ticket, delivery, bill := "", "", ""
	if o.Ticket != nil {
		ticket = string(o.Ticket.State)
	}
	if o.Delivery != nil {
		delivery = string(o.Delivery.State)
	}
	if o.Bill != nil {
		bill = string(o.Bill.State)
	}
	for _, row := range []struct{ state, ticket, delivery, bill, want string }{
		{"CANCELLED", "*", "*", "*", "CANCELLED"},
		{"REJECTED", "*", "*", "AUTHORIZATION_FAILED", "PAYMENT_FAILED"},
		{"APPROVAL_PENDING", "*", "*", "AUTHORIZATION_FAILED", "PAYMENT_FAILED"},
		{"REJECTED", "*", "*", "*", "REJECTED"},
		{"*", "*", "DELIVERED", "*", "DELIVERED"},
		{"*", "*", "PICKED_UP", "*", "ON_THE_WAY"},
		{"CANCEL_PENDING", "*", "*", "*", "CANCELLING"},
		{"REVISION_PENDING", "*", "*", "*", "CHANGING"},
		{"*", "PICKED_UP", "*", "*", "ON_THE_WAY"},
		{"*", "READY_FOR_PICKUP", "*", "*", "READY"},
		{"*", "PREPARING", "*", "*", "PREPARING"},
		{"APPROVAL_PENDING", "*", "*", "*", "PLACED"},
		{"APPROVED", "*", "*", "*", "CONFIRMED"},
	} {
		is := func(pattern, value string) bool { return pattern == value || pattern == "*" }
		if o.State != "" && is(row.state, string(o.State)) && is(row.ticket, ticket) && is(row.delivery, delivery) && is(row.bill, bill) {
			return order.Status(row.want)
		}
	}
	return ""
}
