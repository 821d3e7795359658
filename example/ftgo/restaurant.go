package ftgo

import (
	"net/http"

	"github.com/shopspring/decimal"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/hours"
	"github.com/viewgate/viewgate/wire"
)

// restaurants is the Restaurant service: what can be ordered where, at which price.
type restaurants struct{ resource[restaurant] }

// restaurant is what its first event told, with the menu as it is now.
type restaurant struct {
	Told event.RestaurantCreated `json:"told"`
}

// restaurantAnswer is what GET /restaurants/{id} answers.
type restaurantAnswer struct {
	ID           wire.ID              `json:"id"`
	Name         string               `json:"name"`
	Address      *wire.Address        `json:"address"`
	Location     *wire.Location       `json:"location,omitempty"`
	Cuisines     []string             `json:"cuisines,omitempty"`
	OpeningHours []event.OpeningHours `json:"openingHours,omitempty"`
	TimeZone     string               `json:"timeZone,omitempty"`
	Menu         event.Menu           `json:"menu"`
	Version      uint64               `json:"version"`
}

// restaurantName is what GET /restaurants answers for each.
type restaurantName struct {
	ID   wire.ID `json:"id"`
	Name string  `json:"name"`
}

func newRestaurants(st *store) *restaurants {
	return &restaurants{resource[restaurant]{
		aggregates: aggregates[restaurant]{st, event.Restaurant},
		show: func(r record[restaurant]) any {
			t := r.State.Told
			return restaurantAnswer{
				ID: r.ID, Name: t.Name, Address: t.Address, Location: t.Location, Cuisines: t.Cuisines,
				OpeningHours: t.OpeningHours, TimeZone: t.TimeZone, Menu: t.Menu, Version: r.Version,
			}
		},
	}}
}

func (s *restaurants) routes(a *api) {
	a.handle("GET /restaurants", s.list)
	a.handle("GET /restaurants/{id}", s.getOne)
	a.handle("POST /restaurants", s.create)
	a.handle("PUT /restaurants/{id}/menu", stepWith(s.resource, reviseMenu))
}

// list answers the ids and names of all restaurants, or those of ?id= in full.
func (s *restaurants) list(r *http.Request) (reply, error) {
	if r.URL.Query().Has("id") {
		return s.getMany(r)
	}
	found, err := s.all(func(*record[restaurant]) bool { return true })
	if err != nil {
		return reply{}, err
	}
	names := make([]restaurantName, len(found))
	for i, r := range found {
		names[i] = restaurantName{ID: r.ID, Name: r.State.Told.Name}
	}
	return reply{body: names}, nil
}

// create takes what RestaurantCreated has.
func (s *restaurants) create(r *http.Request) (reply, error) {
	body, err := decode[event.RestaurantCreated](r)
	if err != nil {
		return reply{}, err
	}
	if body.Name == "" || body.Address == nil {
		return reply{}, invalid("name and address are needed")
	}
	if err := checkMenu(body.Menu); err != nil {
		return reply{}, err
	}
	if _, err := wire.Zone(body.TimeZone); err != nil {
		return reply{}, invalid("%v", err)
	}
	for _, h := range body.OpeningHours {
		if _, err := hours.On(h.Day, h.Opens, h.Closes); err != nil {
			return reply{}, invalid("%v", err)
		}
	}
	made, err := s.open(body)
	if err != nil {
		return reply{}, err
	}
	answer := s.reply(made)
	answer.status, answer.location = http.StatusCreated, "/restaurants/"+string(made.ID)
	return answer, nil
}

func (s *restaurants) open(c event.RestaurantCreated) (record[restaurant], error) {
	return s.add(1, func(e *edit[restaurant]) error {
		e.State = restaurant{Told: c}
		return e.emit(c)
	})
}

// reviseMenu takes {menuItems: [{id, name, price}]}. Orders keep the prices that they were made at.
func reviseMenu(e *edit[restaurant], menu event.Menu) error {
	if err := checkMenu(menu); err != nil {
		return err
	}
	e.State.Told.Menu = menu
	return e.emit(event.RestaurantMenuRevised{Menu: menu})
}

// maxPrice is the dearest that a dish can be.
var maxPrice = decimal.NewFromInt(10_000)

func checkMenu(menu event.Menu) error {
	seen := map[wire.ID]bool{}
	for _, item := range menu.MenuItems {
		switch {
		case item.ID == "" || item.Name == "" || item.Price.Sign() <= 0 || item.Price.GreaterThan(maxPrice):
			return invalid("a menu item needs an id, a name and a price above 0 up to %s", maxPrice)
		case seen[item.ID]:
			return invalid("menu item %s is there twice", item.ID)
		}
		seen[item.ID] = true
	}
	if len(seen) == 0 {
		return invalid("the menu is empty")
	}
	return nil
}
