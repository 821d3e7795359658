package viewtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
)

func asc(field string) view.Sort  { return view.Sort{Field: field} }
func desc(field string) view.Sort { return view.Sort{Field: field, Descending: true} }

// unsorted are documents with ties and gaps in every field that orders.
func unsorted() []doc {
	return []doc{
		meal("a", object{"state": "DONE", "tag": "Bär", "title": "two words", "seats": 2, "total": money("10.00"),
			"rush": true, "placedAt": "2026-03-01T11:07:00Z", "note": "soup",
			"items": []any{object{"dish": "x", "quantity": 1}, object{"dish": "y", "quantity": 7}}}),
		meal("b", object{"state": "OPEN", "tag": "bar", "title": "Two Words", "seats": 10, "total": money("9.99"),
			"rush": false, "placedAt": "2026-03-01T11:07:00.001Z", "items": []any{object{"dish": "x", "quantity": 5}}}),
		meal("c", object{"state": "OPEN", "tag": "Baz", "title": "two", "seats": -1, "total": money("-0.01"), "rush": true,
			"placedAt": "1969-07-20T20:17:40Z", "note": "soup soup"}),
		meal("d", object{"state": "DONE", "tag": "zoo", "title": "Éclair", "seats": 2, "total": money("10.000"),
			"placedAt": "2026-03-01T12:07:00+01:00", "note": "a long note about a soup"}),
		meal("e", object{"tag": "", "seats": 2.5, "total": money("123456789012345.67"), "rush": false, "items": []any{}}),
		meal("f", object{"seats": nil, "note": "soup"}),
		meal("g", nil),
		meal("Ü", object{"tag": "Zoo", "total": money("0.3")}),
	}
}

