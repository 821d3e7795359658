package viewtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view"
)

// Differential compares a store with the Reference: what they answer to the same writes, and to random questions about
// what then is there.
func Differential(t *testing.T, open func(t *testing.T, m *view.Mapping) view.Store) {
	m := Mapping(t)
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("corpus %d", seed), func(t *testing.T) {
			d := &differential{store: open(t, m), reference: NewReference(m)}
			d.write(t, rand.New(rand.NewPCG(seed, 0)))
			t.Run("Get", func(t *testing.T) { rapid.Check(t, d.get) })
			t.Run("Search", func(t *testing.T) { rapid.Check(t, d.search) })
			t.Run("Values", func(t *testing.T) { rapid.Check(t, d.values) })
		})
	}
}

type differential struct {
	store     view.Store
	reference *Reference
	ids       []string
}

// The pools that documents and questions are made of are small, so that they often meet.
var (
	somePieces = []string{"soup", "Soup", "café", "CAFE", "crème", "brûlée", "take", "out", "take-out", "Zoë", "x1",
		"Éa", "ea", "noir"}
	someSlips  = []string{"sop", "soups", "crem", "crmee", "brulee", "brulees", "burlee", "takes", "ta", "brullee", "bru", "xx1"}
	someKeys   = []string{"", "a", "A", "á", "Bär", "bar", "z-9", "open", "OPEN", "take-out", "two words"}
	someGuests = []string{"ann", "Ann", "bob", "änn"}
	someMoney  = []string{"0.3", "0.30", "-5.00", "10", "9.99", "99999999.99", "0.000001"}
	someNumber = []any{-3, 0, 1, 2, 2.5, 10, 1e6}
	somePlaces = []any{object{"latitude": 0, "longitude": 0}, object{"latitude": 37.8044, "longitude": -122.2712},
		object{"latitude": 37.868, "longitude": -122.258}, object{"latitude": -89.5, "longitude": 179.9},
		object{"latitude": 60, "longitude": -179.9}, object{"latitude": 95, "longitude": 0}, object{"latitude": "1"}, "here"}
	someTimes = []string{"1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "2026-03-01T11:07:00Z",
		"2026-03-01T12:07:00+01:00",
		"2026-03-01T11:07:00.001Z", "2026-03-01T11:07:00.0015Z", "2031-01-01T00:00:00Z"}
)

