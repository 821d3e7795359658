package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
)

// world is orders as their owners have them, as the view has them, and as its searches see them.
type world struct {
	view.Store // what is not asked here

	*httptest.Server
	mapping  *view.Mapping
	owners   map[string]Versions // by order id
	view     map[string]Versions
	seen     map[string]Versions
	now      *embedded.Store // what reads by id see
	searched *embedded.Store // what searches see

	mu        sync.Mutex // guards what follows
	refreshes int
	calls     map[string]int
	broken    string // the collection that cannot be asked
	down      error  // of the view
	stuck     error  // of a refresh
}

// consumerOf is whose an order is: every third one's is somebody else's.
func consumerOf(id string) string {
	if strings.HasSuffix(id, "3") {
		return "8"
	}
	return "7"
}

var (
	orderStates  = []order.State{order.ApprovalPending, order.Approved, order.CancelPending, order.Cancelled}
	ticketStates = []order.TicketState{order.TicketAwaitingAcceptance, order.TicketAccepted, order.TicketPreparing}
)

// at is an order at these versions: its content follows from them, whoever tells of it.
func at(id string, v Versions) *order.Order {
	o := order.New(id)
	for _, a := range order.Aggregates {
		if v.Of(a) > 0 {
			o.Part(a).Version = v.Of(a)
		}
	}
	if v.Order > 0 {
		o.State = orderStates[int(v.Order-1)%len(orderStates)]
		o.CreatedAt = placed.Add(time.Duration(len(id)*7+int(id[0])) * time.Minute)
		o.Total = &order.Money{Amount: fmt.Sprintf("%d.5", 10+v.Order%3), Currency: order.Currency}
		o.Consumer = &order.Consumer{ConsumerID: consumerOf(id), Name: "Ada Byron"}
		o.Restaurant = &order.Restaurant{RestaurantID: "1", Name: []string{"Ajanta", "Café Azul"}[int(v.Order)%2]}
		o.LineItems = []order.LineItem{{MenuItemID: "1", Name: []string{"Vindaloo", "Salad"}[int(v.Order/2)%2], Quantity: 1,
			Price: *o.Total, Total: *o.Total}}
	}
	if v.Ticket > 0 {
		o.Ticket = &order.Ticket{State: ticketStates[int(v.Ticket-1)%len(ticketStates)]}
	}
	o.Derive()
	return o
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		mapping: mappingOf(t), owners: map[string]Versions{}, view: map[string]Versions{}, seen: map[string]Versions{},
		calls: map[string]int{},
	}
	var err error
	if w.now, err = embedded.OpenMemory(w.mapping); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.now.Close() })
	if w.searched, err = embedded.OpenMemory(w.mapping); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.searched.Close() })
	w.Server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.Server.Close)
	return w
}

// has says how new an order is at its owners, in the view, and for searches.
func (w *world) has(id string, owners, inView, searched Versions) {
	w.owners[id], w.view[id], w.seen[id] = owners, inView, searched
}

// fill puts the orders into a store, in one batch.
func fill(ctx context.Context, s view.Store, orders map[string]Versions) error {
	had, err := s.Get(ctx, view.Support(), slices.Collect(maps.Keys(orders)))
	if err != nil {
		return err
	}
	var writes []view.Write
	for id, v := range orders {
		if v == (Versions{}) {
			continue
		}
		o := at(id, v)
		source, err := o.Encode()
		if err != nil {
			return err
		}
		writes = append(writes, view.Write{ID: id, Revision: had[id].Revision, Hidden: o.Hidden(), Source: source})
	}
	for _, result := range s.Apply(ctx, writes) {
		if result.Err != nil {
			return result.Err
		}
	}
	return nil
}

