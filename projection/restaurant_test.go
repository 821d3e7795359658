package projection_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/restaurant"
	"github.com/viewgate/viewgate/wire"
)

var restaurants = projection.NewRestaurants(nil)

// restaurantHistory draws the events of one restaurant: created, then menus, and now and then what nobody knows.
func restaurantHistory(t *rapid.T) []event.Envelope {
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	var log []event.Envelope
	for v := range rapid.Uint64Range(0, 6).Draw(t, "events") {
		e := envelope(event.Restaurant, v+1, "SomethingNew", at.Add(time.Duration(v)*time.Second), nil)
		if v == 0 {
			e = envelope(event.Restaurant, 1, "RestaurantCreated", at, restaurantCreated(t))
		} else if rapid.IntRange(0, 4).Draw(t, "unknown") > 0 {
			e = envelope(event.Restaurant, v+1, "RestaurantMenuRevised", e.Time, &event.RestaurantMenuRevised{Menu: someMenu(t)})
		}
		log = append(log, e)
	}
	return log
}

func restaurantCreated(t *rapid.T) *event.RestaurantCreated {
	created := &event.RestaurantCreated{
		Name: rapid.SampledFrom([]string{"Ajanta", "Phở Ví Dụ"}).Draw(t, "name"), Address: address(t), Menu: someMenu(t),
		Cuisines: rapid.SliceOfN(rapid.SampledFrom([]string{"Indian", "Greek"}), 0, 2).Draw(t, "cuisines"),
		TimeZone: rapid.SampledFrom([]string{"", "America/Los_Angeles", "Europe/Berlin"}).Draw(t, "zone"),
	}
	if rapid.Bool().Draw(t, "located") {
		created.Location = &wire.Location{Latitude: rapid.Float64Range(-90, 90).Draw(t, "latitude"), Longitude: -122.25}
	}
	for range rapid.IntRange(0, 3).Draw(t, "hours") {
		created.OpeningHours = append(created.OpeningHours, event.OpeningHours{
			Day:    rapid.SampledFrom([]string{"MONDAY", "SUNDAY"}).Draw(t, "day"),
			Opens:  rapid.SampledFrom([]string{"00:00", "11:30", "18:00"}).Draw(t, "opens"),
			Closes: rapid.SampledFrom([]string{"02:00", "14:00", "24:00"}).Draw(t, "closes"),
		})
	}
	return created
}

func someMenu(t *rapid.T) (m event.Menu) {
	for i := range rapid.IntRange(0, 3).Draw(t, "dishes") {
		m.MenuItems = append(m.MenuItems, event.MenuItem{ID: wire.ID(fmt.Sprint(i + 1)), Name: "Naan", Price: money(t)})
	}
	return m
}

// naiveRestaurant is the oracle, without what is derived and the part.
func naiveRestaurant(log []event.Envelope) *restaurant.Restaurant {
	r := &restaurant.Restaurant{RestaurantID: "7"}
	log = slices.Clone(log)
	slices.SortStableFunc(log, func(a, b event.Envelope) int { return int(a.Version) - int(b.Version) })
	for _, e := range log {
		r.Version = view.Version(e.Version)
		menu := func(m event.Menu) {
			r.Menu = nil
			for _, item := range m.MenuItems {
				r.Menu = append(r.Menu, restaurant.MenuItem{
					MenuItemID: string(item.ID), Name: item.Name,
					Price: order.Money{Amount: item.Price.StringFixed(2), Currency: "USD"},
				})
			}
		}
		switch p := e.Payload.(type) {
		case *event.RestaurantMenuRevised:
			menu(p.Menu)
		case *event.RestaurantCreated:
			menu(p.Menu)
			r.Name, r.Cuisines, r.TimeZone = p.Name, p.Cuisines, p.TimeZone
			r.Address = &order.Address{Street1: p.Address.Street1, City: "Oakland", State: "CA", Zip: "94612"}
			if p.Location != nil {
				r.Location = &order.Location{Latitude: p.Location.Latitude, Longitude: p.Location.Longitude}
			}
			for _, h := range p.OpeningHours {
				r.OpeningHours = append(r.OpeningHours, restaurant.OpeningHours{
					Day: restaurant.Weekday(h.Day), Opens: h.Opens, Closes: h.Closes,
				})
			}
			if r.TimeZone == "" {
				r.TimeZone = "UTC"
			}
		}
	}
	return r
}