func testSort(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	docs := unsorted()
	slices.Reverse(docs)
	put(t, s, docs...)
	for _, tt := range []struct {
		name string
		sort []view.Sort
		want string
	}{
		{"none: by id", nil, "a b c d e f g Ü"},
		{"date", []view.Sort{asc("placedAt")}, "c a d b e f g Ü"},
		{"date, latest first", []view.Sort{desc("placedAt")}, "b a d c e f g Ü"},
		{"money", []view.Sort{asc("total")}, "c Ü b a d e f g"},
		{"money, most first", []view.Sort{desc("total")}, "e a d b Ü c f g"},
		{"number", []view.Sort{asc("seats")}, "c a d e b f g Ü"},
		{"number, most first", []view.Sort{desc("seats")}, "b e a d c f g Ü"},
		{"keyword, blind to case and accents", []view.Sort{asc("tag")}, "e a b c d Ü f g"},
		{"keyword, last first", []view.Sort{desc("tag")}, "d Ü c a b e f g"},
		{"text, whole", []view.Sort{asc("title")}, "d c a b e f g Ü"},
		{"text, last first", []view.Sort{desc("title")}, "a b c d e f g Ü"},
		{"boolean", []view.Sort{asc("rush")}, "b e a c d f g Ü"},
		{"boolean, true first", []view.Sort{desc("rush")}, "a c b e d f g Ü"},
		{"list: its smallest", []view.Sort{asc("items.quantity")}, "a b c d e f g Ü"},
		{"list, descending: its largest", []view.Sort{desc("items.quantity")}, "a b c d e f g Ü"},
		{"two keys", []view.Sort{asc("state"), desc("placedAt")}, "a d b c e f g Ü"},
		{"two keys, the other way", []view.Sort{desc("state"), asc("seats")}, "c b a d e f g Ü"},
		{"three keys", []view.Sort{asc("rush"), desc("state"), asc("total")}, "b e c a d Ü f g"},
		{"a key again", []view.Sort{asc("seats"), desc("seats")}, "c a d e b f g Ü"},
		{"relevance without words: all alike", []view.Sort{desc(view.Relevance)}, "a b c d e f g Ü"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := search(t, s, view.Support(), view.Query{Sort: tt.sort, Size: 20})
			if diff := cmp.Diff(tt.want, strings.Join(idsOf(p), " ")); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
			for _, h := range p.Hits {
				if h.Position.ID != h.ID || len(h.Position.Values) != len(tt.sort) {
					t.Errorf("%s: position %+v in an order of %d keys", h.ID, h.Position, len(tt.sort))
				}
			}
		})
	}

	words := view.Query{Match: Words("soup"), Size: 20}
	t.Run("relevance", func(t *testing.T) {
		p := search(t, s, view.Support(), words)
		if len(p.Hits) != 4 {
			t.Fatalf("hits %q, want 4", idsOf(p))
		}
		for i, h := range p.Hits {
			if h.Score <= 0 {
				t.Errorf("%s: score %v", h.ID, h.Score)
			}
			if i == 0 {
				continue
			}
			before := p.Hits[i-1]
			if before.Score < h.Score || before.Score == h.Score && before.ID > h.ID {
				t.Errorf("%s (%v) comes before %s (%v)", before.ID, before.Score, h.ID, h.Score)
			}
		}
		worst := words
		worst.Sort = []view.Sort{asc(view.Relevance)}
		last := search(t, s, view.Support(), worst).Hits[0]
		if want := p.Hits[3].Score; last.Score != want {
			t.Errorf("least relevant first begins with %v, want %v", last.Score, want)
		}
	})
	t.Run("not by relevance", func(t *testing.T) {
		q := words
		q.Sort = []view.Sort{desc("tag")}
		p := search(t, s, view.Support(), q)
		if diff := cmp.Diff("d c a f", strings.Join(idsOf(p), " ")); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		for _, h := range p.Hits {
			if h.Score != 0 {
				t.Errorf("%s: score %v in an order that does not need it", h.ID, h.Score)
			}
		}
	})
	t.Run("relevance, then a field", func(t *testing.T) {
		q := words
		q.Filter = view.In{Field: "mealId", Values: []any{"a", "f"}} // equal as far as the word goes
		q.Sort = []view.Sort{desc(view.Relevance), desc("seats")}
		p := search(t, s, view.Support(), q)
		if len(p.Hits) != 2 || p.Hits[0].Score != p.Hits[1].Score || p.Hits[0].ID != "a" {
			t.Errorf("hits %+v", p.Hits)
		}
	})

	t.Run("weight", func(t *testing.T) {
		s := open(t, m)
		put(t, s, meal("a", object{"note": "curry"}), meal("b", object{"title": "curry"}),
			meal("c", object{"note": "rice"}), meal("d", object{"title": "rice"}))
		p := search(t, s, view.Support(), view.Query{Match: Words("curry"), Size: 5})
		if diff := cmp.Diff([]string{"b", "a"}, idsOf(p)); diff != "" {
			t.Errorf("a title weighs more than a note (-want +got):\n%s", diff)
		}
	})
}

