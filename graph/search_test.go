package graph

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// dinners are orders that differ in what is searched for.
func dinners() []*order.Order {
	make := func(n int, change func(*order.Order)) *order.Order {
		o := newOrder(n)
		change(o)
		return o
	}
	dish := func(o *order.Order, names ...string) {
		line := o.LineItems[0]
		o.LineItems = nil
		for i, name := range names {
			line.Name, line.Quantity = name, i+1
			o.LineItems = append(o.LineItems, line)
		}
	}
	return []*order.Order{
		make(1, func(o *order.Order) { dish(o, "Chicken Vindaloo", "Garlic Naan") }),
		make(2, func(o *order.Order) {
			dish(o, "Crème brûlée", "Tarte Tatin")
			o.Restaurant = &order.Restaurant{RestaurantID: "2", Name: "Café Exemple"}
			o.DeliveryAddress.City = "Berkeley"
		}),
		make(3, func(o *order.Order) {
			dish(o, "Vegetable Curries")
			o.Consumer = &order.Consumer{ConsumerID: "8", Name: "Grace Hopper"}
			o.State = order.Cancelled
		}),
		make(4, func(o *order.Order) {
			dish(o, "Plain rice")
			o.Restaurant = &order.Restaurant{RestaurantID: "3", Name: "The Curry House"}
			o.DeliveryAddress.Street1 = "3 Vindaloo Lane"
		}),
	}
}

func idsOf(t *testing.T, a answered, field string) string {
	t.Helper()
	var all []string
	nodes, ok := a.at(field, "nodes").([]any)
	if !ok {
		t.Fatalf("no nodes: %+v", a)
	}
	for _, node := range nodes {
		all = append(all, node.(map[string]any)["orderId"].(string))
	}
	return strings.Join(all, " ")
}

func TestSearch(t *testing.T) {
	g := newGateway(t, view.Support(), dinners())
	for _, test := range []struct {
		query, more string
		want        string
		echo        string
		loose       bool
		warned      string
	}{
		{query: "vindaloo", want: "4 1", echo: "vindaloo"},
		{query: "CURRY", want: "4 3", echo: "CURRY"},
		{query: "curry -grace", want: "4", echo: "curry -grace"},
		{query: "vindaloo OR creme", want: "4 2 1", echo: "vindaloo OR creme"},
		{query: `"garlic naan"`, want: "1", echo: `"garlic naan"`},
		{query: "brul*", want: "2", echo: "brul*"},
		{query: "city:berkeley", want: "2", echo: "city:berkeley"},
		{query: "total:>=3 total:<4", want: "3", echo: "total:>=3 total:<4"},
		{query: "state:cancelled", want: "3", echo: "state:cancelled"},
		{query: "restaurant.name:curry", want: "4", echo: "restaurant.name:curry"},
		{query: globalID(orderType, "2"), want: "2", echo: globalID(orderType, "2")},
		{query: "orderId:" + globalID(orderType, "2"), want: "2", echo: "orderId:" + globalID(orderType, "2")},
		{query: "vindaloo colour:red", want: "4 1", echo: "vindaloo colour:red", warned: "colour"},
		{query: "dish:vindaloo consumer:ada", want: "1", echo: "dish:vindaloo consumer:ada"},
		{query: "total:cheap", want: "4 3 2 1", echo: "total:cheap", warned: "cheap"},
		{query: "", want: "4 3 2 1", echo: ""},

		{query: "vindalo", want: "4 1", echo: "vindalo", loose: true},
		{query: "chick", want: "1", echo: "chick", loose: true},
		{query: "chick ", want: "", echo: "chick"},
		{query: "zzzz", want: "", echo: "zzzz"},
		{query: "curry", more: "orderBy: {field: RELEVANCE}", want: "4 3", echo: "curry", loose: true},
		{query: "vindaloo", more: "orderBy: {field: RELEVANCE}", want: "1 4", echo: "vindaloo", loose: true},
		{query: "4 OR curry", more: "orderBy: [{field: RELEVANCE}, {field: TOTAL}]", want: "4 3", echo: "4 OR curry", loose: true},
		{query: "vindaloo OR curry", more: "orderBy: [{field: RESTAURANT, direction: ASC}, {field: CREATED_AT, direction: ASC}]",
			want: "1 3 4", echo: "vindaloo OR curry"},
	} {
		t.Run(test.query+" "+test.more, func(t *testing.T) {
			a := g.mustAsk(t, `query ($q: String) { orderHistory(query: $q, `+test.more+`) { nodes { orderId } } }`,
				map[string]any{"q": test.query})
			if diff := cmp.Diff(test.want, idsOf(t, a, "orderHistory")); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
			if len(a.Extensions.Search) != 1 {
				t.Fatalf("extensions.search: %+v", a.Extensions.Search)
			}
			told := a.Extensions.Search[0]
			if told.Query != test.echo || told.Loose != test.loose || told.Partial {
				t.Errorf("told %+v, want %q, loose %t", told, test.echo, test.loose)
			}
			if all := test.want == "4 3 2 1"; told.All != all {
				t.Errorf("told that all are found: %t, want %t", told.All, all)
			}
			if len(told.Warnings) > 0 != (test.warned != "") {
				t.Errorf("warnings %+v", told.Warnings)
			}
			for _, w := range told.Warnings {
				if !strings.Contains(w.Message, test.warned) || !strings.Contains(test.query[w.Start:w.End], test.warned) {
					t.Errorf("warning %+v, want one of %s", w, test.warned)
				}
			}
		})
	}
	a := g.mustAsk(t, `{ orderHistory { nodes { orderId } } }`)
	if len(a.Extensions.Search) > 0 {
		t.Errorf("nothing was searched for, and extensions.search is %+v", a.Extensions.Search)
	}
}

