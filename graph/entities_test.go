package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

const entitiesQuery = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
	__typename ... on Order { orderId total { amount } ticket { state } } ... on Consumer { consumerId name }
	... on Restaurant { restaurantId name } } }`

func representation(typeName, key string, value any) map[string]any {
	return map[string]any{"__typename": typeName, key: value}
}

func (g *gateway) askEntities(t testing.TB, representations ...any) answered {
	t.Helper()
	return g.ask(t, entitiesQuery, map[string]any{"representations": append([]any{}, representations...)})
}

// names are what the elements of _entities are: "Order 1", or "" for null.
func (a answered) names() []string {
	list, _ := a.at("_entities").([]any)
	names := make([]string, len(list))
	for i := range list {
		for _, key := range []string{"orderId", "consumerId", "restaurantId"} {
			if id := a.at("_entities", i, key); id != nil {
				names[i] = fmt.Sprint(a.at("_entities", i, "__typename"), " ", id)
			}
		}
	}
	return names
}

// restaurants answers those that are asked for and are none of the numbers 90 and above.
func restaurants(w http.ResponseWriter, r *http.Request) {
	var list []string
	for _, id := range r.URL.Query()["id"] {
		if len(id) < 2 || id[0] != '9' {
			list = append(list, fmt.Sprintf(`{"id":%s,"name":"Ajanta %s","version":1}`, id, id))
		}
	}
	fmt.Fprintf(w, "[%s]", strings.Join(list, ","))
}

// newEntities is newGateway with a Restaurant service.
func newEntities(t testing.TB, viewer view.Viewer, orders []*order.Order) *gateway {
	t.Helper()
	g := newGatewayWith(t, fixedProgress{}, func(o *compose.Options, url string) { o.Restaurant = url }, viewer, orders)
	g.answer["restaurants"] = restaurants
	return g
}

// TestEntities: any mix of types and keys, in their order, duplicates included; and every type is read once.
func TestEntities(t *testing.T) {
	g := newEntities(t, view.Support(), newOrders(3))
	a := g.askEntities(t,
		representation("Order", "orderId", "2"),
		representation("Restaurant", "restaurantId", "1"),
		representation("Order", "id", globalID(orderType, "1")),
		representation("Consumer", "consumerId", "7"),
		representation("Order", "orderId", 2),
		representation("Order", "id", globalID(orderType, "2")),
		representation("Consumer", "id", globalID(consumerType, "7")),
		representation("Restaurant", "id", globalID(restaurantType, "2")),
		map[string]any{"__typename": "Order", "orderId": "3", "id": globalID(orderType, "3"), "weight": 5, "consumer": nil},
	)
	if len(a.Errors) > 0 {
		t.Fatalf("errors %+v", a.Errors)
	}
	want := []string{"Order 2", "Restaurant 1", "Order 1", "Consumer 7", "Order 2", "Order 2", "Consumer 7", "Restaurant 2", "Order 3"}
	if diff := cmp.Diff(want, a.names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if gets, searches, calls := g.store.gets.Load(), g.store.searches.Load(), g.calls["restaurants"].Load(); gets != 1 ||
		searches != 1 || calls != 1 {
		t.Errorf("%d reads of orders, %d searches for a consumer, %d calls for restaurants; one of each is enough",
			gets, searches, calls)
	}
	f := a.Extensions.Freshness
	if len(f) != 1 || !cmp.Equal(f[0].Path, []any{"_entities"}) || f[0].Source != "MIXED" || !f[0].Kept || f[0].Token == nil {
		t.Errorf("extensions.freshness %+v", f)
	}
	if want := (seenVersion{order.AggregateOrder, "1", 2}); len(f) == 1 && !slices.Contains(f[0].Versions, want) {
		t.Errorf("%v is not among the versions %v", want, f[0].Versions)
	}
}

// TestEntitiesInText: references may stand in the query itself, and its selection may be by any fragment.
func TestEntitiesInText(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	a := g.mustAsk(t, `{ mine: _entities(representations: [{__typename: "Order", orderId: 1}, {__typename: "Order", orderId: "1"}]) {
		... on _Entity { ... on Node { id } ... on Order { version } } } }`)
	one := map[string]any{"id": globalID(orderType, "1"), "version": 2.0}
	if diff := cmp.Diff([]any{one, one}, a.at("mine")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if f := a.Extensions.Freshness; len(f) != 1 || len(f[0].Versions) != 1 {
		t.Errorf("extensions.freshness %+v", f)
	}
}

// TestBadReferences: what is wrong with one says its error, at its index; the others are answered.
func TestBadReferences(t *testing.T) {
	const (
		bad     = "BAD_USER_INPUT"
		missing = "NOT_FOUND"
	)
	for _, test := range []struct {
		name           string
		representation any
		code, message  string
	}{
		{"no __typename", map[string]any{"orderId": "1"}, bad, "the reference has no __typename"},
		{"number for __typename", representation("Order", "__typename", 1), bad, "the reference has no __typename"},
		{"unknown type", representation("Courier", "id", "1"), bad, `"Courier" is no entity of this subgraph`},
		{"no entity", representation("LineItem", "menuItemId", "1"), bad, `"LineItem" is no entity of this subgraph`},
		{"no key", representation("Order", "version", 1), bad, "the reference to Order has neither id nor orderId"},
		{"another type's key", representation("Order", "consumerId", "7"), bad, "the reference to Order has neither id nor orderId"},
		{"null", representation("Order", "orderId", nil), bad, "the reference's orderId is no ID: a string or a whole number"},
		{"object", representation("Order", "id", map[string]any{}), bad, "the reference's id is no ID: a string or a whole number"},
		{"truth", representation("Order", "id", true), bad, "the reference's id is no ID: a string or a whole number"},
		{"fraction", representation("Order", "orderId", 1.5), bad, "the reference's orderId is no ID: a string or a whole number"},
		{"one of two keys wrong", map[string]any{"__typename": "Order", "orderId": "1", "id": 1.5}, bad,
			"the reference's id is no ID: a string or a whole number"},
		{"text", "Order", bad, "the reference is no object"},
		{"list", []any{}, bad, "the reference is no object"},
		{"missing", representation("Order", "orderId", "99"), missing, `there is no Order with the orderId "99"`},
		{"no possible id", representation("Order", "orderId", " "), missing, `there is no Order with the orderId " "`},
		{"raw for global", representation("Order", "id", "1"), missing, `there is no Order with the id "1"`},
		{"another type's id", representation("Order", "id", globalID(consumerType, "7")), missing,
			`there is no Order with the id "` + globalID(consumerType, "7") + `"`},
		{"two keys, two orders", map[string]any{"__typename": "Order", "orderId": "2", "id": globalID(orderType, "1")}, missing,
			`there is no Order with the id "` + globalID(orderType, "1") + `"`},
		{"missing consumer", representation("Consumer", "consumerId", "8"), missing, `there is no Consumer with the consumerId "8"`},
		{"missing restaurant", representation("Restaurant", "restaurantId", 99), missing,
			`there is no Restaurant with the restaurantId "99"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newEntities(t, ada, newOrders(2))
			a := g.askEntities(t, representation("Order", "orderId", "1"), test.representation, representation("Order", "orderId", "2"))
			if diff := cmp.Diff([]string{"Order 1", "", "Order 2"}, a.names()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(a.Errors) != 1 {
				t.Fatalf("errors %+v", a.Errors)
			}
			e := a.Errors[0]
			if e.Message != test.message || a.codes()[0] != test.code {
				t.Errorf("%s %q, want %s %q", a.codes()[0], e.Message, test.code, test.message)
			}
			if !cmp.Equal(e.Path, []any{"_entities", 1.0}) || len(e.Locations) != 1 {
				t.Errorf("the error is at %v, %v", e.Path, e.Locations)
			}
		})
	}
}

