package graph

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// historyQuery is what the order search page and the demo ask; clients have it as it stands.
const historyQuery = `query ($q: String, $after: String) { orderHistory(query: $q, first: 50, after: $after, orderBy: {field: CREATED_AT, direction: DESC}) { total { count precision } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id } } nodes { id orderId version createdAt state status total { amount currency } consumer { consumerId name } restaurant { restaurantId name } lineItems { menuItemId name quantity price { amount } total { amount } } deliveryAddress { street1 city state zip } ticket { state readyBy version } delivery { state courierId estimatedDeliveryTime version } bill { state amount { amount } version } timeline { type at aggregate version } } } }`

func TestOrderHistory(t *testing.T) {
	g := newGateway(t, ada, newOrders(120))
	seen := map[string]bool{}
	var after any
	for page, want := range []int{50, 50, 20} {
		a := g.mustAsk(t, historyQuery, map[string]any{"q": "vindaloo oakland", "after": after})
		nodes, _ := a.at("orderHistory", "nodes").([]any)
		if len(nodes) != want {
			t.Fatalf("page %d has %d orders", page, len(nodes))
		}
		if diff := cmp.Diff(map[string]any{"count": 120.0, "precision": "EXACT"}, a.at("orderHistory", "total")); diff != "" {
			t.Errorf("total (-want +got):\n%s", diff)
		}
		for i := range nodes {
			id := a.at("orderHistory", "nodes", i, "orderId").(string)
			if n := 120 - len(seen); id != fmt.Sprint(n) {
				t.Fatalf("order %s stands where %d should, newest first", id, n)
			}
			seen[id] = true
			if a.at("orderHistory", "edges", i, "node", "id") != globalID(orderType, id) {
				t.Errorf("edge %d is not node %d", i, i)
			}
		}
		after = a.at("orderHistory", "pageInfo", "endCursor")
		wantInfo := map[string]any{
			"hasNextPage": page < 2, "hasPreviousPage": page > 0,
			"startCursor": a.at("orderHistory", "edges", 0, "cursor"),
			"endCursor":   a.at("orderHistory", "edges", want-1, "cursor"),
		}
		if diff := cmp.Diff(wantInfo, a.at("orderHistory", "pageInfo")); diff != "" {
			t.Errorf("page %d (-want +got):\n%s", page, diff)
		}
		if page > 0 {
			continue
		}
		money := func(amount string) map[string]any { return map[string]any{"amount": amount} }
		wantNode := map[string]any{
			"id": globalID(orderType, "120"), "orderId": "120", "version": 2.0, "createdAt": "2026-03-01T13:07:00Z",
			"state": "APPROVED", "status": "PREPARING", "total": map[string]any{"amount": "120.50", "currency": "USD"},
			"consumer":   map[string]any{"consumerId": "7", "name": "Ada Byron"},
			"restaurant": map[string]any{"restaurantId": "1", "name": "Ajanta"},
			"lineItems": []any{map[string]any{"menuItemId": "1", "name": "Chicken Vindaloo", "quantity": 1.0,
				"price": money("120.50"), "total": money("120.50")}},
			"deliveryAddress": map[string]any{"street1": "9 Amazing View", "city": "Oakland", "state": "CA", "zip": "94612"},
			"ticket":          map[string]any{"state": "PREPARING", "readyBy": "2026-03-01T13:27:00Z", "version": 3.0},
			"delivery": map[string]any{"state": "SCHEDULED", "courierId": "12",
				"estimatedDeliveryTime": "2026-03-01T13:47:00.005Z", "version": 2.0},
			"bill": map[string]any{"state": "AUTHORIZED", "amount": money("120.50"), "version": 1.0},
			"timeline": []any{
				map[string]any{"type": "OrderCreatedEvent", "at": "2026-03-01T13:07:00Z", "aggregate": "ORDER", "version": 1.0},
				map[string]any{"type": "OrderAuthorized", "at": "2026-03-01T13:07:01Z", "aggregate": "ORDER", "version": 2.0},
			},
		}
		if diff := cmp.Diff(wantNode, a.at("orderHistory", "nodes", 0)); diff != "" {
			t.Errorf("order 120 (-want +got):\n%s", diff)
		}
	}
	if n := g.store.searches.Load(); n != 3 {
		t.Errorf("%d searches for three pages", n)
	}
	for collection, calls := range g.calls {
		if calls.Load() > 0 {
			t.Errorf("%s were asked for", collection)
		}
	}
}

