package viewtest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

func money(amount string) object { return object{"amount": amount, "currency": "USD"} }

func testScope(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	of := func(guest, kitchen string) object {
		return object{
			"guest": object{"guestId": guest}, "kitchen": object{"kitchenId": kitchen},
			"tag": guest, "title": "soup",
		}
	}
	put(t, s, meal("m1", of("ann", "k1")), meal("m2", of("ann", "k2")), meal("m3", of("bob", "k1")),
		meal("m4", of("Ann", "k2")), meal("m5", object{"title": "soup"}), meal("m6", of("änn", "K1")))
	hidden := creation(t, meal("m7", of("ann", "k1")))
	hidden.Hidden = true
	apply(t, s, hidden)
	refresh(t, s)

	all := []string{"m1", "m2", "m3", "m4", "m5", "m6"}
	queries := []struct {
		name  string
		query view.Query
		all   []string // what support finds
	}{
		{"everything", view.Query{}, all},
		{"words", view.Query{Match: Words("soup")}, all},
		{"empty and", view.Query{Filter: view.And{}}, all},
		{"anything or anything", view.Query{Filter: view.Or{view.And{}, view.Exists{Field: "mealId"}}}, all},
		{"not nothing", view.Query{Filter: view.Not{Filter: view.Or{}}}, all},
		{"not another", view.Query{Filter: view.Not{Filter: view.In{Field: "mealId", Values: []any{"m9"}}}}, all},
		{"excluding", view.Query{Filter: view.And{view.Not{Filter: view.In{Field: "mealId", Values: []any{"m3"}}}}},
			[]string{"m1", "m2", "m4", "m5", "m6"}},
		{"foreign", view.Query{Filter: view.In{Field: "guest.guestId", Values: []any{"bob"}}}, []string{"m3"}},
		{"missing", view.Query{Filter: view.In{Field: "guest.guestId", Values: []any{"eve"}}}, nil},
	}
	for _, tt := range []struct {
		name   string
		viewer view.Viewer
		sees   []string
	}{
		{"support", view.Support(), all},
		{"ann", view.As(view.RoleConsumer, "ann"), []string{"m1", "m2"}},
		{"Ann", view.As(view.RoleConsumer, "Ann"), []string{"m4"}},
		{"bob", view.As(view.RoleConsumer, "bob"), []string{"m3"}},
		{"k1", view.As(view.RoleRestaurant, "k1"), []string{"m1", "m3"}},
		{"stranger", view.As(view.RoleConsumer, "eve"), nil},
		{"unknown role", view.As("COURIER", "ann"), nil},
		{"no id", view.As(view.RoleConsumer, ""), nil},
		{"zero", view.Viewer{}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, q := range queries {
				t.Run(q.name, func(t *testing.T) {
					var want []string
					for _, id := range q.all {
						if strings.Contains(strings.Join(tt.sees, " "), id) {
							want = append(want, id)
						}
					}
					matches(t, s, tt.viewer, q.query, want...)
				})
			}
			p := search(t, s, tt.viewer, view.Query{Facets: []view.Facet{{Field: "tag", Size: 10}}})
			checkTotal(t, p, len(tt.sees))
			counted := 0
			for _, bucket := range p.Facets[0].Buckets {
				counted += bucket.Count
			}
			tagged := len(tt.sees)
			if tt.viewer.SeesAll() {
				tagged-- // m5 has no tag
			}
			if counted != tagged {
				t.Errorf("facets count %d documents, want %d", counted, tagged)
			}
		})
	}
}