func one[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// randomText is a few pieces, with signs around them.
func randomText(r *rand.Rand) string {
	text := ""
	for range 1 + r.IntN(4) {
		text += one(r, somePieces) + one(r, []string{" ", ", ", " - ", "/"})
	}
	return text
}

// randomDocument has most of the fields most of the time.
func randomDocument(r *rand.Rand, id string) object {
	source := object{"mealId": id, "memo": randomText(r)}
	set := func(name string, value func() any) {
		switch n := r.IntN(10); {
		case n == 0:
			source[name] = nil
		case n < 8:
			source[name] = value()
		}
	}
	set("state", func() any { return one(r, []string{"OPEN", "DONE"}) })
	set("tag", func() any {
		if r.IntN(5) == 0 {
			return []any{one(r, someKeys), one(r, someKeys)}
		}
		return one(r, someKeys)
	})
	set("title", func() any { return one(r, append([]string{randomText(r)}, someKeys...)) })
	set("note", func() any { return randomText(r) })
	set("guest", func() any { return object{"guestId": one(r, someGuests), "name": randomText(r)} })
	set("kitchen", func() any { return object{"kitchenId": one(r, someGuests), "name": one(r, somePieces)} })
	set("items", func() any {
		items := []any{}
		for range r.IntN(4) {
			items = append(items, object{"dish": one(r, somePieces), "quantity": 1 + r.IntN(9), "remark": randomText(r)})
		}
		return items
	})
	set("extras", func() any {
		extras := []any{}
		for range r.IntN(3) {
			extras = append(extras, object{"name": one(r, somePieces), "price": r.IntN(12)})
		}
		return extras
	})
	set("total", func() any { return money(one(r, someMoney)) })
	set("seats", func() any { return one(r, someNumber) })
	set("placedAt", func() any { return one(r, someTimes) })
	set("rush", func() any { return r.IntN(2) == 0 })
	set("place", func() any { return one(r, somePlaces) })
	return source
}

// write sends both the same writes, right and wrong ones, and compares what they answer.
func (d *differential) write(t *testing.T, r *rand.Rand) {
	for i := range 60 {
		d.ids = append(d.ids, fmt.Sprintf("M-%d", i))
	}
	type revisions struct{ store, reference view.Revision }
	now, before := map[string]revisions{}, map[string]revisions{}
	for range 8 {
		var toStore, toReference []view.Write
		for _, i := range r.Perm(len(d.ids))[:30] {
			id := d.ids[i]
			use := now[id]
			switch r.IntN(6) {
			case 0:
				use = before[id]
			case 1:
				use = revisions{}
			}
			w := view.Write{ID: id, Hidden: r.IntN(8) == 0, Source: encode(t, randomDocument(r, id)), Compact: r.IntN(2) == 0}
			if r.IntN(20) == 0 {
				w.Source, w.Compact = w.Source[1:], false
			}
			w.Revision = use.store
			toStore = append(toStore, w)
			w.Revision = use.reference
			toReference = append(toReference, w)
		}
		got, want := d.store.Apply(t.Context(), toStore), d.reference.Apply(t.Context(), toReference)
		for i, w := range toStore {
			for _, err := range []error{view.ErrConflict, view.ErrRefused, view.ErrRetry} {
				if errors.Is(got[i].Err, err) != errors.Is(want[i].Err, err) {
					t.Fatalf("write of %s: %v, want %v", w.ID, got[i].Err, want[i].Err)
				}
			}
			if want[i].Err != nil {
				continue
			}
			before[w.ID], now[w.ID] = now[w.ID], revisions{got[i].Revision, want[i].Revision}
		}
	}
	refresh(t, d.store)
}

func drawViewer(t *rapid.T) view.Viewer {
	switch rapid.IntRange(0, 9).Draw(t, "viewer") {
	case 0:
		return view.Viewer{}
	case 1, 2:
		return view.As(view.RoleConsumer, rapid.SampledFrom(someGuests).Draw(t, "consumer"))
	case 3, 4, 5:
		return view.As(view.RoleRestaurant, rapid.SampledFrom(someGuests).Draw(t, "restaurant"))
	}
	return view.Support()
}

// drawMatch draws what is searched for: nothing, words in all their forms, and conditions among them.
func drawMatch(t *rapid.T) view.Filter {
	switch rapid.IntRange(0, 7).Draw(t, "match") {
	case 0, 1, 2:
		return nil
	case 3:
		return drawFilter(t, 2)
	case 4:
		return view.Or{drawWords(t), drawWords(t)}
	case 5:
		return view.And{drawWords(t), drawWords(t)}
	case 6:
		return view.And{drawWords(t), view.Or{drawWords(t), view.And{drawFilter(t, 1), drawWords(t)}},
			view.Not{Filter: drawWords(t)}}
	}
	return drawWords(t)
}

func drawWords(t *rapid.T) view.Filter {
	word := func() string {
		return rapid.SampledFrom(slices.Concat(somePieces, someKeys, someGuests, someSlips,
			[]string{"m-1", "M-2", "m-", "soup/noir", "?!"})).Draw(t, "word")
	}
	w := view.Words{Text: word(), Field: rapid.SampledFrom([]string{"", "", "", "note", "tag", "items.dish", "extras.name"}).Draw(t, "in")}
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "more") {
		w.Text += " " + word()
	}
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		w.Phrase = true
	case 1:
		w.Prefix = true
	case 2:
		w.Phrase, w.Prefix = true, true
	case 3:
		w.Loose = view.Loose(rapid.IntRange(1, 3).Draw(t, "loose"))
	}
	return w
}

func drawFilter(t *rapid.T, depth int) view.Filter {
	kind := rapid.IntRange(0, 9).Draw(t, "filter")
	if depth > 0 && kind < 5 {
		var sub []view.Filter
		for range rapid.IntRange(0, 3).Draw(t, "parts") {
			sub = append(sub, drawFilter(t, depth-1))
		}
		switch kind {
		case 0, 1:
			return view.And(sub)
		case 2, 3:
			return view.Or(sub)
		}
		return view.Not{Filter: drawFilter(t, depth-1)}
	}
	switch kind {
	case 4:
		return drawWords(t)
	case 5:
		if rapid.IntRange(0, 2).Draw(t, "near") == 0 {
			return view.Near{Field: "place", Point: drawPoint(t),
				Metres: rapid.SampledFrom([]float64{0, 1, 7_200, 9_000_000, 19_999_999, 30_000_000}).Draw(t, "metres")}
		}
		return view.Exists{Field: rapid.SampledFrom([]string{"tag", "title", "note", "guest.name", "items.dish", "extras.name",
			"items.quantity",
			"total", "seats", "placedAt", "rush", "place"}).Draw(t, "exists")}
	case 6, 7:
		field := rapid.SampledFrom([]string{"total", "seats", "items.quantity", "placedAt", "extras.price"}).Draw(t, "range")
		r := view.Range{Field: field}
		for _, bound := range []*any{&r.GT, &r.GTE, &r.LT, &r.LTE} {
			if rapid.IntRange(0, 2).Draw(t, "bound") == 0 {
				*bound = drawValue(t, field)
			}
		}
		return r
	}
	field := rapid.SampledFrom([]string{"mealId", "state", "tag", "title", "guest.guestId", "kitchen.name", "items.dish", "extras.name",
		"extras.price", "items.quantity", "total", "seats", "placedAt", "rush"}).Draw(t, "in")
	in := view.In{Field: field}
	for range rapid.IntRange(0, 3).Draw(t, "values") {
		in.Values = append(in.Values, drawValue(t, field))
	}
	return in
}

