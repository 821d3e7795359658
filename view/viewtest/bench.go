package viewtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
)

// batch is how many documents the benchmarks write at once.
const batch = 200

// Bench measures a store that holds VIEWGATE_BENCH_DOCUMENTS orders, 10,000 if that is not set: writes in batches of 200
// in documents a second, single writes in the CPU they take, questions in the milliseconds that half, and all but one of a
// hundred, stay below. Open must return an empty store.
func Bench(b *testing.B, open func(b *testing.B, m *view.Mapping) view.Store) {
	n := 10_000
	if text := os.Getenv("VIEWGATE_BENCH_DOCUMENTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < batch {
			b.Fatalf("VIEWGATE_BENCH_DOCUMENTS is %q: %d or more are possible", text, batch)
		}
	}
	s, err := schema.Load()
	if err != nil {
		b.Fatal(err)
	}
	m, err := view.MappingOf(s, "orders")
	if err != nil {
		b.Fatal(err)
	}
	bench := &benchmark{n: n, random: rand.New(rand.NewPCG(1, 2))}

	b.Run("Create", func(sub *testing.B) {
		for range sub.N {
			sub.StopTimer()
			bench.store = open(b, m) // lives on after this benchmark
			sub.StartTimer()
			bench.fill(sub)
		}
		sub.ReportMetric(float64(n*sub.N)/sub.Elapsed().Seconds(), "docs/s")
	})
	if bench.store == nil { // not among those that were chosen
		bench.store = open(b, m)
		bench.fill(b)
	}
	b.Run("Replace", bench.replace)
	b.Run("Trickle", bench.trickle)
	b.Run("Get", func(b *testing.B) {
		bench.measure(b, func() int {
			found, err := bench.store.Get(b.Context(), view.Support(), []string{bench.id()})
			if err != nil {
				b.Fatal(err)
			}
			return len(found)
		})
	})
	newest := []view.Sort{{Field: "createdAt", Descending: true}}
	for _, question := range []struct {
		name   string
		viewer func() view.Viewer
		query  func() view.Query
	}{
		{"OneWord", view.Support, func() view.Query { return view.Query{Match: bench.wordsOf(1), Size: 20} }},
		{"TwoWords", view.Support, func() view.Query { return view.Query{Match: bench.wordsOf(2), Size: 20} }},
		{"TwoWordsNewest", view.Support, func() view.Query {
			return view.Query{Match: bench.wordsOf(2), Sort: newest, Size: 20}
		}},
		{"MineNewest", bench.consumer, func() view.Query { return view.Query{Sort: newest, Size: 20} }},
		{"MineWithWord", bench.consumer, func() view.Query {
			return view.Query{Match: bench.wordsOf(1), Sort: newest, Size: 20}
		}},
		{"AllNewest", view.Support, func() view.Query { return view.Query{Sort: newest, Size: 20} }},
		{"StatusAndDates", view.Support, func() view.Query {
			return view.Query{Filter: bench.lately(), Sort: newest, Size: 20}
		}},
		{"StatusAndDatesPage", view.Support, func() view.Query {
			from := &view.Position{Values: []any{float64(bench.time().UnixMilli())}, ID: bench.id()}
			return view.Query{Filter: bench.lately(), Sort: newest, Size: 100, From: from}
		}},
		{"FourFacets", view.Support, func() view.Query {
			return view.Query{Match: bench.wordsOf(1), Facets: []view.Facet{
				{Field: "status", Size: 20}, {Field: "restaurant.name", Size: 20},
				{Field: "deliveryAddress.city", Size: 20}, {Field: "lineItems.name", Size: 20},
			}}
		}},
	} {
		b.Run(question.name, func(b *testing.B) {
			bench.measure(b, func() int {
				p, err := bench.store.Search(b.Context(), question.viewer(), question.query())
				if err != nil {
					b.Fatal(err)
				}
				return p.Total
			})
		})
	}
}

type benchmark struct {
	n      int
	store  view.Store
	random *rand.Rand
}

func (x *benchmark) fill(b *testing.B) {
	for from := 0; from < x.n; from += batch {
		var writes []view.Write
		for i := from; i < min(from+batch, x.n); i++ {
			id := strconv.Itoa(i)
			writes = append(writes, view.Write{ID: id, Source: encode(b, x.order(id))})
		}
		apply(b, x.store, writes...)
	}
	refresh(b, x.store)
}

// words are so many words to be found.
func (x *benchmark) wordsOf(n int) view.Filter { return Words(x.words(n)...) }

// replace reads a batch of documents and writes them again, as an indexer does.
func (x *benchmark) replace(b *testing.B) {
	for b.Loop() {
		ids := make([]string, batch)
		from := x.random.IntN(x.n - batch + 1)
		for i := range ids {
			ids[i] = strconv.Itoa(from + i)
		}
		found, err := x.store.Get(b.Context(), view.Support(), ids)
		if err != nil {
			b.Fatal(err)
		}
		var writes []view.Write
		for _, id := range ids {
			writes = append(writes, view.Write{ID: id, Revision: found[id].Revision, Source: encode(b, x.order(id))})
		}
		apply(b, x.store, writes...)
	}
	b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "docs/s")
	refresh(b, x.store)
}

