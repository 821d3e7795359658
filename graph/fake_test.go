package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/restaurant"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/blevesearch/bleve_index_api.AnalysisWorker")) // of bleve's own pool, for ever
}

// gateway is the handler under test, over an embedded store and owners of a test's making.
type gateway struct {
	progress compose.Progress
	http.Handler
	reader  *compose.Reader
	mapping *view.Mapping
	store   *countingStore
	places  *embedded.Store // of the restaurants view
	views   map[string]*compose.Documents
	owners  *httptest.Server
	answer  map[string]http.HandlerFunc // the owners', by collection
	calls   map[string]*atomic.Int32
	log     *bytes.Buffer
	seen    []Observation // what Observe was told
}

// countingStore counts reads and fails them if told to.
type countingStore struct {
	view.Store
	gets, searches atomic.Int32
	err            error
	panics         bool
	partial        bool // searches are over before they are done
	onGet          func(n int32)
	onSearch       func(context.Context)
}

func (s *countingStore) Get(ctx context.Context, v view.Viewer, ids []string) (map[string]view.Document, error) {
	n := s.gets.Add(1)
	if s.onGet != nil {
		s.onGet(n)
	}
	if s.panics {
		panic("a bug, of which no client must hear")
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Get(ctx, v, ids)
}

func (s *countingStore) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	s.searches.Add(1)
	if s.onSearch != nil {
		s.onSearch(ctx)
	}
	if s.err != nil {
		return view.Page{}, s.err
	}
	p, err := s.Store.Search(ctx, v, q)
	if s.partial {
		p.Partial, p.Exact = true, false
	}
	return p, err
}

// fixedProgress is a view whose lag is known, and a log that ends where it says.
type fixedProgress struct {
	lag  time.Duration // negative: unknown
	ends feed.Positions
}

func (p fixedProgress) Lag() (time.Duration, bool)                   { return p.lag, p.lag >= 0 }
func (p fixedProgress) Index() string                                { return "" }
func (p fixedProgress) Written() feed.Positions                      { return nil }
func (p fixedProgress) Filling() bool                                { return false }
func (p fixedProgress) Ends(context.Context) (feed.Positions, error) { return p.ends, nil }
func (p fixedProgress) Wait(ctx context.Context, _ feed.Positions) error {
	<-ctx.Done()
	return ctx.Err()
}

var testKey, _ = compose.NewTokenKey([]byte("0123456789abcdef"))

// newGateway serves these orders to a viewer. Options may be changed before the handler is made.
func newGateway(t testing.TB, viewer view.Viewer, orders []*order.Order, change ...func(*Options)) *gateway {
	t.Helper()
	return newGatewayOf(t, fixedProgress{lag: 250 * time.Millisecond}, viewer, orders, change...)
}

// newGatewayOf is newGateway with a progress of the view, nil for none.
func newGatewayOf(t testing.TB, progress compose.Progress, viewer view.Viewer, orders []*order.Order,
	change ...func(*Options)) *gateway {
	t.Helper()
	return newGatewayWith(t, progress, func(*compose.Options, string) {}, viewer, orders, change...)
}

// newGatewayWith is newGatewayOf with owners that may be changed, given where they all are, before they are made.
func newGatewayWith(t testing.TB, progress compose.Progress, owned func(*compose.Options, string), viewer view.Viewer,
	orders []*order.Order, change ...func(*Options)) *gateway {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{answer: map[string]http.HandlerFunc{}, calls: map[string]*atomic.Int32{}, log: &bytes.Buffer{},
		progress: progress}
	if g.mapping, err = view.MappingOf(s, order.ViewName); err != nil {
		t.Fatal(err)
	}
	store, err := embedded.OpenMemory(g.mapping)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	g.store = &countingStore{Store: store}
	g.put(t, orders...)

	for _, collection := range []string{"orders", "tickets", "deliveries", "bills", "consumers", "restaurants"} {
		g.calls[collection] = &atomic.Int32{}
	}
	g.owners = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		collection := strings.TrimPrefix(r.URL.Path, "/")
		g.calls[collection].Add(1)
		w.Header().Set("Content-Type", "application/json")
		if answer := g.answer[collection]; answer != nil {
			answer(w, r)
			return
		}
		io.WriteString(w, "[]")
	}))
	t.Cleanup(g.owners.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	asked := compose.Options{
		Order: g.owners.URL, Kitchen: g.owners.URL, Delivery: g.owners.URL, Accounting: g.owners.URL,
		Consumer: g.owners.URL, Restaurant: g.owners.URL, Transport: transport, Forward: []string{"Authorization"},
	}
	owned(&asked, g.owners.URL)
	owners, err := compose.NewOwners(g.mapping, asked)
	if err != nil {
		t.Fatal(err)
	}
	options := Options{
		Viewer:   auth.Everybody(viewer),
		TokenKey: testKey,
		Logger:   slog.New(slog.NewTextHandler(g.log, nil)),
		Observe:  func(_ context.Context, o Observation) { g.seen = append(g.seen, o) },
	}
	for _, f := range change {
		f(&options)
	}
	restaurants, err := view.MappingOf(s, restaurant.ViewName)
	if err != nil {
		t.Fatal(err)
	}
	if g.places, err = embedded.OpenMemory(restaurants); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.places.Close() })
	g.views = map[string]*compose.Documents{restaurant.ViewName: compose.NewDocuments(g.places, restaurants, owners,
		compose.NewCollection(compose.RestaurantOwner, "restaurants", "RESTAURANT", restaurant.Answered),
		compose.ReaderOptions{Progress: g.progress})}
	options.Views = g.views
	reading := compose.ReaderOptions{
		Progress: g.progress,
		Scratch:  func() (view.Store, error) { return embedded.OpenMemory(g.mapping) },
	}
	g.reader = compose.NewReader(g.store, g.mapping, owners, reading)
	g.Handler, err = NewHandler(g.reader, g.mapping, options)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *gateway) put(t testing.TB, orders ...*order.Order) {
	t.Helper()
	var writes []view.Write
	for _, o := range orders {
		source, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		writes = append(writes, view.Write{ID: o.OrderID, Hidden: o.Hidden(), Source: source})
	}
	for _, result := range g.store.Apply(t.Context(), writes) {
		if result.Err != nil {
			t.Fatal(result.Err)
		}
	}
	if err := g.store.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// owns makes an owner answer these elements, whatever it is asked for.
func (g *gateway) owns(collection string, elements ...string) {
	g.answer[collection] = func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "[%s]", strings.Join(elements, ","))
	}
}

