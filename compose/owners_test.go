package compose

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

func TestMain(m *testing.M) {
	// bleve's analysis workers live as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/blevesearch/bleve_index_api.AnalysisWorker"))
}

func TestCompose(t *testing.T) {
	f := serveOwners(t)
	f.hasOrder("1", "9007199254740993", Versions{3, 2, 4, 1})
	f.hasOrder("2", "8", Versions{Order: 1})
	owners := newOwners(t, f.options())
	all := owners.Compose(t.Context(), map[string]Parts{"1": AllParts, "2": AllParts, "3": AllParts})

	// What the projection would have made of the events: times in UTC and milliseconds, amounts in canonical form.
	eta, readyBy := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 11, 32, 0, 0, time.UTC)
	usd := func(amount string) *order.Money { return &order.Money{Amount: amount, Currency: "USD"} }
	want := order.New("1")
	want.Details = order.Details{
		Version:    3,
		State:      order.Approved,
		CreatedAt:  placed,
		Total:      usd("61.70"),
		Consumer:   &order.Consumer{ConsumerID: "9007199254740993", Name: "Ada Byron"},
		Restaurant: &order.Restaurant{RestaurantID: "1", Name: "Ajanta"},
		LineItems: []order.LineItem{
			{MenuItemID: "1", Name: "Chicken Vindaloo", Quantity: 5, Price: *usd("12.34"), Total: *usd("61.70")},
		},
		DeliveryAddress: &order.Address{Street1: "9 Amazing View", City: "Oakland", State: "CA", Zip: "94612"},
	}
	want.Ticket = &order.Ticket{Version: 2, State: order.TicketAccepted, ReadyBy: &readyBy}
	want.Delivery = &order.Delivery{
		Version: 4, State: order.DeliveryScheduled, CourierID: "7", EstimatedDeliveryTime: &eta,
		Location: &order.Location{Latitude: 37.8, Longitude: -122.2},
	}
	want.Bill = &order.Bill{Version: 1, State: order.BillAuthorized, Amount: usd("61.70")}
	for a, v := range map[order.Aggregate]view.Version{
		order.AggregateOrder: 3, order.AggregateTicket: 2, order.AggregateDelivery: 4, order.AggregateBill: 1,
	} {
		*want.Part(a) = view.Part{Version: v, Origin: view.FromOwner}
	}
	want.Derive()
	if diff := cmp.Diff(want, all["1"].Order); diff != "" {
		t.Errorf("order 1 (-want +got):\n%s", diff)
	}
	encoded, _ := want.Encode()
	got, _ := all["1"].Order.Encode()
	if string(encoded) != string(got) {
		t.Errorf("bytes differ:\n%s\n%s", encoded, got)
	}
	if o := all["2"].Order; o.Hidden() || o.Ticket != nil || o.Parts[order.AggregateTicket] != nil {
		t.Errorf("order 2 has more or less than its order part: %+v", o)
	}
	if diff := cmp.Diff(order.New("3"), all["3"].Order); diff != "" {
		t.Errorf("order 3, which nobody knows (-want +got):\n%s", diff)
	}
	for id, c := range all {
		if len(c.Failed) > 0 {
			t.Errorf("order %s: failed %v", id, c.Failed)
		}
	}
}

func TestComposeCallsEachOwnerOncePerBatch(t *testing.T) {
	f := serveOwners(t)
	wanted := map[string]Parts{}
	for i := range 250 {
		id := fmt.Sprint(i + 1)
		wanted[id] = PartsOf(order.AggregateOrder)
		f.hasOrder(id, "7", Versions{Order: 1, Ticket: 1})
		if i < 100 {
			wanted[id] |= PartsOf(order.AggregateTicket)
		}
	}
	all := newOwners(t, f.options()).Compose(t.Context(), wanted)
	for id := range wanted {
		if all[id].Order.Hidden() {
			t.Fatalf("order %s was not composed", id)
		}
	}
	want := map[string]int{"orders": 3, "tickets": 1}
	if diff := cmp.Diff(want, f.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if asked := slices.Compact(slices.Sorted(slices.Values(f.asked["orders"]))); len(asked) != 250 {
		t.Errorf("%d different orders were asked for", len(asked))
	}
}

// A failing owner fails its own part with an error that says who and what, and no other.
func TestOwnerFailures(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for _, test := range []struct {
		name  string
		how   http.HandlerFunc
		is    error
		text  string // within the error's
		limit int64
	}{
		{name: "500", how: status(500), text: "kitchen service: status 500"},
		{name: "429", how: status(429), text: "status 429"},
		{name: "404 of several", how: status(404), text: "status 404"},
		{name: "redirect", how: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			http.Redirect(w, r, "/tickets?id=1", http.StatusFound)
		}, text: "status 302"},
		{name: "HTML", how: body("text/html", "<html>"), text: `answered "text/html", not JSON`},
		{name: "no content type", how: func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil },
			text: "not JSON"},
		{name: "nothing", how: body("application/json", ""), text: "no JSON array"},
		{name: "null", how: body("application/json", "null"), text: "null"},
		{name: "object", how: body("application/json", "{}"), text: "no JSON array"},
		{name: "broken JSON", how: body("application/json", `[{"ticketId":1,`), text: "no JSON array"},
		{name: "something after it", how: body("application/json", `[] []`), text: "no JSON array"},
		{name: "element without id", how: body("application/json", `[{"version":1}]`), text: "without an id"},
		{name: "number for an element", how: body("application/json", `[5]`), text: "without an id"},
		{name: "too much", how: body("application/json", "["+strings.Repeat(" ", 5000)+"]"), limit: 4096,
			text: "more than 4096 bytes"},
		{name: "slow", how: hang, is: context.DeadlineExceeded, text: "deadline"},
		{name: "slow body", how: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "[")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, is: context.DeadlineExceeded, text: "broke off"},
		{name: "closed connection", how: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, text: "EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := serveOwners(t)
			f.hasOrder("1", "7", Versions{1, 1, 1, 1})
			f.hasOrder("2", "7", Versions{1, 1, 1, 1})
			f.breaks("tickets", test.how)
			options := f.options()
			options.MaxAnswer = test.limit
			if test.is != nil {
				options.Timeout = 1500 * time.Millisecond // the others must be quicker, on a busy machine
			}
			all := newOwners(t, options).Compose(t.Context(), map[string]Parts{"1": AllParts, "2": AllParts})
			for _, id := range []string{"1", "2"} {
				c := all[id]
				err := c.Failed[order.AggregateTicket]
				owner := (*OwnerError)(nil)
				if !errors.Is(err, ErrOwner) || !errors.As(err, &owner) || owner.Owner != KitchenOwner {
					t.Fatalf("order %s: ticket failed with %v, not with the kitchen's error", id, err)
				}
				if test.is != nil && !errors.Is(err, test.is) {
					t.Errorf("order %s: %v is not %v", id, err, test.is)
				}
				if !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "127.0.0.1") &&
					strings.Contains(err.Error(), "?id=") {
					t.Errorf("order %s: error %q; want it to say %q and no URL", id, err, test.text)
				}
				if c.Order.Ticket != nil || c.Order.Parts[order.AggregateTicket] != nil {
					t.Errorf("order %s has a ticket", id)
				}
				if len(c.Failed) != 1 || c.Order.Hidden() || c.Order.Delivery == nil || c.Order.Bill == nil {
					t.Errorf("order %s: other parts were lost: failed %v", id, c.Failed)
				}
			}
		})
	}
}