func drawPoint(t *rapid.T) view.Point {
	return rapid.SampledFrom([]view.Point{{}, {Latitude: 37.8, Longitude: -122.3}, {Latitude: 61, Longitude: 179},
		{Latitude: -90, Longitude: -180}}).Draw(t, "point")
}

func drawValue(t *rapid.T, field string) any {
	switch field {
	case "mealId":
		return rapid.SampledFrom([]string{"M-1", "m-2", "M-30", "nothing"}).Draw(t, "id")
	case "total":
		return rapid.SampledFrom([]float64{0.3, -5, 10, 9.99, 1e-6, 99999999.99, 5}).Draw(t, "amount")
	case "seats", "items.quantity", "extras.price":
		return rapid.SampledFrom([]float64{-3, 0, 1, 2, 2.5, 3, 5, 10, 1e6}).Draw(t, "number")
	case "placedAt":
		ms := time.Duration(rapid.IntRange(-1, 1).Draw(t, "ms"))
		return at(rapid.SampledFrom(someTimes).Draw(t, "time")).Add(ms * time.Millisecond)
	case "rush":
		return rapid.Bool().Draw(t, "boolean")
	}
	return rapid.SampledFrom(slices.Concat(someKeys, someGuests, somePieces, []string{"DONE"})).Draw(t, "text")
}

func drawQuery(t *rapid.T) view.Query {
	q := view.Query{Match: drawMatch(t), Size: rapid.SampledFrom([]int{0, 1, 2, 5, 10, 11, 12, 100}).Draw(t, "size")}
	if rapid.Bool().Draw(t, "filtered") {
		q.Filter = drawFilter(t, 3)
	}
	q.Backward = rapid.Bool().Draw(t, "backward")
	for range rapid.IntRange(0, 3).Draw(t, "keys") {
		if rapid.IntRange(0, 5).Draw(t, "by distance") == 0 {
			p := drawPoint(t)
			q.Sort = append(q.Sort, view.Sort{Field: "place", From: &p})
			continue
		}
		q.Sort = append(q.Sort, view.Sort{
			Field: rapid.SampledFrom([]string{"mealId", "state", "tag", "title", "items.quantity", "total", "seats",
				"placedAt",
				"rush", view.Relevance}).Draw(t, "key"),
			Descending: rapid.Bool().Draw(t, "descending"),
		})
	}
	if rapid.IntRange(0, 3).Draw(t, "sums") == 0 {
		q.Sums = []string{"total", "seats"}
	}
	for range rapid.IntRange(0, 2).Draw(t, "facets") {
		switch rapid.IntRange(0, 5).Draw(t, "counted") {
		case 0:
			q.Facets = append(q.Facets, view.Facet{Field: "placedAt", Size: rapid.IntRange(1, 4).Draw(t, "months")})
			continue
		case 1:
			q.Facets = append(q.Facets, view.Facet{Field: rapid.SampledFrom([]string{"total", "seats", "extras.price"}).Draw(t, "number"),
				Bounds: rapid.SampledFrom([][]float64{{0}, {2, 2.5, 10}, {-5, 0.3, 9.99}}).Draw(t, "bounds")})
			continue
		}
		q.Facets = append(q.Facets, view.Facet{
			Field: rapid.SampledFrom([]string{"state", "tag", "title", "kitchen.name", "items.dish",
				"extras.name", "rush"}).Draw(t, "facet"),
			Size: rapid.SampledFrom([]int{1, 2, 3, 100}).Draw(t, "buckets"),
		})
	}
	return q
}

