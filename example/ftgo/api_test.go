package ftgo

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/wire"
)

func TestStatuses(t *testing.T) {
	r := serve(t, t.TempDir(), Options{})
	id := r.place(t, "1")
	r.settled(t, id)
	order := func(change func(*placeRequest)) placeRequest {
		p := placeRequest{ConsumerID: "1", RestaurantID: "1", DeliveryAddress: home, LineItems: []quantity{{"1", 1}}}
		change(&p)
		return p
	}
	for _, test := range []struct {
		name    string
		service Service
		request string // method and path
		body    any
		want    int
	}{
		{"order", OrderService, "GET /orders/1000000", nil, 200},
		{"unknown order", OrderService, "GET /orders/1000001", nil, 404},
		{"no order id", OrderService, "GET /orders/x", nil, 404},
		{"order id 0", OrderService, "GET /orders/0", nil, 404},
		{"id written otherwise", OrderService, "GET /orders/01000000", nil, 404},
		{"unknown ticket", KitchenService, "GET /tickets/1", nil, 404},
		{"unknown delivery", DeliveryService, "GET /deliveries/1", nil, 404},
		{"unknown bill", AccountingService, "GET /bills/1", nil, 404},
		{"unknown consumer", ConsumerService, "GET /consumers/61", nil, 404},
		{"unknown restaurant", RestaurantService, "GET /restaurants/13", nil, 404},
		{"unknown path", OrderService, "GET /", nil, 404},
		{"method not allowed", OrderService, "DELETE /orders/1000000", nil, 405},
		{"orders of nobody in particular", OrderService, "GET /orders", nil, 400},
		{"bad since", OrderService, "GET /orders?consumerId=1&since=yesterday", nil, 400},
		{"no ids", KitchenService, "GET /tickets", nil, 400},
		{"too many ids", KitchenService, "GET /tickets?" + strings.Repeat("id=1&", maxIDs+1), nil, 400},

		{"order placed", OrderService, "POST /orders", order(func(*placeRequest) {}), 201},
		{"no JSON", OrderService, "POST /orders", "{", 400},
		{"two objects", OrderService, "POST /orders", "{} {}", 400},
		{"body too large", OrderService, "POST /orders", `{"x":"` + strings.Repeat("y", maxBody) + `"}`, 413},
		{"consumer unknown", OrderService, "POST /orders", order(func(p *placeRequest) { p.ConsumerID = "999" }), 400},
		{"consumer missing", OrderService, "POST /orders", order(func(p *placeRequest) { p.ConsumerID = "../x" }), 400},
		{"restaurant unknown", OrderService, "POST /orders", order(func(p *placeRequest) { p.RestaurantID = "999" }), 400},
		{"dish unknown", OrderService, "POST /orders", order(func(p *placeRequest) { p.LineItems[0].MenuItemID = "99" }), 400},
		{"nothing ordered", OrderService, "POST /orders", order(func(p *placeRequest) { p.LineItems = nil }), 400},
		{"none of a dish", OrderService, "POST /orders", order(func(p *placeRequest) { p.LineItems[0].Quantity = 0 }), 400},
		{"a dish twice", OrderService, "POST /orders", order(func(p *placeRequest) {
			p.LineItems = []quantity{{"1", 1}, {"1", 1}}
		}), 400},
		{"no address", OrderService, "POST /orders", order(func(p *placeRequest) { p.DeliveryAddress = nil }), 400},
		{"an event that readers would refuse", OrderService, "POST /orders", order(func(p *placeRequest) {
			p.DeliveryAddress = &wire.Address{Street1: strings.Repeat("long ", 1000), City: "Oakland"}
		}), 400},

		{"revision of nothing", OrderService, "POST /orders/1000000/revise", reviseRequest{}, 400},
		{"revision of another dish", OrderService, "POST /orders/1000000/revise", reviseRequest{[]quantity{{"3", 1}}}, 400},
		{"nothing left", OrderService, "POST /orders/1000000/revise", reviseRequest{[]quantity{{"1", 0}, {"2", 0}}}, 400},
		{"revision of an unknown order", OrderService, "POST /orders/5/revise", reviseRequest{[]quantity{{"1", 1}}}, 404},
		{"cancellation of an unknown order", OrderService, "POST /orders/5/cancel", nil, 404},
		{"acceptance without a time", KitchenService, "POST /tickets/1000000/accept", acceptRequest{}, 400},
		{"preparation before acceptance", KitchenService, "POST /tickets/1000000/preparing", nil, 409},
		{"delivered before picked up", DeliveryService, "POST /deliveries/1000000/delivered", nil, 409},
		{"off the globe", DeliveryService, "POST /deliveries/1000000/location", wire.Location{Latitude: 91}, 400},
		{"a courier that is not there", DeliveryService, "POST /deliveries/1000000/location", wire.Location{}, 409},
	} {
		t.Run(test.name, func(t *testing.T) {
			method, path, _ := strings.Cut(test.request, " ")
			var answer struct{ Error string }
			out := any(&answer)
			if test.want == 405 || test.request == "GET /" { // answered by net/http
				out = nil
			}
			status, _ := r.call(t, test.service, method, path, test.body, out)
			if status != test.want {
				t.Errorf("status %d (%s), want %d", status, answer.Error, test.want)
			}
			if out != nil && (answer.Error != "") != (status >= 400) {
				t.Errorf("status %d says %q", status, answer.Error)
			}
		})
	}
}

