package cost

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/schema"
)

func TestEstimate(t *testing.T) {
	schema, model := modelOf(t, things)
	for _, test := range []struct {
		name, query string
		variables   map[string]any
		want        int
	}{
		{"a field and its object", `{ thing { id name } }`, nil, 4},
		{"its name costs nothing", `{ __typename thing { __typename } }`, nil, 4},
		{"an alias is another", `{ a: thing { id } b: thing { id } }`, nil, 8},
		{"an argument", `{ thing(fresh: true) { id } }`, nil, 44},
		{"an argument that is null", `{ thing(fresh: null) { id } }`, nil, 4},
		{"an argument by a variable", `query($f: Boolean) { thing(fresh: $f) { id } }`, map[string]any{"f": false}, 44},
		{"a variable that is not given", `query($f: Boolean) { thing(fresh: $f) { id } }`, nil, 4},
		{"an argument of several", `{ thing(of: ["a", "b", "c"]) { id } }`, nil, 4 + 3*7},
		{"an argument of none", `{ thing(of: []) { id } }`, nil, 4},
		{"several by a variable", `query($i: [ID!]) { thing(of: $i) { id } }`, map[string]any{"i": []any{"a", "b"}}, 4 + 2*7},
		{"an enum", `{ thing { color } }`, nil, 6},
		{"a page as long as usual", `{ page { nodes { id } } }`, nil, 101 + 20},
		{"a page", `{ page(first: 3) { nodes { id } } }`, nil, 101 + 3},
		{"both ways", `{ page(first: 3) { nodes { id } edges { node { id } } } }`, nil, 101 + 3 + 2*3},
		{"beside the page", `{ page(first: 3) { total { count } nodes { id } } }`, nil, 102 + 3},
		{"a page by a variable", `query($n: Int) { page(last: $n) { nodes { id } } }`, map[string]any{"n": int64(4)}, 101 + 4},
		{"a page by null", `query($n: Int) { page(last: $n) { nodes { id } } }`, map[string]any{"n": nil}, 101 + 20},
		{"the longer", `{ page(first: 3, last: 5) { nodes { id } } }`, nil, 101 + 5},
		{"less than none", `{ page(first: -3) { nodes { id } } }`, nil, 101},
		{"a page of pages", `{ page(first: 3) { nodes { page(first: 2) { nodes { id } } } } }`, nil, 101 + 3*(1+11+2)},
		{"an inner list has its own length", `{ page(first: 3) { counted { nodes { id } edges { cursor } } nodes { id } } }`, nil,
			101 + (1 + 5 + 1) + 3},
		{"a list of arguments", `{ some(ids: ["a", "b", "c"]) { ... on Thing { id } } }`, nil, 3 * 5},
		{"one for a list", `query($i: [ID!]!) { some(ids: $i) { __typename } }`, map[string]any{"i": []string{"a"}}, 5},
		{"types side by side", `{ some(ids: ["a"]) { ... on Thing { self { id } } ... on Dear { id } } }`, nil, 6},
		{"an assumption", `{ usually { self { id } } }`, nil, 14},
		{"a condition", `{ page(where: {is: "x"}) { total { count } } }`, nil, 103},
		{"conditions", `{ page(where: {is: "x", and: [{is: "y"}, {not: {in: ["a", "b"]}}]}) { total { count } } }`, nil, 106},
		{"conditions by a variable", `query($w: Where) { page(where: $w) { total { count } } }`,
			map[string]any{"w": map[string]any{"is": "x", "not": map[string]any{"in": []any{"a", "b"}}, "and": nil}}, 105},
		{"skipped", `query($y: Boolean = true) { thing @skip(if: $y) { id } ... @include(if: false) { usually { id } } }`,
			map[string]any{"y": true}, 0},
		{"not skipped", `{ thing @skip(if: false) @include(if: true) { id } }`, nil, 4},
		{"a fragment in itself", `{ thing { ...f } } fragment f on Thing { id self { ...f } }`, nil, 5},
		{"a fragment that is missing", `{ thing { ...f } }`, nil, 4},
		{"introspection", `{ __schema { types { fields { name } } } __type(name: "Thing") { name } }`, nil, schemaCost + typeCost + 2},
		{"very much", `{ page(first: 2147483647) { nodes { page(first: 2147483647) { nodes { id } } } } }`, nil, Most},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := model.Estimate(parse(t, schema, test.query).Operations[0], test.variables)
			if err != nil || got.Cost != test.want {
				t.Errorf("cost %d, %v; want %d", got.Cost, err, test.want)
			}
		})
	}
}