func testPaging(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	put(t, s, unsorted()...)
	consumer := view.As(view.RoleConsumer, "ann")
	orders := [][]view.Sort{
		nil, {desc(view.Relevance)}, {desc("seats"), asc("tag"), desc("placedAt")}, {desc(view.Relevance), asc("total")},
	}
	for _, field := range []string{"placedAt", "total", "seats", "tag", "title", "rush", "state", "items.quantity",
		"mealId"} {
		orders = append(orders, []view.Sort{asc(field)}, []view.Sort{desc(field)})
	}
	for _, words := range [][]string{nil, {"soup"}} {
		for _, order := range orders {
			t.Run(fmt.Sprint(words, order), func(t *testing.T) {
				q := view.Query{Match: Words(words...), Sort: order, Size: view.MaxSize}
				want := idsOf(search(t, s, view.Support(), q))
				for _, size := range []int{1, 3, len(want)} {
					q.Size = size
					for _, q.Backward = range []bool{false, true} {
						got := walk(t, s, view.Support(), q, len(want))
						if diff := cmp.Diff(want, got); diff != "" {
							t.Errorf("pages of %d, backward %t (-whole +paged):\n%s", size, q.Backward, diff)
						}
					}
				}
			})
		}
	}

	t.Run("from a place without a document", func(t *testing.T) {
		q := view.Query{Sort: []view.Sort{asc("seats")}, Size: 2, From: &view.Position{Values: []any{2.2}, ID: "x"}}
		if diff := cmp.Diff([]string{"e", "b"}, idsOf(search(t, s, view.Support(), q))); diff != "" {
			t.Errorf("behind it (-want +got):\n%s", diff)
		}
		q.Backward = true
		if diff := cmp.Diff([]string{"a", "d"}, idsOf(search(t, s, view.Support(), q))); diff != "" {
			t.Errorf("before it (-want +got):\n%s", diff)
		}
	})
	t.Run("behind the end", func(t *testing.T) {
		q := view.Query{Sort: []view.Sort{asc("seats")}, Size: 2, From: &view.Position{Values: []any{nil}, ID: "Ü"}}
		p := search(t, s, view.Support(), q)
		if len(p.Hits) != 0 || p.More {
			t.Errorf("hits %q, more %t, want an empty page", idsOf(p), p.More)
		}
		checkTotal(t, p, len(unsorted()))
	})
	t.Run("size 0", func(t *testing.T) {
		p := search(t, s, view.Support(), view.Query{Facets: []view.Facet{{Field: "state", Size: 5}}})
		if len(p.Hits) != 0 {
			t.Errorf("hits %q, want none", idsOf(p))
		}
		checkTotal(t, p, len(unsorted()))
		want := []view.Counts{{Buckets: []view.Bucket{{Value: "DONE", Count: 2}, {Value: "OPEN", Count: 2}}}}
		if diff := cmp.Diff(want, p.Facets); diff != "" {
			t.Errorf("facets (-want +got):\n%s", diff)
		}
	})
	t.Run("scope", func(t *testing.T) {
		put(t, s, meal("own1", object{"guest": object{"guestId": "ann"}}),
			meal("own2", object{"guest": object{"guestId": "ann"}}))
		got := walk(t, s, consumer, view.Query{Size: 1, Sort: []view.Sort{desc("placedAt")}}, 2)
		if diff := cmp.Diff([]string{"own1", "own2"}, got); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
	})
	t.Run("documents added between pages", func(t *testing.T) {
		s := open(t, m)
		put(t, s, meal("a", object{"seats": 1}), meal("b", object{"seats": 2}), meal("c", object{"seats": 2}),
			meal("d", object{"seats": 3}))
		q := view.Query{Sort: []view.Sort{asc("seats")}, Size: 2}
		first := search(t, s, view.Support(), q)
		put(t, s, meal("a0", object{"seats": 0}), meal("b0", object{"seats": 2}), meal("c0", object{"seats": 2}),
			meal("d0", nil))
		q.From, q.Size = &first.Hits[1].Position, 10
		second := search(t, s, view.Support(), q)
		got := strings.Join(idsOf(first), " ") + " | " + strings.Join(idsOf(second), " ")
		if diff := cmp.Diff("a b | b0 c c0 d d0", got); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
	})
}

// walk reads all pages by their cursors, forwards or backwards, and returns the ids in the query's order. It checks that
// More is told right on each page, where total documents match.
func walk(t *testing.T, s view.Store, v view.Viewer, q view.Query, total int) []string {
	t.Helper()
	var ids []string
	for range total + 1 {
		p := search(t, s, v, q)
		checkTotal(t, p, total)
		page := idsOf(p)
		if len(page) > q.Size {
			t.Fatalf("a page of %d, want %d at most", len(page), q.Size)
		}
		if q.Backward {
			ids = append(page, ids...)
		} else {
			ids = append(ids, page...)
		}
		if want := len(ids) < total; p.More != want {
			t.Errorf("More is %t after %d of %d", p.More, len(ids), total)
		}
		if !p.More || len(page) == 0 {
			return ids
		}
		edge := p.Hits[len(p.Hits)-1]
		if q.Backward {
			edge = p.Hits[0]
		}
		position, err := view.DecodeCursor(v, q, view.EncodeCursor(v, q, edge.Position))
		if err != nil {
			t.Fatalf("cursor of %s: %v", edge.ID, err)
		}
		q.From = position
	}
	return ids
}
