// Package restaurant is the restaurants view's document: one part, of the Restaurant aggregate. The projection writes it,
// the Restaurant service's answer becomes one, and the GraphQL type Restaurant is bound to it field by field.
package restaurant

import (
	"encoding/json"

	"github.com/viewgate/viewgate/hours"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/wire"
)

// ViewName is the view's name in the schema and in index names.
const ViewName = "restaurants"

// Restaurant is the document. What an order tells of where it was ordered is one of which only the id and the name are known.
type Restaurant struct {
	view.Single
	RestaurantID string          `json:"restaurantId"`
	Name         string          `json:"name,omitempty"`
	Address      *order.Address  `json:"address,omitempty"`
	Location     *order.Location `json:"location,omitempty"`
	Cuisines     []string        `json:"cuisines,omitempty"`
	Menu         []MenuItem      `json:"menu,omitempty"`
	OpeningHours []OpeningHours  `json:"openingHours,omitempty"`
	TimeZone     string          `json:"timeZone,omitempty"` // UTC where nobody told; "" until something is known
	Open         []string        `json:"open,omitempty"`     // derived from the opening hours: the blocks of package hours
}

// MenuItem is one dish of the menu.
type MenuItem struct {
	MenuItemID string      `json:"menuItemId"`
	Name       string      `json:"name"`
	Price      order.Money `json:"price"`
}

// OpeningHours is a time of a day of the week at which it is open, by its own clock.
type OpeningHours struct {
	Day    Weekday `json:"day"`
	Opens  string  `json:"opens"`  // HH:MM
	Closes string  `json:"closes"` // HH:MM, up to 24:00; on the next day, where that is not later than it opens
}

// Weekday is a day of the week, from MONDAY to SUNDAY.
type Weekday string

// New returns a restaurant of which nothing but the id is known.
func New(id string) *Restaurant { return &Restaurant{RestaurantID: id} }

// DocumentID implements view.SingleDocument.
func (r *Restaurant) DocumentID() string { return r.RestaurantID }

// Hidden implements view.SingleDocument: until it is known what it is called, and when it is open. A menu alone is none.
func (r *Restaurant) Hidden() bool { return r.TimeZone == "" }

// Derive implements view.SingleDocument. Opening hours that are none count for nothing.
func (r *Restaurant) Derive() {
	var spans []hours.Span
	for _, h := range r.OpeningHours {
		if s, err := hours.On(string(h.Day), h.Opens, h.Closes); err == nil {
			spans = append(spans, s)
		}
	}
	r.Open = hours.Blocks(spans)
}

// Told is what both its events and its owner tell of a restaurant, but for the menu.
type Told struct {
	Name         string
	Address      *wire.Address
	Location     *wire.Location
	Cuisines     []string
	OpeningHours []OpeningHours
	TimeZone     string
}

// Tell sets what was told. Without a time zone the hours are UTC's.
func (r *Restaurant) Tell(t Told) {
	r.Name, r.Address, r.Cuisines, r.OpeningHours, r.TimeZone = t.Name, order.NewAddress(t.Address), t.Cuisines, t.OpeningHours, t.TimeZone
	r.Location = (*order.Location)(t.Location)
	if r.TimeZone == "" {
		r.TimeZone = "UTC"
	}
}

// NewMenuItem returns a dish as the document has it.
func NewMenuItem(id wire.ID, name string, price wire.Money) MenuItem {
	return MenuItem{MenuItemID: string(id), Name: name, Price: *order.NewMoney(price)}
}

// Answered reads what the Restaurant service answers about one restaurant, and at which version.
func Answered(element json.RawMessage) (*Restaurant, view.Version, error) {
	var a struct {
		ID      wire.ID      `json:"id"`
		Version view.Version `json:"version"`
		Told
		Menu struct {
			MenuItems []struct {
				ID    wire.ID    `json:"id"`
				Name  string     `json:"name"`
				Price wire.Money `json:"price"`
			} `json:"menuItems"`
		} `json:"menu"`
	}
	err := json.Unmarshal(element, &a)
	r := New(string(a.ID))
	if _, wrong := wire.Zone(a.TimeZone); err == nil {
		err = wrong
	}
	for _, h := range a.OpeningHours {
		if _, wrong := hours.On(string(h.Day), h.Opens, h.Closes); err == nil {
			err = wrong
		}
	}
	r.Tell(a.Told)
	for _, item := range a.Menu.MenuItems {
		r.Menu = append(r.Menu, NewMenuItem(item.ID, item.Name, item.Price))
	}
	return r, a.Version, err
}