// What an event never told is null, not empty.
func TestNulls(t *testing.T) {
	o := newOrder(1)
	o.Consumer.Name, o.Delivery.CourierID, o.Ticket, o.Parts[order.AggregateTicket] = "", "", nil, nil
	o.Record(order.Entry{Type: "Unversioned", At: placed.AddDate(1, 0, 0), Aggregate: order.AggregateBill, ID: "x"})
	g := newGateway(t, ada, []*order.Order{o})
	a := g.mustAsk(t, `{ orderHistory { nodes { consumer { name } delivery { courierId location { latitude } } deliveryTime
		deliveryAddress { street2 } ticket { state } timeline { version } lineItems { name } } } }`)
	want := map[string]any{
		"consumer": map[string]any{"name": nil}, "delivery": map[string]any{"courierId": nil, "location": nil},
		"deliveryAddress": map[string]any{"street2": nil}, "ticket": nil, "deliveryTime": nil,
		"timeline":  []any{map[string]any{"version": 1.0}, map[string]any{"version": 2.0}, map[string]any{"version": nil}},
		"lineItems": []any{map[string]any{"name": "Chicken Vindaloo"}},
	}
	if diff := cmp.Diff(want, a.at("orderHistory", "nodes", 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func ids(a answered, path ...any) string {
	nodes, _ := a.at(append(path, "nodes")...).([]any)
	var list []string
	for _, n := range nodes {
		list = append(list, fmt.Sprint(n.(map[string]any)["orderId"]))
	}
	return strings.Join(list, " ")
}

func TestHistoryArguments(t *testing.T) {
	foreign := newOrder(9)
	foreign.Consumer = &order.Consumer{ConsumerID: "8", Name: "Charles Babbage"}
	foreign.State = order.Cancelled
	korma := newOrder(4)
	korma.LineItems[0].Name = "Lamb Korma"
	g := newGateway(t, view.Support(), append(newOrders(3), korma, foreign))
	for _, test := range []struct {
		name, arguments string
		want            string // order ids
	}{
		{"newest first", ``, "9 4 3 2 1"},
		{"newest first, with words", `query: "vindaloo"`, "9 3 2 1"},
		{"words anywhere", `query: " korma\t ADA "`, "4"},
		{"no words", `query: "  "`, "9 4 3 2 1"},
		{"none", `query: "unicorn"`, ""},
		{"by total", `orderBy: {field: TOTAL, direction: ASC}`, "1 2 3 4 9"},
		{"by update", `orderBy: {field: UPDATED_AT}`, "9 4 3 2 1"},
		{"by relevance", `query: "korma", orderBy: {field: RELEVANCE}`, "4"},
		{"first", `first: 2`, "9 4"},
		{"last", `last: 2`, "2 1"},
		{"one consumer's", `consumerId: "8"`, "9"},
		{"one consumer's, by global id", `consumerId: "` + globalID(consumerType, "8") + `"`, "9"},
		{"nobody's", `consumerId: "404"`, ""},
		{"state", `filter: {state: {eq: CANCELLED}}`, "9"},
		{"states", `filter: {state: {in: [CANCELLED, APPROVED]}}`, "9 4 3 2 1"},
		{"list of one", `filter: {state: {in: CANCELLED}}`, "9"},
		{"not the state", `filter: {state: {not: CANCELLED}}`, "4 3 2 1"},
		{"empty list", `filter: {state: {in: []}}`, ""},
		{"status", `filter: {status: {eq: PREPARING}}`, "4 3 2 1"},
		{"ids", `filter: {consumerId: {in: ["8", "404"]}}`, "9"},
		{"global id", `filter: {consumerId: {eq: "` + globalID(consumerType, "7") + `"}}`, "4 3 2 1"},
		{"number for an id", `filter: {consumerId: {eq: 8}}`, "9"},
		{"times", `filter: {createdAt: {gt: "2026-03-01T11:08:00Z", lte: "2026-03-01T12:10:00+01:00"}}`, "3 2"},
		{"amounts", `filter: {total: {gte: "2.5", lt: "4.50"}}`, "3 2"},
		{"all that is given", `filter: {total: {gte: "2.5"}, state: {eq: CANCELLED}}`, "9"},
		{"null is not given", `filter: {total: null, state: {eq: null}, and: null}`, "9 4 3 2 1"},
		{"nothing is given", `filter: {}`, "9 4 3 2 1"},
		{"and", `filter: {and: [{total: {gte: "2.5"}}, {total: {lte: "3.5"}}]}`, "3 2"},
		{"or", `filter: {or: [{total: {lte: "1.5"}}, {consumerId: {eq: "8"}}]}`, "9 1"},
		{"or of none", `filter: {or: []}`, ""},
		{"not", `filter: {not: {total: {gte: "2.5"}}}`, "1"},
		{"filter and words and consumer", `consumerId: "7", query: "vindaloo", filter: {total: {gte: "2"}}`, "3 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			arguments := ""
			if test.arguments != "" {
				arguments = "(" + test.arguments + ")"
			}
			a := g.mustAsk(t, `{ orderHistory`+arguments+` { nodes { orderId } total { count } } }`)
			if got := ids(a, "orderHistory"); got != test.want {
				t.Errorf("orders %q, want %q", got, test.want)
			}
		})
	}
}

func TestHistoryRefusals(t *testing.T) {
	g := newGateway(t, ada, newOrders(3))
	cursorOf := func(arguments string) string {
		return g.mustAsk(t, `{ orderHistory`+arguments+` { edges { cursor } } }`).at("orderHistory", "edges", 0, "cursor").(string)
	}
	cursor := cursorOf("")
	elsewhere := cursorOf(`(query: "vindaloo")`)
	// A cursor whose value no longer fits its field is of a view that was shaped otherwise.
	expired := view.EncodeCursor(ada, view.Query{Filter: view.And{}, Sort: []view.Sort{{Field: "createdAt", Descending: true}}},
		view.Position{Values: []any{"a word"}, ID: "1"})
	deep := strings.Repeat("{not: ", 5) + "{}" + strings.Repeat("}", 5)
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf(`"%d"`, i))
	}
	for _, test := range []struct {
		name, arguments string
		variables       map[string]any
		code, message   string // within the message
	}{
		{"first negative", `first: -1`, nil, "BAD_USER_INPUT", "a page of -1; 1 to 100 are possible"},
		{"first 0", `first: 0`, nil, "BAD_USER_INPUT", "a page of 0"},
		{"first too large", `first: 101`, nil, "BAD_USER_INPUT", "a page of 101"},
		{"last too large", `last: 101`, nil, "BAD_USER_INPUT", "a page of 101"},
		{"beyond Int", `first: 3000000000`, nil, "BAD_USER_INPUT", "is not an Int"},
		{"first and last", `first: 1, last: 1`, nil, "BAD_USER_INPUT", "exclude each other"},
		{"after and before", `after: "` + cursor + `", before: "` + cursor + `"`, nil, "BAD_USER_INPUT", "exclude each other"},
		{"last and after", `last: 1, after: "` + cursor + `"`, nil, "BAD_USER_INPUT", "after goes with first"},
		{"first and before", `first: 1, before: "` + cursor + `"`, nil, "BAD_USER_INPUT", "before goes with last"},
		{"no cursor", `after: "nonsense"`, nil, "BAD_USER_INPUT", "not a cursor"},
		{"empty cursor", `after: ""`, nil, "BAD_USER_INPUT", "not a cursor"},
		{"long cursor", `after: "` + strings.Repeat("A", 9000) + `"`, nil, "BAD_USER_INPUT", "not a cursor"},
		{"JSON for a cursor", `after: "` + base64.RawURLEncoding.EncodeToString([]byte(`{"i":"1","v":[{}]}`)) + `"`, nil,
			"BAD_USER_INPUT", "not a cursor"},
		{"another query's cursor", `after: "` + elsewhere + `"`, nil, "BAD_USER_INPUT", "another search"},
		{"another order's cursor", `after: "` + cursor + `", orderBy: {direction: ASC}`, nil, "BAD_USER_INPUT", "another search"},
		{"cursor of another shape", `after: "` + expired + `"`, nil, "CURSOR_EXPIRED", "begin again"},
		{"relevance without words", `orderBy: {field: RELEVANCE}`, nil, "BAD_USER_INPUT", "RELEVANCE needs a query"},
		{"filter too deep", `filter: ` + deep, nil, "BAD_USER_INPUT", "nested more than 5 deep"},
		{"filter too large", `filter: {consumerId: {in: [` + strings.Join(many, ",") + `]}}`, nil, "BAD_USER_INPUT", "50 values"},
		{"no decimal", `filter: {total: {gt: "1e9"}}`, nil, "BAD_USER_INPUT", "is not a Decimal"},
		{"number for a decimal", `filter: {total: {gt: 5}}`, nil, "BAD_USER_INPUT", "is not a Decimal"},
		{"no time", `filter: {createdAt: {gt: "yesterday"}}`, nil, "BAD_USER_INPUT", "is not a DateTime"},
		{"no state", `filter: {state: {eq: EATEN}}`, nil, "BAD_USER_INPUT", "EATEN"},
		{"state in small letters", `filter: $f`, map[string]any{"f": map[string]any{"state": map[string]any{"eq": "approved"}}},
			"BAD_USER_INPUT", "$f.state.eq: that is none of the values of OrderState"},
		{"list for a time", `filter: $f`, map[string]any{"f": map[string]any{"createdAt": map[string]any{"gt": []any{}}}},
			"BAD_USER_INPUT", "is not a DateTime"},
		{"unknown field of a filter", `filter: $f`, map[string]any{"f": map[string]any{"secret": map[string]any{}}},
			"BAD_USER_INPUT", `$f: OrderFilter has no field "secret"`},
		{"field in small letters", `orderBy: $o`, map[string]any{"o": map[string]any{"field": "created_at"}},
			"BAD_USER_INPUT", "$o.field: that is none of the values"},
		{"string for a number", `first: $n`, map[string]any{"n": "5"}, "BAD_USER_INPUT", "$n: Int is needed, not a string"},
	} {
		t.Run(test.name, func(t *testing.T) {
			declared := ""
			for name := range test.variables {
				types := map[string]string{"q": "String", "f": "OrderFilter", "o": "[OrderOrder!]", "n": "Int"}
				declared = "($" + name + ": " + types[name] + ")"
			}
			a := g.ask(t, `query `+declared+`{ orderHistory(`+test.arguments+`) { nodes { orderId } } }`, test.variables)
			if len(a.Errors) != 1 || a.codes()[0] != test.code || !strings.Contains(a.Errors[0].Message, test.message) {
				t.Errorf("errors %+v, want one %s that says %q", a.Errors, test.code, test.message)
			}
			if a.Data != nil {
				t.Errorf("data %v", a.Data)
			}
		})
	}
	if g.log.Len() > 0 {
		t.Errorf("logged what is the client's business:\n%s", g.log)
	}
}