// foldInto folds events into a document of a view, which is stored and read again between some of them.
func foldInto(t *rapid.T, p projection.Projection, events []event.Envelope) json.RawMessage {
	d := p.New("7")
	for _, e := range events {
		if r := d.Offer(e); r.Err != nil {
			t.Fatalf("%s %d: %v", e.Type, e.Version, r.Err)
		}
		if rapid.IntRange(0, 3).Draw(t, "split") == 0 {
			var err error
			if d, err = p.Decode(encoded(t, d)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return encoded(t, d)
}

func encoded(t rapid.TB, d projection.Document) json.RawMessage {
	source, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func decodeRestaurant(t rapid.TB, source json.RawMessage) *restaurant.Restaurant {
	r := &restaurant.Restaurant{}
	if err := view.DecodeSingle(source, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRestaurantEqualsFoldOfLog is the law of TestViewEqualsFoldOfLog for restaurants.
func TestRestaurantEqualsFoldOfLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := restaurantHistory(t)
		got := decodeRestaurant(t, foldInto(t, restaurants, shuffled(t, log)))
		derived := cmpopts.IgnoreFields(restaurant.Restaurant{}, "Single.Parts", "Open")
		if diff := cmp.Diff(naiveRestaurant(log), got, derived, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("document differs from the naive fold (-want +got):\n%s", diff)
		}
		if p := view.KnownPart(got, "RESTAURANT"); p != nil && (len(p.Waiting) > 0 || p.Degraded != nil) {
			t.Fatalf("the part is left with %+v", p)
		}
	})
}

// TestRestaurantsOrderOfArrivalIsIrrelevant: of any set of events, also of one with gaps.
func TestRestaurantsOrderOfArrivalIsIrrelevant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := slices.DeleteFunc(restaurantHistory(t), func(event.Envelope) bool {
			return rapid.IntRange(0, 4).Draw(t, "missing") == 0
		})
		if want, got := foldInto(t, restaurants, log), foldInto(t, restaurants, shuffled(t, log)); !bytes.Equal(want, got) {
			t.Fatalf("documents differ:\n%s\n%s", want, got)
		}
	})
}

// TestRestaurantsOwnerAnswers: an answer at a version is the state at that version, so whatever the view has, and in whatever
// order they are joined, the higher version wins; and what had waited for it follows.
func TestRestaurantsOwnerAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := restaurantHistory(t)
		if len(log) == 0 {
			return
		}
		upTo := func(what string) int { return rapid.IntRange(0, len(log)).Draw(t, what) }
		seen := log[:upTo("seen")]
		answers := []json.RawMessage{answerOf(t, log[:upTo("told")]), answerOf(t, log[:upTo("told again")])}
		late := rapid.SliceOfN(rapid.SampledFrom(log), 0, 2).Draw(t, "beyond a gap")

		var documents []string
		for range 2 {
			d, err := restaurants.Decode(foldInto(t, restaurants, append(slices.Clone(seen), late...)))
			if err != nil {
				t.Fatal(err)
			}
			for _, answer := range rapid.Permutation(append(answers, answers...)).Draw(t, "order") {
				if r := d.Join(answer); r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			r := decodeRestaurant(t, encoded(t, d))
			want := naiveRestaurant(log[:r.Version])
			derived := cmpopts.IgnoreFields(restaurant.Restaurant{}, "Single.Parts", "Open")
			if diff := cmp.Diff(want, r, derived, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("the join is not the state at its version (-want +got):\n%s", diff)
			}
			documents = append(documents, string(encoded(t, d)))
		}
		if documents[0] != documents[1] {
			t.Fatalf("the order of the answers matters:\n%s\n%s", documents[0], documents[1])
		}
	})
}

