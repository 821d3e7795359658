package view_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

func TestCursorRoundTrip(t *testing.T) {
	value := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) any { return rapid.String().Draw(t, "text") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Float64Range(-1e300, 1e300).Draw(t, "number") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Bool().Draw(t, "boolean") }),
		rapid.Just[any](nil))
	rapid.Check(t, func(t *rapid.T) {
		var q view.Query
		for range rapid.IntRange(0, 3).Draw(t, "keys") {
			q.Sort = append(q.Sort, view.Sort{Field: "tag", Descending: rapid.Bool().Draw(t, "descending")})
		}
		want := view.Position{Values: rapid.SliceOfN(value, len(q.Sort), len(q.Sort)).Draw(t, "values"),
			ID: rapid.StringN(1, 40, -1).Draw(t, "id")}
		v := view.As(view.RoleConsumer, rapid.String().Draw(t, "viewer"))
		got, err := view.DecodeCursor(v, q, view.EncodeCursor(v, q, want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("position (-want +got):\n%s", diff)
		}
	})
}

func TestCursorOfAnotherQuery(t *testing.T) {
	ann := view.As(view.RoleConsumer, "ann")
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	query := func(change func(*view.Query)) view.Query {
		q := view.Query{Match: viewtest.Words("a", "b"), Sort: []view.Sort{{Field: "tag"}}, Size: 10, Filter: view.And{
			view.In{Field: "tag", Values: []any{"x"}}, view.Range{Field: "placedAt", GTE: noon}}}
		change(&q)
		return q
	}
	same := func(*view.Query) {}
	cursor := view.EncodeCursor(ann, query(same), view.Position{Values: []any{"x"}, ID: "1"})
	for _, tt := range []struct {
		name   string
		viewer view.Viewer
		change func(*view.Query)
		ok     bool
	}{
		{"the same", ann, same, true},
		{"page size", ann, func(q *view.Query) { q.Size = 3 }, true},
		{"direction", ann, func(q *view.Query) { q.Backward = true }, true},
		{"facets", ann, func(q *view.Query) { q.Facets = []view.Facet{{Field: "tag", Size: 1}} }, true},
		{"another consumer", view.As(view.RoleConsumer, "bob"), same, false},
		{"another role", view.As(view.RoleRestaurant, "ann"), same, false},
		{"support", view.Support(), same, false},
		{"nobody", view.Viewer{}, same, false},
		{"words", ann, func(q *view.Query) { q.Match = viewtest.Words("a") }, false},
		{"words divided otherwise", ann, func(q *view.Query) { q.Match = viewtest.Words("a b") }, false},
		{"a filter's value", ann, func(q *view.Query) {
			q.Filter.(view.And)[0] = view.In{Field: "tag", Values: []any{"y"}}
		}, false},
		{"a filter's bound", ann, func(q *view.Query) {
			q.Filter.(view.And)[1] = view.Range{Field: "placedAt", GT: noon}
		}, false},
		{"a filter's time", ann, func(q *view.Query) {
			q.Filter.(view.And)[1] = view.Range{Field: "placedAt", GTE: noon.Add(1)}
		}, false},
		{"and for or", ann, func(q *view.Query) { q.Filter = view.Or(q.Filter.(view.And)) }, false},
		{"no filter", ann, func(q *view.Query) { q.Filter = nil }, false},
		{"sort's direction", ann, func(q *view.Query) { q.Sort[0].Descending = true }, false},
		{"sort's field", ann, func(q *view.Query) { q.Sort[0].Field = "state" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := view.DecodeCursor(tt.viewer, query(tt.change), cursor)
			if tt.ok != (err == nil) || !tt.ok && !errors.Is(err, view.ErrCursor) {
				t.Errorf("error %v, want one: %t", err, !tt.ok)
			}
		})
	}
}

func TestDamagedCursor(t *testing.T) {
	q := view.Query{Sort: []view.Sort{{Field: "tag"}}}
	good := view.EncodeCursor(view.Support(), q, view.Position{Values: []any{"x"}, ID: "1"})
	two := view.EncodeCursor(view.Support(), q, view.Position{Values: []any{"x", "y"}, ID: "1"})
	deep := view.EncodeCursor(view.Support(), q, view.Position{Values: []any{[]any{"x"}}, ID: "1"})
	for name, cursor := range map[string]string{
		"empty": "", "no base64": "!", "cut off": good[:len(good)-4], "padded": good + "=", "longer": good + "AAAA",
		"another text": base64.RawURLEncoding.EncodeToString([]byte("x")), "null": base64.RawURLEncoding.EncodeToString([]byte("null")),
		"too long": strings.Repeat("A", 5000), "too many values": two, "a value of another type": deep,
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := view.DecodeCursor(view.Support(), q, cursor); !errors.Is(err, view.ErrCursor) {
				t.Errorf("position %v, error %v", p, err)
			}
		})
	}
}

// FuzzDecodeCursor checks that whatever passes for a cursor is one that a store can be asked from, or refuses politely.
func FuzzDecodeCursor(f *testing.F) {
	q := view.Query{Match: viewtest.Words("a"), Size: 1,
		Sort: []view.Sort{{Field: "tag"}, {Field: "seats"}, {Field: view.Relevance}}}
	f.Add(view.EncodeCursor(view.Support(), q, view.Position{Values: []any{"x", 2.5, nil}, ID: "1"}))
	f.Add(view.EncodeCursor(view.Support(), q, view.Position{Values: []any{true, "x", 1.0}, ID: "1"}))
	f.Add("eyJ2IjpudWxsfQ")
	m := viewtest.Mapping(f)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := view.DecodeCursor(view.Support(), q, text)
		if err != nil {
			if !errors.Is(err, view.ErrCursor) || p != nil {
				t.Errorf("%q: position %v, error %v", text, p, err)
			}
			return
		}
		from := q
		from.From = p
		var invalid *view.InvalidError
		if err := from.Check(m); err != nil && !errors.As(err, &invalid) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