func (w *world) serve(response http.ResponseWriter, r *http.Request) {
	collection := strings.TrimPrefix(r.URL.Path, "/")
	w.mu.Lock()
	w.calls[collection]++
	broken := w.broken == collection
	w.mu.Unlock()
	if broken {
		response.WriteHeader(http.StatusInternalServerError)
		return
	}
	ids := r.URL.Query()["id"]
	if consumer := r.URL.Query().Get("consumerId"); consumer != "" {
		for id := range w.owners {
			if consumerOf(id) == consumer {
				ids = append(ids, id)
			}
		}
	}
	elements := []any{}
	for _, id := range ids {
		o := at(id, w.owners[id])
		switch {
		case collection == "orders" && o.Consumer != nil:
			elements = append(elements, map[string]any{
				"orderId": id, "version": o.Version, "state": o.State, "orderTotal": o.Total.Amount,
				"consumerId": o.Consumer.ConsumerID, "consumerName": o.Consumer.Name,
				"restaurantId": o.Restaurant.RestaurantID, "restaurantName": o.Restaurant.Name, "createdAt": o.CreatedAt,
				"lineItems": []any{map[string]any{"menuItemId": "1", "name": o.LineItems[0].Name, "quantity": 1,
					"price": o.Total.Amount, "total": o.Total.Amount}},
			})
		case collection == "tickets" && o.Ticket != nil:
			elements = append(elements, map[string]any{"ticketId": id, "version": o.Ticket.Version, "state": o.Ticket.State})
		}
	}
	response.Header().Set("Content-Type", "application/json")
	json.NewEncoder(response).Encode(elements)
}

// The view, as a view.Store whose searches lag behind its reads by id.
func (w *world) Get(ctx context.Context, v view.Viewer, ids []string) (map[string]view.Document, error) {
	if w.down != nil {
		return nil, w.down
	}
	return w.now.Get(ctx, v, ids)
}

func (w *world) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	if w.down != nil {
		return view.Page{}, w.down
	}
	return w.searched.Search(ctx, v, q)
}

func (w *world) Refresh(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refreshes++
	if w.stuck != nil {
		return w.stuck
	}
	w.seen = maps.Clone(w.view)
	return fill(ctx, w.searched, w.view)
}

func (w *world) Apply(context.Context, []view.Write) []view.Result { panic("a query never writes") }
func (w *world) Close() error                                      { return nil }

// fakeProgress is a view that is as far as it says, in a log that ends where it says.
type fakeProgress struct {
	mu      sync.Mutex // guards what follows
	lag     *time.Duration
	written feed.Positions
	ends    feed.Positions
	filling bool
}

func (p *fakeProgress) Lag() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lag == nil {
		return 0, false
	}
	return *p.lag, true
}

func (p *fakeProgress) Written() feed.Positions {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.Clone()
}

func (p *fakeProgress) Index() string { return "" }
func (p *fakeProgress) Filling() bool { return p.filling }

func (p *fakeProgress) Ends(context.Context) (feed.Positions, error) { return p.ends, nil }

func (p *fakeProgress) Wait(ctx context.Context, barrier feed.Positions) error {
	for !p.Written().Reach(barrier) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func (w *world) reader(t testing.TB, p Progress) *Reader {
	t.Helper()
	for store, orders := range map[view.Store]map[string]Versions{w.now: w.view, w.searched: w.seen} {
		if err := fill(t.Context(), store, orders); err != nil {
			t.Fatal(err)
		}
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	owners := newOwners(t, Options{
		Order: w.URL, Kitchen: w.URL, Delivery: w.URL, Accounting: w.URL, Transport: transport,
	})
	return NewReader(w, w.mapping, owners, ReaderOptions{
		Progress: p, SearchDelay: time.Minute,
		Scratch: func() (view.Store, error) { return embedded.OpenMemory(w.mapping) },
	})
}

var topic = feed.Partition{Topic: "Order"}

// behind is a view that has not taken in all of the log, and will not.
func behind() *fakeProgress {
	return &fakeProgress{lag: new(time.Minute), written: feed.Positions{topic: 5}, ends: feed.Positions{topic: 9}}
}

// abreast is a view that has.
func abreast() *fakeProgress {
	return &fakeProgress{lag: new(10 * time.Millisecond), written: feed.Positions{topic: 9}, ends: feed.Positions{topic: 9}}
}