// TestLoosePages walks through what is found loosely, both ways.
func TestLoosePages(t *testing.T) {
	g := newGateway(t, view.Support(), newOrders(7))
	for _, by := range []string{"", "orderBy: {field: RELEVANCE}", "orderBy: [{field: RELEVANCE}, {field: TOTAL, direction: ASC}]"} {
		whole := idsOf(t, g.mustAsk(t, `{ orderHistory(query: "vindalo", `+by+`) { nodes { orderId } } }`), "orderHistory")
		for _, way := range []struct{ size, from, cursor string }{{"first", "after", "endCursor"}, {"last", "before", "startCursor"}} {
			var pages []string
			for cursor := ""; len(pages) < 10; {
				arguments := fmt.Sprintf(`query: "vindalo", %s: 3, %s`, way.size, by)
				if cursor != "" {
					arguments += fmt.Sprintf(`, %s: %q`, way.from, cursor)
				}
				a := g.mustAsk(t, `{ orderHistory(`+arguments+`) { nodes { orderId } pageInfo { endCursor startCursor } } }`)
				page := idsOf(t, a, "orderHistory")
				if page == "" {
					break
				}
				pages = append(pages, page)
				cursor = a.at("orderHistory", "pageInfo", way.cursor).(string)
			}
			if way.size == "last" {
				for i, j := 0, len(pages)-1; i < j; i, j = i+1, j-1 {
					pages[i], pages[j] = pages[j], pages[i]
				}
			}
			if diff := cmp.Diff(whole, strings.Join(pages, " ")); diff != "" {
				t.Errorf("%s, %s (-whole +paged):\n%s", by, way.size, diff)
			}
		}
	}
}

func TestDidYouMean(t *testing.T) {
	for _, test := range []struct {
		viewer      view.Viewer
		query, want string
	}{
		{view.Support(), "vindaloo", ""},
		{view.Support(), "nann", "naan"},
		{view.Support(), "garlic nann", "garlic naan"},
		{view.Support(), "bindaloo", "vindaloo"},
		{view.Support(), "bindaloo city:oakland", "vindaloo city:oakland"},
		{view.Support(), "bindaloo city:nowhere", ""},
		{view.Support(), "xyzzyx", ""},
		{view.Support(), `"nann"`, ""},
		{ada, "nann", "naan"},
		{ada, "cegetable", ""},
		{view.As(view.RoleConsumer, "8"), "cegetable", "vegetable"},
		{view.Viewer{}, "nann", ""},
	} {
		g := newGateway(t, test.viewer, dinners())
		a := g.mustAsk(t, `query ($q: String) { orderHistory(query: $q) { total { count } didYouMean } }`, map[string]any{"q": test.query})
		got, _ := a.at("orderHistory", "didYouMean").(string)
		if got != test.want {
			t.Errorf("%s asks for %q: perhaps %q, want %q", test.viewer, test.query, got, test.want)
		}
	}
	g := newGateway(t, view.Support(), dinners())
	g.mustAsk(t, `{ orderHistory(query: "xyzzyx") { total { count } } }`)
	if n := g.store.searches.Load(); n > 2 {
		t.Errorf("%d searches, though didYouMean is not selected", n)
	}
}

