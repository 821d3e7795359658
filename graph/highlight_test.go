package graph

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// TestSearchedOf compares what highlights are looked for in with the documents that are searched: no field that may have
// words is left out.
func TestSearchedOf(t *testing.T) {
	full := newOrder(1)
	full.DeliveryAddress.Street2 = "Back door"
	full.LineItems = append(full.LineItems, order.LineItem{MenuItemID: "2", Name: "Garlic Naan"})
	mapping := newGateway(t, view.Support(), nil).mapping
	for name, o := range map[string]*order.Order{"full": full, "bare": order.New("2")} {
		text, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		source, err := view.DecodeSource(text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range mapping.Fields {
			f := &mapping.Fields[i]
			if f.Kind != view.Text && f.Kind != view.Keyword {
				continue
			}
			want := f.Values(source)
			if diff := cmp.Diff(want, f.Values(searchedOf(o))); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, f.Path, diff)
			}
			if o == full && want == nil {
				t.Errorf("the order of this test has no %s: give it one, and searchedOf, too", f.Path)
			}
		}
	}
}
