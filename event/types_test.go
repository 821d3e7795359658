package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/wire"
)

// orderCreated is a body as the original Order Service sends it.
const orderCreated = `{"orderDetails":{"lineItems":[{"quantity":5,"menuItemId":"1","name":"Chicken Vindaloo",` +
	`"price":"12.34","total":"61.70"}],"orderTotal":"61.70","restaurantId":1,"consumerId":1511300065921},` +
	`"deliveryAddress":{"street1":"9 Amazing View","city":"Oakland","state":"CA","zip":"94612"},"restaurantName":"Ajanta"}`

const revision = `{"orderRevision":{"deliveryInformation":{"deliveryTime":"2026-03-01T12:00:00","deliveryAddress":null},` +
	`"revisedOrderLineItems":[{"quantity":10,"menuItemId":"1"}]},"currentOrderTotal":"61.70","newOrderTotal":"123.40"}`

const authorization = `{"orderId":1,"consumerId":120,"amount":"11.56"}`

// bodies has a body of every type of event.
var bodies = []struct {
	aggregate Aggregate
	typ, body string
}{
	{Order, "OrderCreatedEvent", orderCreated},
	{Order, "OrderAuthorized", `{}`},
	{Order, "OrderRejected", `{"reason":"no such dish"}`},
	{Order, "OrderCancelRequested", `{}`},
	{Order, "OrderCancelUndone", `{}`},
	{Order, "OrderCancelled", `{}`},
	{Order, "OrderRevisionProposed", revision},
	{Order, "OrderRevised", revision},
	{Order, "OrderRevisionRejected", `{}`},
	{Ticket, "TicketCreatedEvent",
		`{"restaurantId":1,"lineItems":[{"quantity":5,"menuItemId":"1","name":"Chicken Vindaloo"}]}`},
	{Ticket, "TicketAcceptedEvent", `{"readyBy":"2026-03-01T11:32:00"}`},
	{Ticket, "TicketPreparationStartedEvent", `{}`},
	{Ticket, "TicketPreparationCompletedEvent", `{}`},
	{Ticket, "TicketPickedUpEvent", `{}`},
	{Ticket, "TicketCancelled", `{}`},
	{Ticket, "TicketRevised", `{"lineItems":null}`},
	{Delivery, "DeliveryCreated", `{"orderId":1,"pickupAddress":{"city":"Oakland"},"deliveryAddress":null}`},
	{Delivery, "DeliveryScheduled", `{"orderId":1,"assignedCourier":2,"readyBy":"2026-03-01T11:32:00",` +
		`"estimatedDeliveryTime":"2026-03-01T11:57"}`},
	{Delivery, "DeliveryLocationUpdated", `{"orderId":1,"latitude":37.8,"longitude":-122.27}`},
	{Delivery, "DeliveryPickedUp", `{"orderId":"1"}`},
	{Delivery, "DeliveryDelivered", `{"orderId":1}`},
	{Delivery, "DeliveryCancelled", `{"orderId":1}`},
	{Account, "AccountAuthorizedEvent", authorization},
	{Account, "AccountAuthorizationFailed", authorization},
	{Account, "AuthorizationReversed", authorization},
	{Account, "AuthorizationRevised", authorization},
	{Restaurant, "RestaurantCreated", `{"name":"Ajanta","address":{"city":"Oakland"},"menu":{"menuItems":[` +
		`{"id":"1","name":"Chicken Vindaloo","price":"12.34"}]},"location":{"latitude":37.8,"longitude":-122.27},` +
		`"cuisines":["indian"],"openingHours":[{"day":"MONDAY","opens":"09:30","closes":"24:00"}]}`},
	{Restaurant, "RestaurantMenuRevised", `{"menu":{"menuItems":[{"id":1,"name":"Chicken Vindaloo","price":12.5}]}}`},
	{Consumer, "ConsumerCreated", `{"name":{"firstName":"Ada","lastName":"Example"}}`},
}

func TestEveryTypeHasABody(t *testing.T) {
	have := map[string]bool{}
	for _, s := range bodies {
		have[s.typ] = true
		got := fmt.Sprintf("%T", ParsePayload(s.aggregate, s.typ, json.RawMessage(s.body)))
		if want := "*event." + s.typ; got != want {
			t.Errorf("got a %s, want a %s", got, want)
		}
	}
	for a, f := range families {
		for typ := range f.types {
			if !have[typ] {
				t.Errorf("no body for %s of %s", typ, a)
			}
		}
	}
}

