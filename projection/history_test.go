package projection_test

import (
	"encoding/json"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// history draws the events of one order: of each aggregate a run of versions 1 to n, of types that food to go has and a
// few that nobody knows. Which follows which is left to chance: a projection must not depend on a producer's good sense.
func history(t *rapid.T) []event.Envelope {
	var all []event.Envelope
	begin := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return begin.Add(time.Duration(rapid.IntRange(0, 5_000).Draw(t, "ms")) * time.Millisecond)
	})
	for _, aggregate := range []event.Aggregate{event.Order, event.Ticket, event.Delivery, event.Account} {
		n := rapid.IntRange(0, 8).Draw(t, string(aggregate))
		for v := 1; v <= n; v++ {
			typ, payload := "", any(nil)
			if aggregate == event.Order && v == 1 {
				typ, payload = "OrderCreatedEvent", orderCreated(t)
			} else if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
				typ = "SomethingNew"
			} else {
				payload = rapid.SampledFrom(payloads[aggregate]).Draw(t, "payload")(t)
				typ = typeName(payload)
			}
			all = append(all, envelope(aggregate, uint64(v), typ, at.Draw(t, "at"), payload))
		}
	}
	return all
}

func typeName(payload any) string { return fmt.Sprintf("%T", payload)[len("*event."):] }

func envelope(a event.Aggregate, version uint64, typ string, at time.Time, payload any) event.Envelope {
	data := []byte(`{"unknown":true}`)
	if payload != nil {
		var err error
		if data, err = json.Marshal(payload); err != nil {
			panic(err)
		}
	}
	return event.Envelope{
		ID: fmt.Sprintf("%s-%d", a, version), Aggregate: a, AggregateID: "7", Type: typ, Version: version, Time: at,
		Data: data, Payload: payload, Topic: string(a), Offset: int64(version),
	}
}

// payloads makes each type of payload of each aggregate.
var payloads = map[event.Aggregate][]func(*rapid.T) any{
	event.Order: {
		always(&event.OrderAuthorized{}), always(&event.OrderRejected{}), always(&event.OrderCancelRequested{}),
		always(&event.OrderCancelUndone{}), always(&event.OrderCancelled{}),
		func(t *rapid.T) any { return &event.OrderRevisionProposed{Revision: revision(t)} },
		func(t *rapid.T) any { return &event.OrderRevised{Revision: revision(t)} },
		always(&event.OrderRevisionRejected{}),
	},
	event.Ticket: {
		always(&event.TicketCreatedEvent{RestaurantID: "1"}),
		func(t *rapid.T) any { return &event.TicketAcceptedEvent{ReadyBy: someTime(t)} },
		always(&event.TicketPreparationStartedEvent{}), always(&event.TicketPreparationCompletedEvent{}),
		always(&event.TicketPickedUpEvent{}), always(&event.TicketCancelled{}), always(&event.TicketRevised{}),
	},
	event.Delivery: {
		always(&event.DeliveryCreated{OrderID: "7"}),
		func(t *rapid.T) any {
			return &event.DeliveryScheduled{
				OrderID: "7", AssignedCourier: wire.ID(rapid.StringMatching(`[1-9]`).Draw(t, "courier")),
				EstimatedDeliveryTime: someTime(t),
			}
		},
		func(t *rapid.T) any {
			return &event.DeliveryLocationUpdated{OrderID: "7", Location: wire.Location{
				Latitude:  float64(rapid.IntRange(-90, 90).Draw(t, "latitude")),
				Longitude: float64(rapid.IntRange(-180, 180).Draw(t, "longitude")),
			}}
		},
		always(&event.DeliveryPickedUp{OrderID: "7"}), always(&event.DeliveryDelivered{OrderID: "7"}),
		always(&event.DeliveryCancelled{OrderID: "7"}),
	},
	event.Account: {
		func(t *rapid.T) any { return &event.AccountAuthorizedEvent{Authorization: authorization(t)} },
		func(t *rapid.T) any { return &event.AccountAuthorizationFailed{Authorization: authorization(t)} },
		func(t *rapid.T) any { return &event.AuthorizationReversed{Authorization: authorization(t)} },
		func(t *rapid.T) any { return &event.AuthorizationRevised{Authorization: authorization(t)} },
	},
}

func always(payload any) func(*rapid.T) any { return func(*rapid.T) any { return payload } }

func authorization(t *rapid.T) event.Authorization {
	return event.Authorization{OrderID: "7", ConsumerID: "3", Amount: money(t)}
}

func money(t *rapid.T) wire.Money {
	m, err := wire.ParseMoney(rapid.StringMatching(`[1-9][0-9]?\.[0-9]{2}`).Draw(t, "money"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func someTime(t *rapid.T) *wire.Time {
	if rapid.Bool().Draw(t, "no time") {
		return nil
	}
	at := wire.At(time.Date(2026, 3, 1, 12, rapid.IntRange(0, 59).Draw(t, "minute"), 0, 0, time.UTC))
	return &at
}

func lineItems(t *rapid.T) []wire.LineItem {
	lines := make([]wire.LineItem, rapid.IntRange(1, 3).Draw(t, "lines"))
	for i := range lines {
		price, quantity := money(t), rapid.IntRange(1, 5).Draw(t, "quantity")
		lines[i] = wire.LineItem{
			MenuItemID: wire.ID(fmt.Sprint(i + 1)), Name: rapid.SampledFrom([]string{"Chicken Vindaloo", "Saag Paneer", "Naan"}).Draw(t, "dish"),
			Quantity: quantity, Price: price, Total: price.Times(quantity),
		}
	}
	return lines
}

func address(t *rapid.T) *wire.Address {
	return &wire.Address{
		Street1: rapid.StringMatching(`[1-9] [A-Z][a-z]{2,5} Street`).Draw(t, "street"), City: "Oakland", State: "CA", Zip: "94612",
	}
}

func orderCreated(t *rapid.T) *event.OrderCreatedEvent {
	lines := lineItems(t)
	return &event.OrderCreatedEvent{
		OrderDetails: event.OrderDetails{
			LineItems: lines, OrderTotal: money(t), RestaurantID: "1", ConsumerID: "3",
		},
		DeliveryAddress: address(t), DeliveryTime: someTime(t), RestaurantName: "Ajanta",
		ConsumerName: rapid.SampledFrom([]string{"", "Example Consumer"}).Draw(t, "consumer"),
	}
}

func revision(t *rapid.T) event.Revision {
	total := money(t)
	r := event.Revision{NewOrderTotal: &total}
	if rapid.Bool().Draw(t, "with lines") {
		r.LineItems = lineItems(t)
	} else {
		if err := json.Unmarshal(fmt.Appendf(nil, `{"revisedOrderLineItems":[{"menuItemId":"1","quantity":%d}]}`,
			rapid.IntRange(0, 9).Draw(t, "revised")), &r.OrderRevision); err != nil {
			t.Fatal(err)
		}
	}
	return r
}
