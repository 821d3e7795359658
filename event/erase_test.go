package event_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/event"
)

func TestErase(t *testing.T) {
	for _, tt := range []struct {
		name      string
		aggregate event.Aggregate
		typ       string
		data      string
		want      any // the typed payload of what is left
	}{
		{"an order", event.Order, "OrderCreatedEvent",
			`{"orderDetails": {"lineItems": [{"menuItemId": "1", "name": "Naan", "quantity": 2, "price": "1.00", "total": "2.00"}],
				"orderTotal": "2.00", "restaurantId": "5", "consumerId": 3}, "deliveryAddress": {"street1": "1 Main Street", "city": "Oakland"},
				"deliveryTime": "2026-03-01T12:00:00Z", "restaurantName": "Ajanta", "consumerName": "A B", "note": "ring twice"}`,
			event.ParsePayload(event.Order, "OrderCreatedEvent", []byte(
				`{"orderDetails": {"lineItems": [{"menuItemId": "1", "name": "Naan", "quantity": 2, "price": "1.00", "total": "2.00"}],
				"orderTotal": "2.00", "restaurantId": "5", "consumerId": "gone"},
				"deliveryTime": "2026-03-01T12:00:00Z", "restaurantName": "Ajanta"}`))},
		{"a revision", event.Order, "OrderRevised",
			`{"orderRevision": {"deliveryInformation": {"deliveryTime": "2026-03-01T12:00:00Z", "deliveryAddress": {"street1": "1 Main Street",
				"city": "Oakland"}}, "revisedOrderLineItems": [{"menuItemId": "1", "quantity": 3}]}, "newOrderTotal": "3.00"}`,
			event.ParsePayload(event.Order, "OrderRevised", []byte(
				`{"orderRevision": {"deliveryInformation": {"deliveryTime": "2026-03-01T12:00:00Z"},
				"revisedOrderLineItems": [{"menuItemId": "1", "quantity": 3}]}, "newOrderTotal": "3.00"}`))},
		{"a bill", event.Account, "AccountAuthorizedEvent", `{"orderId": 7, "consumerId": 3, "amount": "2.00"}`,
			event.ParsePayload(event.Account, "AccountAuthorizedEvent", []byte(`{"orderId": 7, "consumerId": "gone", "amount": "2.00"}`))},
		{"a place", event.Delivery, "DeliveryLocationUpdated", `{"orderId": 7, "latitude": 37.8, "longitude": -122.3}`,
			&event.DeliveryLocationUpdated{OrderID: "7"}},
		{"a free text", event.Order, "OrderRejected", `{"reason": "A B was rude"}`, &event.OrderRejected{}},
		{"nothing personal", event.Ticket, "TicketAcceptedEvent", `{"readyBy": "2026-03-01T12:00:00Z"}`,
			event.ParsePayload(event.Ticket, "TicketAcceptedEvent", []byte(`{"readyBy": "2026-03-01T12:00:00Z"}`))},
		{"an unknown type", event.Order, "OrderPraised", `{"by": "A B"}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			erased := event.Erase(tt.aggregate, tt.typ, []byte(tt.data), "gone")
			if diff := cmp.Diff(tt.want, event.ParsePayload(tt.aggregate, tt.typ, erased)); diff != "" {
				t.Errorf("what is left folds as (-want +got):\n%s", diff)
			}
			if again := event.Erase(tt.aggregate, tt.typ, erased, "gone"); string(again) != string(erased) {
				t.Errorf("erased twice %s, once %s", again, erased)
			}
		})
	}
}
