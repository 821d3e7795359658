// Package viewtest is the suite that every view.Store must pass, with a plain model of a store that others are compared
// with, and benchmarks.
//
//	func TestStore(t *testing.T) { viewtest.Run(t, open); viewtest.Differential(t, open) }
//
// where open returns an empty store of the mapping and closes it when the test ends.
package viewtest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
)

// SDL is the schema of the suite's view: a small relative of the order view, with every kind of field.
const SDL = `
scalar DateTime
scalar Decimal
type Money { amount: Decimal! currency: String! }

type Meal @view(name: "meals") {
  mealId: ID! @index(as: KEYWORD, weight: 10) @sortable
  state: MealState @index(as: KEYWORD) @facet @sortable
  tag: String @index(as: KEYWORD) @facet @sortable
  title: String @index(as: TEXT, weight: 3) @facet @sortable
  note: String @index(as: TEXT) @visibleWhile(role: RESTAURANT, field: "state", is: ["OPEN"])
  guest: Guest @index
  kitchen: Kitchen @index
  items: [Item!] @index
  extras: [Extra!] @index @visibleWhile(role: RESTAURANT, field: "state", is: ["OPEN"])
  total: Money @index(as: MONEY) @facet @sortable
  seats: Int @index(as: NUMBER) @facet @sortable
  placedAt: DateTime @index(as: DATE) @facet @sortable
  rush: Boolean @index(as: BOOLEAN) @facet @sortable
  place: Place @index(as: GEO) @sortable
  memo: String @visibleWhile(role: RESTAURANT, field: "state", is: ["OPEN"])
}
enum MealState { OPEN DONE }
type Place { latitude: Float! longitude: Float! }
type Guest {
  guestId: ID! @index(as: KEYWORD, weight: 2) @visibleTo(role: CONSUMER)
  name: String @index(as: TEXT)
}
type Kitchen {
  kitchenId: ID! @index(as: KEYWORD) @visibleTo(role: RESTAURANT)
  name: String @index(as: TEXT, weight: 3) @facet
}
type Extra { name: String! @index(as: TEXT, weight: 2) @facet price: Int @index(as: NUMBER) @facet }
type Item {
  dish: String! @index(as: TEXT, weight: 3) @facet
  quantity: Int! @index(as: NUMBER) @sortable
  remark: String
}
`

// Schema reads a schema that is written like SDL: without the directives.
func Schema(sdl string) (*ast.Schema, error) {
	sources := []*ast.Source{{Name: "viewtest.graphqls", Input: sdl}}
	for _, s := range schema.Sources() {
		if strings.HasSuffix(s.Name, "directives.graphqls") {
			sources = append(sources, s)
		}
	}
	return gqlparser.LoadSchema(sources...)
}

// MappingOf returns the mapping of the view in a schema that is written like SDL.
func MappingOf(sdl, name string) (*view.Mapping, error) {
	s, err := Schema(sdl)
	if err != nil {
		return nil, err
	}
	return view.MappingOf(s, name)
}

// Mapping returns the mapping of SDL's view.
func Mapping(t testing.TB) *view.Mapping {
	t.Helper()
	m, err := MappingOf(SDL, "meals")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Open returns an empty store of the mapping, which is closed when the test ends.
type Open func(t *testing.T, m *view.Mapping) view.Store

// Run tests what view.Store promises, each sentence by a subtest.
func Run(t *testing.T, open func(t *testing.T, m *view.Mapping) view.Store) {
	m := Mapping(t)
	for _, part := range []struct {
		name string
		test func(t *testing.T, m *view.Mapping, open Open)
	}{
		{"Write", testWrite},
		{"Get", testGet},
		{"Refresh", testRefresh},
		{"Scope", testScope},
		{"Guards", testGuards},
		{"Words", testWords},
		{"Filter", testFilter},
		{"Sort", testSort},
		{"Paging", testPaging},
		{"Facets", testFacets},
		{"Forms", testForms},
		{"Scores", testScores},
		{"Geo", testGeo},
		{"Values", testValues},
		{"Scan", testScan},
		{"Extremes", testExtremes},
		{"Concurrency", testConcurrency},
		{"Context", testContext},
		{"Invalid", testInvalid},
		{"SchemaAlone", testSchemaAlone},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, m, open) })
	}
}

// Words returns the condition that each of these words is found, in any field.
func Words(words ...string) view.Filter {
	all := view.And{}
	for _, word := range words {
		all = append(all, view.Words{Text: word})
	}
	return all
}

// object is a JSON object.
type object = map[string]any

// doc is a document of the suite.
type doc struct {
	id     string
	source object
}

func encode(t testing.TB, source object) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(source)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func creation(t testing.TB, d doc) view.Write {
	t.Helper()
	return view.Write{ID: d.id, Source: encode(t, d.source)}
}

// put creates documents and refreshes.
func put(t testing.TB, s view.Store, docs ...doc) {
	t.Helper()
	writes := make([]view.Write, len(docs))
	for i, d := range docs {
		writes[i] = creation(t, d)
	}
	apply(t, s, writes...)
	refresh(t, s)
}

// apply writes and returns the new revisions; all must be done.
func apply(t testing.TB, s view.Store, writes ...view.Write) []view.Revision {
	t.Helper()
	results := s.Apply(t.Context(), writes)
	if len(results) != len(writes) {
		t.Fatalf("Apply answered %d writes of %d", len(results), len(writes))
	}
	revisions := make([]view.Revision, len(writes))
	for i, r := range results {
		if r.Err != nil {
			t.Fatalf("Apply: write of %q: %v", writes[i].ID, r.Err)
		}
		revisions[i] = r.Revision
	}
	return revisions
}

func refresh(t testing.TB, s view.Store) {
	t.Helper()
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatalf("Refresh: %v", err)
	}
}

// get returns a document that must be there.
func get(t testing.TB, s view.Store, id string) view.Document {
	t.Helper()
	found, err := s.Get(t.Context(), view.Support(), []string{id})
	if err != nil {
		t.Fatalf("Get %q: %v", id, err)
	}
	d, ok := found[id]
	if !ok {
		t.Fatalf("Get %q: it is missing", id)
	}
	return d
}

func search(t testing.TB, s view.Store, v view.Viewer, q view.Query) view.Page {
	t.Helper()
	p, err := s.Search(t.Context(), v, q)
	if err != nil {
		t.Fatalf("Search %+v: %v", q, err)
	}
	return p
}

// idsOf returns the ids of a page's hits in their order, never nil.
func idsOf(p view.Page) []string {
	ids := make([]string, len(p.Hits))
	for i, h := range p.Hits {
		ids[i] = h.ID
	}
	return ids
}

// matches asks for everything that matches, ordered by id, and compares ids and total.
func matches(t testing.TB, s view.Store, v view.Viewer, q view.Query, want ...string) {
	t.Helper()
	q.Size = view.MaxSize
	if q.Sort == nil {
		q.Sort = []view.Sort{{Field: "mealId"}}
	}
	p := search(t, s, v, q)
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, idsOf(p)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	checkTotal(t, p, len(want))
	if p.More {
		t.Error("More is true on a page that has all")
	}
}

func checkTotal(t testing.TB, p view.Page, want int) {
	t.Helper()
	if p.Total > want || p.Exact && p.Total < want {
		t.Errorf("Total is %d (exact: %t), want %d", p.Total, p.Exact, want)
	}
}

// sameJSON compares two JSON texts as values.
func sameJSON(t testing.TB, want, got json.RawMessage) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("source given back is no JSON: %v", err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
}