func testWords(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	put(t, s,
		meal("m1", object{"title": "Café de Flore", "note": "take-out, two spoons",
			"guest": object{"guestId": "G7", "name": "Zoë Ångström"}}),
		meal("m2", object{"title": "CAFÉ NOIR", "note": "take it out",
			"kitchen": object{"kitchenId": "k-1", "name": "Café Noir"}}),
		meal("m3", object{"title": "take", "note": "out"}),
		meal("M-4", object{"title": "soup", "tag": "cafe", "memo": "café", "items": []any{
			object{"dish": "Crème brûlée", "quantity": 1, "remark": "cafe"}, object{"dish": "Żurek soup", "quantity": 2}}}),
		meal("m5", object{"note": "soups and spoonfuls"}),
		meal("m6", nil),
	)
	for _, tt := range []struct {
		name  string
		words []string
		want  []string
	}{
		{"none", nil, []string{"M-4", "m1", "m2", "m3", "m5", "m6"}},
		{"none, empty", []string{}, []string{"M-4", "m1", "m2", "m3", "m5", "m6"}},
		{"without its accent", []string{"cafe"}, []string{"m1", "m2"}},
		{"with its accent", []string{"Café"}, []string{"m1", "m2"}},
		{"in capitals", []string{"CAFÉ"}, []string{"m1", "m2"}},
		{"another accent", []string{"càfë"}, []string{"m1", "m2"}},
		{"in a list", []string{"creme"}, []string{"M-4"}},
		{"no decomposition", []string{"zurek"}, []string{"M-4"}},
		{"in an object", []string{"angstrom"}, []string{"m1"}},
		{"each must match", []string{"cafe", "noir"}, []string{"m2"}},
		{"one does not", []string{"cafe", "nowhere"}, nil},
		{"spread over fields", []string{"flore", "zoe", "spoons"}, []string{"m1"}},
		{"spread over elements", []string{"brulee", "zurek"}, []string{"M-4"}},
		{"twice", []string{"flore", "flore"}, []string{"m1"}},
		{"split, in one field", []string{"take-out"}, []string{"m1", "m2"}},
		{"split, pieces apart", []string{"out/take"}, []string{"m1", "m2"}},
		{"pieces as words", []string{"take", "out"}, []string{"m1", "m2", "m3"}},
		{"several words in one", []string{"cafe flore"}, []string{"m1"}},
		{"another ending", []string{"soup"}, []string{"M-4", "m5"}},
		{"an ending that the text has not", []string{"spooned"}, []string{"m1", "m5"}},
		{"no prefix", []string{"spoonf"}, nil},
		{"no ending of what is no English word", []string{"flores"}, []string{"m1"}},
		{"id", []string{"m1"}, []string{"m1"}},
		{"id, another case", []string{"m-4"}, []string{"M-4"}},
		{"id, in part", []string{"M"}, nil},
		{"id that is exact", []string{"G7"}, []string{"m1"}},
		{"id that is exact, another case", []string{"g7"}, nil},
		{"id where words are not looked for", []string{"k-1"}, nil},
		{"not indexed", []string{"brulee", "cafe"}, nil},
		{"garbage", []string{`"((*:~^\`}, nil},
		{"garbage and a word", []string{"cafe", `"((*:~^\`}, nil},
		{"operators", []string{"cafe", "OR"}, nil},
		{"query syntax", []string{"title:cafe"}, nil},
		{"wildcard", []string{"caf*"}, nil},
		{"a NUL", []string{"\x00"}, nil},
		{"blank", []string{" "}, nil},
		{"empty word", []string{""}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			matches(t, s, view.Support(), view.Query{Match: Words(tt.words...)}, tt.want...)
			// The order must not change what is found.
			p := search(t, s, view.Support(), view.Query{Match: Words(tt.words...), Size: 10})
			if len(p.Hits) != len(tt.want) {
				t.Errorf("%d hits by relevance, want %d", len(p.Hits), len(tt.want))
			}
		})
	}
	t.Run("with a filter", func(t *testing.T) {
		q := view.Query{Match: Words("cafe"), Filter: view.Exists{Field: "kitchen.name"}}
		matches(t, s, view.Support(), q, "m2")
		q.Filter = view.Not{Filter: q.Filter}
		matches(t, s, view.Support(), q, "m1")
	})
}

func testFilter(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	put(t, s,
		meal("m1", object{"tag": "Été", "title": "Green Soup", "seats": 2, "total": money("0.30"), "rush": true,
			"placedAt": "2026-03-01T11:07:00Z", "items": []any{object{"dish": "a b", "quantity": 1},
				object{"dish": "c", "quantity": 9}}}),
		meal("m2", object{"tag": "ete", "title": "green soup", "seats": 3, "total": money("0.3"), "rush": false,
			"placedAt": "2026-03-01T11:07:00.001Z", "items": []any{object{"dish": "A B", "quantity": 5}}}),
		meal("m3", object{"tag": "ÉTÉ ", "title": "soup", "seats": -3, "total": money("12.50"), "note": "x",
			"placedAt": "1969-12-31T23:59:59.999Z", "items": []any{}}),
		meal("m4", object{"tag": "", "title": nil, "seats": 2.5, "total": nil, "rush": nil, "state": "OPEN", "guest": nil}),
		meal("m5", object{"tag": []any{"x", "y"}, "kitchen": object{"kitchenId": "k"}}),
	)
	in := func(field string, values ...any) view.Filter { return view.In{Field: field, Values: values} }
	has := func(field string) view.Filter { return view.Exists{Field: field} }
	noon := at("2026-03-01T11:07:00Z")
	all := []string{"m1", "m2", "m3", "m4", "m5"}
	for _, tt := range []struct {
		name   string
		filter view.Filter
		want   []string
	}{
		{"none", nil, all},
		{"keyword", in("state", "OPEN"), []string{"m4"}},
		{"keyword, another case", in("state", "open"), []string{"m4"}},
		{"keyword, accents", in("tag", "ete"), []string{"m1", "m2"}},
		{"keyword, accents in the value", in("tag", "ÉTÉ"), []string{"m1", "m2"}},
		{"keyword, spaces count", in("tag", "ete "), []string{"m3"}},
		{"keyword, empty", in("tag", ""), []string{"m4"}},
		{"keyword, in part", in("tag", "et"), nil},
		{"keyword, one of several", in("tag", "y"), []string{"m5"}},
		{"keyword, several", in("tag", "x", "nothing", "ete"), []string{"m1", "m2", "m5"}},
		{"keyword, below an object", in("kitchen.kitchenId", "k"), []string{"m5"}},
		{"no values", in("tag"), nil},
		{"text, whole", in("title", "Green soup"), []string{"m1", "m2"}},
		{"text, in part", in("title", "green"), nil},
		{"text, of a list", in("items.dish", "a b"), []string{"m1", "m2"}},
		{"number", in("seats", 2.0), []string{"m1"}},
		{"number, fraction", in("seats", 2.5), []string{"m4"}},
		{"number, negative", in("seats", -3.0), []string{"m3"}},
		{"number, of a list", in("items.quantity", 9.0, 5.0), []string{"m1", "m2"}},
		{"money", in("total", 0.3), []string{"m1", "m2"}},
		{"money, a sum that is not equal", in("total", 0.1+0.2+1e-9), nil},
		{"money, several", in("total", 12.5, 0.3), []string{"m1", "m2", "m3"}},
		{"date", in("placedAt", noon), []string{"m1"}},
		{"date, of another zone", in("placedAt", noon.In(time.FixedZone("", 7200))), []string{"m1"}},
		{"date, below a millisecond", in("placedAt", noon.Add(999*time.Microsecond)), []string{"m1"}},
		{"date, millisecond", in("placedAt", noon.Add(time.Millisecond)), []string{"m2"}},
		{"boolean", in("rush", true), []string{"m1"}},
		{"boolean, false is not missing", in("rush", false), []string{"m2"}},

		{"GT", view.Range{Field: "seats", GT: 2.0}, []string{"m2", "m4"}},
		{"GTE", view.Range{Field: "seats", GTE: 2.0}, []string{"m1", "m2", "m4"}},
		{"LT", view.Range{Field: "seats", LT: 2.5}, []string{"m1", "m3"}},
		{"LTE", view.Range{Field: "seats", LTE: 2.5}, []string{"m1", "m3", "m4"}},
		{"GT and LT", view.Range{Field: "seats", GT: 2.0, LT: 3.0}, []string{"m4"}},
		{"GT and GTE", view.Range{Field: "seats", GT: 2.0, GTE: 2.0}, []string{"m2", "m4"}},
		{"GTE above GT", view.Range{Field: "seats", GT: -9.0, GTE: 2.5}, []string{"m2", "m4"}},
		{"LT and LTE", view.Range{Field: "seats", LT: 3.0, LTE: 2.0}, []string{"m1", "m3"}},
		{"no bounds", view.Range{Field: "seats"}, []string{"m1", "m2", "m3", "m4"}},
		{"empty range", view.Range{Field: "seats", GT: 3.0, LT: 2.0}, nil},
		{"one value within, not two around", view.Range{Field: "items.quantity", GT: 1.0, LT: 9.0}, []string{"m2"}},
		{"any value of a list", view.Range{Field: "items.quantity", GTE: 6.0}, []string{"m1"}},
		{"money above", view.Range{Field: "total", GT: 0.3}, []string{"m3"}},
		{"money up to", view.Range{Field: "total", LTE: 0.3}, []string{"m1", "m2"}},
		{"date from", view.Range{Field: "placedAt", GT: noon}, []string{"m2"}},
		{"date from, zone", view.Range{Field: "placedAt", GTE: noon.In(time.FixedZone("", -3600))}, []string{"m1", "m2"}},
		{"date before 1970", view.Range{Field: "placedAt", LT: time.Unix(0, 0)}, []string{"m3"}},
		{"date in the last millisecond before 1970",
			view.Range{Field: "placedAt", GTE: time.UnixMilli(-1), LTE: time.UnixMilli(-1)}, []string{"m3"}},

		{"Exists", has("seats"), []string{"m1", "m2", "m3", "m4"}},
		{"Exists, null", has("title"), []string{"m1", "m2", "m3"}},
		{"Exists, false", has("rush"), []string{"m1", "m2"}},
		{"Exists, empty text", has("tag"), all},
		{"Exists, empty list", has("items.dish"), []string{"m1", "m2"}},
		{"Exists, words alone", has("note"), []string{"m3"}},
		{"Exists, money", has("total"), []string{"m1", "m2", "m3"}},
		{"Exists, date", has("placedAt"), []string{"m1", "m2", "m3"}},
		{"Exists, below null", has("guest.guestId"), nil},

		{"And", view.And{in("tag", "ete"), in("rush", true)}, []string{"m1"}},
		{"And, empty", view.And{}, all},
		{"And of nothing", view.And{has("tag"), view.Or{}}, nil},
		{"Or", view.Or{in("rush", false), in("state", "OPEN")}, []string{"m2", "m4"}},
		{"Or, empty", view.Or{}, nil},
		{"Or with everything", view.Or{in("rush", true), view.And{}}, all},
		{"Not", view.Not{Filter: in("tag", "ete")}, []string{"m3", "m4", "m5"}},
		{"Not, missing", view.Not{Filter: has("seats")}, []string{"m5"}},
		{"Not not", view.Not{Filter: view.Not{Filter: in("tag", "ete")}}, []string{"m1", "m2"}},
		{"Not nothing", view.Not{Filter: view.Or{}}, all},
		{"Not everything", view.Not{Filter: view.And{}}, nil},
		{"several Nots", view.And{view.Not{Filter: in("seats", 2.0)}, has("rush"), view.Not{Filter: has("state")}},
			[]string{"m2"}},
		{"Not of an Or", view.Not{Filter: view.Or{in("rush", true, false), has("state")}}, []string{"m3", "m5"}},
		{"Or of Nots", view.Or{view.Not{Filter: has("seats")}, view.Not{Filter: has("tag")}}, []string{"m5"}},
		{"nothing but Nots", view.And{view.Not{Filter: has("rush")}, view.Not{Filter: view.Or{}}},
			[]string{"m3", "m4", "m5"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			matches(t, s, view.Support(), view.Query{Filter: tt.filter}, tt.want...)
			words := search(t, s, view.Support(), view.Query{Filter: tt.filter, Match: Words("soup"), Size: 10})
			var want []string
			for _, id := range tt.want {
				if id <= "m3" { // these have the word
					want = append(want, id)
				}
			}
			if len(words.Hits) != len(want) {
				t.Errorf("with a word, in order of relevance: %q, want %q", idsOf(words), want)
			}
		})
	}
}

func testInvalid(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	put(t, s, meal("m1", nil))
	many := make([]any, view.MaxClauses)
	for i := range many {
		many[i] = "x"
	}
	filter := func(f view.Filter) view.Query { return view.Query{Filter: f} }
	for name, q := range map[string]view.Query{
		"size below 0":         {Size: -1},
		"size too large":       {Size: view.MaxSize + 1},
		"too many words":       {Match: Words(make([]string, view.MaxClauses/16+1)...)},
		"words of a number":    {Match: view.Words{Field: "seats", Text: "2"}},
		"words of nothing":     {Match: view.Words{Field: "nothing", Text: "2"}},
		"near a number":        {Filter: view.Near{Field: "seats"}},
		"near nowhere":         {Filter: view.Near{Field: "place", Point: view.Point{Latitude: 91}}},
		"less than near":       {Filter: view.Near{Field: "place", Metres: -1}},
		"a place":              {Filter: view.In{Field: "place", Values: []any{view.Point{}}}},
		"distance of nothing":  {Sort: []view.Sort{{Field: "place"}}},
		"distance of a number": {Sort: []view.Sort{{Field: "seats", From: &view.Point{}}}},
		"the farthest first":   {Sort: []view.Sort{{Field: "place", From: &view.Point{}, Descending: true}}},
		"no ranges":            {Facets: []view.Facet{{Field: "seats", Size: 10}}},
		"ranges that fall":     {Facets: []view.Facet{{Field: "seats", Bounds: []float64{2, 1}}}},
		"ranges of a keyword":  {Facets: []view.Facet{{Field: "tag", Size: 1, Bounds: []float64{1}}}},
		"sum of a keyword":     {Sums: []string{"tag"}},
		"sort of no field":     {Sort: []view.Sort{{Field: "nothing"}}},
		"sort not declared":    {Sort: []view.Sort{{Field: "note"}}},
		"sort of an object":    {Sort: []view.Sort{{Field: "guest"}}},
		"facet of no field":    {Facets: []view.Facet{{Field: "nothing", Size: 1}}},
		"facet not declared":   {Facets: []view.Facet{{Field: "seats", Size: 1}}},
		"facet of no values":   {Facets: []view.Facet{{Field: "tag"}}},
		"filter of no field":   filter(view.In{Field: "nothing"}),
		"filter, not indexed":  filter(view.Exists{Field: "memo"}),
		"filter, missing":      filter(view.And{nil}),
		"filter, missing, Not": filter(view.Not{}),
		"filter deep below": filter(view.Not{Filter: view.Or{view.And{
			view.In{Field: "seats", Values: []any{"2"}}}}}),
		"keyword of a number":  filter(view.In{Field: "tag", Values: []any{1.0}}),
		"number of a text":     filter(view.In{Field: "seats", Values: []any{"1"}}),
		"number of an int":     filter(view.In{Field: "seats", Values: []any{1}}),
		"date of a text":       filter(view.Range{Field: "placedAt", GT: "2026-01-01T00:00:00Z"}),
		"boolean of a text":    filter(view.In{Field: "rush", Values: []any{"true"}}),
		"range of keywords":    filter(view.Range{Field: "tag", GT: "a"}),
		"range of booleans":    filter(view.Range{Field: "rush"}),
		"whole text not there": filter(view.In{Field: "note", Values: []any{"x"}}),
		"too many conditions":  filter(view.In{Field: "tag", Values: many}),
		"position of no order": {Size: 1, From: &view.Position{Values: []any{"x"}, ID: "m1"}},
		"position of too few":  {Size: 1, Sort: []view.Sort{{Field: "tag"}}, From: &view.Position{ID: "m1"}},
		"position of its kind": {Size: 1, Sort: []view.Sort{{Field: "tag"}},
			From: &view.Position{Values: []any{1.0}, ID: "m1"}},
		"position of no number": {Size: 1, Sort: []view.Sort{{Field: "seats"}},
			From: &view.Position{Values: []any{"1"}, ID: "m1"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := s.Search(t.Context(), view.Support(), q)
			var invalid *view.InvalidError
			if !errors.As(err, &invalid) || invalid.Reason == "" {
				t.Errorf("error %v, want an InvalidError", err)
			}
			if diff := cmp.Diff(view.Page{}, p); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
		})
	}
}
