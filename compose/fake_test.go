package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

func mappingOf(t testing.TB) *view.Mapping {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := view.MappingOf(s, order.ViewName)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fakeStore is a view.Store over a map, as far as a Reader needs one: a search gives the visible documents in which the
// filter's one field is right, newest first.
type fakeStore struct {
	view.Store // what is not asked here
	mapping    *view.Mapping
	err        error // of every read
	onGet      func(n int, s *fakeStore)

	mu   sync.Mutex // guards what follows
	docs map[string]view.Document
	gets int
}

func newStore(t testing.TB, orders ...*order.Order) *fakeStore {
	t.Helper()
	s := &fakeStore{mapping: mappingOf(t), docs: map[string]view.Document{}}
	for _, o := range orders {
		s.put(t, o)
	}
	return s
}

func (s *fakeStore) put(t testing.TB, o *order.Order) {
	t.Helper()
	source, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.docs[o.OrderID] = view.Document{ID: o.OrderID, Revision: "1", Hidden: o.Hidden(), Source: source}
}

func (s *fakeStore) Get(_ context.Context, v view.Viewer, ids []string) (map[string]view.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	if s.onGet != nil {
		s.onGet(s.gets, s)
	}
	if s.err != nil {
		return nil, s.err
	}
	found := map[string]view.Document{}
	for _, id := range ids {
		if d, ok := s.docs[id]; ok && s.visible(v, d) {
			found[id] = d
		}
	}
	return found, nil
}

func (s *fakeStore) visible(v view.Viewer, d view.Document) bool {
	decoded, err := view.DecodeSource(d.Source)
	return err == nil && s.mapping.Visible(v, decoded)
}

func (s *fakeStore) Search(_ context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return view.Page{}, s.err
	}
	if err := q.Check(s.mapping); err != nil {
		return view.Page{}, err
	}
	var page view.Page
	for _, d := range s.docs {
		o, err := order.Decode(d.Source)
		if err != nil {
			return view.Page{}, err
		}
		in, filtered := q.Filter.(view.In)
		if d.Hidden || !s.visible(v, d) || filtered && o.Consumer.ConsumerID != in.Values[0] {
			continue
		}
		page.Hits = append(page.Hits, view.Hit{Document: d, Position: view.Position{
			Values: []any{float64(o.CreatedAt.UnixMilli())}, ID: o.OrderID,
		}})
	}
	slices.SortFunc(page.Hits, func(a, b view.Hit) int {
		return int(b.Position.Values[0].(float64) - a.Position.Values[0].(float64))
	})
	page.Total, page.Exact = len(page.Hits), true
	page.Hits = page.Hits[:min(q.Size, len(page.Hits))]
	return page, nil
}

func (s *fakeStore) Apply(context.Context, []view.Write) []view.Result { panic("a query never writes") }
func (s *fakeStore) Refresh(context.Context) error                     { return nil }
func (s *fakeStore) Close() error                                      { return nil }

// fakeOwners stands for all six services. Each collection answers the elements that it has for the ids asked for.
type fakeOwners struct {
	*httptest.Server
	mu       sync.Mutex // guards what follows
	elements map[string]map[string]string
	broken   map[string]http.HandlerFunc // by collection
	calls    map[string]int
	asked    map[string][]string
}

