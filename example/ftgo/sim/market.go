package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"

	"github.com/viewgate/viewgate/wire"
)

// market is what can be ordered by whom. It does not change during a run.
type market struct {
	restaurants []restaurant // the most popular first
	consumers   []wire.ID
}

type restaurant struct {
	ID       wire.ID        `json:"id"`
	Location *wire.Location `json:"location"`
	Menu     struct {
		MenuItems []struct {
			ID wire.ID `json:"id"`
		} `json:"menuItems"`
	} `json:"menu"`
}

// purchase is what POST /orders takes.
type purchase struct {
	ConsumerID      wire.ID       `json:"consumerId"`
	RestaurantID    wire.ID       `json:"restaurantId"`
	DeliveryAddress *wire.Address `json:"deliveryAddress"`
	DeliveryTime    *wire.Time    `json:"deliveryTime,omitempty"`
	LineItems       []line        `json:"lineItems"`
}

type line struct {
	MenuItemID wire.ID `json:"menuItemId"`
	Quantity   int     `json:"quantity"`
}

// readMarket asks the Restaurant and the Consumer service.
func (s *simulation) readMarket(ctx context.Context) error {
	m := market{}
	var names []struct {
		ID wire.ID `json:"id"`
	}
	if err := s.api.get(ctx, s.RestaurantURL+"/restaurants", &names); err != nil {
		return err
	}
	query := url.Values{}
	for _, name := range names {
		query.Add("id", string(name.ID))
	}
	var restaurants []restaurant
	if err := s.api.get(ctx, s.RestaurantURL+"/restaurants?"+query.Encode(), &restaurants); err != nil {
		return err
	}
	for _, r := range restaurants {
		if len(r.Menu.MenuItems) > 0 {
			m.restaurants = append(m.restaurants, r)
		}
	}
	var consumers []struct {
		ConsumerID wire.ID `json:"consumerId"`
	}
	if err := s.api.get(ctx, s.ConsumerURL+"/consumers", &consumers); err != nil {
		return err
	}
	for _, c := range consumers {
		m.consumers = append(m.consumers, c.ConsumerID)
	}
	if len(m.restaurants) == 0 || len(m.consumers) == 0 {
		return errors.New("there are no restaurants or no consumers")
	}
	s.market = m
	return nil
}

// purchase draws an order: who orders is drawn evenly, where and what by popularity.
func (m market) purchase(r *rand.Rand, now time.Time) purchase {
	where := m.restaurants[popular(r, len(m.restaurants))]
	consumer := m.consumers[r.IntN(len(m.consumers))]
	dishes := where.Menu.MenuItems
	p := purchase{ConsumerID: consumer, RestaurantID: where.ID, DeliveryAddress: address(consumer)}
	taken := map[wire.ID]bool{}
	for range 1 + r.IntN(4) {
		dish := dishes[popular(r, len(dishes))].ID
		quantity := 1 + popular(r, 4)
		if !taken[dish] {
			taken[dish] = true
			p.LineItems = append(p.LineItems, line{dish, quantity})
		}
	}
	if r.IntN(2) == 0 {
		wanted := wire.At(now.Add(time.Duration(30+15*r.IntN(5)) * time.Minute).Truncate(time.Minute))
		p.DeliveryTime = &wanted
	}
	return p
}

// popular draws a number below n: the lower, the likelier (Zipf's law).
func popular(r *rand.Rand, n int) int {
	return int(rand.NewZipf(r, 1.3, 3, uint64(n-1)).Uint64())
}

// The streets and towns of the consumers, invented.
var (
	streets = []string{"Amazing View", "Juniper Terrace", "Cobbler Lane", "Harborlight Road", "Old Mill Street",
		"Sycamore Crescent", "Lantern Hill", "Quarry Path", "Windmill Avenue", "Poppyfield Drive", "Río Seco Way"}
	towns = []struct {
		city, zip string
		center    wire.Location
	}{
		{"Oakland", "94612", wire.Location{Latitude: 37.8050, Longitude: -122.2700}},
		{"Berkeley", "94704", wire.Location{Latitude: 37.8700, Longitude: -122.2650}},
		{"Alameda", "94501", wire.Location{Latitude: 37.7650, Longitude: -122.2450}},
		{"Emeryville", "94608", wire.Location{Latitude: 37.8330, Longitude: -122.2880}},
	}
)

// resident returns the consumer's own source of chance: a consumer lives where they live in every run.
func resident(consumer wire.ID) *rand.Rand {
	n, err := strconv.ParseUint(string(consumer), 10, 64)
	if err != nil {
		n = uint64(len(consumer))
	}
	return rand.New(rand.NewPCG(n, 1))
}

func address(consumer wire.ID) *wire.Address {
	r := resident(consumer)
	town := towns[r.IntN(len(towns))]
	a := &wire.Address{
		Street1: fmt.Sprintf("%d %s", 1+r.IntN(400), streets[r.IntN(len(streets))]),
		City:    town.city, State: "CA", Zip: town.zip,
	}
	if r.IntN(3) == 0 {
		a.Street2 = fmt.Sprintf("Apartment %d", 1+r.IntN(30))
	}
	return a
}

// home returns where the consumer lives: within a mile or so of the middle of the town in their address.
func home(consumer wire.ID) wire.Location {
	r := resident(consumer)
	center := towns[r.IntN(len(towns))].center
	return wire.Location{
		Latitude: center.Latitude + (r.Float64()-0.5)/50, Longitude: center.Longitude + (r.Float64()-0.5)/40,
	}
}

// locate returns where the restaurant with this id is; one that does not say is in the first town.
func (m market) locate(id wire.ID) wire.Location {
	for _, r := range m.restaurants {
		if r.ID == id && r.Location != nil {
			return *r.Location
		}
	}
	return towns[0].center
}
