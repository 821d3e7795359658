package view_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

func TestQueryCheck(t *testing.T) {
	m := viewtest.Mapping(t)
	filter := func(f view.Filter) view.Query { return view.Query{Filter: f} }
	in := func(field string, values ...any) view.Query { return filter(view.In{Field: field, Values: values}) }
	from := func(value any, sort ...view.Sort) view.Query {
		return view.Query{Sort: sort, From: &view.Position{Values: []any{value}, ID: "1"}}
	}
	nested := view.Filter(view.Exists{Field: "tag"})
	for range view.MaxClauses {
		nested = view.Not{Filter: nested}
	}
	for _, tt := range []struct {
		name  string
		query view.Query
		want  string // in the error; "" for none
	}{
		{"zero", view.Query{}, ""},
		{"all of it", view.Query{
			Match: viewtest.Words("a"), Size: view.MaxSize,
			Sort:   []view.Sort{{Field: "tag"}, {Field: view.Relevance}},
			From:   &view.Position{Values: []any{"x", 1.0}, ID: "1"},
			Facets: []view.Facet{{Field: "tag", Size: view.MaxSize}},
			Filter: view.And{
				view.Or{view.Not{Filter: view.Exists{Field: "note"}}}, view.Range{Field: "placedAt", GT: time.Unix(0, 0)},
			},
		}, ""},
		{"size", view.Query{Size: view.MaxSize + 1}, "1001"},
		{"words", view.Query{Match: viewtest.Words(make([]string, 65)...)}, "more than 1024 conditions"},
		{"keys", view.Query{Sort: make([]view.Sort, view.MaxSorts+1)}, "9 keys"},
		{"facets", view.Query{Facets: make([]view.Facet, view.MaxFacets+1)}, "17 facets"},
		{"conditions, nested", filter(nested), "1024 conditions"},
		{"conditions, values", in("tag", make([]any, view.MaxClauses)...), "tag: "}, // nil is no value
		{"keyword", in("tag", "x"), ""},
		{"keyword, of another type", in("tag", 1), "tag: 1 is no value of a KEYWORD"},
		{"number", in("seats", 1.5), ""},
		{"number, an int", in("seats", 1), "seats"},
		{"number, not one", in("seats", math.NaN()), "seats"},
		{"number, endless", in("total", math.Inf(1)), "total"},
		{"boolean", in("rush", true), ""},
		{"boolean, of another type", in("rush", "true"), "rush"},
		{"text, whole", in("title", "x"), ""},
		{"text, words alone", in("note", "x"), "note"},
		{"range of a text", filter(view.Range{Field: "title", GT: "a"}), "a TEXT has no range"},
		{"range's bound", filter(view.Range{Field: "seats", LTE: "a"}), "seats"},
		{"no such field", filter(view.Exists{Field: "nothing"}), "nothing: not an indexed field"},
		{"an object", filter(view.Exists{Field: "guest"}), "guest"},
		{"a missing condition", filter(view.Or{nil}), "missing"},
		{"from a text", from("x", view.Sort{Field: "tag"}), ""},
		{"from nothing", from(nil, view.Sort{Field: "tag"}), ""},
		{"from a date", from(1.0, view.Sort{Field: "placedAt"}), ""},
		{"from a boolean", from(true, view.Sort{Field: "rush"}), ""},
		{"from another type", from("x", view.Sort{Field: "placedAt"}), "placedAt"},
		{"from relevance of another type", from("x", view.Sort{Field: view.Relevance}), "_score"},
		{"from another order", from("x"), "1 values in an order of 0 keys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.query.Check(m)
			if tt.want == "" {
				if err != nil {
					t.Errorf("error %v", err)
				}
				return
			}
			var invalid *view.InvalidError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want an InvalidError with %q", err, tt.want)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	byTag := []view.Sort{{Field: "tag"}}
	for _, tt := range []struct {
		name  string
		query view.Query
		want  []view.Sort
	}{
		{"nothing", view.Query{}, nil},
		{"words", view.Query{Match: viewtest.Words("a")}, []view.Sort{{Field: view.Relevance, Descending: true}}},
		{"sort", view.Query{Sort: byTag}, byTag},
		{"words and sort", view.Query{Match: viewtest.Words("a"), Sort: byTag}, byTag},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.query.Order()); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}
