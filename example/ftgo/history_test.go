package ftgo

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// TestAnswersEqualEvents drives orders through random histories and compares what their owners answer with what anybody
// can fold from the published events: composition and projection must come to the same document.
func TestAnswersEqualEvents(t *testing.T) {
	b := startBroker(t)
	log := follow(t, b)
	r := serve(t, t.TempDir(), Options{Brokers: []string{b.Addr()}})
	steps := []string{
		"accept", "preparing", "ready", "pickup", "location", "taken", "delivered", "cancel", "revise", "feast",
	}
	rapid.Check(t, func(t *rapid.T) {
		consumer := rapid.SampledFrom([]wire.ID{"1", "2", "25"}).Draw(t, "consumer")
		history := rapid.SliceOfN(rapid.SampledFrom(steps), 0, 12).Draw(t, "history")
		if rapid.Bool().Draw(t, "to the end") {
			history = append(history, steps[:7]...)
		}
		id := r.place(t, consumer)
		for _, step := range history {
			if step != "accept" { // the kitchen can be faster than the order's saga
				r.settled(t, id)
			}
			r.act(t, id, step)
		}
		r.settled(t, id)
		if ticket := find[ticketAnswer](t, r, KitchenService, "/tickets", id); ticket != nil && ticket.AcceptTime != nil {
			eventually(t, "delivery scheduled or cancelled", func() bool {
				return find[deliveryAnswer](t, r, DeliveryService, "/deliveries", id).DeliveryInfo.State != deliveryPending
			})
		}

		order := find[orderAnswer](t, r, OrderService, "/orders", id)
		compare(t, order, foldOrder(t, log.reaches(t, event.Order, id, int(order.Version))))
		if ticket := find[ticketAnswer](t, r, KitchenService, "/tickets", id); ticket != nil {
			compare(t, ticket, foldTicket(t, log.reaches(t, event.Ticket, id, int(ticket.Version))))
		} else if n := len(log.of(event.Ticket, id)); n > 0 {
			t.Errorf("a ticket that is not there has %d events", n)
		}
		if delivery := find[deliveryAnswer](t, r, DeliveryService, "/deliveries", id); delivery != nil {
			compare(t, delivery, foldDelivery(t, log.reaches(t, event.Delivery, id, int(delivery.Version))))
		} else if n := len(log.of(event.Delivery, id)); n > 0 {
			t.Errorf("a delivery that is not there has %d events", n)
		}
		bill := find[billAnswer](t, r, AccountingService, "/bills", id)
		compare(t, bill, foldBill(t, log.reaches(t, event.Account, id, int(bill.Version))))
	})
}

// find returns an aggregate's answer, or nil where there is none.
func find[T any](t rapid.TB, r *running, s Service, path string, id wire.ID) *T {
	t.Helper()
	if found := get[[]T](t, r, s, path+"?id="+string(id)); len(found) == 1 {
		return &found[0]
	}
	return nil
}

func compare[T any](t rapid.TB, answer, folded *T) {
	t.Helper()
	money := cmp.Comparer(func(a, b wire.Money) bool { return a.String() == b.String() })
	if diff := cmp.Diff(folded, answer, money, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("answer differs from its events (-events +answer):\n%s", diff)
	}
}

// version checks that the events' versions count from 1 and returns the last.
func version(t rapid.TB, events []event.Envelope) uint64 {
	t.Helper()
	for i, e := range events {
		if e.Version != uint64(i+1) {
			t.Fatalf("event %d of %s %s has version %d", i+1, e.Aggregate, e.AggregateID, e.Version)
		}
	}
	return uint64(len(events))
}

