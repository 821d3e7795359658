package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/cost"
	"github.com/viewgate/viewgate/graph/structs"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// oddOrders are orders that lack this and that, or have what the schema does not know.
func oddOrders() []*order.Order {
	orders := newOrders(12)
	for i, change := range []func(*order.Order){
		func(o *order.Order) { o.Ticket, o.Bill = nil, nil },
		func(o *order.Order) { o.Delivery = nil },
		func(o *order.Order) { o.DeliveryAddress = nil },
		func(o *order.Order) { o.Consumer.Name = "" },
		func(o *order.Order) { o.Restaurant.Name = "The \"Quoted\" \\ \t\x01 é 世" },
		func(o *order.Order) { o.State = "WRONG" },
		func(o *order.Order) { o.Total = nil },
		func(o *order.Order) { o.LineItems = nil },
		func(o *order.Order) { o.Delivery.Location = &order.Location{Latitude: 1e-9, Longitude: -122.25} },
		func(o *order.Order) {
			o.Timeline = []order.Entry{{Type: "OrderCreatedEvent", At: o.CreatedAt, Aggregate: "ORDER"}}
		},
		func(o *order.Order) { o.Restaurant = nil },
	} {
		change(orders[i])
	}
	return orders
}

// TestStructs: what is written at once is what the generated code would have written, with the same errors and at the same
// cost, whatever is selected.
func TestStructs(t *testing.T) {
	g := newGateway(t, view.Support(), oddOrders(), func(o *Options) { o.Limits.Cost, o.Limits.Aliases, o.Limits.Errors = 1<<30, 1<<10, 1<<10 })
	h := g.Handler.(*Handler)
	s := h.parsing.schema
	model, err := cost.New(s)
	if err != nil {
		t.Fatal(err)
	}
	quick := h.fields
	resolving := fieldRules(s, model, structs.New(s, structs.Options{Resolved: func(string, string) bool { return true }}))
	answer := func(rt *rapid.T, query string) (a struct {
		Data, Errors any
		Extensions   struct{ Cost any }
	}) {
		body, err := json.Marshal(map[string]any{"query": query, "extensions": map[string]any{"cost": true}})
		if err != nil {
			rt.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Request-Id", "same")
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			rt.Fatalf("%s: %v in %s", query, err, w.Body)
		}
		if list, ok := a.Errors.([]any); ok { // fields that fail at the same time fail in any order
			slices.SortFunc(list, func(x, y any) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
		}
		return a
	}
	rapid.Check(t, func(rt *rapid.T) {
		query := "{" + drawSelections(rt, s, s.Query, 4) + "}"
		if rapid.Bool().Draw(rt, "orders") { // which have the most to show
			page := rapid.SampledFrom([]string{"first: 20", "last: 5"}).Draw(rt, "page") // some of all are wrong, of the oldest none
			query = "{ orderHistory(" + page + ") { nodes {" + drawSelections(rt, s, s.Types["Order"], 3) + "} } }"
		}
		h.fields = resolving
		want := answer(rt, query)
		h.fields = quick
		if diff := cmp.Diff(want, answer(rt, query)); diff != "" {
			rt.Fatalf("%s (-resolved +written at once):\n%s", query, diff)
		}
	})
}

// TestWrittenAtOnce: a page of orders is, and what cannot be is not.
func TestWrittenAtOnce(t *testing.T) {
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	model, err := cost.New(s)
	if err != nil {
		t.Fatal(err)
	}
	writer := newStructs(s, model)
	o := newOrder(1)
	o.Derive()
	for _, tt := range []struct {
		selected string
		want     string // "": it is left to the generated code
	}{
		{`orderId status`, `{"orderId":"1","status":"PREPARING"}`},
		{`n: orderId __typename`, `{"n":"1","__typename":"Order"}`},
		{`restaurant { id name }`, `{"restaurant":{"id":"` + globalID(restaurantType, "1") + `","name":"Ajanta"}}`},
		{`... on Order { orderId } ... on Node { id }`, `{"orderId":"1","id":"` + globalID(orderType, "1") + `"}`},
		{`restaurant { name menu { name } }`, ``},
		{`consumer { summary { orders { count } } }`, ``},
		{`orderId @include(if: true)`, ``},
		{`... @skip(if: false) { orderId }`, ``},
		{`total { amount } total { currency }`, ``},
	} {
		t.Run(tt.selected, func(t *testing.T) {
			document, err := gqlparser.LoadQueryWithRules(s, "{ order(id: 1) { "+tt.selected+" } }", nil)
			if err != nil {
				t.Fatal(err)
			}
			field := document.Operations[0].SelectionSet[0].(*ast.Field)
			var plans structs.Plans
			for range 2 { // found out, and known
				written, _, ok := writer.Write(&plans, graphql.CollectedField{Field: field, Selections: field.SelectionSet}, o)
				var got bytes.Buffer
				if ok {
					written.MarshalGQL(&got)
				}
				if diff := cmp.Diff(tt.want, got.String()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}
