package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
)

var (
	readers = flag.Int("readers", 4, "how many clients read at a time")
	reading = flag.Duration("reading", 5*time.Second, "how long each kind of read is measured")
	delay   = flag.Duration("owner-delay", 2*time.Millisecond, "how long an owner takes to answer")
)

// BenchmarkReads measures what freshness costs: reads of a view in a real Elasticsearch through the gateway, over HTTP, as
// fresh as can be asked for, beside the same reads of Elasticsearch itself and beside composition without a view. While
// they are measured 200 orders a second are written. The owners are a stub that answers after -owner-delay, one version
// ahead of the view.
func BenchmarkReads(b *testing.B) {
	backends := lab.FindBackends(b)
	eachSize(b, "10000", func(b *testing.B, n int) {
		machine(b, backends)
		r := newReads(b, backends, n)
		r.all(b)
	})
}

// reads is a view with orders, its gateway and its owners.
type reads struct {
	store     *elastic.Store
	url       string // Elasticsearch's, with the index
	gateway   string
	owners    *compose.Owners
	orders    []*order.Order
	consumers map[string][]*order.Order
	client    *http.Client
}

func newReads(b *testing.B, backends *lab.Backends, n int) *reads {
	r := &reads{
		consumers: map[string][]*order.Order{},
		client:    &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	prefix := lab.NewPrefix(b, backends.Elasticsearch)
	r.store = lab.OpenView(b, elastic.Options{URLs: []string{backends.Elasticsearch}, Prefix: prefix})
	r.url = backends.Elasticsearch + "/" + r.store.Index()
	var writes []view.Write
	for i := range n {
		id := strconv.Itoa(i + 1)
		source := lab.Fold(b, id, lab.Order(i+1))
		o, err := order.Decode(source)
		if err != nil {
			b.Fatal(err)
		}
		r.orders = append(r.orders, o)
		r.consumers[o.Consumer.ConsumerID] = append(r.consumers[o.Consumer.ConsumerID], o)
		writes = append(writes, view.Write{ID: id, Hidden: o.Hidden(), Source: source})
	}
	for some := range slices.Chunk(writes, 500) {
		for _, result := range r.store.Apply(context.Background(), some) {
			if result.Err != nil {
				b.Fatal(result.Err)
			}
		}
	}
	if err := r.store.Refresh(context.Background()); err != nil {
		b.Fatal(err)
	}
	owners := httptest.NewServer(http.HandlerFunc(r.own))
	b.Cleanup(owners.Close)
	mapping := loadMapping(b)
	var err error
	r.owners, err = compose.NewOwners(mapping, compose.Options{
		Order: owners.URL, Kitchen: owners.URL, Delivery: owners.URL, Accounting: owners.URL,
	})
	if err != nil {
		b.Fatal(err)
	}
	handler, err := graph.NewHandler(compose.NewReader(r.store, mapping, r.owners, compose.ReaderOptions{
		Progress: &moving{}, SearchDelay: time.Second,
		Scratch: func() (view.Store, error) { return embedded.OpenMemory(mapping) },
	}), mapping, graph.Options{Viewer: auth.Everybody(view.Support())})
	if err != nil {
		b.Fatal(err)
	}
	gateway := httptest.NewServer(handler)
	b.Cleanup(gateway.Close)
	r.gateway = gateway.URL
	return r
}

// moving is a log that never rests, and a view that is abreast of it.
type moving struct{ end atomic.Int64 }

func (m *moving) positions() feed.Positions                  { return feed.Positions{{Topic: "Order"}: m.end.Load()} }
func (m *moving) Index() string                              { return "" }
func (m *moving) Written() feed.Positions                    { return m.positions() }
func (m *moving) Lag() (time.Duration, bool)                 { return 100 * time.Millisecond, true }
func (m *moving) Filling() bool                              { return false }
func (m *moving) Wait(context.Context, feed.Positions) error { return nil }
func (m *moving) Ends(context.Context) (feed.Positions, error) {
	m.end.Add(1)
	return m.positions(), nil
}

// own answers as all four owners: each order one version ahead of the view, and three of a consumer's as changed lately.
func (r *reads) own(w http.ResponseWriter, request *http.Request) {
	time.Sleep(*delay)
	query := request.URL.Query()
	var found []*order.Order
	for _, id := range query["id"] {
		if n, err := strconv.Atoi(id); err == nil && n <= len(r.orders) {
			found = append(found, r.orders[n-1])
		}
	}
	if consumer := query.Get("consumerId"); consumer != "" {
		found = r.consumers[consumer][:min(3, len(r.consumers[consumer]))]
	}
	elements := []any{}
	for _, o := range found {
		switch collection := strings.TrimPrefix(request.URL.Path, "/"); {
		case collection == "orders":
			var lines []any
			for _, l := range o.LineItems {
				lines = append(lines, map[string]any{"menuItemId": l.MenuItemID, "name": l.Name, "quantity": l.Quantity,
					"price": l.Price.Amount, "total": l.Total.Amount})
			}
			elements = append(elements, map[string]any{"orderId": o.OrderID, "version": o.Version + 1, "state": o.State,
				"orderTotal": o.Total.Amount, "consumerId": o.Consumer.ConsumerID, "consumerName": o.Consumer.Name,
				"restaurantId": o.Restaurant.RestaurantID, "restaurantName": o.Restaurant.Name, "createdAt": o.CreatedAt,
				"lineItems": lines, "deliveryAddress": o.DeliveryAddress})
		case collection == "tickets" && o.Ticket != nil:
			elements = append(elements, map[string]any{"ticketId": o.OrderID, "version": o.Ticket.Version + 1, "state": o.Ticket.State})
		case collection == "deliveries" && o.Delivery != nil:
			elements = append(elements, map[string]any{"version": o.Delivery.Version + 1,
				"deliveryInfo": map[string]any{"id": o.OrderID, "state": o.Delivery.State}})
		case collection == "bills" && o.Bill != nil:
			elements = append(elements, map[string]any{"orderId": o.OrderID, "version": o.Bill.Version + 1, "state": o.Bill.State})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(elements)
}

// rewrite writes 200 orders a second as they are, until ctx ends, so that there is something to refresh.
func (r *reads) rewrite(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var ids []string
		for len(ids) < 10 {
			ids = append(ids, strconv.Itoa(1+rand.IntN(len(r.orders))))
		}
		slices.Sort(ids)
		documents, err := r.store.Get(ctx, view.Support(), slices.Compact(ids))
		if err != nil {
			continue // ctx has ended
		}
		var writes []view.Write
		for d := range maps.Values(documents) {
			writes = append(writes, view.Write{ID: d.ID, Revision: d.Revision, Hidden: d.Hidden, Source: d.Source})
		}
		r.store.Apply(ctx, writes)
	}
}

const (
	oneOrder = `{"query": "{ order(id: \"%s\"%s) { orderId state version status total { amount } restaurant { name } ` +
		`ticket { state } delivery { state } bill { state } } }"}`
	oneConsumer = `{"query": "{ orderHistory(consumerId: \"%s\"%s) { nodes { orderId state version status total { amount } ` +
		`restaurant { name } ticket { state } } total { count } } }"}`
)

// all measures each kind of read and prints a table.
func (r *reads) all(b *testing.B) {
	ctx, stop := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	writing.Go(func() { r.rewrite(ctx) })
	defer writing.Wait()
	defer stop()

	byID := func(freshness func(*order.Order) string, source string) func(*order.Order) error {
		return func(o *order.Order) error { return r.ask(fmt.Sprintf(oneOrder, o.OrderID, freshness(o)), source) }
	}
	list := func(freshness func(*order.Order) string, source string) func(*order.Order) error {
		return func(o *order.Order) error {
			return r.ask(fmt.Sprintf(oneConsumer, o.Consumer.ConsumerID, freshness(o)), source)
		}
	}
	says := func(text string) func(*order.Order) string { return func(*order.Order) string { return text } }
	seen := func(ahead int) func(*order.Order) string {
		return func(o *order.Order) string {
			return fmt.Sprintf(`, freshness: {mode: AT_LEAST, waitMs: 0, seen: [{aggregate: ORDER, id: \"%s\", version: %d}]}`,
				o.OrderID, int(o.Version)+ahead)
		}
	}
	fresh := says(`, freshness: {mode: FRESH}`)

	fmt.Printf("%d orders of %d consumers, %d readers, %v each; owners answer after %v\n",
		len(r.orders), len(r.consumers), *readers, *reading, *delay)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "read\tfrom\treads/s\tof direct\tp50\tp99\t")
	var direct float64
	for _, kind := range []struct {
		name, from string
		read       func(*order.Order) error
	}{
		{"order: GET of Elasticsearch", "", r.get},
		{"order, EVENTUAL", "VIEW", byID(says(""), "VIEW")},
		{"order, AT_LEAST, satisfied", "VIEW", byID(seen(0), "VIEW")},
		{"order, AT_LEAST, composed: 1 part", "MIXED", byID(seen(1), "MIXED")},
		{"order, FRESH: 4 parts", "OWNERS", byID(fresh, "OWNERS")},
		{"order, composed without a view", "", r.composed},
		{"list: _search of Elasticsearch", "", r.search},
		{"list, EVENTUAL", "VIEW", list(says(""), "VIEW")},
		{"list, AT_LEAST, satisfied", "VIEW", list(seen(0), "VIEW")},
		{"list, AT_LEAST, composed: 1 order", "MIXED", list(seen(1), "MIXED")},
		{"list, FRESH: refreshed, 3 orders and more", "MIXED", list(fresh, "MIXED")},
	} {
		perSecond, times := r.measure(b, kind.read)
		if kind.from == "" && !strings.Contains(kind.name, "composed") {
			direct = perSecond
		}
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.2f\t%v\t%v\t\n", kind.name, kind.from, perSecond, perSecond/direct,
			percentile(times, 50).Round(10*time.Microsecond), percentile(times, 99).Round(10*time.Microsecond))
	}
	w.Flush()
	r.waiting(b)
}