func (g *gateway) breaks(collection string) {
	g.answer[collection] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
}

// answered is a GraphQL response.
type answered struct {
	status int
	Data   map[string]any
	Errors []struct {
		Message    string
		Path       []any
		Locations  []any
		Extensions map[string]any
	}
	Extensions struct {
		Search        []searched
		Freshness     []told
		Matches       *bool
		ErrorsOmitted int
	}
}

// told is an entry of extensions.freshness.
type told struct {
	Path     []any
	Source   compose.Source
	Reason   compose.Reason
	Kept     bool
	LagMs    *int
	Versions []seenVersion
	Parts    []partNote
	Token    *string
}

// codes are the errors' codes.
func (a answered) codes() []string {
	var codes []string
	for _, e := range a.Errors {
		codes = append(codes, fmt.Sprint(e.Extensions["code"]))
	}
	return codes
}

// at returns what is at a path of names and indexes in the data.
func (a answered) at(path ...any) any {
	var v any = a.Data
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

func (g *gateway) ask(t testing.TB, query string, variables ...map[string]any) answered {
	t.Helper()
	request := map[string]any{"query": query}
	if len(variables) > 0 {
		request["variables"] = variables[0]
	}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return g.send(t, r)
}

func (g *gateway) send(t testing.TB, r *http.Request) answered {
	t.Helper()
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return decodeAnswer(t, w)
}

func decodeAnswer(t testing.TB, w *httptest.ResponseRecorder) answered {
	t.Helper()
	a := answered{status: w.Code}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return a
}

// mustAsk fails the test on any error.
func (g *gateway) mustAsk(t testing.TB, query string, variables ...map[string]any) answered {
	t.Helper()
	a := g.ask(t, query, variables...)
	if len(a.Errors) > 0 {
		t.Fatalf("%s: %+v", query, a.Errors)
	}
	return a
}

var ada = view.As(view.RoleConsumer, "7")

var placed = time.Date(2026, 3, 1, 11, 7, 0, 0, time.UTC)

// newOrder is the nth of some orders: each a minute and a dollar above the one before, by consumer 7.
func newOrder(n int) *order.Order {
	o := order.New(fmt.Sprint(n))
	at := placed.Add(time.Duration(n) * time.Minute)
	total := order.Money{Amount: fmt.Sprintf("%d.50", n), Currency: order.Currency}
	o.Details = order.Details{
		State: order.Approved, CreatedAt: at, Total: &total,
		Consumer:        &order.Consumer{ConsumerID: "7", Name: "Ada Byron"},
		Restaurant:      &order.Restaurant{RestaurantID: "1", Name: "Ajanta"},
		LineItems:       []order.LineItem{{MenuItemID: "1", Name: "Chicken Vindaloo", Quantity: 1, Price: total, Total: total}},
		DeliveryAddress: &order.Address{Street1: "9 Amazing View", City: "Oakland", State: "CA", Zip: "94612"},
	}
	readyBy, eta := at.Add(20*time.Minute), at.Add(40*time.Minute+5*time.Millisecond)
	o.Ticket = &order.Ticket{State: order.TicketPreparing, ReadyBy: &readyBy}
	o.Delivery = &order.Delivery{State: order.DeliveryScheduled, CourierID: "12", EstimatedDeliveryTime: &eta}
	o.Bill = &order.Bill{State: order.BillAuthorized, Amount: &total}
	o.Part(order.AggregateOrder).Version = 2
	o.Part(order.AggregateTicket).Version = 3
	o.Part(order.AggregateDelivery).Version = 2
	o.Part(order.AggregateBill).Version = 1
	o.Record(order.Entry{Type: "OrderCreatedEvent", At: at, Aggregate: order.AggregateOrder, Version: 1})
	o.Record(order.Entry{Type: "OrderAuthorized", At: at.Add(time.Second), Aggregate: order.AggregateOrder, Version: 2})
	return o
}

func newOrders(n int) []*order.Order {
	orders := make([]*order.Order, n)
	for i := range orders {
		orders[i] = newOrder(i + 1)
	}
	return orders
}
