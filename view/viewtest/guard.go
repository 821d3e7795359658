package viewtest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
)

// testGuards tests what a restaurant's staff sees of fields that are theirs to see in open meals alone, and finds by them.
func testGuards(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	of := func(state string) object {
		return object{
			"kitchen": object{"kitchenId": "k1"}, "guest": object{"guestId": "ann"}, "state": state, "title": "Soup",
			"note": "ring at Miller", "extras": []any{object{"name": "bread", "price": 3}}, "memo": "soup",
		}
	}
	put(t, s, meal("open", of("OPEN")), meal("done", of("DONE")), meal("none", object{"kitchen": object{"kitchenId": "k1"}}))
	staff, guest := view.As(view.RoleRestaurant, "k1"), view.As(view.RoleConsumer, "ann")

	documents, err := s.Get(t.Context(), staff, []string{"open", "done"})
	if err != nil {
		t.Fatal(err)
	}
	scanned := map[string]view.Document{}
	err = s.Scan(context.Background(), staff, view.Query{Size: 2}, func(p view.Page) error {
		for _, hit := range p.Hits {
			scanned[hit.ID] = hit.Document
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, hit := range search(t, s, staff, view.Query{Size: 10}).Hits {
		for what, found := range map[string]map[string]view.Document{"Get": documents, "Scan": scanned} {
			if d, there := found[hit.ID]; there {
				sameJSON(t, hit.Source, d.Source)
			} else if hit.ID != "none" || what == "Scan" {
				t.Errorf("%s lacks %s", what, hit.ID)
			}
		}
	}
	want := of("DONE")
	want["mealId"] = "done"
	for _, kept := range []string{"note", "extras", "memo"} {
		delete(want, kept)
	}
	sameJSON(t, encode(t, want), documents["done"].Source)
	want = of("OPEN")
	want["mealId"] = "open"
	sameJSON(t, encode(t, want), documents["open"].Source)
	sameJSON(t, encode(t, meal("done", of("DONE")).source), get(t, s, "done").Source)

	for _, tt := range []struct {
		name         string
		query        view.Query
		staff, guest []string
	}{
		{"words of the field", view.Query{Match: view.Words{Field: "note", Text: "miller"}}, []string{"open"}, []string{"done", "open"}},
		{"words of any field", view.Query{Match: Words("miller")}, nil, []string{"done", "open"}},
		{"words that others have, too", view.Query{Match: Words("soup")}, []string{"done", "open"}, []string{"done", "open"}},
		{"value", view.Query{Filter: view.In{Field: "extras.name", Values: []any{"bread"}}}, []string{"open"}, []string{"done", "open"}},
		{"no such value", view.Query{Filter: view.Not{Filter: view.In{Field: "extras.name", Values: []any{"bread"}}}},
			[]string{"done", "none"}, nil},
		{"range", view.Query{Filter: view.Range{Field: "extras.price", GTE: 3.0}}, []string{"open"}, []string{"done", "open"}},
		{"exists", view.Query{Filter: view.Exists{Field: "note"}}, []string{"open"}, []string{"done", "open"}},
		{"state and value", view.Query{Filter: view.And{view.In{Field: "state", Values: []any{"DONE"}},
			view.In{Field: "extras.name", Values: []any{"bread"}}}}, nil, []string{"done"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			matches(t, s, staff, tt.query, tt.staff...)
			matches(t, s, guest, tt.query, tt.guest...)
		})
	}
	facets := view.Query{
		Filter: view.In{Field: "extras.name", Values: []any{"bread"}},
		Facets: []view.Facet{{Field: "extras.name", Size: 9}, {Field: "state", Size: 9}, {Field: "extras.price", Bounds: []float64{3}}},
	}
	got := facetText(search(t, s, staff, facets).Facets) + "; " + facetText(search(t, s, guest, facets).Facets)
	const counts = "bread:1 | OPEN:1 | *..3:0 3..*:1; bread:2 | DONE:1 OPEN:1 | *..3:0 3..*:2"
	if diff := cmp.Diff(counts, got); diff != "" {
		t.Errorf("facets of staff and guest (-want +got):\n%s", diff)
	}
	for v, n := range map[view.Viewer]int{staff: 1, guest: 2} {
		values, err := s.Values(t.Context(), v, view.ValueQuery{Field: "extras.name", Size: 9, Like: view.Like{Beginning: "bre"}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]view.Bucket{{Value: "bread", Count: n}}, values); diff != "" {
			t.Errorf("values of %v (-want +got):\n%s", v, diff)
		}
	}
}