// measure reads for a while with all readers at a time.
func (r *reads) measure(b *testing.B, read func(*order.Order) error) (perSecond float64, times []time.Duration) {
	var mu sync.Mutex
	var group sync.WaitGroup
	run := func(long time.Duration) {
		begin := time.Now()
		for range *readers {
			group.Go(func() {
				var mine []time.Duration
				for time.Since(begin) < long {
					o := r.orders[rand.IntN(len(r.orders))]
					at := time.Now()
					if err := read(o); err != nil {
						b.Error(err)
						return
					}
					mine = append(mine, time.Since(at))
				}
				mu.Lock()
				defer mu.Unlock()
				times = append(times, mine...)
			})
		}
		group.Wait()
	}
	run(*reading / 5) // Elasticsearch's code is compiled while it runs
	times = nil
	run(*reading)
	if len(times) == 0 {
		b.Fatal("nothing was read")
	}
	return float64(len(times)) / reading.Seconds(), times
}

// ask sends the gateway a query, whose answer must come from a source.
func (r *reads) ask(body, source string) error {
	response, err := r.client.Post(r.gateway, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Errors     []struct{ Message string }
		Extensions struct {
			Freshness []struct {
				Source, Reason string
				Kept           bool
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if f := answer.Extensions.Freshness; len(answer.Errors) > 0 || len(f) != 1 || !f[0].Kept || f[0].Source != source {
		return fmt.Errorf("%s: %+v, not from %s", body, answer, source)
	}
	return nil
}

// get reads a document from Elasticsearch itself.
func (r *reads) get(o *order.Order) error {
	return r.plain(http.MethodGet, r.url+"/_doc/"+o.OrderID, "")
}

// search lists a consumer's newest orders from Elasticsearch itself, by the query that the gateway sends.
func (r *reads) search(o *order.Order) error {
	return r.plain(http.MethodPost, r.url+"/_search", fmt.Sprintf(`{"size": 20, "track_total_hits": 10000,
		"query": {"bool": {"filter": [{"term": {"consumer.consumerId": %q}}]}}, "sort": [{"createdAt": "desc"}]}`,
		o.Consumer.ConsumerID))
}

func (r *reads) plain(method, url, body string) error {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || bytes.Contains(text, []byte(`"found":false`))) {
		err = fmt.Errorf("%s %s: %d %.200s", method, url, response.StatusCode, text)
	}
	return err
}

// composed asks the owners for all of an order, as a gateway without a view would.
func (r *reads) composed(o *order.Order) error {
	c := r.owners.Compose(context.Background(), map[string]compose.Parts{o.OrderID: compose.AllParts})[o.OrderID]
	for a, err := range c.Failed {
		return fmt.Errorf("%s: %w", a, err)
	}
	return nil
}

// waiting tells how long after a write a read that waits for it ends: the document comes to be in the view while the
// reader waits.
func (r *reads) waiting(b *testing.B) {
	var after []time.Duration
	for range 50 {
		o := r.orders[rand.IntN(len(r.orders))]
		documents, err := r.store.Get(context.Background(), view.Support(), []string{o.OrderID})
		if err != nil {
			b.Fatal(err)
		}
		newer, err := order.Decode(documents[o.OrderID].Source)
		if err != nil {
			b.Fatal(err)
		}
		newer.Part(order.AggregateOrder).Version++
		source, err := newer.Encode()
		if err != nil {
			b.Fatal(err)
		}
		var ended time.Time
		var reading sync.WaitGroup
		reading.Go(func() {
			err := r.ask(fmt.Sprintf(oneOrder, o.OrderID, fmt.Sprintf(`, freshness: {mode: AT_LEAST, waitMs: 5000, `+
				`seen: [{aggregate: ORDER, id: \"%s\", version: %d}]}`, o.OrderID, newer.Part(order.AggregateOrder).Version)), "VIEW")
			if err != nil {
				b.Error(err)
			}
			ended = time.Now()
		})
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		result := r.store.Apply(context.Background(), []view.Write{{
			ID: o.OrderID, Revision: documents[o.OrderID].Revision, Source: source,
		}})
		written := time.Now()
		reading.Wait()
		if result[0].Err != nil { // written by somebody else, as it was
			continue
		}
		after = append(after, ended.Sub(written))
		o.Version = newer.Part(order.AggregateOrder).Version
	}
	fmt.Printf("AT_LEAST, waited: ended p50 %v p99 %v after the write that it waited for\n",
		percentile(after, 50).Round(100*time.Microsecond), percentile(after, 99).Round(100*time.Microsecond))
}
