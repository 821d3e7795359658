package lab

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// Consumers is how many there are.
const Consumers = 5000

// Dishes and the other lists are what made-up orders are made of.
var (
	Dishes = []string{
		"Chicken Vindaloo", "Saag Paneer", "Garlic Naan", "Lamb Rogan Josh", "Vegetable Samosa", "Mango Lassi",
		"Chicken Bowl", "Barbacoa Burrito", "Chips and Guacamole", "Steak Soft Tacos", "Veggie Salad Bowl", "Carnitas Crispy Tacos",
		"Margherita Pizza", "Spaghetti Carbonara", "Tiramisù", "Pho Bo", "Bún Chả", "Summer Rolls", "Pad Thai", "Green Curry",
	}
	Restaurants = []string{"Ajanta", "Café del Mercado", "Casa Poblana", "Trattoria Esempio", "Saigon Example", "Thai Sample"}
	streets     = []string{"Amazing View", "Larkin Street", "Example Avenue", "Sample Road", "Mission Street"}
	Cities      = []string{"Oakland", "San Francisco", "Berkeley", "Alameda"}
)

// Order returns the events of an order, in the order in which they happen: eight to eleven, for some orders are still
// under way. They are the same for every call with this id.
func Order(id int) []event.Envelope {
	r := rand.New(rand.NewPCG(uint64(id), 11))
	s := begin(r, id)
	ready, eta := wire.At(s.at.Add(25*time.Minute)), wire.At(s.at.Add(50*time.Minute))
	s.add(event.Ticket, &event.TicketCreatedEvent{RestaurantID: s.restaurant})
	s.add(event.Order, &event.OrderAuthorized{})
	s.add(event.Ticket, &event.TicketAcceptedEvent{ReadyBy: &ready})
	s.add(event.Delivery, &event.DeliveryScheduled{
		OrderID: s.id, AssignedCourier: wire.ID(strconv.Itoa(1 + r.IntN(50))), ReadyBy: &ready, EstimatedDeliveryTime: &eta,
	})
	s.add(event.Ticket, &event.TicketPreparationStartedEvent{})
	s.add(event.Ticket, &event.TicketPreparationCompletedEvent{})
	s.add(event.Ticket, &event.TicketPickedUpEvent{})
	s.add(event.Delivery, &event.DeliveryPickedUp{OrderID: s.id})
	s.add(event.Delivery, &event.DeliveryDelivered{OrderID: s.id})
	return s.events[:len(s.events)-r.IntN(4)]
}

// HotOrder returns the events of an order whose courier tells so many times where he is. They are the same for every call
// with this id.
func HotOrder(id, updates int) []event.Envelope {
	r := rand.New(rand.NewPCG(uint64(id), 12))
	s := begin(r, id)
	s.add(event.Delivery, &event.DeliveryScheduled{OrderID: s.id, AssignedCourier: "7"})
	for range updates {
		s.add(event.Delivery, &event.DeliveryLocationUpdated{OrderID: s.id, Location: wire.Location{
			Latitude: 37.8 + float64(r.IntN(1000))/1e4, Longitude: -122.2 - float64(r.IntN(1000))/1e4,
		}})
	}
	return s.events
}

// story is an order while its events are made up.
type story struct {
	r          *rand.Rand
	id         wire.ID
	restaurant wire.ID
	at         time.Time
	versions   map[event.Aggregate]uint64
	events     []event.Envelope
}

// begin makes up what was ordered and paid.
func begin(r *rand.Rand, id int) *story {
	var lines []wire.LineItem
	total := wire.Money{}
	for i := range 1 + r.IntN(4) {
		price, err := wire.ParseMoney(fmt.Sprintf("%d.%02d", 2+r.IntN(14), r.IntN(100)))
		if err != nil {
			panic(err)
		}
		n := 1 + r.IntN(3)
		line := wire.LineItem{
			MenuItemID: wire.ID(strconv.Itoa(i + 1)), Name: Dishes[r.IntN(len(Dishes))], Quantity: n, Price: price, Total: price.Times(n),
		}
		lines = append(lines, line)
		total = wire.Money{Decimal: total.Add(line.Total.Decimal)}
	}
	restaurant, consumer := r.IntN(len(Restaurants)), wire.ID(strconv.Itoa(1+r.IntN(Consumers)))
	s := &story{
		r: r, id: wire.ID(strconv.Itoa(id)), restaurant: wire.ID(strconv.Itoa(restaurant + 1)),
		at:       time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(id) * 13 * time.Second),
		versions: map[event.Aggregate]uint64{},
	}
	s.add(event.Order, &event.OrderCreatedEvent{
		OrderDetails: event.OrderDetails{
			LineItems: lines, OrderTotal: total, RestaurantID: s.restaurant, ConsumerID: consumer,
		},
		DeliveryAddress: &wire.Address{
			Street1: fmt.Sprintf("%d %s", 1+r.IntN(300), streets[r.IntN(len(streets))]),
			City:    Cities[r.IntN(len(Cities))], State: "CA", Zip: "94612",
		},
		RestaurantName: Restaurants[restaurant], ConsumerName: "Consumer " + string(consumer),
	})
	s.add(event.Account, &event.AccountAuthorizedEvent{Authorization: event.Authorization{
		OrderID: s.id, ConsumerID: consumer, Amount: total,
	}})
	return s
}

func (s *story) add(a event.Aggregate, payload any) {
	data, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	s.versions[a]++
	s.at = s.at.Add(time.Duration(5+s.r.IntN(200)) * time.Second)
	s.events = append(s.events, event.Envelope{
		ID: fmt.Sprintf("%s-%s-%d", a, s.id, s.versions[a]), Aggregate: a, AggregateID: string(s.id),
		Type: fmt.Sprintf("%T", payload)[len("*event."):], Version: s.versions[a], Time: s.at, Data: data,
	})
}

// Mix returns the events of the orders 1 to n, many orders at a time as in life: so many are under way at once, and each
// event is the next one of any of them.
func Mix(seed uint64, n, together int, order func(id int) []event.Envelope) iter.Seq[event.Envelope] {
	return func(yield func(event.Envelope) bool) {
		r := rand.New(rand.NewPCG(seed, 13))
		var open [][]event.Envelope
		for id := 1; id <= n || len(open) > 0; {
			for ; len(open) < together && id <= n; id++ {
				open = append(open, order(id))
			}
			i := r.IntN(len(open))
			if !yield(open[i][0]) {
				return
			}
			if open[i] = open[i][1:]; len(open[i]) == 0 {
				open[i] = open[len(open)-1]
				open = open[:len(open)-1]
			}
		}
	}
}
