// Package bench measures viewgate as a whole: from the broker to what a search finds, and what a query costs. The
// benchmarks are in its tests; make bench runs them.
package bench

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// dishes and the other lists are what made-up orders are made of.
var (
	dishes = []string{
		"Chicken Vindaloo", "Saag Paneer", "Garlic Naan", "Lamb Rogan Josh", "Vegetable Samosa", "Mango Lassi",
		"Chicken Bowl", "Barbacoa Burrito", "Chips and Guacamole", "Steak Soft Tacos", "Veggie Salad Bowl", "Carnitas Crispy Tacos",
		"Margherita Pizza", "Spaghetti Carbonara", "Tiramisù", "Pho Bo", "Bún Chả", "Summer Rolls", "Pad Thai", "Green Curry",
	}
	restaurants = []string{"Ajanta", "Café del Mercado", "Casa Poblana", "Trattoria Esempio", "Saigon Example", "Thai Sample"}
	streets     = []string{"Amazing View", "Larkin Street", "Example Avenue", "Sample Road", "Mission Street"}
	cities      = []string{"Oakland", "San Francisco", "Berkeley", "Alameda"}
)

// order returns the events of one order that goes its whole way, in the order in which they happen: eleven.
func order(r *rand.Rand, id int) []event.Envelope {
	key := strconv.Itoa(id)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(id) * 13 * time.Second)
	var lines []wire.LineItem
	total := wire.Money{}
	for i := range 1 + r.IntN(4) {
		price, err := wire.ParseMoney(fmt.Sprintf("%d.%02d", 2+r.IntN(14), r.IntN(100)))
		if err != nil {
			panic(err)
		}
		n := 1 + r.IntN(3)
		line := wire.LineItem{
			MenuItemID: wire.ID(strconv.Itoa(i + 1)), Name: dishes[r.IntN(len(dishes))], Quantity: n, Price: price, Total: price.Times(n),
		}
		lines = append(lines, line)
		total = wire.Money{Decimal: total.Add(line.Total.Decimal)}
	}
	restaurant, consumer := r.IntN(len(restaurants)), 1+r.IntN(5000)
	address := &wire.Address{
		Street1: fmt.Sprintf("%d %s", 1+r.IntN(300), streets[r.IntN(len(streets))]),
		City:    cities[r.IntN(len(cities))], State: "CA", Zip: "94612",
	}
	ready, eta := wire.At(at.Add(25*time.Minute)), wire.At(at.Add(50*time.Minute))
	versions := map[event.Aggregate]uint64{}
	var events []event.Envelope
	add := func(a event.Aggregate, payload any) {
		data, err := json.Marshal(payload)
		if err != nil {
			panic(err)
		}
		versions[a]++
		at = at.Add(time.Duration(5+r.IntN(200)) * time.Second)
		typ := fmt.Sprintf("%T", payload)[len("*event."):]
		events = append(events, event.Envelope{
			ID: fmt.Sprintf("%s-%s-%d", a, key, versions[a]), Aggregate: a, AggregateID: key, Type: typ,
			Version: versions[a], Time: at, Data: data,
		})
	}
	authorization := event.Authorization{OrderID: wire.ID(key), ConsumerID: wire.ID(strconv.Itoa(consumer)), Amount: total}
	add(event.Order, &event.OrderCreatedEvent{
		OrderDetails: event.OrderDetails{
			LineItems: lines, OrderTotal: total, RestaurantID: wire.ID(strconv.Itoa(restaurant + 1)),
			ConsumerID: wire.ID(strconv.Itoa(consumer)),
		},
		DeliveryAddress: address, RestaurantName: restaurants[restaurant], ConsumerName: fmt.Sprintf("Consumer %d", consumer),
	})
	add(event.Account, &event.AccountAuthorizedEvent{Authorization: authorization})
	add(event.Ticket, &event.TicketCreatedEvent{RestaurantID: wire.ID(strconv.Itoa(restaurant + 1))})
	add(event.Order, &event.OrderAuthorized{})
	add(event.Ticket, &event.TicketAcceptedEvent{ReadyBy: &ready})
	add(event.Delivery, &event.DeliveryScheduled{
		OrderID: wire.ID(key), AssignedCourier: wire.ID(strconv.Itoa(1 + r.IntN(50))), ReadyBy: &ready, EstimatedDeliveryTime: &eta,
	})
	add(event.Ticket, &event.TicketPreparationStartedEvent{})
	add(event.Ticket, &event.TicketPreparationCompletedEvent{})
	add(event.Ticket, &event.TicketPickedUpEvent{})
	add(event.Delivery, &event.DeliveryPickedUp{OrderID: wire.ID(key)})
	add(event.Delivery, &event.DeliveryDelivered{OrderID: wire.ID(key)})
	return events
}
