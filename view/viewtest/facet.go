package viewtest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
)

func testFacets(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	dishes := func(names ...string) []any {
		var items []any
		for _, name := range names {
			items = append(items, object{"dish": name, "quantity": 1})
		}
		return items
	}
	put(t, s,
		meal("a", object{"total": money("10.50"), "seats": 2, "placedAt": "2026-03-01T00:00:00Z", "tag": "Café", "items": dishes("Green Soup", "Bread", "Green Soup"), "rush": true, "note": "x"}),
		meal("b", object{"total": money("10.49"), "seats": 3, "placedAt": "2026-03-31T23:59:59.999Z", "tag": "café", "items": dishes("green soup", "Bread"), "rush": true}),
		meal("c", object{"total": money("19.99"), "seats": 2, "placedAt": "2026-03-01T00:30:00+01:00", "tag": "CAFE", "items": dishes("Bread"), "rush": false, "note": "x"}),
		meal("d", object{"total": money("20"), "seats": 1, "placedAt": "1969-12-31T23:59:59.999Z", "tag": "Café", "kitchen": object{"kitchenId": "k", "name": "The Green Soup"}}),
		meal("e", object{"tag": []any{"Café", "zoo"}, "title": ""}),
		meal("f", nil),
	)
	facet := func(field string, size int) view.Facet { return view.Facet{Field: field, Size: size} }
	for _, tt := range []struct {
		name   string
		query  view.Query
		facets []view.Facet
		want   string
	}{
		{"values as they are stored", view.Query{}, []view.Facet{facet("tag", 10)}, "Café:3 CAFE:1 café:1 zoo:1"},
		{"a text whole, a document once", view.Query{}, []view.Facet{facet("items.dish", 10)},
			"Bread:3 Green Soup:1 green soup:1"},
		{"the most frequent", view.Query{}, []view.Facet{facet("items.dish", 1)}, "Bread:3 and 2 others"},
		{"ties by value", view.Query{}, []view.Facet{facet("tag", 2)}, "Café:3 CAFE:1 and 2 others"},
		{"boolean", view.Query{}, []view.Facet{facet("rush", 10)}, "true:2 false:1"},
		{"empty text", view.Query{}, []view.Facet{facet("title", 10)}, ":1"},
		{"nothing", view.Query{}, []view.Facet{facet("state", 10)}, ""},
		{"several, in their order", view.Query{},
			[]view.Facet{facet("rush", 1), facet("kitchen.name", 5), facet("rush", 5)},
			"true:2 and 1 others | The Green Soup:1 | true:2 false:1"},
		{"of what the words match", view.Query{Match: Words("x")}, []view.Facet{facet("tag", 10)}, "CAFE:1 Café:1"},
		{"of what the filter lets through", view.Query{Filter: view.In{Field: "rush", Values: []any{true}}},
			[]view.Facet{facet("tag", 10), facet("rush", 2)}, "Café:1 café:1 | true:2 false:1"},
		{"without its own field's filter", view.Query{Filter: view.In{Field: "tag", Values: []any{"zoo"}}},
			[]view.Facet{facet("tag", 10), facet("rush", 10)}, "Café:3 CAFE:1 café:1 zoo:1 | "},
		{"each without its own", view.Query{Filter: view.And{view.In{Field: "tag", Values: []any{"cafe"}},
			view.And{view.Not{Filter: view.In{Field: "rush", Values: []any{false}}}, view.Exists{Field: "mealId"}}}},
			[]view.Facet{facet("tag", 10), facet("rush", 10), facet("items.dish", 10)},
			"Café:3 café:1 zoo:1 | true:2 false:1 | Bread:2 Green Soup:1 green soup:1"},
		{"with a condition on it and another", view.Query{Filter: view.Or{view.In{Field: "tag", Values: []any{"zoo"}},
			view.In{Field: "rush", Values: []any{true}}}}, []view.Facet{facet("tag", 10)}, "Café:2 café:1 zoo:1"},
		{"without its own in what is searched for", view.Query{Match: view.And{view.Words{Text: "x"},
			view.In{Field: "tag", Values: []any{"cafe"}}}}, []view.Facet{facet("tag", 10)}, "CAFE:1 Café:1"},
		{"with the words in it", view.Query{Match: view.Words{Field: "items.dish", Text: "soup"}},
			[]view.Facet{facet("items.dish", 10)}, "Bread:2 Green Soup:1 green soup:1"},
		{"months, the latest first", view.Query{}, []view.Facet{facet("placedAt", 10)}, "2026-03:2 2026-02:1 1969-12:1"},
		{"the latest months", view.Query{}, []view.Facet{facet("placedAt", 1)}, "2026-03:2 and 2 others"},
		{"ranges", view.Query{}, []view.Facet{{Field: "total", Bounds: []float64{0, 10.5, 20}}},
			"*..0:0 0..10.5:1 10.5..20:2 20..*:1"},
		{"ranges of a number, without its own", view.Query{Filter: view.Range{Field: "seats", GT: 2.0}},
			[]view.Facet{{Field: "seats", Bounds: []float64{2}}, {Field: "total", Bounds: []float64{1000}}},
			"*..2:1 2..*:3 | *..1000:1 1000..*:0"},
		{"of no documents", view.Query{Filter: view.Or{}}, []view.Facet{facet("tag", 10), facet("rush", 10)}, " | "},
		{"beside a page", view.Query{Size: 1, Sort: []view.Sort{{Field: "tag"}}}, []view.Facet{facet("tag", 10)},
			"Café:3 CAFE:1 café:1 zoo:1"},
		{"on a later page", view.Query{Size: 1, Sort: []view.Sort{{Field: "tag"}},
			From: &view.Position{Values: []any{"x"}, ID: "x"}},
			[]view.Facet{facet("tag", 10)}, "Café:3 CAFE:1 café:1 zoo:1"},
		{"by relevance", view.Query{Size: 1, Match: Words("x")}, []view.Facet{facet("items.dish", 10)},
			"Bread:2 Green Soup:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.query.Facets = tt.facets
			p := search(t, s, view.Support(), tt.query)
			if len(p.Facets) != len(tt.facets) {
				t.Fatalf("%d facets, want %d", len(p.Facets), len(tt.facets))
			}
			if diff := cmp.Diff(tt.want, facetText(p.Facets)); diff != "" {
				t.Errorf("facets (-want +got):\n%s", diff)
			}
		})
	}
}