// One answer that cannot be used fails its own order only.
func TestOwnerElements(t *testing.T) {
	for _, test := range []struct {
		name, collection, element string
		text                      string // of the error; "" for a part that is missing
	}{
		{"version 0", "orders", `{"orderId":1,"version":0}`, "without a version"},
		{"no version", "tickets", `{"ticketId":1,"state":"ACCEPTED"}`, "without a version"},
		{"negative version", "tickets", `{"ticketId":1,"version":-1,"state":"ACCEPTED"}`, "number -1"},
		{"unknown state", "tickets", `{"ticketId":1,"version":1,"state":"EATEN"}`, `unknown ticket.state "EATEN"`},
		{"unknown delivery state", "deliveries", `{"deliveryInfo":{"id":1,"state":""},"version":1}`, "unknown delivery.state"},
		{"bad time before the id", "tickets", `{"readyBy":"soon","ticketId":1,"version":1}`, "not a time"},
		{"bad money", "bills", `{"orderId":1,"version":1,"state":"REVISED","amount":"1e9"}`, "not a decimal"},
		{"only what the original service tells", "orders",
			`{"orderId":1,"version":1,"state":"APPROVED","orderTotal":"1.00"}`, "without consumerId"},
		{"quantity beyond Int", "orders", `{"orderId":1,"version":1,"state":"APPROVED","orderTotal":"1.00","consumerId":7,
			"restaurantId":1,"createdAt":"2026-03-01T11:07:00Z","lineItems":[{"quantity":3000000000,"price":1,"total":1}]}`,
			"quantity"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := serveOwners(t)
			f.hasOrder("1", "7", Versions{1, 1, 1, 1})
			f.hasOrder("2", "7", Versions{1, 1, 1, 1})
			f.has(test.collection, "1", test.element)
			all := newOwners(t, f.options()).Compose(t.Context(), map[string]Parts{"1": AllParts, "2": AllParts})
			if c := all["2"]; len(c.Failed) > 0 || VersionsOf(c.Order, AllParts) != (Versions{1, 1, 1, 1}) {
				t.Errorf("order 2 suffers: %+v", c)
			}
			c := all["1"]
			for a, s := range sources {
				if s.collection != test.collection {
					continue
				}
				if c.Order.Parts[a] != nil {
					t.Errorf("the part is there: %+v", c.Order.Parts[a])
				}
				if err := c.Failed[a]; (err == nil) != (test.text == "") || err != nil && !strings.Contains(err.Error(), test.text) {
					t.Errorf("error %v, want one that says %q", err, test.text)
				}
			}
		})
	}
}

func TestNotConfigured(t *testing.T) {
	f := serveOwners(t)
	f.hasOrder("1", "7", Versions{1, 1, 1, 1})
	c := newOwners(t, Options{Order: f.URL}).Compose(t.Context(), map[string]Parts{"1": AllParts})["1"]
	if c.Order.Hidden() {
		t.Error("the order is missing")
	}
	want := "no kitchen service is configured: set --kitchen-service"
	err := c.Failed[order.AggregateTicket]
	if !errors.Is(err, ErrNotConfigured) || errors.Is(err, ErrOwner) || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestNewOwners(t *testing.T) {
	for _, text := range []string{"kitchen:8080", "http://", "ftp://kitchen", "http://kitchen?id=1", "::"} {
		_, err := NewOwners(mappingOf(t), Options{Kitchen: text})
		if err == nil || !strings.Contains(err.Error(), "--kitchen-service") {
			t.Errorf("%q: error %v, want one that names the flag", text, err)
		}
	}
	owners := newOwners(t, Options{Kitchen: "http://kitchen/api/"})
	if !owners.Configured(KitchenOwner) || owners.Configured(OrderOwner) {
		t.Error("not the owner that was configured")
	}
}