func serveOwners(t testing.TB) *fakeOwners {
	t.Helper()
	f := &fakeOwners{
		elements: map[string]map[string]string{},
		broken:   map[string]http.HandlerFunc{},
		calls:    map[string]int{},
		asked:    map[string][]string{},
	}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeOwners) serve(w http.ResponseWriter, r *http.Request) {
	collection := strings.TrimPrefix(r.URL.Path, "/")
	f.mu.Lock()
	f.calls[collection]++
	f.asked[collection] = append(f.asked[collection], r.URL.Query()["id"]...)
	broken := f.broken[collection]
	found := []json.RawMessage{}
	for _, id := range r.URL.Query()["id"] {
		if element, ok := f.elements[collection][id]; ok {
			found = append(found, json.RawMessage(element))
		}
	}
	f.mu.Unlock()
	if broken != nil {
		broken(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(found)
}

func (f *fakeOwners) has(collection, id, element string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.elements[collection] == nil {
		f.elements[collection] = map[string]string{}
	}
	f.elements[collection][id] = element
}

// hasOrder gives all four owners their part of an order, each at the version given unless that is 0.
func (f *fakeOwners) hasOrder(id, consumer string, v Versions) {
	if v.Order > 0 {
		f.has("orders", id, fmt.Sprintf(`{"orderId":%s,"version":%d,"state":"APPROVED","orderTotal":"61.7",
			"consumerId":%s,"consumerName":"Ada Byron","restaurantId":1,"restaurantName":"Ajanta",
			"lineItems":[{"quantity":5,"menuItemId":"1","name":"Chicken Vindaloo","price":"12.34","total":"61.70"}],
			"deliveryAddress":{"street1":"9 Amazing View","city":"Oakland","state":"CA","zip":"94612"},
			"deliveryTime":null,"createdAt":"2026-03-01T11:07:00.123456Z"}`, id, v.Order, consumer))
	}
	if v.Ticket > 0 {
		f.has("tickets", id, fmt.Sprintf(`{"ticketId":%s,"version":%d,"state":"ACCEPTED","readyBy":"2026-03-01T11:32:00",
			"acceptTime":null}`, id, v.Ticket))
	}
	if v.Delivery > 0 {
		f.has("deliveries", id, fmt.Sprintf(`{"deliveryInfo":{"id":%s,"state":"SCHEDULED"},"version":%d,
			"assignedCourier":7,"courierActions":[{"type":"PICKUP"}],"estimatedDeliveryTime":"2026-03-01T12:00:00+01:00",
			"location":{"latitude":37.8,"longitude":-122.2}}`, id, v.Delivery))
	}
	if v.Bill > 0 {
		f.has("bills", id, fmt.Sprintf(`{"orderId":%s,"version":%d,"state":"AUTHORIZED","amount":61.7}`, id, v.Bill))
	}
}

func (f *fakeOwners) breaks(collection string, how http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken[collection] = how
}

func (f *fakeOwners) callsTo(collection string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[collection]
}

// options have all owners at the fake's address.
func (f *fakeOwners) options() Options {
	return Options{Order: f.URL, Kitchen: f.URL, Delivery: f.URL, Accounting: f.URL, Restaurant: f.URL, Consumer: f.URL}
}

func newOwners(t testing.TB, o Options) *Owners {
	t.Helper()
	owners, err := NewOwners(mappingOf(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return owners
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprint(w, "[]")
	}
}

func body(contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		fmt.Fprint(w, text)
	}
}

var placed = time.Date(2026, 3, 1, 11, 7, 0, 123e6, time.UTC)

// inView is an order as a projection leaves it, its parts at these versions and at states before those of hasOrder.
func inView(id, consumer string, v Versions) *order.Order {
	o := order.New(id)
	for _, a := range order.Aggregates {
		if v.Of(a) > 0 {
			o.Part(a).Version = v.Of(a)
			o.Record(order.Entry{Type: "Happened", At: placed, Aggregate: a, Version: v.Of(a)})
		}
	}
	if v.Order > 0 {
		o.State, o.CreatedAt = order.ApprovalPending, placed
		o.Total = &order.Money{Amount: "61.70", Currency: order.Currency}
		o.Consumer = &order.Consumer{ConsumerID: consumer, Name: "Ada Byron"}
		o.Restaurant = &order.Restaurant{RestaurantID: "1", Name: "Ajanta"}
	}
	if v.Ticket > 0 {
		o.Ticket = &order.Ticket{State: order.TicketAwaitingAcceptance}
	}
	if v.Delivery > 0 {
		o.Delivery = &order.Delivery{State: order.DeliveryPending}
	}
	if v.Bill > 0 {
		o.Bill = &order.Bill{State: order.BillAuthorized}
	}
	o.Derive()
	return o
}