func facetText(facets []view.Counts) string {
	var texts []string
	for _, counts := range facets {
		var text []string
		for _, b := range counts.Buckets {
			text = append(text, fmt.Sprintf("%s:%d", b.Value, b.Count))
		}
		if counts.Others > 0 {
			text = append(text, fmt.Sprintf("and %d others", counts.Others))
		}
		texts = append(texts, strings.Join(text, " "))
	}
	return strings.Join(texts, " | ")
}

func testExtremes(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)

	t.Run("ids", func(t *testing.T) {
		ids := []string{"1", "a/b", "a b", "Ünïcødé", "日本語", "🍕", `"quoted"`, `back\slash`, "_id", "..", "#?&=%20", "a\tb",
			strings.Repeat("x", view.MaxID)}
		var writes []view.Write
		for _, id := range ids {
			writes = append(writes, creation(t, meal(id, object{"tag": "ids"})))
		}
		revisions := apply(t, s, writes...)
		refresh(t, s)
		found, err := s.Get(t.Context(), view.Support(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			if found[id].Revision != revisions[i] {
				t.Errorf("%q: Get answers revision %q, want %q", id, found[id].Revision, revisions[i])
			}
			matches(t, s, view.Support(), view.Query{Filter: view.In{Field: "mealId", Values: []any{id}}}, id)
		}
		q := view.Query{Size: 3, Filter: view.In{Field: "tag", Values: []any{"ids"}}}
		if got := walk(t, s, view.Support(), q, len(ids)); len(got) != len(ids) {
			t.Errorf("pages have %q, want all of %q", got, ids)
		}
	})

	t.Run("texts", func(t *testing.T) {
		texts := []string{"日本語", "🍕", "tab\tnew\nline", "\u0000", "“quoted”", "a\u202eb", strings.Repeat("long ", 500)}
		var docs []doc
		for i, text := range texts {
			fields := object{"title": text, "tag": text, "note": text, "seats": 77}
			docs = append(docs, meal(fmt.Sprintf("text%d", i), fields))
		}
		put(t, s, docs...)
		for i, text := range texts {
			sameJSON(t, encode(t, docs[i].source), get(t, s, docs[i].id).Source)
			matches(t, s, view.Support(), view.Query{Filter: view.In{Field: "tag", Values: []any{text}}}, docs[i].id)
			matches(t, s, view.Support(), view.Query{Filter: view.In{Field: "title", Values: []any{text}}}, docs[i].id)
		}
		q := view.Query{Filter: view.In{Field: "seats", Values: []any{77.0}}, Sort: []view.Sort{asc("tag")}, Size: 2}
		if got := walk(t, s, view.Support(), q, len(texts)); len(got) != len(texts) {
			t.Errorf("pages have %q", got)
		}
	})

	t.Run("values of another type have no place in the index", func(t *testing.T) {
		d := meal("odd", object{"seats": object{"deep": 1}, "total": "12.00", "placedAt": "yesterday",
			"rush": "true", "guest": "ann"})
		results := s.Apply(t.Context(), []view.Write{creation(t, d)})
		if results[0].Err != nil {
			wantError(t, "write", results[0], view.ErrRefused)
			return
		}
		refresh(t, s)
		for _, field := range []string{"seats", "total", "placedAt", "rush", "guest.guestId"} {
			q := view.Query{Filter: view.And{view.In{Field: "mealId", Values: []any{"odd"}}, view.Exists{Field: field}}}
			matches(t, s, view.Support(), q)
		}
	})

	t.Run("exact numbers are given back", func(t *testing.T) {
		source := json.RawMessage(`{"mealId":"exact","seats":12345678901234567890,"memo":0.1000000000000000055511151231257827,` +
			`"total":{"amount":"999999999999999.999999","currency":"USD"}}`)
		apply(t, s, view.Write{ID: "exact", Source: source})
		var want, got map[string]json.RawMessage
		if err := json.Unmarshal(source, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(get(t, s, "exact").Source, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want["seats"])+string(want["memo"])+string(want["total"]),
			string(got["seats"])+string(got["memo"])+string(got["total"])); diff != "" {
			t.Errorf("source (-want +got):\n%s", diff)
		}
	})

	t.Run("1 MB", func(t *testing.T) {
		var note strings.Builder
		for i := 0; note.Len() < 1<<20; i++ {
			fmt.Fprintf(&note, "word%d ", i%5000)
		}
		d := meal("large", object{"note": note.String() + "needle", "memo": note.String()})
		put(t, s, d)
		matches(t, s, view.Support(), view.Query{Match: Words("needle", "word4999")}, "large")
		sameJSON(t, encode(t, d.source), get(t, s, "large").Source)
	})
}

