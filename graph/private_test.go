package graph

import (
	"fmt"
	"strings"
	"testing"
)

// TestPrivate: nobody is told the schema who does not know it, nor by what was wrong.
func TestPrivate(t *testing.T) {
	private := newGateway(t, ada, newOrders(1), func(o *Options) { o.Private = true })
	open := newGateway(t, ada, newOrders(1))
	for _, test := range []struct{ name, query, code string }{
		{"introspection", introspectionQuery, "FORBIDDEN"},
		{"a type", `{ x: __type(name: "Order") { name } }`, "FORBIDDEN"},
		{"in a fragment", `{ ...f } fragment f on Query { ... { __schema { types { name } } } }`, "FORBIDDEN"},
		{"as a subgraph", `{ _service { sdl } }`, "FORBIDDEN"},
		{"a field", `{ order(id: 1) { orderIdd } }`, "BAD_USER_INPUT"},
		{"a type's field", `{ node(id: 1) { orderId } }`, "BAD_USER_INPUT"},
		{"an argument", `{ order(idd: 1) { orderId } }`, "BAD_USER_INPUT"},
		{"a value", `{ orderHistory(filter: {state: {eq: APROVED}}) { total { count } } }`, "BAD_USER_INPUT"},
		{"an input field", `{ orderHistory(filter: {stat: {eq: APPROVED}}) { total { count } } }`, "BAD_USER_INPUT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := private.ask(t, test.query)
			if len(a.Errors) == 0 || a.codes()[0] != test.code {
				t.Fatalf("answer %+v", a)
			}
			if text := fmt.Sprintf("%+v", a); strings.Contains(text, "Did you mean") || len(a.Data) > 0 {
				t.Errorf("answer %s", text)
			}
			if text := fmt.Sprintf("%+v", open.ask(t, test.query)); test.code == "BAD_USER_INPUT" && !strings.Contains(text, "Did you mean") {
				t.Errorf("otherwise %s", text) // or else nothing is tested
			}
		})
	}
	private.mustAsk(t, `{ __typename order(id: 1) { __typename orderId } }`)
	if a := private.mustAsk(t, `{ orderHistory(query: "vindalu") { didYouMean } suggest(prefix: "ch") { text } }`); a.at("suggest", 0) == nil {
		t.Errorf("the searches' own suggestions: %+v", a)
	}
}
