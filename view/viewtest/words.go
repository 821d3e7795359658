package viewtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
)

// testForms tests the forms in which words are looked for.
func testForms(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	dishes := func(names ...string) object {
		var items []any
		for _, name := range names {
			items = append(items, object{"dish": name, "quantity": 1})
		}
		return object{"items": items}
	}
	put(t, s,
		meal("m1", dishes("Chicken Tikka Masala", "Garlic Naan")),
		meal("m2", dishes("Tikka Chicken", "Naan")),
		meal("m3", dishes("Chicken", "Tikka Masala")),
		meal("m4", dishes("Chickpeas & curries", "Crème brûlée")),
		meal("m5", object{"title": "chickens in a curry", "tag": "Chick-1"}),
		meal("m6", object{"note": "Vindaloo, 94612 chances"}),
		meal("m7", object{"note": "a Vindalooo like no othr", "tag": "vindaloo"}),
	)
	phrase := func(text string) view.Filter { return view.Words{Text: text, Phrase: true} }
	prefix := func(text string) view.Filter { return view.Words{Text: text, Prefix: true} }
	typos := func(text string) view.Filter { return view.Words{Text: text, Loose: view.Typos} }
	begin := func(text string) view.Filter { return view.Words{Text: text, Loose: view.Beginning} }
	in := func(field, text string) view.Filter { return view.Words{Field: field, Text: text} }
	for _, tt := range []struct {
		name  string
		match view.Filter
		want  string
	}{
		{"phrase", phrase("chicken tikka"), "m1"},
		{"phrase of one word", phrase("chicken"), "m1 m2 m3"},
		{"phrase, the other way", phrase("TIKKA chicken"), "m2"},
		{"phrase over two values", phrase("masala garlic"), ""},
		{"phrase with a word between", phrase("chicken masala"), ""},
		{"phrase, signs between", phrase("chickpeas curries"), "m4"},
		{"phrase keeps its endings", phrase("chickpeas curry"), ""},
		{"phrase, accents", phrase("Creme Brulee"), "m4"},
		{"phrase that is a keyword", view.Words{Field: "tag", Text: "chick-1", Phrase: true}, "m5"},
		{"phrase of signs", phrase("&"), ""},
		{"phrase and beginning", view.Words{Text: "chicken ti", Phrase: true, Prefix: true}, "m1"},
		{"prefix", prefix("chick"), "m1 m2 m3 m4 m5"},
		{"prefix, accents", prefix("bru"), "m4"},
		{"prefix of an id", prefix("M"), ""},
		{"prefix that is too short", prefix("c"), ""},
		{"prefix that is the word", prefix("naan"), "m1 m2"},
		{"prefix behind a word", prefix("tikka mas"), "m1 m3"},
		{"prefix of a keyword", prefix("chick-"), "m1 m2 m3 m4 m5"},
		{"typo, one too few", typos("vindalo"), "m6"},
		{"typos, two wrong", typos("vindaluu"), "m6"},
		{"typo, swapped", typos("chikcen"), "m1 m2 m3"},
		{"typos, two in eight", typos("vindelo"), ""},
		{"typos, two in eight letters", typos("vindeloo"), "m6 m7"},
		{"typos, two", typos("vindeluo"), "m6"},
		{"typo in the first letter", typos("bindaloo"), ""},
		{"typo in a short word", typos("naen"), ""},
		{"typo in a number", typos("94613"), ""},
		{"typo in a keyword", typos("chick-2"), ""},
		{"typo and ending", typos("chickens"), "m1 m2 m3 m4 m5"},
		{"beginning", begin("vinda"), "m6 m7"},
		{"beginning that is too short", begin("v"), ""},
		{"beginning of a keyword is none", begin("chick-"), "m1 m2 m3 m4 m5"},
		{"both", view.Words{Text: "chickp", Loose: view.Typos | view.Beginning}, "m4"},
		{"in a field", in("title", "chicken"), "m5"},
		{"in a field, as it stands elsewhere", in("note", "chicken"), ""},
		{"in a keyword", in("tag", "CHICK-1"), "m5"},
		{"in a keyword, in part", in("tag", "chick"), ""},
		{"several words, in one field", view.Words{Text: "masala garlic"}, "m1"},
		{"not", view.And{view.Words{Text: "naan"}, view.Not{Filter: view.Words{Text: "masala"}}}, "m2"},
		{"not alone", view.Not{Filter: view.Or{prefix("chick"), typos("vindaloo")}}, ""},
		{"or", view.Or{view.Words{Text: "garlic"}, view.Words{Text: "brulee"}}, "m1 m4"},
		{"or nothing", view.And{view.Words{Text: "naan"}, view.Or{}}, ""},
		{"with a condition", view.And{view.Words{Text: "curry"}, view.Exists{Field: "tag"}}, "m5"},
		{"or a condition", view.Or{view.Words{Text: "garlic"}, view.Exists{Field: "tag"}}, "m1 m5 m7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			matches(t, s, view.Support(), view.Query{Match: tt.match}, strings.Fields(tt.want)...)
			matches(t, s, view.Support(), view.Query{Filter: tt.match}, strings.Fields(tt.want)...)
			p := search(t, s, view.Support(), view.Query{Match: tt.match, Size: 20, Sort: []view.Sort{desc(view.Relevance)}})
			got := idsOf(p)
			slices.Sort(got)
			if diff := cmp.Diff(strings.Fields(tt.want), got); diff != "" && tt.want != "" {
				t.Errorf("by relevance (-want +got):\n%s", diff)
			}
		})
	}
}