func TestConflictTellsState(t *testing.T) {
	r := serve(t, t.TempDir(), Options{})
	id := r.place(t, "25")
	r.settled(t, id)
	var no refusal
	status, _ := r.call(t, OrderService, http.MethodPost, "/orders/"+string(id)+"/cancel", nil, &no)
	want := refusal{Message: "the order must be APPROVED", State: orderRejected}
	if diff := cmp.Diff(want, no); status != http.StatusConflict || diff != "" {
		t.Errorf("status %d (-want +got):\n%s", status, diff)
	}
}

// TestAnswers compares answers with what they must be byte by byte: ids are numbers, amounts strings, times UTC.
func TestAnswers(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.FixedZone("", 3600))
	r := serve(t, t.TempDir(), Options{Now: func() time.Time { return at }})
	id := r.place(t, "1")
	r.settled(t, id)
	r.act(t, id, "accept")
	awaitScheduled(t, r, id)
	r.act(t, id, "location")
	for _, test := range []struct {
		service Service
		path    string
		etag    string
		want    string
	}{
		{OrderService, "/orders/1000000", `"2"`, `{"orderId":1000000,"state":"APPROVED","orderTotal":"38.63","consumerId":1,` +
			`"consumerName":"Ada Amberley","restaurantId":1,"restaurantName":"Ajanta","lineItems":[` +
			`{"menuItemId":1,"name":"Chicken Vindaloo","quantity":2,"price":"12.34","total":"24.68"},` +
			`{"menuItemId":2,"name":"Chicken Tikka Masala","quantity":1,"price":"13.95","total":"13.95"}],` +
			`"deliveryAddress":{"street1":"9 Amazing View","city":"Oakland","state":"CA","zip":"94612"},` +
			`"createdAt":"2026-03-01T11:00:00.123Z","version":2}`},
		{KitchenService, "/tickets/1000000", `"2"`, `{"ticketId":1000000,"state":"ACCEPTED",` +
			`"readyBy":"2026-03-01T19:30:00Z","acceptTime":"2026-03-01T11:00:00.123Z","version":2}`},
		{DeliveryService, "/deliveries/1000000", `"3"`, `{"deliveryInfo":{"id":1000000,"state":"SCHEDULED"},` +
			`"assignedCourier":1,"courierActions":[{"type":"PICKUP"},{"type":"DROPOFF"}],` +
			`"estimatedDeliveryTime":"2026-03-01T19:38:00Z","location":{"latitude":37.8,"longitude":-122.25},"version":3}`},
		{AccountingService, "/bills/1000000", `"1"`, `{"orderId":1000000,"state":"AUTHORIZED","amount":"38.63","version":1}`},
		{ConsumerService, "/consumers/1", `"1"`, `{"consumerId":1,"name":{"firstName":"Ada","lastName":"Amberley"}}`},
	} {
		t.Run(string(test.service), func(t *testing.T) {
			var got rawAnswer
			_, header := r.call(t, test.service, http.MethodGet, test.path, nil, &got)
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if etag := header.Get("ETag"); etag != test.etag {
				t.Errorf("ETag %s, want %s", etag, test.etag)
			}
		})
	}
}