func TestEstimateImplied(t *testing.T) {
	schema, model := modelOf(t, things)
	op := parse(t, schema, `{ a: thing { id } b: thing(fresh: false) { id } page(first: 1) { nodes { id } } }`).Operations[0]
	got, err := model.Estimate(op, nil, "fresh")
	if want := 44 + 44 + 102; err != nil || got.Cost != want {
		t.Errorf("cost %d, %v; want %d", got.Cost, err, want)
	}
}

func TestEstimatePrice(t *testing.T) {
	schema, model := modelOf(t, things)
	doc := parse(t, schema, `{ thing(fresh: true) { name color } some(ids: ["a"]) { __typename } }`)
	e, err := model.Estimate(doc.Operations[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	thing := doc.Operations[0].SelectionSet[0].(*ast.Field)
	some := doc.Operations[0].SelectionSet[1].(*ast.Field)
	name, color := thing.SelectionSet[0].(*ast.Field), thing.SelectionSet[1].(*ast.Field)
	got := []Price{e.Price(thing), e.Price(name), e.Price(color), e.Price(some)}
	want := []Price{{Call: 43, Each: 1}, {}, {Each: 2}, {Each: 5}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("prices (-want +got):\n%s", diff)
	}
}

func TestOneSlicingArgument(t *testing.T) {
	schema, model := modelOf(t, things)
	for query, want := range map[string]string{
		`{ exactly(first: 2) { id } }`:          "",
		`{ exactly { id } }`:                    "exactly: exactly one of first, last must be given",
		`{ exactly(first: 2, last: 1) { id } }`: "exactly: exactly one of first, last must be given",
	} {
		_, err := model.Estimate(parse(t, schema, query).Operations[0], nil)
		if err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for sdl, want := range map[string]string{
		`type Query { a: Int @cost(weight: "1.5") }`:                                        `Query.a: @cost: the weight "1.5"`,
		`type Query { a: Int @cost(weight: "-1") }`:                                         `Query.a: @cost: the weight "-1"`,
		`type Query { a(b: Int @cost(weight: "x")): Int }`:                                  `Query.a: b: @cost: the weight "x"`,
		`type Query { a: Int } enum E @cost(weight: "") { V }`:                              `E: @cost: the weight ""`,
		`type Query { a: Int @listSize(assumedSize: 1) }`:                                   `Query.a: @listSize: neither`,
		`type Query { a: [Int] @listSize(slicingArguments: ["first"]) }`:                    `no argument first`,
		`type Query { a: B @listSize(assumedSize: 1, sizedFields: ["c"]) } type B { c: B }`: `sizedFields: B.c is no list`,
	} {
		s, err := gqlparser.LoadSchema(&ast.Source{Input: directives + sdl})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", sdl, err, want)
		}
	}
}

// TestSchema: of every list that the schema answers it is known how long it may be.
func TestSchema(t *testing.T) {
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	sized := map[string]bool{}
	for _, def := range s.Types {
		for _, f := range def.Fields {
			if c := m.fields[f]; c != nil {
				for _, below := range c.sized {
					sized[f.Type.Name()+"."+below] = true
				}
			}
		}
	}
	lists := 0
	for name, def := range s.Types {
		if strings.HasPrefix(name, "__") || def.Kind == ast.InputObject {
			continue
		}
		for _, f := range def.Fields {
			if f.Type.Elem == nil {
				continue
			}
			lists++
			if m.fields[f].sizes == nil && !sized[name+"."+f.Name] {
				t.Errorf("%s.%s: a list without @listSize", name, f.Name)
			}
		}
	}
	if lists == 0 {
		t.Error("no list")
	}
}