// answerOf returns what an owner answers that has seen these events, in the documents' form.
func answerOf(t *rapid.T, log []event.Envelope) json.RawMessage {
	r := naiveRestaurant(log)
	if r.Version > 0 {
		*r.Part("RESTAURANT") = view.Part{Version: r.Version, Origin: view.FromOwner}
	}
	source, err := view.EncodeSingle(r)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// TestRestaurantsOwnAnswer: the Restaurant service's own words give the document that its events give.
func TestRestaurantsOwnAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := restaurantHistory(t)
		if len(log) == 0 {
			return
		}
		told := *log[0].Payload.(*event.RestaurantCreated)
		for _, e := range log {
			if p, ok := e.Payload.(*event.RestaurantMenuRevised); ok {
				told.Menu = p.Menu
			}
		}
		element, err := json.Marshal(struct {
			ID      int `json:"id"`
			Version int `json:"version"`
			event.RestaurantCreated
		}{7, len(log), told})
		if err != nil {
			t.Fatal(err)
		}
		answered, version, err := restaurant.Answered(element)
		if err != nil {
			t.Fatal(err)
		}
		*answered.Part("RESTAURANT") = view.Part{Version: version}
		source, err := view.EncodeSingle(answered)
		if err != nil {
			t.Fatal(err)
		}
		if want := foldInto(t, restaurants, log); !bytes.Equal(want, source) {
			t.Fatalf("documents differ:\n%s of events\n%s of the owner", want, source)
		}
	})
}

func TestRestaurantAnswersThatAreNone(t *testing.T) {
	for _, tt := range []struct{ name, element string }{
		{"no object", `7`},
		{"hours that are none", `{"id": 7, "version": 1, "openingHours": [{"day": "MONDAY", "opens": "x", "closes": "y"}]}`},
		{"zone that is none", `{"id": 7, "version": 1, "timeZone": "Mars"}`},
		{"price that is none", `{"id": 7, "version": 1, "menu": {"menuItems": [{"id": 1, "price": "dear"}]}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r, _, err := restaurant.Answered([]byte(tt.element)); err == nil {
				t.Errorf("it is taken for %+v", r)
			}
		})
	}
}

// TestRestaurantHidden: a menu alone is no restaurant to be found.
func TestRestaurantHidden(t *testing.T) {
	rising := projection.NewRestaurants(map[event.Aggregate]view.Ordering{event.Restaurant: view.Rising})
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	d := rising.New("7")
	if !d.Hidden() || !slices.Equal(d.Incomplete(), []event.Aggregate{event.Restaurant}) {
		t.Error("what nothing is known of is not hidden, or not incomplete")
	}
	d.Offer(envelope(event.Restaurant, 1, "RestaurantMenuRevised", at, &event.RestaurantMenuRevised{}))
	if !d.Hidden() {
		t.Error("a menu alone is shown")
	}
	d.Offer(envelope(event.Restaurant, 3, "RestaurantCreated", at, &event.RestaurantCreated{Name: "Ajanta"}))
	if d.Hidden() || len(d.Incomplete()) > 0 {
		t.Error("a restaurant is hidden, or incomplete")
	}
	d.Degrade(envelope(event.Restaurant, 4, "RestaurantMenuRevised", at, nil), "refused")
	if p := d.Parts()[0]; p.Degraded == nil || p.Name != "RESTAURANT" || len(d.Incomplete()) == 0 {
		t.Errorf("not marked: %+v", p)
	}
	d.Forget("RESTAURANT")
	if want := encoded(t, rising.New("7")); !bytes.Equal(encoded(t, d), want) {
		t.Errorf("what is left is %s", encoded(t, d))
	}
}