func TestParsePayload(t *testing.T) {
	at := func(s string) *wire.Time {
		v, err := wire.ParseTime(s)
		if err != nil {
			t.Fatal(err)
		}
		return &v
	}
	money := func(s string) wire.Money {
		m, err := wire.ParseMoney(s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	tests := []struct {
		aggregate Aggregate
		body      string
		want      any
	}{
		{Order, orderCreated, &OrderCreatedEvent{
			OrderDetails: OrderDetails{
				LineItems: []wire.LineItem{{
					MenuItemID: "1", Name: "Chicken Vindaloo", Quantity: 5, Price: money("12.34"), Total: money("61.70"),
				}},
				OrderTotal: money("61.70"), RestaurantID: "1", ConsumerID: "1511300065921",
			},
			DeliveryAddress: &wire.Address{Street1: "9 Amazing View", City: "Oakland", State: "CA", Zip: "94612"},
			RestaurantName:  "Ajanta",
		}},
		{Order, `{"orderDetails":{"orderTotal":"0.00","restaurantId":"r","consumerId":7},"consumerName":"Ada Example",` +
			`"deliveryTime":"2026-03-01T12:30:00+01:00","deliveryAddress":null,"lineItems":"not ours"}`, &OrderCreatedEvent{
			OrderDetails: OrderDetails{OrderTotal: money("0"), RestaurantID: "r", ConsumerID: "7"},
			DeliveryTime: at("2026-03-01T11:30:00Z"), ConsumerName: "Ada Example",
		}},
		{Order, `{"reason":"closed","reason":"no such dish"}`, &OrderRejected{"no such dish"}},
		{Delivery, `{"orderId":1,"assignedCourier":2,"readyBy":null,"estimatedDeliveryTime":"2026-03-01T11:57"}`,
			&DeliveryScheduled{OrderID: "1", AssignedCourier: "2", EstimatedDeliveryTime: at("2026-03-01T11:57:00Z")}},
		{Delivery, `{"orderId":1,"latitude":0,"longitude":-180}`,
			&DeliveryLocationUpdated{"1", wire.Location{Latitude: 0, Longitude: -180}}},
		{Account, authorization, &AccountAuthorizedEvent{Authorization{"1", "120", money("11.56")}}},
		{Restaurant, `{"name":"Ajanta","location":{"latitude":1.5,"longitude":2}}`,
			&RestaurantCreated{Name: "Ajanta", Location: &wire.Location{Latitude: 1.5, Longitude: 2}}},
	}
	for _, test := range tests {
		typ := reflect.TypeOf(test.want).Elem().Name()
		t.Run(typ, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ParsePayload(test.aggregate, typ, json.RawMessage(test.body))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// orderWith returns the body of an order with one line, one of its fields changed.
func orderWith(field, value string) string {
	fields := map[string]string{
		"consumerId": `1`, "restaurantId": `1`, "orderTotal": `"1.00"`, "menuItemId": `"1"`, "quantity": `1`,
		"price": `"1.00"`, "total": `"1.00"`, "name": `"Rice"`, "restaurantName": `"Ajanta"`, "address": `{}`,
	}
	fields[field] = value
	lines := fmt.Sprintf(`[{"menuItemId":%s,"quantity":%s,"price":%s,"total":%s,"name":%s}]`,
		fields["menuItemId"], fields["quantity"], fields["price"], fields["total"], fields["name"])
	if field == "lineItems" {
		lines = value
	}
	return fmt.Sprintf(`{"orderDetails":{"lineItems":%s,"orderTotal":%s,"restaurantId":%s,"consumerId":%s},`+
		`"deliveryAddress":%s,"restaurantName":%s}`,
		lines, fields["orderTotal"], fields["restaurantId"], fields["consumerId"], fields["address"], fields["restaurantName"])
}

func TestBodyRules(t *testing.T) {
	line := `{"menuItemId":"1","quantity":1,"price":"1.00","total":"1.00","name":"Rice"}`
	long := `"` + strings.Repeat("x", MaxText+1) + `"`
	tests := []struct {
		name      string
		aggregate Aggregate
		typ, body string
		fits      bool
	}{
		{"plain order", Order, "OrderCreatedEvent", orderWith("", ""), true},
		{"no lines", Order, "OrderCreatedEvent", orderWith("lineItems", `[]`), true},
		{"the most lines", Order, "OrderCreatedEvent",
			orderWith("lineItems", "["+strings.Repeat(line+",", MaxItems-1)+line+"]"), true},
		{"a line too many", Order, "OrderCreatedEvent",
			orderWith("lineItems", "["+strings.Repeat(line+",", MaxItems)+line+"]"), false},
		{"the longest text", Order, "OrderCreatedEvent", orderWith("name", `"`+strings.Repeat("x", MaxText)+`"`), true},
		{"long name", Order, "OrderCreatedEvent", orderWith("name", long), false},
		{"long restaurant", Order, "OrderCreatedEvent", orderWith("restaurantName", long), false},
		{"long street", Order, "OrderCreatedEvent", orderWith("address", `{"street1":`+long+`}`), false},
		{"no body at all", Order, "OrderCreatedEvent", `{}`, false},
		{"no consumer", Order, "OrderCreatedEvent",
			`{"orderDetails":{"orderTotal":"1.00","restaurantId":1}}`, false},
		{"no restaurant", Order, "OrderCreatedEvent",
			`{"orderDetails":{"orderTotal":"1.00","consumerId":1}}`, false},
		{"no total", Order, "OrderCreatedEvent", `{"orderDetails":{"restaurantId":1,"consumerId":1}}`, false},
		{"null total", Order, "OrderCreatedEvent", orderWith("orderTotal", `null`), false},
		{"total of 0", Order, "OrderCreatedEvent", orderWith("orderTotal", `0`), true},
		{"exponent", Order, "OrderCreatedEvent", orderWith("orderTotal", `1e999999999`), false},
		{"exponent in a string", Order, "OrderCreatedEvent", orderWith("price", `"1e999999999"`), false},
		{"empty consumer", Order, "OrderCreatedEvent", orderWith("consumerId", `""`), false},
		{"control character", Order, "OrderCreatedEvent", orderWith("consumerId", `"\u0000"`), false},
		{"quantity of 0", Order, "OrderCreatedEvent", orderWith("quantity", `0`), false},
		{"negative quantity", Order, "OrderCreatedEvent", orderWith("quantity", `-1`), false},
		{"the largest quantity", Order, "OrderCreatedEvent", orderWith("quantity", `1000000`), true},
		{"too large a quantity", Order, "OrderCreatedEvent", orderWith("quantity", `1000001`), false},
		{"overflowing quantity", Order, "OrderCreatedEvent", orderWith("quantity", `18446744073709551617`), false},
		{"broken quantity", Order, "OrderCreatedEvent", orderWith("quantity", `1.5`), false},
		{"quantity in words", Order, "OrderCreatedEvent", orderWith("quantity", `"one"`), false},
		{"quantity of many digits", Order, "OrderCreatedEvent", orderWith("quantity", strings.Repeat("9", 1000)), false},
		{"line without a price", Order, "OrderCreatedEvent", orderWith("lineItems", `[{"menuItemId":"1","quantity":1}]`), false},
		{"line without an item", Order, "OrderCreatedEvent", orderWith("lineItems", `[{"quantity":1,"price":1,"total":1}]`), false},
		{"bad delivery time", Order, "OrderCreatedEvent", `{"deliveryTime":"soon",` + orderWith("", "")[1:], false},
		{"long reason", Order, "OrderRejected", `{"reason":` + long + `}`, false},
		{"item taken off", Order, "OrderRevisionProposed",
			`{"orderRevision":{"revisedOrderLineItems":[{"menuItemId":"1","quantity":0}]}}`, true},
		{"negative revision", Order, "OrderRevised",
			`{"orderRevision":{"revisedOrderLineItems":[{"menuItemId":"1","quantity":-1}]}}`, false},
		{"revised line without a price", Order, "OrderRevised", `{"lineItems":[{"menuItemId":"1","quantity":1}]}`, false},
		{"long address revised", Order, "OrderRevised",
			`{"orderRevision":{"deliveryInformation":{"deliveryAddress":{"zip":` + long + `}}}}`, false},
		{"empty ticket", Ticket, "TicketCreatedEvent", `{}`, true},
		{"ticket of 0", Ticket, "TicketCreatedEvent", `{"lineItems":[{"menuItemId":"1","quantity":0}]}`, false},
		{"revised ticket of 0", Ticket, "TicketRevised", `{"lineItems":[{"menuItemId":"1","quantity":0}]}`, false},
		{"bad readyBy", Ticket, "TicketAcceptedEvent", `{"readyBy":1772364720}`, false},
		{"delivery without order", Delivery, "DeliveryPickedUp", `{}`, false},
		{"delivered without order", Delivery, "DeliveryDelivered", `{}`, false},
		{"cancelled without order", Delivery, "DeliveryCancelled", `{}`, false},
		{"created without order", Delivery, "DeliveryCreated", `{}`, false},
		{"scheduled without order", Delivery, "DeliveryScheduled", `{}`, false},
		{"courier with a control character", Delivery, "DeliveryScheduled",
			`{"orderId":1,"assignedCourier":"\u0007"}`, false},
		{"location without order", Delivery, "DeliveryLocationUpdated", `{"latitude":1,"longitude":1}`, false},
		{"location without latitude", Delivery, "DeliveryLocationUpdated", `{"orderId":1,"longitude":1}`, false},
		{"location without longitude", Delivery, "DeliveryLocationUpdated", `{"orderId":1,"latitude":1}`, false},
		{"null latitude", Delivery, "DeliveryLocationUpdated", `{"orderId":1,"latitude":null,"longitude":1}`, false},
		{"north pole", Delivery, "DeliveryLocationUpdated", `{"orderId":1,"latitude":90,"longitude":180}`, true},
		{"too far north", Delivery, "DeliveryLocationUpdated", `{"orderId":1,"latitude":90.01,"longitude":1}`, false},
		{"too far south", Delivery, "DeliveryLocationUpdated", `{"orderId":1,"latitude":-91,"longitude":1}`, false},
		{"too far east", Delivery, "DeliveryLocationUpdated", `{"orderId":1,"latitude":1,"longitude":181}`, false},
		{"too far west", Delivery, "DeliveryLocationUpdated", `{"orderId":1,"latitude":1,"longitude":-180.5}`, false},
		{"infinitely far", Delivery, "DeliveryLocationUpdated", `{"orderId":1,"latitude":1,"longitude":1e999}`, false},
		{"bill without order", Account, "AccountAuthorizedEvent", `{"amount":"1.00"}`, false},
		{"bill without amount", Account, "AuthorizationReversed", `{"orderId":1}`, false},
		{"restaurant without longitude", Restaurant, "RestaurantCreated", `{"location":{"latitude":1}}`, false},
		{"restaurant on the moon", Restaurant, "RestaurantCreated", `{"location":{"latitude":1,"longitude":999}}`, false},
		{"restaurant without location", Restaurant, "RestaurantCreated", `{"location":null}`, true},
		{"no such day", Restaurant, "RestaurantCreated",
			`{"openingHours":[{"day":"FUNDAY","opens":"09:00","closes":"10:00"}]}`, false},
		{"no such hour", Restaurant, "RestaurantCreated",
			`{"openingHours":[{"day":"MONDAY","opens":"9:00","closes":"10:00"}]}`, false},
		{"opens at 24:00", Restaurant, "RestaurantCreated",
			`{"openingHours":[{"day":"MONDAY","opens":"24:00","closes":"24:00"}]}`, false},
		{"over midnight", Restaurant, "RestaurantCreated",
			`{"openingHours":[{"day":"MONDAY","opens":"18:00","closes":"02:00"}]}`, true},
		{"time zone", Restaurant, "RestaurantCreated", `{"timeZone":"America/Los_Angeles"}`, true},
		{"no time zone", Restaurant, "RestaurantCreated", `{"timeZone":""}`, true},
		{"no such time zone", Restaurant, "RestaurantCreated", `{"timeZone":"Mars/Olympus_Mons"}`, false},
		{"the machine's time zone", Restaurant, "RestaurantCreated", `{"timeZone":"Local"}`, false},
		{"time zone in a file", Restaurant, "RestaurantCreated", `{"timeZone":"../../etc/passwd"}`, false},
		{"long cuisine", Restaurant, "RestaurantCreated", `{"cuisines":[` + long + `]}`, false},
		{"dish without price", Restaurant, "RestaurantMenuRevised", `{"menu":{"menuItems":[{"id":1,"name":"Rice"}]}}`, false},
		{"dish without id", Restaurant, "RestaurantMenuRevised", `{"menu":{"menuItems":[{"price":1,"name":"Rice"}]}}`, false},
		{"nameless consumer", Consumer, "ConsumerCreated", `{}`, true},
		{"long name", Consumer, "ConsumerCreated", `{"name":{"lastName":` + long + `}}`, false},
	}
	d := newDecoder(t, Auto)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := ParsePayload(test.aggregate, test.typ, json.RawMessage(test.body)); (got != nil) != test.fits {
				t.Errorf("got the payload %v", got)
			}
			envelopes, err := d.Decode(writeBinary(t, sampleEnvelope(test.aggregate, test.typ, test.body)))
			if test.fits {
				if err != nil || len(envelopes) != 1 || envelopes[0].Payload == nil {
					t.Fatalf("got %v and %v, want an event", envelopes, err)
				}
				return
			}
			wantError(t, err, ReasonBody)
		})
	}
}

// A body that waited in a document comes back from the store compacted and escaped, and must mean the same.
func TestParsePayloadAfterStore(t *testing.T) {
	for _, s := range bodies {
		spaced := json.RawMessage(strings.ReplaceAll(s.body, ":", " :\n"))
		if strings.Contains(s.body, "T1") || strings.Contains(s.body, "09:") { // its times have colons too
			spaced = json.RawMessage(" " + s.body + "\n")
		}
		stored := encodeJSON(t, spaced)
		want := ParsePayload(s.aggregate, s.typ, spaced)
		if diff := cmp.Diff(want, ParsePayload(s.aggregate, s.typ, stored)); diff != "" || want == nil {
			t.Errorf("%s (-want +got):\n%s", s.typ, diff)
		}
	}
	full := json.RawMessage(`{"x":"` + strings.Repeat("<", MaxBody-8) + `"}`)
	mustDecode(t, newDecoder(t, Auto), writeBinary(t, sampleEnvelope(Order, "OrderAuthorized", string(full))))
	if stored := encodeJSON(t, full); len(stored) <= MaxBody || ParsePayload(Order, "OrderAuthorized", stored) == nil {
		t.Errorf("a body of %d bytes does not come back from the store, where it has %d", len(full), len(stored))
	}
}

func TestNames(t *testing.T) {
	tests := []struct{ got, want string }{
		{TypeName(Order, "OrderCreatedEvent"), "net.chrisrichardson.ftgo.orderservice.api.events.OrderCreatedEvent"},
		{TypeName(Order, "OrderRevised"), "net.chrisrichardson.ftgo.orderservice.domain.OrderRevised"},
		{TypeName(Ticket, "TicketCancelled"), "net.chrisrichardson.ftgo.kitchenservice.api.events.TicketCancelled"},
		{TypeName(Ticket, "TicketPickedUpEvent"), "net.chrisrichardson.ftgo.kitchenservice.domain.TicketPickedUpEvent"},
		{TypeName(Account, "Unheard"), "net.chrisrichardson.ftgo.accountingservice.domain.Unheard"},
		{TopicOf(Order), "net.chrisrichardson.ftgo.orderservice.domain.Order"},
		{TopicOf(Delivery), "net.chrisrichardson.ftgo.deliveryservice.domain.Delivery"},
		{shortName("a.b.Outer$Inner"), "Inner"},
		{shortName("Plain"), "Plain"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
	var aggregates []Aggregate
	for _, s := range DefaultSources() {
		aggregates = append(aggregates, s.Aggregate)
		if s.Topic != TopicOf(s.Aggregate) || s.Format != Auto {
			t.Errorf("got %+v", s)
		}
	}
	want := []Aggregate{Account, Consumer, Delivery, Order, Restaurant, Ticket}
	if diff := cmp.Diff(want, aggregates); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
