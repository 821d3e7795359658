package order_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// TestDecode: what is encoded is decoded alike, and what is shown of it, too.
func TestDecode(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 7, 1, 5e6, time.UTC)
	amount := order.Money{Amount: "61.70", Currency: order.Currency}
	o := &order.Order{
		OrderID: "17",
		Details: order.Details{
			Version: 3, State: "APPROVED", CreatedAt: at, DeliveryTime: &at, Total: &amount,
			Consumer: &order.Consumer{ConsumerID: "5", Name: "Añ \"n\""}, Restaurant: &order.Restaurant{RestaurantID: "1", Name: "Ajanta"},
			LineItems:       []order.LineItem{{MenuItemID: "1", Name: "Chicken Vindaloo", Quantity: 5, Price: amount, Total: amount}},
			DeliveryAddress: &order.Address{Street1: "9 Amazing View", City: "Oakland", State: "CA", Zip: "94612"},
		},
		Ticket:   &order.Ticket{Version: 2, State: "ACCEPTED", ReadyBy: &at},
		Delivery: &order.Delivery{Version: 1, State: "SCHEDULED", Location: &order.Location{Latitude: 37.8, Longitude: -122.2}},
		Bill:     &order.Bill{Version: 1, State: "AUTHORIZED", Amount: &amount},
		Timeline: []order.Entry{{Type: "OrderCreatedEvent", At: at, Aggregate: order.AggregateOrder, Version: 1}},
		Parts: map[order.Aggregate]*view.Part{order.AggregateOrder: {Version: 3, Waiting: []view.Event{
			{ID: "e", Version: 5, Type: "OrderRevised", Time: at, Data: json.RawMessage(`{"a":[1,2]}`)},
		}}},
	}
	source, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := order.Decode(source)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(o, whole); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	listed, err := order.DecodeMembers(source, order.MembersFor([]string{"lineItems", "ticket", "orderId", "unknown"}))
	if err != nil {
		t.Fatal(err)
	}
	whole.Timeline, whole.DeliveryAddress, whole.Delivery, whole.Bill = nil, nil, nil, nil
	if diff := cmp.Diff(whole, listed); diff != "" {
		t.Errorf("what is shown (-want +got):\n%s", diff)
	}
	for _, bad := range []string{`{"state":"APPROVED"}`, `{`, `[]`, `{"orderId":17}`} {
		if _, err := order.Decode([]byte(bad)); err == nil {
			t.Errorf("%s was decoded", bad)
		}
		if _, err := order.DecodeMembers([]byte(bad), order.MembersFor(nil)); err == nil {
			t.Errorf("members of %s were decoded", bad)
		}
	}
}
