package graph

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/restaurant"
	"github.com/viewgate/viewgate/wire"
)

// open puts restaurants into the view.
func (g *gateway) open(t testing.TB, restaurants ...*restaurant.Restaurant) {
	t.Helper()
	var writes []view.Write
	for _, r := range restaurants {
		if r.Part("RESTAURANT").Version == 0 {
			r.Part("RESTAURANT").Version = 1
		}
		source, err := view.EncodeSingle(r)
		if err != nil {
			t.Fatal(err)
		}
		writes = append(writes, view.Write{ID: r.RestaurantID, Hidden: r.Hidden(), Source: source})
	}
	for _, result := range g.places.Apply(t.Context(), writes) {
		if result.Err != nil {
			t.Fatal(result.Err)
		}
	}
}

// newRestaurant is one that is open on Mondays, with a dish.
func newRestaurant(id, name string) *restaurant.Restaurant {
	r := restaurant.New(id)
	r.Tell(restaurant.Told{
		Name: name, Cuisines: []string{"Indian"}, TimeZone: "America/Los_Angeles",
		Address:      &wire.Address{Street1: "1 Main Street", City: "Oakland", State: "CA", Zip: "94612"},
		Location:     &wire.Location{Latitude: 37.8, Longitude: -122.25},
		OpeningHours: []restaurant.OpeningHours{{Day: "MONDAY", Opens: "11:30", Closes: "22:00"}},
	})
	r.Menu = []restaurant.MenuItem{{MenuItemID: "1", Name: "Chicken Vindaloo", Price: order.Money{Amount: "12.34", Currency: order.Currency}}}
	return r
}

const allOfRestaurant = `__typename id restaurantId name address { street1 city } location { latitude longitude } cuisines
	menu { menuItemId name price { amount } } openingHours { day opens closes } timeZone version`

func shownAs(id, name string) map[string]any {
	return map[string]any{
		"__typename": "Restaurant", "id": globalID(restaurantType, id), "restaurantId": id, "name": name,
		"address":  map[string]any{"street1": "1 Main Street", "city": "Oakland"},
		"location": map[string]any{"latitude": 37.8, "longitude": -122.25}, "cuisines": []any{"Indian"},
		"menu": []any{map[string]any{
			"menuItemId": "1", "name": "Chicken Vindaloo", "price": map[string]any{"amount": "12.34"},
		}},
		"openingHours": []any{map[string]any{"day": "MONDAY", "opens": "11:30", "closes": "22:00"}},
		"timeZone":     "America/Los_Angeles", "version": 1.0,
	}
}

// TestRestaurant: a restaurant comes from the view, from its owner where that is to be asked, and anybody may know it.
func TestRestaurant(t *testing.T) {
	g := newGateway(t, view.Anybody(), nil)
	g.open(t, newRestaurant("1", "Ajanta"))
	g.owns("restaurants", `{"id": 1, "version": 2, "name": "Ajanta, new"}`, `{"id": 2, "version": 1, "name": "Phở Ví Dụ"}`)
	a := g.mustAsk(t, `query ($id: ID!) { restaurant(id: "1") { `+allOfRestaurant+` }
		byID: restaurant(id: $id) { restaurantId } node(id: $id) { ... on Restaurant { name } }
		fresh: restaurant(id: "1", freshness: {mode: FRESH}) { name version timeZone cuisines address { city } location { latitude } menu { name } }
		lacking: restaurant(id: "2") { name version } none: restaurant(id: "3") { name } nonsense: restaurant(id: "") { name } }`,
		map[string]any{"id": globalID(restaurantType, "1")})
	want := map[string]any{
		"restaurant": shownAs("1", "Ajanta"), "byID": map[string]any{"restaurantId": "1"}, "node": map[string]any{"name": "Ajanta"},
		"fresh": map[string]any{"name": "Ajanta, new", "version": 2.0, "timeZone": "UTC", "cuisines": nil, "address": nil,
			"location": nil, "menu": nil},
		"lacking": map[string]any{"name": "Phở Ví Dụ", "version": 1.0}, "none": nil, "nonsense": nil,
	}
	if diff := cmp.Diff(want, a.Data); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var got []string
	for _, f := range a.Extensions.Freshness {
		got = append(got, fmt.Sprintf("%v %s %s %t", f.Path[0], f.Source, f.Reason, f.Kept))
		if f.LagMs == nil || *f.LagMs != 250 {
			t.Errorf("lag of %v is %v", f.Path, f.LagMs)
		}
	}
	if diff := cmp.Diff([]string{
		"byID VIEW satisfied true", "fresh OWNERS fresh true", "lacking OWNERS missing true", "node VIEW satisfied true",
		"none OWNERS missing true", "restaurant VIEW satisfied true",
	}, got); diff != "" {
		t.Errorf("freshness (-want +got):\n%s", diff)
	}
	g.breaks("restaurants")
	b := g.ask(t, `{ old: restaurant(id: "1", freshness: {mode: FRESH}) { name }
		none: restaurant(id: "1", freshness: {mode: FRESH, onStale: ERROR}) { name } unknown: restaurant(id: "2") { name } }`)
	if diff := cmp.Diff(map[string]any{"old": map[string]any{"name": "Ajanta"}, "none": nil, "unknown": nil}, b.Data); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"STALE_VIEW", "UPSTREAM_UNAVAILABLE"}, b.codes(), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// TestRestaurantOfOrder: in an order it is what the order says of it, and the rest is loaded, for all orders together.