// testScores tests that what is found is ordered by how and where it is found, in every store by the same numbers.
func testScores(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	put(t, s,
		meal("curry", object{"note": "x"}),        // an id: weight 10
		meal("b", object{"title": "curry house"}), // weight 3
		meal("c", object{"note": "a curry"}),      // weight 1
		meal("d", object{"title": "curries"}),     // another ending
		meal("e", object{"note": "curries"}),      //
		meal("f", object{"title": "currybread"}),  // longer
		meal("g", object{"title": "curra house"}), // a typo
		meal("h", object{"title": "curry", "note": "curry curry curry", "guest": object{"name": "Curry", "guestId": "1"}}),
		meal("i", object{"title": "soup"}),
	)
	word := view.Words{Text: "curry", Loose: view.Typos | view.Beginning}
	for _, tt := range []struct {
		name  string
		match view.Filter
		want  string
	}{
		{"by weight, then form", word, "curry:138 b:131 h:131 d:129.5 c:129 e:128.5 f:64.75 g:32.75"},
		{"as written only", view.Words{Text: "curry", Phrase: true}, "curry:138 b:131 h:131 c:129"},
		{"prefix", view.Words{Text: "curr", Prefix: true}, "curry:130.5 b:128.75 d:128.75 f:128.75 g:128.75 h:128.75 c:128.25 e:128.25"},
		{"a conjunction adds up", view.And{word, view.Words{Text: "house"}}, "b:262 g:163.75"},
		{"a disjunction adds up what holds", view.Or{view.Words{Text: "house"}, view.Words{Text: "soup"}, view.Words{Text: "curry", Phrase: true}},
			"b:262 curry:138 g:131 h:131 i:131 c:129"},
		{"conditions count nothing", view.And{view.Words{Text: "house"}, view.Exists{Field: "title"}}, "b:131 g:131"},
		{"nor do those alone", view.Or{view.In{Field: "mealId", Values: []any{"i"}}, view.Words{Text: "house"}}, "b:131 g:131 i:0"},
		{"nor what must not be", view.And{view.Words{Text: "house"}, view.Not{Filter: view.Words{Text: "curra", Phrase: true}}}, "b:131"},
		{"a field has its weight", view.Words{Field: "note", Text: "curry"}, "c:129 h:129 e:128.5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := view.Query{Match: tt.match, Size: 20}
			if !q.Scores() {
				t.Fatal("the query does not score")
			}
			q.Sort = []view.Sort{desc(view.Relevance)}
			var got []string
			for _, h := range search(t, s, view.Support(), q).Hits {
				got = append(got, fmt.Sprintf("%s:%v", h.ID, h.Score))
				if h.Position.Values[0] != h.Score {
					t.Errorf("%s stands at %v, its score is %v", h.ID, h.Position.Values, h.Score)
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("writes do not move it", func(t *testing.T) {
		q := view.Query{Match: word, Size: 3}
		before := search(t, s, view.Support(), q)
		for i := range 50 {
			put(t, s, meal(fmt.Sprintf("z%d", i), object{"note": "curry curry", "title": "other words"}))
		}
		q.From = &before.Hits[1].Position
		after := search(t, s, view.Support(), q)
		if after.Hits[0].ID != before.Hits[2].ID || after.Hits[0].Score != before.Hits[2].Score {
			t.Errorf("behind the second hit is %s (%v), want %s (%v)", after.Hits[0].ID, after.Hits[0].Score,
				before.Hits[2].ID, before.Hits[2].Score)
		}
	})
}

func testGeo(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	at := func(latitude, longitude any) object {
		return object{"place": object{"latitude": latitude, "longitude": longitude}}
	}
	put(t, s,
		meal("oakland", at(37.8044, -122.2712)),
		meal("berkeley", at(37.868, -122.258)),
		meal("fiji", at(-17.7134, 178.065)),
		meal("samoa", at(-13.759, -172.1046)),
		meal("nowhere", object{"note": "x"}),
		meal("off", at(95, 0)),
		meal("half", at(1, nil)),
	)
	oakland := view.Point{Latitude: 37.8044, Longitude: -122.2712}
	dateLine := view.Point{Latitude: -16, Longitude: -179.5}
	near := func(p view.Point, metres float64) view.Query {
		return view.Query{Filter: view.Near{Field: "place", Point: p, Metres: metres}}
	}
	matches(t, s, view.Support(), near(oakland, 10), "oakland")
	matches(t, s, view.Support(), near(oakland, 7_000), "oakland")
	matches(t, s, view.Support(), near(oakland, 7_300), "berkeley", "oakland")
	matches(t, s, view.Support(), near(dateLine, 900_000), "fiji", "samoa")
	matches(t, s, view.Support(), near(oakland, 30_000_000), "berkeley", "fiji", "oakland", "samoa")
	matches(t, s, view.Support(), view.Query{Filter: view.Exists{Field: "place"}}, "berkeley", "fiji", "oakland", "samoa")
	for _, tt := range []struct {
		from view.Point
		want string
	}{
		{oakland, "oakland berkeley samoa fiji half nowhere off"},
		{dateLine, "fiji samoa oakland berkeley half nowhere off"},
	} {
		q := view.Query{Sort: []view.Sort{{Field: "place", From: &tt.from}}, Size: 2}
		for _, q.Backward = range []bool{false, true} {
			if diff := cmp.Diff(tt.want, strings.Join(walk(t, s, view.Support(), q, 7), " ")); diff != "" {
				t.Errorf("by distance from %v, backward %t (-want +got):\n%s", tt.from, q.Backward, diff)
			}
		}
	}
	p := search(t, s, view.Support(), view.Query{Sort: []view.Sort{{Field: "place", From: &oakland}}, Size: 5})
	for i, want := range []float64{0, 7166, 7_735_000} {
		if got, _ := p.Hits[i].Position.Values[0].(float64); math.Abs(got-want) > 1+want/1000 {
			t.Errorf("%s is %v m away, want %v", p.Hits[i].ID, got, want)
		}
	}
	if got := p.Hits[4].Position.Values[0]; got != nil {
		t.Errorf("%s is %v m away, want nothing", p.Hits[4].ID, got)
	}
}

func testValues(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	put(t, s,
		meal("a", object{"tag": "Crème brûlée", "guest": object{"guestId": "ann"}}),
		meal("b", object{"tag": "Crème brûlée", "title": "Chicken Soup", "guest": object{"guestId": "bob"}}),
		meal("c", object{"tag": "creme fraiche", "title": "Chickpea soup", "guest": object{"guestId": "bob"}}),
		meal("d", object{"title": "Soup of Chicken", "guest": object{"guestId": "ann"}}),
		meal("f", object{"state": "x_3.14", "title": "don't_x 3.14"}),
	)
	hidden := creation(t, meal("e", object{"tag": "cream", "guest": object{"guestId": "ann"}}))
	hidden.Hidden = true
	apply(t, s, hidden)
	refresh(t, s)
	begin := func(text string) view.Like { return view.Like{Beginning: text} }
	like := func(text string) view.Like { return view.Like{Resembling: text} }
	ann := view.As(view.RoleConsumer, "ann")
	for _, tt := range []struct {
		name   string
		viewer view.Viewer
		field  string
		like   view.Like
		size   int
		want   string
	}{
		{"all", view.Support(), "tag", view.Like{}, 9, "Crème brûlée:2 creme fraiche:1"},
		{"the most frequent", view.Support(), "tag", view.Like{}, 1, "Crème brûlée:2"},
		{"a word begins", view.Support(), "tag", begin("cre"), 9, "Crème brûlée:2 creme fraiche:1"},
		{"any word", view.Support(), "tag", begin("Brul"), 9, "Crème brûlée:2"},
		{"with accents and case", view.Support(), "tag", begin("CRÉ"), 9, "Crème brûlée:2 creme fraiche:1"},
		{"one letter", view.Support(), "title", begin("c"), 9, "Chicken Soup:1 Chickpea soup:1 Soup of Chicken:1"},
		{"within a word", view.Support(), "tag", begin("eme"), 9, ""},
		{"words", view.Support(), "title", begin("soup chick"), 9, "Chicken Soup:1 Chickpea soup:1 Soup of Chicken:1"},
		{"words but the last are whole", view.Support(), "title", begin("chick soup"), 9, ""},
		{"signs", view.Support(), "title", begin("(.*"), 9, ""},
		{"a sign within a word", view.Support(), "title", begin("3.1"), 9, "don't_x 3.14:1"},
		{"an apostrophe within a word", view.Support(), "title", begin("don't"), 9, "don't_x 3.14:1"},
		{"resembling", view.Support(), "title", like("chicen"), 9, "Chicken Soup:1 Soup of Chicken:1"},
		{"resembling in the first letter", view.Support(), "title", like("hicken"), 9, "Chicken Soup:1 Soup of Chicken:1"},
		{"resembling a short word", view.Support(), "title", like("soop"), 9, "Chicken Soup:1 Chickpea soup:1 Soup of Chicken:1"},
		{"itself resembles nothing", view.Support(), "title", like("soup"), 9, ""},
		{"ann's", ann, "tag", begin("cre"), 9, "Crème brûlée:1"},
		{"ann's, foreign", ann, "title", begin("chickp"), 9, ""},
		{"ann's, resembling", ann, "title", like("chicen"), 9, "Soup of Chicken:1"},
		{"nobody's", view.Viewer{}, "tag", view.Like{}, 9, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			buckets, err := s.Values(t.Context(), tt.viewer, view.ValueQuery{Field: tt.field, Like: tt.like, Size: tt.size})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, facetText([]view.Counts{{Buckets: buckets}})); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
	var invalid *view.InvalidError
	for _, q := range []view.ValueQuery{{Field: "note", Size: 1}, {Field: "seats", Size: 1}, {Field: "tag"}, {Size: 1}} {
		if _, err := s.Values(t.Context(), view.Support(), q); !errors.As(err, &invalid) {
			t.Errorf("%+v: error %v, want an InvalidError", q, err)
		}
	}
}

func testScan(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	var docs []doc
	for i := range 25 {
		docs = append(docs, meal(fmt.Sprintf("m%02d", i), object{"seats": i % 7, "note": "soup",
			"guest": object{"guestId": []string{"ann", "bob"}[i%2]}}))
	}
	put(t, s, docs...)
	scan := func(v view.Viewer, q view.Query, each func(view.Page) error) (ids []string, err error) {
		err = s.Scan(t.Context(), v, q, func(p view.Page) error {
			ids = append(ids, idsOf(p)...)
			if each != nil {
				return each(p)
			}
			return nil
		})
		return ids, err
	}
	q := view.Query{Match: Words("soups"), Sort: []view.Sort{desc("seats")}, Size: view.MaxSize}
	for _, v := range []view.Viewer{view.Support(), view.As(view.RoleConsumer, "ann"), {}} {
		for _, size := range []int{1, 7, 25, 100} {
			want := idsOf(search(t, s, v, q))
			q := q
			q.Size = size
			n := 0
			got, err := scan(v, q, func(p view.Page) error {
				n++
				if p.Total != len(want) || len(p.Hits) > size {
					t.Errorf("page of %d in pages of %d, Total %d, want %d", len(p.Hits), size, p.Total, len(want))
				}
				// What is written meanwhile is not seen.
				apply(t, s, creation(t, meal(fmt.Sprintf("new-%v-%d-%d", v, size, n), object{"note": "soup"})))
				return s.Refresh(t.Context())
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, append([]string{}, got...)); diff != "" {
				t.Errorf("%v, pages of %d (-want +got):\n%s", v, size, diff)
			}
		}
	}
	stop := errors.New("enough")
	q.Size = 2
	got, err := scan(view.Support(), q, func(view.Page) error { return stop })
	if !errors.Is(err, stop) || len(got) != 2 {
		t.Errorf("a scan that is stopped gave %q, error %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Scan(ctx, view.Support(), q, func(view.Page) error { return nil }); !errors.Is(err, view.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, view.ErrUnavailable)
	}
	var invalid *view.InvalidError
	for _, q := range []view.Query{{Size: 0}, {Size: 1, Backward: true}, {Size: 1, Facets: []view.Facet{{Field: "tag", Size: 1}}},
		{Size: 1, Sort: []view.Sort{asc("nothing")}}} {
		if err := s.Scan(t.Context(), view.Support(), q, func(view.Page) error { return nil }); !errors.As(err, &invalid) {
			t.Errorf("%+v: error %v, want an InvalidError", q, err)
		}
	}
}