// TestForeignEntities: an order that is not the viewer's and one that is not there answer alike, to the byte.
func TestForeignEntities(t *testing.T) {
	for name, freshness := range map[string]string{"view": "EVENTUAL", "owners": "FRESH"} {
		t.Run(name, func(t *testing.T) {
			answer := func(orders []*order.Order, owned ...string) string {
				g := newGateway(t, view.As(view.RoleConsumer, "8"), orders)
				g.owns("orders", owned...)
				a, _ := g.askWith(t, `{ _entities(representations: [{__typename: "Order", orderId: "1"},
					{__typename: "Order", id: "`+globalID(orderType, "1")+`"}]) { ... on Order { state ticket { state } } } }`,
					map[string]string{freshnessHeader: freshness})
				text, err := json.Marshal(a)
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
			missing, foreign := answer(nil), answer(newOrders(1), ownersOrder)
			if diff := cmp.Diff(missing, foreign); diff != "" {
				t.Errorf("(-missing +foreign):\n%s", diff)
			}
			if strings.Count(missing, "NOT_FOUND") != 2 {
				t.Errorf("answer %s", missing)
			}
		})
	}
}

// TestEntitiesOfAFailingOwner: what cannot be asked for is null with the owner's error at its index, the rest is answered.
func TestEntitiesOfAFailingOwner(t *testing.T) {
	degraded := newOrder(1)
	degraded.Ticket = nil
	degraded.Part(order.AggregateTicket).Degrade(4, "lost")
	g := newEntities(t, ada, []*order.Order{degraded, newOrder(2)})
	for _, collection := range []string{"tickets", "restaurants"} {
		g.breaks(collection)
	}
	a := g.askEntities(t, representation("Restaurant", "restaurantId", "1"), representation("Order", "orderId", "1"),
		representation("Order", "orderId", "2"), representation("Restaurant", "restaurantId", "2"))
	if diff := cmp.Diff([]string{"", "Order 1", "Order 2", ""}, a.names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := map[string]string{}
	for i, e := range a.Errors {
		got[fmt.Sprint(e.Path)] = a.codes()[i] + ": " + e.Message
	}
	want := map[string]string{
		"[_entities 0]":        "UPSTREAM_UNAVAILABLE: the restaurant service cannot be asked now",
		"[_entities 1 ticket]": "UPSTREAM_UNAVAILABLE: the kitchen service cannot be asked now",
		"[_entities 3]":        "UPSTREAM_UNAVAILABLE: the restaurant service cannot be asked now",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if a.at("_entities", 2, "ticket", "state") != "PREPARING" {
		t.Errorf("data %v", a.Data)
	}
	if n := strings.Count(g.log.String(), "query lacks an upstream"); n != 2 {
		t.Errorf("%d lines in the log, want one for each owner:\n%s", n, g.log)
	}
}

// TestEntitiesFreshness: the headers hold for references, too.
func TestEntitiesFreshness(t *testing.T) {
	seen, err := testKey.Sign(compose.Read{Seen: compose.Seen{"1": {Ticket: 4}}})
	if err != nil {
		t.Fatal(err)
	}
	const query = `{ _entities(representations: [{__typename: "Order", orderId: "1"}, {__typename: "Consumer", consumerId: "7"}]) {
		... on Order { ticket { version } } ... on Consumer { name } } }`
	for _, test := range []struct {
		name    string
		headers map[string]string
		version any
		calls   int32
		source  compose.Source
		kept    bool
	}{
		{"none", nil, 3.0, 0, "VIEW", true},
		{"fresh", map[string]string{freshnessHeader: "FRESH"}, 4.0, 1, "OWNERS", true},
		{"token", map[string]string{tokenHeader: seen, freshnessHeader: "; waitMs=0"}, 4.0, 1, "MIXED", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t, ada, newOrders(1))
			g.ownsOrder1()
			g.owns("consumers", `{"consumerId":7,"name":{"firstName":"Ada","lastName":"Byron"}}`)
			a, header := g.askWith(t, query, test.headers)
			if len(a.Errors) > 0 || a.at("_entities", 0, "ticket", "version") != test.version {
				t.Errorf("answer %+v", a)
			}
			if n := g.calls["tickets"].Load(); n != test.calls {
				t.Errorf("%d calls for tickets", n)
			}
			f := a.Extensions.Freshness
			if len(f) != 1 || f[0].Source != test.source || f[0].Kept != test.kept || header.Get(tokenHeader) == "" {
				t.Errorf("extensions.freshness %+v, headers %v", f, header)
			}
		})
	}
	t.Run("stale", func(t *testing.T) {
		g := newGateway(t, ada, newOrders(2))
		a, _ := g.askWith(t, `{ _entities(representations: [{__typename: "Order", orderId: "2"}, {__typename: "Order", orderId: "1"}]) {
			... on Order { ticket { version } } } }`,
			map[string]string{tokenHeader: seen, freshnessHeader: "AT_LEAST; waitMs=0; onStale=ERROR"})
		if len(a.Errors) != 1 || a.codes()[0] != "STALE_VIEW" || !cmp.Equal(a.Errors[0].Path, []any{"_entities", 1.0}) ||
			a.at("_entities", 0, "ticket", "version") != 3.0 || a.at("_entities", 1) != nil {
			t.Errorf("answer %+v", a)
		}
	})
}

// TestEntitiesBounds: a thousand references are one read, and each that is missing has its error; more are refused.
func TestEntitiesBounds(t *testing.T) {
	g := newGateway(t, ada, newOrders(3))
	references := func(n int) []any {
		list := make([]any, n)
		for i := range list {
			list[i] = representation("Order", "orderId", fmt.Sprint(i+1))
		}
		return list
	}
	a := g.askEntities(t, references(1000)...)
	if names := a.names(); len(names) != 1000 || names[2] != "Order 3" || names[999] != "" {
		t.Errorf("answered %.300v", names)
	}
	if len(a.Errors) != 997 || a.Extensions.ErrorsOmitted != 0 || !cmp.Equal(a.Errors[996].Path, []any{"_entities", 999.0}) {
		t.Errorf("%d errors, %d omitted, %.300v", len(a.Errors), a.Extensions.ErrorsOmitted, a.Errors)
	}
	if n := g.store.gets.Load(); n != 2 { // and a look for those whose order part has not come
		t.Errorf("%d reads of the view", n)
	}
	a = g.askEntities(t, references(1001)...)
	if len(a.Errors) != 1 || a.codes()[0] != "BAD_USER_INPUT" || a.Data != nil ||
		a.Errors[0].Message != "_entities: 1001 representations; 1000 are possible" || !cmp.Equal(a.Errors[0].Path, []any{"_entities"}) {
		t.Errorf("answer %+v", a)
	}
	if a := g.askEntities(t); len(a.Errors) > 0 || len(a.names()) != 0 {
		t.Errorf("nothing for no references: %+v", a)
	}
	gets := g.store.gets.Load()
	a = g.ask(t, `query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Order {
		lineItems { price { amount } total { amount } } } } }`, map[string]any{"representations": references(1000)})
	if len(a.Errors) != 1 || a.codes()[0] != "QUERY_TOO_COMPLEX" || g.store.gets.Load() != gets {
		t.Errorf("errors %.300v", a.Errors)
	}
}

// TestPanicsInABatch: a bug in reading one type leaves the others' entities as they are.
func TestPanicsInABatch(t *testing.T) {
	g := newEntities(t, ada, newOrders(1))
	g.store.panics = true
	a := g.askEntities(t, representation("Order", "orderId", "1"), representation("Restaurant", "restaurantId", "1"))
	if diff := cmp.Diff([]string{"", "Restaurant 1"}, a.names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(a.Errors) != 1 || a.codes()[0] != "INTERNAL_SERVER_ERROR" || !strings.Contains(g.log.String(), "of which no client") {
		t.Errorf("errors %+v, log %s", a.Errors, g.log)
	}
}

// TestService: what composers see is what they are told to expect.
func TestService(t *testing.T) {
	g := newGateway(t, view.Viewer{}, nil)
	a := g.mustAsk(t, `{ _service { sdl } }`)
	sdl, _ := a.at("_service", "sdl").(string)
	for _, text := range []string{
		`extend schema @link(url: "https://specs.apollo.dev/federation/v2`,
		`type Order implements Node @key(fields: "id") @key(fields: "orderId") {`,
		"Who ordered.",
	} {
		if !strings.Contains(sdl, text) {
			t.Errorf("the SDL lacks %q", text)
		}
	}
}

// TestKeysAreTheSchemas: what is said to be a key can be one, and nothing else.
func TestKeysAreTheSchemas(t *testing.T) {
	schema := NewExecutableSchema(Config{}).Schema()
	got := map[string][]string{}
	for name, def := range schema.Types {
		for _, d := range def.Directives.ForNames("key") {
			got[name] = append(got[name], d.Arguments.ForName("fields").Value.Raw)
		}
	}
	want := map[string][]string{}
	var entities []string
	for name, own := range keys {
		want[name] = []string{"id", own}
		entities = append(entities, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var union []string
	for _, def := range schema.GetPossibleTypes(&ast.Definition{Kind: ast.Union, Name: "_Entity"}) {
		union = append(union, def.Name)
	}
	slices.Sort(entities)
	slices.Sort(union)
	if diff := cmp.Diff(entities, union); diff != "" {
		t.Errorf("_Entity (-want +got):\n%s", diff)
	}
}