func TestRestaurantOfOrder(t *testing.T) {
	orders := newOrders(4)
	orders[1].Restaurant = &order.Restaurant{RestaurantID: "2", Name: "Once Upon"}
	orders[2].Restaurant = &order.Restaurant{RestaurantID: "3", Name: "Gone"}
	g := newGateway(t, ada, orders)
	g.open(t, newRestaurant("1", "Ajanta, renamed"), newRestaurant("2", "Now"))
	a := g.mustAsk(t, `{ orderHistory { nodes { restaurant { id restaurantId name __typename } } } }`)
	if a.at("orderHistory", "nodes", 2, "restaurant", "name") != "Once Upon" || g.calls["restaurants"].Load() != 0 {
		t.Errorf("%v after %d calls", a.Data, g.calls["restaurants"].Load())
	}
	a = g.mustAsk(t, `{ orderHistory { nodes { restaurant { `+allOfRestaurant+` } } } }`)
	gone := map[string]any{}
	for field := range shownAs("3", "Gone") {
		gone[field] = nil
	}
	gone["__typename"], gone["id"], gone["restaurantId"], gone["name"] = "Restaurant", globalID(restaurantType, "3"), "3", "Gone"
	for i, want := range []map[string]any{shownAs("1", "Ajanta"), gone, shownAs("2", "Once Upon"), shownAs("1", "Ajanta")} {
		if diff := cmp.Diff(want, a.at("orderHistory", "nodes", i, "restaurant")); diff != "" {
			t.Errorf("order %d (-want +got):\n%s", 4-i, diff)
		}
	}
	if n := g.calls["restaurants"].Load(); n != 1 {
		t.Errorf("the owner was asked %d times for what the view lacks, want once", n)
	}
	g.breaks("restaurants")
	b := g.ask(t, `{ order(id: "3") { restaurant { name where: address { city } } } }`)
	want := map[string]any{"name": "Gone", "where": nil}
	if diff := cmp.Diff(want, b.at("order", "restaurant")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(b.Errors) != 1 || !cmp.Equal(b.Errors[0].Path, []any{"order", "restaurant", "where"}) || b.codes()[0] != "UPSTREAM_UNAVAILABLE" {
		t.Errorf("errors %+v", b.Errors)
	}
}

// TestWithoutView: a gateway that does not have the view says so, and shows orders all the same.
func TestWithoutView(t *testing.T) {
	g := newGateway(t, view.Support(), newOrders(1))
	delete(g.views, restaurant.ViewName)
	a := g.ask(t, `{ restaurant(id: "1") { name } order(id: "1") { restaurant { name timeZone } } }`)
	if a.at("order", "restaurant", "name") != "Ajanta" || len(a.Errors) != 2 {
		t.Errorf("%v, errors %+v", a.Data, a.Errors)
	}
	for _, e := range a.Errors {
		if e.Message != "restaurants: the view is not kept here" || e.Extensions["code"] != string(upstreamUnavailable) {
			t.Errorf("error %+v", e)
		}
	}
}