// testSchemaAlone adds a field to the schema, and nothing else.
func testSchemaAlone(t *testing.T, before *view.Mapping, open Open) {
	const field = "  spice: String @index(as: KEYWORD, weight: 1) @facet @sortable\n"
	m, err := MappingOf(strings.Replace(SDL, "  memo: String", field+"  memo: String", 1), "meals")
	if err != nil {
		t.Fatal(err)
	}
	if m.Hash == before.Hash {
		t.Error("the mapping's hash is still the same")
	}
	s := open(t, m)
	put(t, s, meal("a", object{"spice": "Hot"}), meal("b", object{"spice": "mild"}),
		meal("c", object{"spice": "hot"}), meal("d", nil))
	matches(t, s, view.Support(), view.Query{Filter: view.In{Field: "spice", Values: []any{"HOT"}}}, "a", "c")
	matches(t, s, view.Support(), view.Query{Match: Words("mild")}, "b")
	p := search(t, s, view.Support(), view.Query{Size: 9, Sort: []view.Sort{desc("spice")},
		Facets: []view.Facet{{Field: "spice", Size: 9}}})
	if diff := cmp.Diff("b a c d", strings.Join(idsOf(p), " ")); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("Hot:1 hot:1 mild:1", facetText(p.Facets)); diff != "" {
		t.Errorf("facets (-want +got):\n%s", diff)
	}

	old := open(t, before)
	_, err = old.Search(t.Context(), view.Support(), view.Query{Filter: view.Exists{Field: "spice"}})
	if err == nil {
		t.Error("a store of the old schema takes a filter by the new field")
	}
}