func foldOrder(t rapid.TB, events []event.Envelope) *orderAnswer {
	o := &orderAnswer{Version: version(t, events)}
	for _, e := range events {
		switch p := e.Payload.(type) {
		case *event.OrderCreatedEvent:
			o.OrderID, o.CreatedAt = wire.ID(e.AggregateID), wire.At(e.Time)
			o.OrderTotal, o.LineItems = p.OrderDetails.OrderTotal, p.OrderDetails.LineItems
			o.ConsumerID, o.ConsumerName = p.OrderDetails.ConsumerID, p.ConsumerName
			o.RestaurantID, o.RestaurantName = p.OrderDetails.RestaurantID, p.RestaurantName
			o.DeliveryAddress, o.DeliveryTime = p.DeliveryAddress, p.DeliveryTime
		case *event.OrderRevised:
			o.OrderTotal, o.LineItems = *p.NewOrderTotal, p.LineItems
		}
		o.State = map[string]string{
			"OrderCreatedEvent": orderApprovalPending, "OrderAuthorized": orderApproved, "OrderRejected": orderRejected,
			"OrderCancelRequested": orderCancelPending, "OrderCancelUndone": orderApproved,
			"OrderCancelled": orderCancelled, "OrderRevisionProposed": orderRevisionPending,
			"OrderRevised": orderApproved, "OrderRevisionRejected": orderApproved,
		}[e.Type]
	}
	return o
}

func foldTicket(t rapid.TB, events []event.Envelope) *ticketAnswer {
	a := &ticketAnswer{Version: version(t, events)}
	for _, e := range events {
		a.TicketID = wire.ID(e.AggregateID)
		at := wire.At(e.Time)
		switch p := e.Payload.(type) {
		case *event.TicketCreatedEvent:
			a.State = ticketAwaitingAcceptance
		case *event.TicketAcceptedEvent:
			a.State, a.AcceptTime, a.ReadyBy = ticketAccepted, &at, p.ReadyBy
		case *event.TicketPreparationStartedEvent:
			a.State, a.PreparingTime = ticketPreparing, &at
		case *event.TicketPreparationCompletedEvent:
			a.State, a.ReadyForPickupTime = ticketReadyForPickup, &at
		case *event.TicketPickedUpEvent:
			a.State, a.PickedUpTime = ticketPickedUp, &at
		case *event.TicketCancelled:
			a.State = ticketCancelled
		}
	}
	return a
}

func foldDelivery(t rapid.TB, events []event.Envelope) *deliveryAnswer {
	a := &deliveryAnswer{Version: version(t, events)}
	for _, e := range events {
		a.DeliveryInfo.ID = wire.ID(e.AggregateID)
		switch p := e.Payload.(type) {
		case *event.DeliveryCreated:
			a.DeliveryInfo.State = deliveryPending
		case *event.DeliveryScheduled:
			a.DeliveryInfo.State, a.AssignedCourier = deliveryScheduled, &p.AssignedCourier
			a.EstimatedDeliveryTime = p.EstimatedDeliveryTime
			a.CourierActions = []courierAction{{"PICKUP"}, {"DROPOFF"}}
		case *event.DeliveryLocationUpdated:
			a.Location = &p.Location
		case *event.DeliveryPickedUp:
			a.DeliveryInfo.State, a.CourierActions = deliveryPickedUp, []courierAction{{"DROPOFF"}}
		case *event.DeliveryDelivered:
			a.DeliveryInfo.State, a.CourierActions = deliveryDelivered, nil
		case *event.DeliveryCancelled:
			a.DeliveryInfo.State, a.CourierActions = deliveryCancelled, nil
		}
	}
	return a
}

func foldBill(t rapid.TB, events []event.Envelope) *billAnswer {
	a := &billAnswer{Version: version(t, events)}
	set := func(state string, p event.Authorization) { a.OrderID, a.State, a.Amount = p.OrderID, state, p.Amount }
	for _, e := range events {
		switch p := e.Payload.(type) {
		case *event.AccountAuthorizedEvent:
			set(billAuthorized, p.Authorization)
		case *event.AccountAuthorizationFailed:
			set(billFailed, p.Authorization)
		case *event.AuthorizationReversed:
			set(billReversed, p.Authorization)
		case *event.AuthorizationRevised:
			set(billRevised, p.Authorization)
		}
	}
	return a
}
