package ftgo

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// seedRestaurants holds the example's restaurants. They are invented.
//
//go:embed seed.json
var seedRestaurants []byte

// seedRestaurant is a restaurant as seed.json has it: each dish is "name, price".
type seedRestaurant struct {
	Name     string        `json:"name"`
	Cuisines []string      `json:"cuisines"`
	Street   string        `json:"street"`
	City     string        `json:"city"`
	Zip      string        `json:"zip"`
	Location wire.Location `json:"location"`
	Opens    string        `json:"opens"`
	Closes   string        `json:"closes"`
	Closed   string        `json:"closed"` // a day of the week, or ""
	TimeZone string        `json:"timeZone"`
	Dishes   []string      `json:"dishes"`
}

var weekdays = []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"}

// seed makes the example's restaurants where there are none yet.
func (s *restaurants) seed() error {
	if empty, err := s.empty(); err != nil || !empty {
		return err
	}
	var seeds []seedRestaurant
	if err := json.Unmarshal(seedRestaurants, &seeds); err != nil {
		return fmt.Errorf("seed.json: %w", err)
	}
	return s.update(func(c *commit) error {
		for i, r := range seeds {
			created, err := r.event()
			if err != nil {
				return fmt.Errorf("seed.json: %s: %w", r.Name, err)
			}
			if err := s.seedOne(c, i, func(e *edit[restaurant]) error {
				e.State = restaurant{Told: created}
				return e.emit(created)
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// seedOne makes one aggregate of a service that is empty, with the ids that add would give.
func (a aggregates[T]) seedOne(c *commit, index int, fn func(*edit[T]) error) error {
	_, err := a.edit(c, wire.ID(strconv.Itoa(index+1)), fn)
	return errors.Join(err, c.tx.Bucket(stateBucket).SetSequence(uint64(index+1)))
}

func (r seedRestaurant) event() (event.RestaurantCreated, error) {
	e := event.RestaurantCreated{
		Name: r.Name, Cuisines: r.Cuisines, Location: &r.Location, TimeZone: r.TimeZone,
		Address: &wire.Address{Street1: r.Street, City: r.City, State: "CA", Zip: r.Zip},
	}
	for i, dish := range r.Dishes {
		name, price, _ := strings.Cut(dish, ", ")
		amount, err := wire.ParseMoney(price)
		if err != nil {
			return event.RestaurantCreated{}, err
		}
		e.Menu.MenuItems = append(e.Menu.MenuItems, event.MenuItem{
			ID: wire.ID(strconv.Itoa(i + 1)), Name: name, Price: amount,
		})
	}
	for _, day := range weekdays {
		if day != r.Closed {
			e.OpeningHours = append(e.OpeningHours, event.OpeningHours{Day: day, Opens: r.Opens, Closes: r.Closes})
		}
	}
	return e, nil
}

// seedNames are the example's consumers, invented too: the first is consumer 1.
const seedNames = `
Ada Amberley, Bruno Castellane, Chloé Dubosc, Dario Estrellon, Elif Karadut, Farid Nouraldin, Greta Holmlund,
Hugo Ferreyra, Inés Valdemora, Jonas Brückmann, Kaya Whitewillow, Liam O'Corrain, Mei Lianhua, Noor Bakhtari,
Otto Fahrenkamp, Priya Sundarvali, Quentin Larochette, Rosa Montebello, Søren Kildegaard, Tomás Riquelme,
Uma Devaraj, Viktor Lindqvara, Wanda Zielonka, Ximena Alcarria, Yusuf Demirtash, Zoë Vandermark, Amina Okonjiwe,
Bjørn Solhaug, Clara Weissenfeld, Dmitri Volkonin, Esther Goldhaven, Felix Baumgärtel, Gabriela Monteluz,
Hana Kobayama, Ivo Petrokov, Jasmin Haddadi, Kofi Asantewa, Lucía Campoverde, Marek Novotka, Nadia Belkacemi,
Oskar Lindholt, Paloma Serranilla, Quinn Ashgrove, Ravi Chandrapal, Sofia Marchetti, Théo Beauchastel, Ursula Kranich,
Valentina Rossellini, Wim Achterberg, Xiu Fenghua, Yara Mansouriya, Zachary Thornfield, Alma Juhlin, Benedikt Hofreiter,
Carmen Ibarrola, Dafydd Llewelwyn, Eszter Kovarik, Fiona MacAlder, Gustav Ekenström, Helga Steinsdottir`

// seed makes the example's consumers where there are none yet.
func (s *consumers) seed() error {
	if empty, err := s.empty(); err != nil || !empty {
		return err
	}
	return s.update(func(c *commit) error {
		for i, full := range strings.Split(seedNames, ",") {
			first, last, _ := strings.Cut(strings.TrimSpace(full), " ")
			name := event.PersonName{FirstName: first, LastName: last}
			if err := s.seedOne(c, i, func(e *edit[consumer]) error {
				e.State = consumer{Name: name}
				return e.emit(event.ConsumerCreated{Name: &name})
			}); err != nil {
				return err
			}
		}
		return nil
	})
}