func TestFacets(t *testing.T) {
	g := newGateway(t, view.Support(), dinners())
	a := g.mustAsk(t, `{ orderHistory(query: "city:oakland", filter: {state: {eq: APPROVED}}, first: 1) {
		total { count }
		facets {
			state { ...f } city { ...f } status { ...f }
			one: restaurant(first: 1) { ...f } restaurant { ...f } dish { ...f } consumer { ...f } month { ...f }
			total(bounds: ["2", "3"]) { ...f }
		}
		again: facets { restaurant(first: 2) { ...f } }
	} } fragment f on Facet { field values { value count query } others }`)
	text := func(path ...any) string {
		f, _ := a.at(append([]any{"orderHistory"}, path...)...).(map[string]any)
		all := fmt.Sprint(f["field"], ":")
		values, _ := f["values"].([]any)
		for _, v := range values {
			v := v.(map[string]any)
			all += fmt.Sprintf(" %s=%v (%s)", v["value"], v["count"], v["query"])
		}
		return all + fmt.Sprintf(" +%v", f["others"])
	}
	for path, want := range map[string]string{
		"facets.state":      `state: APPROVED=2 (state:APPROVED) CANCELLED=1 (state:CANCELLED) +0`,
		"facets.city":       `city: Oakland=2 (city:"Oakland") +0`,
		"facets.one":        `restaurant.name: Ajanta=1 (restaurant.name:"Ajanta") +1`,
		"facets.restaurant": `restaurant.name: Ajanta=1 (restaurant.name:"Ajanta") The Curry House=1 (restaurant.name:"The Curry House") +0`,
		"again.restaurant":  `restaurant.name: Ajanta=1 (restaurant.name:"Ajanta") The Curry House=1 (restaurant.name:"The Curry House") +0`,
		"facets.consumer":   `consumer.name: Ada Byron=2 (consumer.name:"Ada Byron") +0`,
		"facets.month":      `createdAt: 2026-03=2 (createdAt:2026-03) +0`,
		"facets.total":      `total: *..2=1 (total:<2) 2..3=0 (total:>=2 total:<3) 3..*=1 (total:>=3) +0`,
	} {
		around, name, _ := strings.Cut(path, ".")
		if diff := cmp.Diff(want, text(around, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if n := g.store.searches.Load(); n != 1 {
		t.Errorf("%d searches for all of them, want 1", n)
	}
	// Each value's condition finds as many.
	values := g.mustAsk(t, `{ orderHistory { facets { city { values { count query } } dish { values { count query } }
		status { values { count query } } month { values { count query } } total { values { count query } } } } }`)
	for _, facet := range values.at("orderHistory", "facets").(map[string]any) {
		for _, v := range facet.(map[string]any)["values"].([]any) {
			v := v.(map[string]any)
			found := g.mustAsk(t, `query ($q: String) { orderHistory(query: $q) { total { count } } }`, map[string]any{"q": v["query"]})
			if got := found.at("orderHistory", "total", "count"); got != v["count"] || len(found.Extensions.Search[0].Warnings) > 0 {
				t.Errorf("%s finds %v, want %v; %+v", v["query"], got, v["count"], found.Extensions.Search)
			}
		}
	}
	for arguments, message := range map[string]string{
		`restaurant(first: 0)`: "1 to 100 are possible", `restaurant(first: 101)`: "1 to 100 are possible",
		`total(bounds: [])`: "1 to 32 are possible", `total(bounds: ["2", "1"])`: "do not ascend", `total(bounds: ["x"])`: "is no amount",
	} {
		a := g.ask(t, `{ orderHistory { facets { `+arguments+` { others } } } }`)
		if len(a.Errors) != 1 || a.codes()[0] != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, message) {
			t.Errorf("%s: %+v, want BAD_USER_INPUT with %q", arguments, a.Errors, message)
		}
	}
}

func TestHighlights(t *testing.T) {
	g := newGateway(t, view.Support(), dinners())
	a := g.mustAsk(t, `{ orderHistory(query: "creme OR curry OR vindalo OR orderId:1", orderBy: {field: RELEVANCE}) {
		edges { node { orderId } score highlights { field fragment ranges { start end } } } } }`)
	got := map[string]string{}
	for _, edge := range a.at("orderHistory", "edges").([]any) {
		edge := edge.(map[string]any)
		var all []string
		for _, h := range edge["highlights"].([]any) {
			h := h.(map[string]any)
			text := h["fragment"].(string)
			for _, r := range h["ranges"].([]any) {
				r := r.(map[string]any)
				text += fmt.Sprintf(" [%s]", string([]rune(h["fragment"].(string))[int(r["start"].(float64)):int(r["end"].(float64))]))
			}
			all = append(all, h["field"].(string)+": "+text)
		}
		got[edge["node"].(map[string]any)["orderId"].(string)] = strings.Join(all, "; ")
		if edge["score"] == nil {
			t.Errorf("no score: %v", edge)
		}
	}
	want := map[string]string{
		"1": "lineItems.name: Chicken Vindaloo [Vindaloo]",
		"2": "lineItems.name: Crème brûlée [Crème]",
		"3": "lineItems.name: Vegetable Curries [Curries]",
		"4": "deliveryAddress.street1: 3 Vindaloo Lane [Vindaloo]; restaurant.name: The Curry House [Curry]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("highlights (-want +got):\n%s", diff)
	}
	a = g.mustAsk(t, `{ orderHistory(query: "creme") { edges { score } } }`)
	if a.at("orderHistory", "edges", 0, "score") != nil {
		t.Error("a score where nobody asked for relevance")
	}
}

func TestSuggest(t *testing.T) {
	for _, test := range []struct {
		viewer view.Viewer
		prefix string
		first  int
		want   string
	}{
		{view.Support(), "c", 10, `RESTAURANT Café Exemple 1; DISH Chicken Vindaloo 1; DISH Crème brûlée 1; RESTAURANT The Curry House 1; DISH Vegetable Curries 1; FIELD city; FIELD consumer; FIELD createdAt`},
		{view.Support(), "cur", 10, `RESTAURANT The Curry House 1; DISH Vegetable Curries 1`},
		{view.Support(), "garlic na", 10, `DISH Garlic Naan 1`},
		{view.Support(), "berk", 10, `CITY Berkeley 1`},
		{view.Support(), "oak", 10, `CITY Oakland 3`},
		{view.Support(), "delivery", 3, `FIELD deliveryTime; FIELD deliveryState; FIELD deliveryAddress.state`},
		{view.Support(), "dish", 3, `FIELD dish`},
		{view.Support(), "3", 10, "ORDER 3 1"},
		{view.Support(), "c", 2, `RESTAURANT Café Exemple 1; DISH Chicken Vindaloo 1`},
		{view.Support(), " ", 10, ""},
		{view.Support(), `"((`, 10, ""},
		{ada, "cur", 10, `RESTAURANT The Curry House 1`},
		{view.As(view.RoleConsumer, "8"), "cur", 10, `DISH Vegetable Curries 1`},
		{view.Viewer{}, "cur", 10, ""},
	} {
		g := newGateway(t, test.viewer, dinners())
		a := g.mustAsk(t, `query ($p: String!, $n: Int!) { suggest(prefix: $p, first: $n) { kind text count query order { orderId } } }`,
			map[string]any{"p": test.prefix, "n": test.first})
		var all []string
		for _, s := range a.at("suggest").([]any) {
			s := s.(map[string]any)
			text := fmt.Sprint(s["kind"], " ", s["text"])
			if s["count"] != nil {
				text += fmt.Sprint(" ", s["count"])
				found := g.mustAsk(t, `query ($q: String) { orderHistory(query: $q) { total { count } } }`, map[string]any{"q": s["query"]})
				if found.at("orderHistory", "total", "count") != s["count"] || len(found.Extensions.Search[0].Warnings) > 0 {
					t.Errorf("%v finds %v, %+v", s, found.Data, found.Extensions.Search)
				}
			}
			all = append(all, text)
		}
		if diff := cmp.Diff(test.want, strings.Join(all, "; ")); diff != "" {
			t.Errorf("%s types %q (-want +got):\n%s", test.viewer, test.prefix, diff)
		}
	}
	many := newGateway(t, view.Support(), newOrders(40))
	a := many.mustAsk(t, `{ suggest(prefix: "3") { kind text count order { orderId } } }`)
	text, err := json.Marshal(a.at("suggest"))
	if err != nil {
		t.Fatal(err)
	}
	// One digit is too little for a beginning, so it is the whole id.
	if want := `[{"count":1,"kind":"ORDER","order":{"orderId":"3"},"text":"3"}]`; string(text) != want {
		t.Errorf("suggested %s, want %s", text, want)
	}
	for _, bad := range []string{`prefix: "a", first: 0`, `prefix: "a", first: 51`, `prefix: "` + strings.Repeat("a", 257) + `"`} {
		if a := many.ask(t, `{ suggest(`+bad+`) { text } }`); len(a.Errors) != 1 || a.codes()[0] != "BAD_USER_INPUT" {
			t.Errorf("%.30s: %+v", bad, a.Errors)
		}
	}
}

func TestSummary(t *testing.T) {
	g := newGateway(t, view.Support(), dinners())
	a := g.mustAsk(t, `{ consumer(id: "7") { name summary { orders { count precision } spent { amount currency } lastOrder { orderId }
		restaurants(first: 2) { values { value count } others } dishes { values { value } others } } } }`)
	text, err := json.Marshal(a.at("consumer", "summary"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"dishes":{"others":0,"values":[{"value":"Chicken Vindaloo"},{"value":"Crème brûlée"},{"value":"Garlic Naan"},` +
		`{"value":"Plain rice"},{"value":"Tarte Tatin"}]},"lastOrder":{"orderId":"4"},"orders":{"count":3,"precision":"EXACT"},` +
		`"restaurants":{"others":1,"values":[{"count":1,"value":"Ajanta"},{"count":1,"value":"Café Exemple"}]},` +
		`"spent":{"amount":"8.50","currency":"USD"}}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	a = g.mustAsk(t, `{ consumer(id: "8") { summary { orders { count } spent { amount } lastOrder { orderId } } } }`)
	text, _ = json.Marshal(a.at("consumer", "summary"))
	if want := `{"lastOrder":{"orderId":"3"},"orders":{"count":1},"spent":null}`; string(text) != want {
		t.Errorf("of a cancelled order: %s, want %s", text, want)
	}
}

func TestExactSum(t *testing.T) {
	for sum, want := range map[float64]string{0: "0.00", 0.1 + 0.2: "0.30", 1e8 + 0.01: "100000000.01", 0.000001: "0.000001", 12.345: "12.345",
		-5: "-5.00"} {
		if got := exactSum(sum); got != want {
			t.Errorf("%v is %s, want %s", sum, got, want)
		}
	}
}

func TestFilters(t *testing.T) {
	g := newGateway(t, view.Support(), dinners())
	for filter, want := range map[string]string{
		`orderId: {in: ["1", "` + globalID(orderType, "3") + `"]}`:       "3 1",
		`restaurant: {eq: "cafe exemple"}`:                               "2",
		`restaurant: {not: "cafe exemple"}`:                              "4 3 1",
		`city: {in: ["BERKELEY", "nowhere"]}`:                            "2",
		`dish: {eq: "creme brulee"}`:                                     "2",
		`dish: {eq: "creme"}`:                                            "",
		`quantity: {gte: 2}`:                                             "2 1",
		`quantity: {eq: 1}`:                                              "4 3 2 1",
		`consumer: {eq: "Grace Hopper"}`:                                 "3",
		`total: {eq: "3.50"}`:                                            "3",
		`total: {gt: "2.5", lt: "4.5"}`:                                  "3",
		`deliveryTime: {exists: true}`:                                   "",
		`deliveryTime: {exists: false}`:                                  "4 3 2 1",
		`courierId: {exists: false}`:                                     "",
		`ticketState: {exists: true}`:                                    "4 3 2 1",
		`billState: {eq: AUTHORIZED}`:                                    "4 3 2 1",
		`updatedAt: {gte: "2000-01-01T00:00:00Z"}`:                       "4 3 2 1",
		`or: [{city: {eq: "berkeley"}}, {not: {state: {eq: APPROVED}}}]`: "3 2",
	} {
		a := g.mustAsk(t, `{ orderHistory(filter: {`+filter+`}) { nodes { orderId } } }`)
		if diff := cmp.Diff(want, idsOf(t, a, "orderHistory")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filter, diff)
		}
	}
}

// TestPartial: a search whose time is over is told as such, and keeps no promise.
func TestPartial(t *testing.T) {
	g := newGateway(t, view.Support(), dinners())
	g.store.partial = true
	a := g.mustAsk(t, `{ orderHistory { total { precision } nodes { orderId } } }`)
	if len(a.Extensions.Search) != 1 || !a.Extensions.Search[0].Partial || a.at("orderHistory", "total", "precision") != "AT_LEAST" {
		t.Errorf("extensions.search %+v, %v", a.Extensions.Search, a.Data)
	}
	if told := a.Extensions.Freshness[0]; told.Reason != compose.Unfinished || !told.Kept {
		t.Errorf("eventually: %+v", told)
	}
	a = g.mustAsk(t, `{ orderHistory(consumerId: "7", freshness: {maxStalenessMs: 60000}) { nodes { orderId } } }`)
	if told := a.Extensions.Freshness[0]; told.Reason != compose.Unfinished || told.Kept {
		t.Errorf("fresh enough: %+v", told)
	}
	a = g.ask(t, `{ orderHistory(consumerId: "7", freshness: {maxStalenessMs: 60000, onStale: ERROR}) { nodes { orderId } } }`)
	if len(a.Errors) != 1 || a.codes()[0] != "STALE_VIEW" {
		t.Errorf("or an error: %+v", a.Errors)
	}
}
