package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/schema"
)

// costs asks a query with an extension, and returns what extensions.cost has.
func (g *gateway) costs(t testing.TB, query string, extensions map[string]any) (told *toldCost, codes []string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "extensions": extensions})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	var answer struct{ Extensions struct{ Cost *toldCost } }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Extensions.Cost, decodeAnswer(t, w).codes()
}

func TestCost(t *testing.T) {
	g := newGateway(t, ada, newOrders(3), func(o *Options) { o.Limits.Cost = 1000 })
	asked := map[string]any{"cost": true}
	for _, test := range []struct {
		name, query string
		want        toldCost
	}{
		{"an order", `{ order(id: 1) { orderId restaurant { name } } }`, toldCost{2, 2, 1000}},
		{"none", `{ order(id: 9) { orderId restaurant { name } } }`, toldCost{2, 0, 1000}},
		{"a page that is not full", `{ orderHistory(first: 50) { nodes { orderId } } }`, toldCost{151, 104, 1000}},
		{"as fresh as may be", `{ order(id: 1, freshness: {mode: FRESH}) { orderId } }`, toldCost{41, 41, 1000}},
		{"conditions", `{ orderHistory(first: 1, filter: {or: [{status: {eq: PLACED}}, {city: {eq: "x"}}]}) { nodes { id } } }`,
			toldCost{104, 103, 1000}},
		{"facets", `{ orderHistory(first: 1) { facets { status(first: 3) { values { count } } } } }`, toldCost{126, 124, 1000}},
		{"a summary", `{ consumer(id: 7) { summary { orders { count } } } }`, toldCost{203, 203, 1000}},
		{"skipped", `{ order(id: 1) { orderId } consumer(id: 7) @skip(if: true) { summary { orders { count } } } }`,
			toldCost{1, 1, 1000}},
		{"too much", `{ orderHistory(first: 100) { nodes { timeline { at } } } }`, toldCost{2201, 0, 1000}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, codes := g.costs(t, test.query, asked)
			if got == nil || *got != test.want {
				t.Errorf("cost %+v, want %+v", got, test.want)
			}
			if refused := test.want.Estimated > 1000; refused != (len(codes) == 1 && codes[0] == "QUERY_TOO_COMPLEX") {
				t.Errorf("errors %q", codes)
			}
		})
	}
	if got, _ := g.costs(t, `{ order(id: 1) { orderId } }`, nil); got != nil {
		t.Errorf("told %+v, and was not asked", got)
	}
	if o := g.seen[len(g.seen)-1]; o.CostEstimated != 1 || o.CostActual != 1 {
		t.Errorf("observed %+v", o)
	}
}

// TestDocumentedCost: the example of doc/limits.md, which is the README's with a full page, costs what it is said to.
func TestDocumentedCost(t *testing.T) {
	text, err := os.ReadFile("../doc/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	_, behind, found := strings.Cut(string(text), "```graphql\n")
	query, behind, _ := strings.Cut(behind, "\n```\n\ncosts ")
	cost, _, ends := strings.Cut(behind, " at most")
	if !found || !ends {
		t.Fatal("doc/limits.md has no example")
	}
	g := newGateway(t, ada, newOrders(1))
	told, codes := g.costs(t, query, map[string]any{"cost": true})
	if told == nil || fmt.Sprint(told.Estimated) != cost || len(codes) > 0 {
		t.Errorf("%+v, %q; documented is %s", told, codes, cost)
	}
}

func TestCostByHeader(t *testing.T) {
	g := newGateway(t, ada, newOrders(1), func(o *Options) { o.Limits.Cost = 40 })
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query": "{ order(id: 1) { orderId } }"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Viewgate-Freshness", "FRESH")
	if a := g.send(t, r); len(a.Errors) != 1 || a.codes()[0] != "QUERY_TOO_COMPLEX" {
		t.Errorf("what a header promises costs nothing: %+v", a)
	}
}

func TestReportCost(t *testing.T) {
	g := newGateway(t, ada, newOrders(1), func(o *Options) { o.Limits.Cost, o.Limits.ReportCost = 1, true })
	told, codes := g.costs(t, `{ order(id: 1) { orderId total { amount } } }`, map[string]any{"cost": true})
	if len(codes) > 0 || told == nil || told.Actual != 2 {
		t.Errorf("answered %+v, errors %q", told, codes)
	}
	if log := g.log.String(); !strings.Contains(log, "cost=2 maximum=1") {
		t.Errorf("logged %s", log)
	}
}

// TestActualCost: what an operation costs is never more than the estimate, whatever is asked and there is.
func TestActualCost(t *testing.T) {
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, ada, newOrders(30), func(o *Options) { o.Limits.Cost, o.Limits.Aliases = 1<<30, 1<<10 })
	rapid.Check(t, func(rt *rapid.T) {
		query := "{" + drawSelections(rt, s, s.Query, 3) + "}"
		told, _ := g.costs(t, query, map[string]any{"cost": true})
		if told == nil || told.Actual > told.Estimated {
			rt.Errorf("%s: %+v", query, told)
		}
	})
}

// drawSelections makes up a valid selection of some fields of a type.
func drawSelections(t *rapid.T, s *ast.Schema, of *ast.Definition, depth int) string {
	var text strings.Builder
	text.WriteString(" __typename")
	for i := range rapid.IntRange(1, 3).Draw(t, "fields") {
		f := rapid.SampledFrom(of.Fields).Draw(t, "field")
		below := s.Types[f.Type.Name()]
		if strings.HasPrefix(f.Name, "_") || below.IsCompositeType() && depth == 0 {
			continue
		}
		fmt.Fprintf(&text, " f%d: %s", i, f.Name)
		var arguments []string
		for _, a := range f.Arguments {
			var value string
			switch a.Name {
			case "first":
				value = fmt.Sprint(rapid.SampledFrom([]int{1, 2, 25, 100}).Draw(t, "first"))
			case "id", "consumerId":
				value = rapid.SampledFrom([]string{"7", "1", "99"}).Draw(t, "id")
			case "ids":
				value = fmt.Sprintf("[%q, \"x\"]", globalID(orderType, "1"))
			case "prefix":
				value = `"ch"`
			case "query":
				value = rapid.SampledFrom([]string{`"chicken"`, `"nothing at all"`}).Draw(t, "query")
			case "freshness":
				value = "{mode: EVENTUAL}"
			case "filter":
				value = `{status: {in: [CONFIRMED, PREPARING]}}`
			}
			if value != "" && (a.Type.NonNull && a.DefaultValue == nil || rapid.Bool().Draw(t, a.Name)) {
				arguments = append(arguments, a.Name+": "+value)
			}
		}
		if len(arguments) > 0 {
			fmt.Fprintf(&text, "(%s)", strings.Join(arguments, ", "))
		}
		switch {
		case below.IsAbstractType():
			fmt.Fprintf(&text, " { ... on Order {%s} }", drawSelections(t, s, s.Types["Order"], depth-1))
		case below.IsCompositeType():
			fmt.Fprintf(&text, " {%s}", drawSelections(t, s, below, depth-1))
		}
	}
	return text.String()
}