// trickle writes 100 documents one after the other, 20 a second, as a live stream of events does, and measures the process's CPU.
func (x *benchmark) trickle(b *testing.B) {
	const writes = 100
	before := CPUTime()
	for b.Loop() {
		begin := time.Now()
		for i := range writes {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / 20)))
			id := strconv.Itoa(x.n + i%50)
			found, err := x.store.Get(b.Context(), view.Support(), []string{id})
			if err != nil {
				b.Fatal(err)
			}
			apply(b, x.store, view.Write{ID: id, Revision: found[id].Revision, Source: encode(b, x.order(id))})
		}
	}
	if used := CPUTime() - before; used > 0 {
		b.ReportMetric(used.Seconds()*1000/float64(writes*b.N), "cpu-ms/doc")
	}
}

// measure runs a question that returns how much it found.
func (x *benchmark) measure(b *testing.B, ask func() int) {
	var took []time.Duration
	found := 0
	for b.Loop() {
		start := time.Now()
		found += ask()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(float64(found)/float64(len(took)), "found")
}

var (
	benchDishes = []string{"Chicken", "Lamb", "Green", "Vegetable", "Spicy", "Cold", "Fried", "Roast", "Sweet", "Sour"}
	benchKinds  = []string{"Vindaloo", "Soup", "Noodles", "Salad", "Curry", "Rice", "Dumplings", "Sandwich",
		"Pie", "Stew", "Burrito", "Bowl"}
	benchStatuses = []string{"PLACED", "CONFIRMED", "PREPARING", "READY", "ON_THE_WAY", "DELIVERED", "DELIVERED",
		"DELIVERED", "CANCELLED"}
	benchEvents = []string{"OrderCreatedEvent", "OrderAuthorized", "TicketAcceptedEvent", "DeliveryPickedUp",
		"DeliveryDelivered"}
	benchCities = []string{"Oakland", "Berkeley", "Alameda", "San Leandro", "Emeryville", "Albany"}
)

func (x *benchmark) id() string { return strconv.Itoa(x.random.IntN(x.n)) }

func (x *benchmark) consumer() view.Viewer {
	return view.As(view.RoleConsumer, strconv.Itoa(x.random.IntN(max(1, x.n/10))))
}

// time is within a year.
func (x *benchmark) time() time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(x.random.Int64N(365*24*3600)) * time.Second)
}

func (x *benchmark) words(n int) []string {
	return []string{one(x.random, benchKinds), one(x.random, benchDishes)}[:n]
}

func (x *benchmark) lately() view.Filter {
	from := x.time()
	return view.And{view.In{Field: "status", Values: []any{"DELIVERED", "CANCELLED"}},
		view.Range{Field: "createdAt", GTE: from, LT: from.AddDate(0, 2, 0)}}
}

// order is a delivered order of about 1.5 kB. A tenth as many consumers order at a hundredth as many restaurants.
func (x *benchmark) order(id string) object {
	r := x.random
	created := x.time()
	var lines, timeline []any
	for range 1 + r.IntN(4) {
		price := money(fmt.Sprintf("%d.%02d", 3+r.IntN(20), r.IntN(100)))
		lines = append(lines, object{
			"menuItemId": strconv.Itoa(r.IntN(500)), "name": one(r, benchDishes) + " " + one(r, benchKinds),
			"quantity": 1 + r.IntN(4), "price": price, "total": price,
		})
	}
	for i, event := range benchEvents {
		timeline = append(timeline, object{
			"type": event, "at": created.Add(time.Duration(i) * time.Minute), "aggregate": "ORDER", "version": i + 1,
		})
	}
	restaurant := strconv.Itoa(r.IntN(max(1, x.n/100)))
	return object{
		"orderId": id, "version": 3, "state": "APPROVED", "status": one(r, benchStatuses),
		"createdAt": created, "updatedAt": created.Add(time.Hour),
		"total": money(fmt.Sprintf("%d.%02d", 5+r.IntN(80), r.IntN(100))),
		"consumer": object{
			"consumerId": strconv.Itoa(r.IntN(max(1, x.n/10))), "name": "Consumer " + strconv.Itoa(r.IntN(900)),
		},
		"restaurant": object{"restaurantId": restaurant, "name": one(r, benchCities) + " Kitchen " + restaurant},
		"lineItems":  lines,
		"deliveryAddress": object{
			"street1": strconv.Itoa(r.IntN(999)) + " Main Street", "city": one(r, benchCities), "state": "CA",
			"zip": strconv.Itoa(94600 + r.IntN(30)),
		},
		"ticket": object{
			"state": "PICKED_UP", "version": 5, "readyBy": created.Add(time.Hour), "acceptTime": created.Add(time.Minute),
		},
		"delivery": object{"state": "DELIVERED", "version": 4, "courierId": strconv.Itoa(r.IntN(100))},
		"bill":     object{"state": "AUTHORIZED", "version": 1},
		"timeline": timeline,
	}
}