func (d *differential) get(t *rapid.T) {
	v := drawViewer(t)
	ids := rapid.SliceOfN(rapid.SampledFrom(append([]string{"nowhere"}, d.ids...)), 0, 20).Draw(t, "ids")
	got, err := d.store.Get(t.Context(), v, ids)
	if err != nil {
		t.Fatal(err)
	}
	want, err := d.reference.Get(t.Context(), v, ids)
	if err != nil {
		t.Fatal(err)
	}
	ignoreRevision := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Revision" }, cmp.Ignore())
	asValue := cmp.Transformer("value", func(text json.RawMessage) map[string]any {
		source, err := view.DecodeSource(text)
		if err != nil {
			t.Fatal(err)
		}
		return source
	})
	if diff := cmp.Diff(want, got, ignoreRevision, asValue); diff != "" {
		t.Fatalf("%v gets (-reference +store):\n%s", v, diff)
	}
}

func (d *differential) search(t *rapid.T) {
	v, q := drawViewer(t), drawQuery(t)
	if n := len(d.ids); q.Size > 0 && rapid.Bool().Draw(t, "behind a hit") {
		all := q
		all.Size = n
		hits, same := d.ask(t, v, all).Hits, d.expect(t, v, all).Hits
		if len(hits) > 0 && len(same) == len(hits) {
			i := rapid.IntRange(0, len(hits)-1).Draw(t, "hit")
			want, got := q, q
			want.From, got.From = &same[i].Position, &hits[i].Position
			d.compare(t, d.expect(t, v, want), d.ask(t, v, got), q.Size > 0)
		}
	}
	d.compare(t, d.expect(t, v, q), d.ask(t, v, q), q.Size > 0)
}

// values compares what both say looks like something.
func (d *differential) values(t *rapid.T) {
	v := drawViewer(t)
	q := view.ValueQuery{Field: rapid.SampledFrom([]string{"tag", "title", "items.dish", "extras.name", "state"}).Draw(t, "field"),
		Size: rapid.IntRange(1, 10).Draw(t, "size")}
	text := rapid.SampledFrom(slices.Concat(someSlips, somePieces, someKeys, []string{"caf", "CR", "take o"})).Draw(t, "text")
	switch rapid.IntRange(0, 2).Draw(t, "like") {
	case 0:
		q.Like.Beginning = text
	case 1:
		q.Like.Resembling = text
	}
	got, err := d.store.Values(t.Context(), v, q)
	if err != nil {
		t.Fatalf("%v asks for %+v: %v", v, q, err)
	}
	want, err := d.reference.Values(t.Context(), v, q)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%v asks for %+v (-reference +store):\n%s", v, q, diff)
	}
}

func (d *differential) ask(t *rapid.T, v view.Viewer, q view.Query) view.Page {
	p, err := d.store.Search(t.Context(), v, q)
	if err != nil {
		t.Fatalf("%v asks %+v: %v", v, q, err)
	}
	return p
}

func (d *differential) expect(t *rapid.T, v view.Viewer, q view.Query) view.Page {
	p, err := d.reference.Search(t.Context(), v, q)
	if err != nil {
		t.Fatalf("%v asks %+v of the reference: %v", v, q, err)
	}
	return p
}

func (d *differential) compare(t *rapid.T, want, got view.Page, paged bool) {
	if diff := cmp.Diff(idsOf(want), idsOf(got)); diff != "" {
		t.Errorf("ids (-reference +store):\n%s", diff)
	}
	for i := range min(len(want.Hits), len(got.Hits)) {
		if w, g := want.Hits[i].Score, got.Hits[i].Score; w != g {
			t.Errorf("score of %s is %v, want %v", got.Hits[i].ID, g, w)
		}
	}
	if got.Total > want.Total || got.Exact && got.Total < want.Total {
		t.Errorf("Total is %d (exact: %t), want %d", got.Total, got.Exact, want.Total)
	}
	if paged && got.More != want.More {
		t.Errorf("More is %t, want %t", got.More, want.More)
	}
	if len(got.Facets) != len(want.Facets) {
		t.Fatalf("%d facets, want %d", len(got.Facets), len(want.Facets))
	}
	if diff := cmp.Diff(facetText(want.Facets), facetText(got.Facets)); diff != "" {
		t.Errorf("facets (-reference +store):\n%s", diff)
	}
	if diff := cmp.Diff(want.Sums, got.Sums, cmpopts.EquateApprox(1e-12, 1e-9), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("sums (-reference +store):\n%s", diff)
	}
	if got.Partial {
		t.Error("the page is partial")
	}
}