func TestPagesBackward(t *testing.T) {
	g := newGateway(t, ada, newOrders(5))
	const page = `query ($before: String) { orderHistory(last: 2, before: $before) { nodes { orderId }
		pageInfo { hasNextPage hasPreviousPage startCursor } } }`
	var before any
	for i, want := range []string{"2 1", "4 3", "5"} {
		a := g.mustAsk(t, page, map[string]any{"before": before})
		if got := ids(a, "orderHistory"); got != want {
			t.Errorf("page %d from the end: %q, want %q", i, got, want)
		}
		info := a.at("orderHistory", "pageInfo").(map[string]any)
		if info["hasPreviousPage"] != (i < 2) || info["hasNextPage"] != (i > 0) {
			t.Errorf("page %d from the end: %v", i, info)
		}
		before = a.at("orderHistory", "pageInfo", "startCursor")
	}
}

func TestViewerScope(t *testing.T) {
	foreign := newOrder(2)
	foreign.Consumer = &order.Consumer{ConsumerID: "8", Name: "Charles Babbage"}
	foreign.Restaurant = &order.Restaurant{RestaurantID: "2", Name: "Zur Post"}
	orders := []*order.Order{newOrder(1), foreign}
	const everything = `query ($node: ID!, $consumer: ID!) { orderHistory { nodes { orderId } total { count } }
		theirs: orderHistory(consumerId: "8", query: "vindaloo", filter: {not: {consumerId: {eq: "7"}}}) { nodes { orderId } }
		order(id: "2") { orderId } node(id: $node) { id } nodes(ids: [$node, $consumer]) { id }
		consumer(id: "8") { name orderHistory { nodes { orderId } } } }`
	for _, test := range []struct {
		name   string
		viewer view.Viewer
		want   string // order ids in the list
		sees   bool   // order 2
	}{
		{"the consumer", ada, "1", false},
		{"the restaurant", view.As(view.RoleRestaurant, "1"), "1", false},
		{"nobody", view.Viewer{}, "", false},
		{"another role with the id", view.As("COURIER", "8"), "", false},
		{"support", view.Support(), "2 1", true},
		{"the other consumer", view.As(view.RoleConsumer, "8"), "2", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t, test.viewer, orders)
			g.owns("orders", ownersOrder2)
			a := g.mustAsk(t, everything, map[string]any{
				"node": globalID(orderType, "2"), "consumer": globalID(consumerType, "8"),
			})
			if got := ids(a, "orderHistory"); got != test.want {
				t.Errorf("lists %q, want %q", got, test.want)
			}
			if n := a.at("orderHistory", "total", "count"); n != float64(len(strings.Fields(test.want))) {
				t.Errorf("counts %v", n)
			}
			for name, v := range map[string]any{
				"theirs": a.at("theirs", "nodes", 0), "order": a.at("order"), "node": a.at("node"),
				"nodes": a.at("nodes", 0), "consumer": a.at("consumer"), "nodes' consumer": a.at("nodes", 1),
			} {
				if (v != nil) != test.sees {
					t.Errorf("%s is %v", name, v)
				}
			}
			fresh := g.mustAsk(t, `{ order(id: "2", freshness: {mode: FRESH, onStale: ERROR}) { state } }`)
			if got := fresh.at("order"); (got != nil) != test.sees {
				t.Errorf("composed order is %v", got)
			}
		})
	}
}

const ownersOrder2 = `{"orderId":2,"version":3,"state":"CANCELLED","orderTotal":"2.50","consumerId":8,
	"consumerName":"Charles Babbage","restaurantId":2,"restaurantName":"Zur Post","createdAt":"2026-03-01T11:09:00Z"}`
