package projection

import (
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/restaurant"
)

// NewRestaurants returns the projection of the restaurants view: the events of Restaurant make one document for each.
// Ordering is as for NewOrders.
func NewRestaurants(ordering map[event.Aggregate]view.Ordering) Projection {
	return newSingles(event.Restaurant, ordering, restaurant.New, applyToRestaurant)
}

func applyToRestaurant(r *restaurant.Restaurant, _ time.Time, payload any) {
	switch p := payload.(type) {
	case *event.RestaurantCreated:
		told := restaurant.Told{
			Name: p.Name, Address: p.Address, Location: p.Location, Cuisines: p.Cuisines, TimeZone: p.TimeZone,
		}
		for _, h := range p.OpeningHours {
			told.OpeningHours = append(told.OpeningHours, restaurant.OpeningHours{
				Day: restaurant.Weekday(h.Day), Opens: h.Opens, Closes: h.Closes,
			})
		}
		r.Tell(told)
		r.Menu = menuOf(p.Menu)
	case *event.RestaurantMenuRevised:
		r.Menu = menuOf(p.Menu)
	}
}

func menuOf(m event.Menu) (items []restaurant.MenuItem) {
	for _, item := range m.MenuItems {
		items = append(items, restaurant.NewMenuItem(item.ID, item.Name, item.Price))
	}
	return items
}
