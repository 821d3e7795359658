package graph

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/restaurant"
	"github.com/viewgate/viewgate/wire"
)

// open puts restaurants into the view, whatever is there.
func (g *gateway) open(t testing.TB, restaurants ...*restaurant.Restaurant) {
	t.Helper()
	var ids []string
	for _, r := range restaurants {
		ids = append(ids, r.RestaurantID)
	}
	had, err := g.places.Get(t.Context(), view.Support(), ids)
	if err != nil {
		t.Fatal(err)
	}
	var writes []view.Write
	for _, r := range restaurants {
		if r.Part("RESTAURANT").Version == 0 {
			r.Part("RESTAURANT").Version = 1
		}
		source, err := view.EncodeSingle(r)
		if err != nil {
			t.Fatal(err)
		}
		writes = append(writes, view.Write{ID: r.RestaurantID, Revision: had[r.RestaurantID].Revision, Hidden: r.Hidden(), Source: source})
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

// place is newRestaurant somewhere else, at other hours, with other dishes.
func place(id, name string, at wire.Location, cuisine, zone string, hours []restaurant.OpeningHours, dishes ...string) *restaurant.Restaurant {
	r := newRestaurant(id, name)
	r.Tell(restaurant.Told{Name: name, Location: &at, Cuisines: []string{cuisine}, TimeZone: zone, OpeningHours: hours})
	r.Menu = nil
	for i, dish := range dishes {
		r.Menu = append(r.Menu, restaurant.NewMenuItem(wire.ID(fmt.Sprint(i)), dish, wire.Money{}))
	}
	return r
}

func daily(opens, closes string) (hours []restaurant.OpeningHours) {
	for _, day := range []restaurant.Weekday{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"} {
		hours = append(hours, restaurant.OpeningHours{Day: day, Opens: opens, Closes: closes})
	}
	return hours
}

// someRestaurants are around Oakland, but for one in Berlin and one of which nobody knows where it is.
func someRestaurants() []*restaurant.Restaurant {
	const pacific = "America/Los_Angeles"
	lost := place("5", "Nowhere Noodles", wire.Location{}, "Thai", pacific, daily("11:00", "23:00"), "Pad Thai")
	lost.Location = nil
	return []*restaurant.Restaurant{
		place("1", "Ajanta", wire.Location{Latitude: 37.80, Longitude: -122.27}, "Indian", pacific, daily("11:30", "22:00"), "Chicken Vindaloo"),
		place("2", "Bombay Nights", wire.Location{Latitude: 37.81, Longitude: -122.27}, "Indian", pacific, daily("18:00", "02:00"), "Lamb Vindaloo"),
		place("3", "Taverna", wire.Location{Latitude: 37.90, Longitude: -122.27}, "Greek", pacific, daily("00:00", "24:00"), "Moussaka"),
		place("4", "Zur Post", wire.Location{Latitude: 52.52, Longitude: 13.40}, "German", "Europe/Berlin", daily("17:00", "23:00"), "Chicken Soup"),
		lost,
	}
}

const availableQuery = `query ($near: Point, $km: Float, $at: DateTime, $q: String, $cuisine: [String!], $first: Int, $after: String) {
	availableRestaurants(near: $near, withinKm: $km, openAt: $at, query: $q, cuisine: $cuisine, first: $first, after: $after) {
		edges { cursor distanceKm node { restaurantId } } nodes { restaurantId } pageInfo { hasNextPage endCursor }
		total { count precision } facets { cuisine { field values { value count query } others } }
	} }`

// available returns the ids of the restaurants that are answered, in their order.
func (a answered) available() (ids []string) {
	edges, _ := a.at("availableRestaurants", "edges").([]any)
	for i := range edges {
		ids = append(ids, fmt.Sprint(a.at("availableRestaurants", "edges", i, "node", "restaurantId")))
	}
	return ids
}

func TestAvailableRestaurants(t *testing.T) {
	g := newGateway(t, view.Anybody(), nil)
	g.open(t, someRestaurants()...)
	oakland := map[string]any{"latitude": 37.80, "longitude": -122.27}
	for _, tt := range []struct {
		name      string
		variables map[string]any
		want      []string
	}{
		{"all, by name", nil, []string{"1", "2", "5", "3", "4"}},
		{"the nearest first", map[string]any{"near": oakland}, []string{"1", "2", "3", "4", "5"}},
		{"within", map[string]any{"near": oakland, "km": 5}, []string{"1", "2"}},
		{"within a little more", map[string]any{"near": oakland, "km": 11.2}, []string{"1", "2", "3"}},
		{"at noon in Oakland", map[string]any{"at": "2026-03-02T20:00:00Z"}, []string{"1", "5", "3", "4"}},
		{"at one in the night", map[string]any{"at": "2026-03-03T09:00:00Z"}, []string{"2", "3"}},
		{"when it closes", map[string]any{"at": "2026-03-03T06:00:00Z"}, []string{"2", "5", "3"}},
		{"a minute before", map[string]any{"at": "2026-03-03T05:59:59Z"}, []string{"1", "2", "5", "3"}},
		{"after the clocks were put forward here, and not there", map[string]any{"at": "2026-03-16T22:30:00Z"}, []string{"1", "5", "3"}},
		{"words of a menu", map[string]any{"q": "vindaloo"}, []string{"1", "2"}},
		{"words that are like it", map[string]any{"q": "vindalo"}, []string{"1", "2"}},
		{"of fields", map[string]any{"q": "menu.name:chicken -cuisines:german"}, []string{"1"}},
		{"words near", map[string]any{"q": "chicken", "near": oakland}, []string{"1", "4"}},
		{"a cuisine", map[string]any{"cuisine": "indian"}, []string{"1", "2"}},
		{"one of two cuisines", map[string]any{"cuisine": []string{"Greek", "German"}}, []string{"3", "4"}},
		{"no cuisine", map[string]any{"cuisine": []string{}}, nil},
		{"all of it", map[string]any{"near": oakland, "km": 50, "at": "2026-03-03T04:00:00Z", "q": "vindaloo", "cuisine": "Indian"}, []string{"1", "2"}},
		{"nothing", map[string]any{"q": "sauerkraut"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			variables := tt.variables
			if variables == nil {
				variables = map[string]any{}
			}
			a := g.mustAsk(t, availableQuery, variables)
			if diff := cmp.Diff(tt.want, a.available()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := a.at("availableRestaurants", "total", "count"); n != float64(len(tt.want)) {
				t.Errorf("%v in total", n)
			}
			if f := a.Extensions.Freshness; len(f) != 1 || f[0].Source != "VIEW" || f[0].LagMs == nil || *f[0].LagMs != 250 {
				t.Errorf("extensions.freshness %+v", f)
			}
			// By pages of one, each with the cursor of the one before.
			variables["first"] = 1
			var turned []string
			for page := 0; page <= len(tt.want); page++ {
				a := g.mustAsk(t, availableQuery, variables)
				turned = append(turned, a.available()...)
				if a.at("availableRestaurants", "pageInfo", "hasNextPage") != true {
					break
				}
				variables["after"] = a.at("availableRestaurants", "pageInfo", "endCursor")
			}
			if diff := cmp.Diff(tt.want, turned); diff != "" {
				t.Errorf("page by page (-want +got):\n%s", diff)
			}
		})
	}
	a := g.mustAsk(t, availableQuery, map[string]any{"near": oakland, "cuisine": "Greek"})
	if km, _ := a.at("availableRestaurants", "edges", 0, "distanceKm").(float64); km < 11.11 || km > 11.13 {
		t.Errorf("a tenth of a degree to the north is %v km", km)
	}
	facet := map[string]any{"field": "cuisines", "others": 0.0, "values": []any{
		map[string]any{"value": "Indian", "count": 2.0, "query": `cuisines:"Indian"`},
		map[string]any{"value": "German", "count": 1.0, "query": `cuisines:"German"`},
		map[string]any{"value": "Greek", "count": 1.0, "query": `cuisines:"Greek"`},
		map[string]any{"value": "Thai", "count": 1.0, "query": `cuisines:"Thai"`},
	}}
	if diff := cmp.Diff(facet, a.at("availableRestaurants", "facets", "cuisine")); diff != "" {
		t.Errorf("facet (-want +got):\n%s", diff)
	}
	a = g.mustAsk(t, availableQuery, map[string]any{"near": oakland, "first": 5})
	if a.at("availableRestaurants", "edges", 4, "distanceKm") != nil {
		t.Error("it is known how far it is to a place that nobody knows")
	}
}

// TestAvailableRestaurantsInOtherZones: a cursor goes on where it was, though meanwhile there are restaurants in a zone in
// which there were none.
func TestAvailableRestaurantsInOtherZones(t *testing.T) {
	g := newGateway(t, view.Anybody(), nil)
	g.open(t, someRestaurants()...)
	variables := map[string]any{"at": "2026-03-02T20:00:00Z", "first": 2}
	a := g.mustAsk(t, availableQuery, variables)
	g.open(t, place("6", "Sydney Sider", wire.Location{Latitude: -33.87, Longitude: 151.21}, "Australian", "Australia/Sydney", daily("00:00", "24:00")))
	variables["after"] = a.at("availableRestaurants", "pageInfo", "endCursor")
	if got := g.mustAsk(t, availableQuery, variables).available(); !cmp.Equal(got, []string{"6", "3"}) {
		t.Errorf("the second page has %v", got)
	}
	variables["at"] = "2026-03-02T20:00:01Z"
	if b := g.ask(t, availableQuery, variables); len(b.Errors) != 1 || b.codes()[0] != "BAD_USER_INPUT" {
		t.Errorf("a cursor of another time is taken: %+v", b.Errors)
	}
}

func TestBadAvailableRestaurants(t *testing.T) {
	g := newGateway(t, view.Anybody(), nil)
	for _, tt := range []struct{ name, arguments, want string }{
		{"not on Earth", `near: {latitude: 91, longitude: 0}`, "location: no point on Earth"},
		{"within of nowhere", `withinKm: 5`, "withinKm needs near"},
		{"within nothing", `near: {latitude: 1, longitude: 0}, withinKm: 0`, "withinKm: 0; more than 0"},
		{"within everything", `near: {latitude: 1, longitude: 0}, withinKm: 1e9`, "up to 20040 are possible"},
		{"too many", `first: 101`, "a page of 101"},
		{"no cursor", `after: "x"`, "not a cursor"},
		{"another's cursor", `after: "` + view.EncodeCursor(view.Anybody(), view.Query{}, view.Position{ID: "1"}) + `"`, "another search"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := g.ask(t, `{ availableRestaurants(`+tt.arguments+`) { nodes { name } } }`)
			if len(a.Errors) != 1 || a.codes()[0] != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, tt.want) {
				t.Errorf("%+v, want %q", a.Errors, tt.want)
			}
		})
	}
	a := g.mustAsk(t, `{ availableRestaurants(query: "nam:x") { nodes { name } facets { cuisine { values { value } } } } }`)
	if a.at("availableRestaurants", "facets", "cuisine", "values") == nil || a.Extensions.Freshness == nil {
		t.Errorf("%+v", a)
	}
	if a := g.mustAsk(t, `{ availableRestaurants(query: "open:*") { nodes { name } } }`); len(a.available()) != 0 {
		t.Errorf("what is derived can be asked for: %+v", a)
	}
	nobody := newGateway(t, view.Viewer{}, nil)
	nobody.open(t, someRestaurants()...)
	if got := nobody.mustAsk(t, availableQuery, map[string]any{"at": "2026-03-02T20:00:00Z"}).available(); got != nil {
		t.Errorf("the zero viewer sees %v", got)
	}
}

// TestOpenAt is the law of openAt: whatever the hours, the zones and the time, those are found that are open by the clock on
// their wall.
func TestOpenAt(t *testing.T) {
	zones := []string{"UTC", "America/Los_Angeles", "America/Phoenix", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati"}
	days := []restaurant.Weekday{"SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"} // as time.Weekday has them
	clock := rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"))
	})
	outer, g := t, newGateway(t, view.Anybody(), nil)
	rapid.Check(t, func(t *rapid.T) {
		var all []*restaurant.Restaurant
		for i := range 4 {
			var hours []restaurant.OpeningHours
			for range rapid.IntRange(0, 4).Draw(t, "hours") {
				hours = append(hours, restaurant.OpeningHours{
					Day: rapid.SampledFrom(days).Draw(t, "day"), Opens: clock.Draw(t, "opens"), Closes: clock.Draw(t, "closes"),
				})
			}
			all = append(all, place(fmt.Sprint(i), fmt.Sprint(i), wire.Location{}, "Any", rapid.SampledFrom(zones).Draw(t, "zone"), hours))
		}
		g.open(outer, all...)
		at := time.Date(2026, 1, 1, 0, rapid.IntRange(0, 366*24*60).Draw(t, "at"), 0, 0, time.UTC)
		want := map[string]bool{}
		for _, r := range all {
			zone, err := time.LoadLocation(r.TimeZone)
			if err != nil {
				t.Fatal(err)
			}
			wall := at.In(zone).Format("15:04")
			today := days[at.In(zone).Weekday()]
			yesterday := days[(at.In(zone).Weekday()+6)%7]
			for _, h := range r.OpeningHours {
				overnight := h.Closes <= h.Opens
				switch {
				case h.Day == today && !overnight && h.Opens <= wall && wall < h.Closes,
					h.Day == today && overnight && h.Opens <= wall,
					h.Day == yesterday && overnight && wall < h.Closes:
					want[r.RestaurantID] = true
				}
			}
		}
		got := map[string]bool{}
		for _, id := range g.mustAsk(outer, availableQuery, map[string]any{"at": at.Format(time.RFC3339)}).available() {
			got[id] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("open at %s (-want +got):\n%s", at, diff)
		}
	})
}