// rawAnswer keeps an answer's bytes.
type rawAnswer []byte

func (a *rawAnswer) UnmarshalJSON(data []byte) error {
	*a = append((*a)[:0], data...)
	return nil
}

func TestSeveral(t *testing.T) {
	r := serve(t, t.TempDir(), Options{})
	first, second, rejected := r.place(t, "1"), r.place(t, "1"), r.place(t, "25")
	for _, id := range []wire.ID{first, second, rejected} {
		r.settled(t, id)
	}
	query := fmt.Sprintf("?id=%s&id=7&id=%s&id=%s&id=x&id=%s", second, first, second, rejected)
	for _, test := range []struct {
		service Service
		path    string
		field   func(map[string]any) any
		want    []any
	}{
		{OrderService, "/orders", field("orderId"), []any{1000001.0, 1000000.0, 1000002.0}},
		{KitchenService, "/tickets", field("ticketId"), []any{1000001.0, 1000000.0}},
		{DeliveryService, "/deliveries", field("deliveryInfo", "id"), []any{1000001.0, 1000000.0}},
		{AccountingService, "/bills", field("orderId"), []any{1000001.0, 1000000.0, 1000002.0}},
		{ConsumerService, "/consumers", field("consumerId"), []any{7.0}},
		{RestaurantService, "/restaurants", field("version"), []any{1.0}},
	} {
		t.Run(string(test.service), func(t *testing.T) {
			var got []any
			for _, answer := range get[[]map[string]any](t, r, test.service, test.path+query) {
				got = append(got, test.field(answer))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := get[[]any](t, r, KitchenService, "/tickets?id=7"); got == nil || len(got) != 0 {
		t.Errorf("only unknown ids give %v, want []", got)
	}
}

// field returns what an answer has under the names, one inside the other.
func field(names ...string) func(map[string]any) any {
	return func(answer map[string]any) any {
		var v any = answer
		for _, name := range names {
			v = v.(map[string]any)[name]
		}
		return v
	}
}

func TestOrderLists(t *testing.T) {
	clock := make(chan time.Time, 1)
	clock <- time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { at := <-clock; clock <- at; return at }
	r := serve(t, t.TempDir(), Options{Now: now})
	a, b, other := r.place(t, "1"), r.place(t, "1"), r.place(t, "11") // 11 begins with 1
	for _, id := range []wire.ID{a, b, other} {
		r.settled(t, id)
	}
	later := (<-clock).Add(time.Hour)
	clock <- later
	r.act(t, a, "cancel")
	r.settled(t, a)
	c := r.place(t, "1")
	r.settled(t, c)
	for _, test := range []struct {
		query string
		want  []wire.ID
	}{
		{"consumerId=1", []wire.ID{c, b, a}},
		{"consumerId=1&since=2026-03-01T12:00:00Z", []wire.ID{c, b, a}},
		{"consumerId=1&since=2026-03-01T12:00:00.001Z", []wire.ID{c, a}},
		{"consumerId=1&since=2026-03-01T13:00:00Z", []wire.ID{c, a}},
		{"consumerId=1&since=2026-03-01T13:00:01Z", nil},
		{"consumerId=11", []wire.ID{other}},
		{"consumerId=12", nil},
		{"consumerId=nobody", nil},
		{"state=CANCELLED", []wire.ID{a}},
		{"state=CANCELLED&state=APPROVED", []wire.ID{c, other, b, a}},
		{"consumerId=1&state=APPROVED", []wire.ID{c, b}},
		{"since=2026-03-01T13:00:00Z", []wire.ID{c, a}},
	} {
		t.Run(test.query, func(t *testing.T) {
			var got []wire.ID
			for _, o := range get[[]orderAnswer](t, r, OrderService, "/orders?"+test.query) {
				got = append(got, o.OrderID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	var got []wire.ID
	for _, d := range get[[]deliveryAnswer](t, r, DeliveryService, "/deliveries?state=PENDING") {
		got = append(got, d.DeliveryInfo.ID)
	}
	if diff := cmp.Diff([]wire.ID{c, other, b}, got); diff != "" {
		t.Errorf("pending deliveries (-want +got):\n%s", diff)
	}
}

func TestPricesAreTheMenus(t *testing.T) {
	r := serve(t, t.TempDir(), Options{})
	before := r.place(t, "1")
	menu := `{"menuItems":[{"id":1,"name":"Chicken Vindaloo","price":"99.999"},{"id":2,"name":"Naan","price":0.5}]}`
	r.must(t, RestaurantService, http.MethodPut, "/restaurants/1/menu", menu, nil)
	after := r.place(t, "1")
	for id, want := range map[wire.ID]string{before: "38.63", after: "200.498"} {
		if got := get[orderAnswer](t, r, OrderService, "/orders/"+string(id)).OrderTotal.String(); got != want {
			t.Errorf("order %s costs %s, want %s", id, got, want)
		}
	}
	if v := get[restaurantAnswer](t, r, RestaurantService, "/restaurants/1").Version; v != 2 {
		t.Errorf("the restaurant has version %d, want 2", v)
	}
	for _, bad := range []string{
		`{"menuItems":[]}`, `{"menuItems":[{"id":1,"name":"x","price":"0.00"}]}`,
		`{"menuItems":[{"id":1,"name":"x","price":"10000.01"}]}`, `{"menuItems":[{"id":1,"name":"","price":"1.00"}]}`,
		`{"menuItems":[{"id":1,"name":"x","price":"1.00"},{"id":1,"name":"y","price":"1.00"}]}`,
	} {
		if status, _ := r.call(t, RestaurantService, http.MethodPut, "/restaurants/1/menu", bad, nil); status != 400 {
			t.Errorf("menu %s: status %d, want 400", bad, status)
		}
	}
}

func TestNewcomers(t *testing.T) {
	r := serve(t, t.TempDir(), Options{})
	var who consumerAnswer
	r.must(t, ConsumerService, http.MethodPost, "/consumers", `{"name":{"firstName":"Nova","lastName":"Newcome"}}`, &who)
	var where restaurantAnswer
	r.must(t, RestaurantService, http.MethodPost, "/restaurants",
		`{"name":"Neuland","address":{"street1":"1 New Way","city":"Oakland","state":"CA","zip":"94600"},
		"menu":{"menuItems":[{"id":"1","name":"Bread","price":"1.00"},{"id":"2","name":"Salt","price":"0.10"}]}}`, &where)
	var receipt orderReceipt
	r.must(t, OrderService, http.MethodPost, "/orders", placeRequest{
		ConsumerID: who.ConsumerID, RestaurantID: where.ID, DeliveryAddress: home, LineItems: []quantity{{"2", 3}},
	}, &receipt)
	got := r.settled(t, receipt.OrderID)
	want := []string{"61", "13", "Nova Newcome", "Neuland", "0.30"}
	if diff := cmp.Diff(want, []string{
		string(got.ConsumerID), string(got.RestaurantID), got.ConsumerName, got.RestaurantName, got.OrderTotal.String(),
	}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
