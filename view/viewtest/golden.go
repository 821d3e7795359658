package viewtest

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/schema"
	language "github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
)

// update rewrites what Golden expects: go test ./view/viewtest -run Golden -golden testdata/relevance.txt
var update = flag.String("golden", "", "file to write the order of hits to")

//go:embed testdata/relevance.txt
var relevance string

// dinners are orders of real dishes: where, what, by whom, to which street. The first is order 1.
var dinners = [][4]string{
	{"Placeholder Grill", "Chicken Burrito, Tomatillo-Green Chili Salsa (Medium), Pinto Beans, Rice; Chips and Guacamole", "Ann Rice", "9 Amazing View"},
	{"Placeholder Grill", "Veggie Burrito, Fresh Tomato Salsa (Mild), Pinto Beans, Rice, Cheese, Sour Cream", "Bo Chan", "12 Chili Lane"},
	{"Placeholder Grill", "Steak Bowl, Roasted Chili Corn Salsa, Rice, Black Beans; Chips and Fresh Tomato Salsa", "Cy Lee", "3 Burrito Road"},
	{"Burrito House", "Carnitas Soft Tacos; Nantucket Nectar, Apple", "Dee Page", "77 Oak Street"},
	{"Burrito House", "Barbacoa Bowl; Izze, Clementine", "Ed Apple", "1 Salsa Square"},
	{"Ajanta", "Chicken Vindaloo; Garlic Naan; Mango Lassi", "Flo Naan", "5 Vindaloo Way"},
	{"Ajanta", "Chicken Tikka Masala; Saffron Rice", "Gus Green", "5 Palm Court"},
	{"Ajanta", "Vegetable Samosas; Chana Masala; Palak Paneer", "Hal Beanes", "6 Palm Court"},
	{"The Curry House", "Vegetable Curry; Plain Naan", "Ida Moon", "10 Harbour Street"},
	{"The Curry House", "Three Curries; Onion Bhaji", "Jo Curry", "11 Harbour Street"},
	{"Café del Mercado", "Huevos Rancheros; Café de Olla; Tamal de Jalapeño", "Zoë Ångström", "27 Calle Placeholder"},
	{"Café del Mercado", "Breakfast Burrito; Churros con Chocolate", "Kim Olla", "28 Calle Placeholder"},
	{"Crêperie Exemple", "Crème Brûlée; Crêpe Suzette; Tarte Tatin", "Lou Creme", "2 Rue Modèle"},
	{"Soup & Co", "Tom Yum Soup; Green Curry; Pad Thai", "Max Thai", "40 Canal Street"},
	{"Soup & Co", "Wonton Soup; Dumplings", "Ned Soup", "41 Canal Street"},
	{"Soup & Co", "Chicken Noodle Soup", "Oz Noodle", "16 Canal Street"},
}

// searches are what is asked of them.
var searches = []string{
	"burrito", "burritos", "chicken burrito", `"chicken burrito"`, "curry", "curries", "naan", "vindaloo", "vindalo", "vindeloo", "soup",
	"rice", "creme brulee", "CRÈME", "jalapeno", "chil", "chili*", "16", "6", "cafe olla", "apple", "green curry OR green salsa",
	"chicken -soup", "lineItems.name:apple", "restaurant.name:burrito", `"curry house"`, "bean", "chiken noodel", "canal strete", "tomatillo-green",
	"quinoa",
}

// Golden compares how well orders match what people search for with what is written down, where each hit's score and what
// it is of can be looked at. All stores have the same.
func Golden(t *testing.T, open func(t *testing.T, m *view.Mapping) view.Store) {
	sdl, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := view.MappingOf(sdl, "orders")
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, m)
	var docs []doc
	for i, d := range dinners {
		var lines []any
		for name := range strings.SplitSeq(d[1], "; ") {
			lines = append(lines, object{"name": name, "quantity": 1})
		}
		docs = append(docs, doc{strconv.Itoa(i + 1), object{
			"orderId": strconv.Itoa(i + 1), "restaurant": object{"restaurantId": "r" + d[0], "name": d[0]}, "lineItems": lines,
			"consumer": object{"consumerId": "c" + d[2], "name": d[2]}, "deliveryAddress": object{"street1": d[3]},
		}})
	}
	put(t, s, docs...)
	fields := language.FieldsOf(m)
	var text strings.Builder
	for _, query := range searches {
		e, _ := language.Parse(query)
		match, warnings := fields.Compile(e, language.Options{Loose: view.Typos | view.Beginning})
		if len(warnings) > 0 {
			t.Errorf("%s: %+v", query, warnings)
		}
		fmt.Fprintf(&text, "%s\n", query)
		page := search(t, s, view.Support(), view.Query{Match: match, Sort: []view.Sort{{Field: view.Relevance, Descending: true}}, Size: 20})
		for _, hit := range page.Hits {
			n, err := strconv.Atoi(hit.ID)
			if err != nil {
				t.Fatal(err)
			}
			d := dinners[n-1]
			fmt.Fprintf(&text, "  %7.2f  %2s  %s | %s | %s | %s\n", hit.Score, hit.ID, d[0], d[1], d[2], d[3])
		}
	}
	if *update != "" {
		if err := os.WriteFile(*update, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(relevance, text.String()); diff != "" {
		t.Errorf("order of hits (-want +got):\n%s", diff)
	}
}
