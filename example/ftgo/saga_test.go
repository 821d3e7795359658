package ftgo

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

var readyBy = wire.At(time.Date(2026, 3, 1, 19, 30, 0, 0, time.UTC))

// act asks for one step of an order's life by name and returns the status.
func (r *running) act(t rapid.TB, id wire.ID, step string) int {
	t.Helper()
	ticket, delivery, order := "/tickets/"+string(id), "/deliveries/"+string(id), "/orders/"+string(id)
	request := map[string]struct {
		service Service
		path    string
		body    any
	}{
		"accept":    {KitchenService, ticket + "/accept", acceptRequest{&readyBy}},
		"preparing": {KitchenService, ticket + "/preparing", nil},
		"ready":     {KitchenService, ticket + "/ready", nil},
		"pickup":    {KitchenService, ticket + "/pickup", nil},
		"location":  {DeliveryService, delivery + "/location", wire.Location{Latitude: 37.8, Longitude: -122.25}},
		"taken":     {DeliveryService, delivery + "/pickup", nil},
		"delivered": {DeliveryService, delivery + "/delivered", nil},
		"cancel":    {OrderService, order + "/cancel", nil},
		"revise":    {OrderService, order + "/revise", reviseRequest{[]quantity{{"1", 4}, {"2", 0}}}},
		"feast":     {OrderService, order + "/revise", reviseRequest{[]quantity{{"1", 50}}}}, // over the card's limit
	}[step]
	status, _ := r.call(t, request.service, http.MethodPost, request.path, request.body, nil)
	return status
}

func TestSagas(t *testing.T) {
	b := startBroker(t)
	log := follow(t, b)
	r := serve(t, t.TempDir(), Options{Brokers: []string{b.Addr()}})
	for _, test := range []struct {
		name     string
		consumer wire.ID
		steps    []string // each after the order has settled
		state    string
		want     map[event.Aggregate][]string
	}{
		{
			name: "delivered", consumer: "1",
			steps: []string{"accept", "preparing", "ready", "pickup", "taken", "location", "delivered"}, state: orderApproved,
			want: map[event.Aggregate][]string{
				event.Order: {"1 OrderCreatedEvent", "2 OrderAuthorized"},
				event.Ticket: {"1 TicketCreatedEvent", "2 TicketAcceptedEvent", "3 TicketPreparationStartedEvent",
					"4 TicketPreparationCompletedEvent", "5 TicketPickedUpEvent"},
				event.Delivery: {"1 DeliveryCreated", "2 DeliveryScheduled", "3 DeliveryPickedUp",
					"4 DeliveryLocationUpdated", "5 DeliveryDelivered"},
				event.Account: {"1 AccountAuthorizedEvent"},
			},
		},
		{
			name: "card refused", consumer: "25", state: orderRejected,
			want: map[event.Aggregate][]string{
				event.Order:   {"1 OrderCreatedEvent", "2 OrderRejected"},
				event.Account: {"1 AccountAuthorizationFailed"},
			},
		},
		{
			name: "cancelled", consumer: "2", steps: []string{"accept", "cancel"}, state: orderCancelled,
			want: map[event.Aggregate][]string{
				event.Order:    {"1 OrderCreatedEvent", "2 OrderAuthorized", "3 OrderCancelRequested", "4 OrderCancelled"},
				event.Ticket:   {"1 TicketCreatedEvent", "2 TicketAcceptedEvent", "3 TicketCancelled"},
				event.Delivery: {"1 DeliveryCreated", "2 DeliveryScheduled", "3 DeliveryCancelled"},
				event.Account:  {"1 AccountAuthorizedEvent", "2 AuthorizationReversed"},
			},
		},
		{
			name: "cancellation refused", consumer: "3", steps: []string{"accept", "preparing", "cancel"},
			state: orderApproved,
			want: map[event.Aggregate][]string{
				event.Order:   {"1 OrderCreatedEvent", "2 OrderAuthorized", "3 OrderCancelRequested", "4 OrderCancelUndone"},
				event.Ticket:  {"1 TicketCreatedEvent", "2 TicketAcceptedEvent", "3 TicketPreparationStartedEvent"},
				event.Account: {"1 AccountAuthorizedEvent"},
			},
		},
		{
			name: "revised", consumer: "4", steps: []string{"revise", "accept"}, state: orderApproved,
			want: map[event.Aggregate][]string{
				event.Order:   {"1 OrderCreatedEvent", "2 OrderAuthorized", "3 OrderRevisionProposed", "4 OrderRevised"},
				event.Ticket:  {"1 TicketCreatedEvent", "2 TicketRevised", "3 TicketAcceptedEvent"},
				event.Account: {"1 AccountAuthorizedEvent", "2 AuthorizationRevised"},
			},
		},
		{
			name: "revision refused by the kitchen", consumer: "5", steps: []string{"accept", "preparing", "revise"},
			state: orderApproved,
			want: map[event.Aggregate][]string{
				event.Order: {"1 OrderCreatedEvent", "2 OrderAuthorized", "3 OrderRevisionProposed",
					"4 OrderRevisionRejected"},
				event.Ticket:  {"1 TicketCreatedEvent", "2 TicketAcceptedEvent", "3 TicketPreparationStartedEvent"},
				event.Account: {"1 AccountAuthorizedEvent"},
			},
		},
		{
			name: "revision refused by the card, and the kitchen goes on", consumer: "6",
			steps: []string{"accept", "feast", "preparing"}, state: orderApproved,
			want: map[event.Aggregate][]string{
				event.Order: {"1 OrderCreatedEvent", "2 OrderAuthorized", "3 OrderRevisionProposed",
					"4 OrderRevisionRejected"},
				event.Ticket:  {"1 TicketCreatedEvent", "2 TicketAcceptedEvent", "3 TicketPreparationStartedEvent"},
				event.Account: {"1 AccountAuthorizedEvent"},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := r.place(t, test.consumer)
			r.settled(t, id)
			for _, step := range test.steps {
				if step == "taken" {
					awaitScheduled(t, r, id)
				}
				if status := r.act(t, id, step); status >= 300 {
					t.Fatalf("%s: status %d", step, status)
				}
				if step == "accept" {
					awaitScheduled(t, r, id)
				}
				r.settled(t, id)
			}
			if o := r.settled(t, id); o.State != test.state {
				t.Errorf("the order is %s, want %s", o.State, test.state)
			}
			got := map[event.Aggregate][]string{}
			for a, want := range test.want {
				got[a] = types(log.reaches(t, a, id, len(want)))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// awaitScheduled waits until the delivery knows of its courier.
func awaitScheduled(t rapid.TB, r *running, id wire.ID) {
	t.Helper()
	eventually(t, "delivery "+string(id)+" scheduled", func() bool {
		return get[deliveryAnswer](t, r, DeliveryService, "/deliveries/"+string(id)).AssignedCourier != nil
	})
}

func TestRevisionChangesLinesAndTotals(t *testing.T) {
	b := startBroker(t)
	log := follow(t, b)
	r := serve(t, t.TempDir(), Options{Brokers: []string{b.Addr()}})
	id := r.place(t, "7")
	before := r.settled(t, id)
	if got := before.OrderTotal.String(); got != "38.63" { // 2 × 12.34 + 13.95
		t.Errorf("total %s, want 38.63", got)
	}
	r.act(t, id, "revise") // 4 of the first, none of the second
	after := r.settled(t, id)
	if got := after.OrderTotal.String(); got != "49.36" {
		t.Errorf("revised total %s, want 49.36", got)
	}
	want := []wire.LineItem{line("1", before.LineItems[0].Name, before.LineItems[0].Price, 4)}
	if diff := cmp.Diff(want, after.LineItems); diff != "" {
		t.Errorf("revised lines (-want +got):\n%s", diff)
	}
	events := log.reaches(t, event.Order, id, 4)
	proposed := events[2].Payload.(*event.OrderRevisionProposed)
	revised := events[3].Payload.(*event.OrderRevised)
	if proposed.LineItems != nil || len(proposed.OrderRevision.RevisedOrderLineItems) != 2 {
		t.Errorf("OrderRevisionProposed says %+v", proposed.Revision)
	}
	if got := revised.CurrentOrderTotal.String() + " → " + revised.NewOrderTotal.String(); got != "38.63 → 49.36" {
		t.Errorf("OrderRevised goes %s, want 38.63 → 49.36", got)
	}
	if diff := cmp.Diff(want, revised.LineItems); diff != "" {
		t.Errorf("OrderRevised's lines (-want +got):\n%s", diff)
	}
	bill := get[billAnswer](t, r, AccountingService, "/bills/"+string(id))
	if bill.Amount.String() != "49.36" || bill.State != billRevised {
		t.Errorf("the bill is %+v", bill)
	}
}

// TestSagaSurvives takes one service away while sagas are under way, in every step of theirs, and restarts all of them.
func TestSagaSurvives(t *testing.T) {
	for _, down := range []Service{KitchenService, AccountingService, DeliveryService} {
		t.Run(string(down)+" down", func(t *testing.T) {
			var answers atomic.Bool
			options := Options{Intercept: func(s Service, next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if s == down && r.Method != http.MethodGet && !answers.Load() {
						http.Error(w, "down", http.StatusBadGateway)
						return
					}
					next.ServeHTTP(w, r)
				})
			}}
			dir := t.TempDir()
			first := serve(t, dir, options)
			good, refused := first.place(t, "1"), first.place(t, "25")
			if status := first.act(t, good, "cancel"); status != http.StatusConflict {
				t.Errorf("an order that is not approved yet can be cancelled: status %d", status)
			}
			first.stop()

			second := serve(t, dir, options)
			if o := get[orderAnswer](t, second, OrderService, "/orders/"+string(good)); o.State != orderApprovalPending {
				t.Errorf("with %s down the order is %s", down, o.State)
			}
			answers.Store(true)
			if o := second.settled(t, good); o.State != orderApproved {
				t.Errorf("the order became %s, want %s", o.State, orderApproved)
			}
			if o := second.settled(t, refused); o.State != orderRejected {
				t.Errorf("the order with a refused card became %s, want %s", o.State, orderRejected)
			}
			for service, path := range map[Service]string{
				KitchenService: "/tickets/", DeliveryService: "/deliveries/", AccountingService: "/bills/",
			} {
				var answer struct{ Version uint64 }
				second.must(t, service, http.MethodGet, path+string(good), nil, &answer)
				if answer.Version != 1 {
					t.Errorf("%s%s has version %d, want 1: a step was taken twice", path, good, answer.Version)
				}
			}
			if status, _ := second.call(t, KitchenService, http.MethodGet, "/tickets/"+string(refused), nil, nil); status != 404 {
				t.Errorf("the rejected order's ticket answers %d, want 404", status)
			}
			if n := keys(t, second.Services, KitchenService, stateBucket); n != 1 {
				t.Errorf("the kitchen keeps %d tickets, want 1: the rejected order's was not dropped", n)
			}
		})
	}
}

// TestLostAnswers makes every change of another service happen and its first answer get lost.
func TestLostAnswers(t *testing.T) {
	b := startBroker(t)
	log := follow(t, b)
	seen := make(chan map[string]bool, 1)
	seen <- map[string]bool{}
	r := serve(t, t.TempDir(), Options{
		Brokers: []string{b.Addr()},
		Intercept: func(s Service, next http.Handler) http.Handler {
			if s == OrderService {
				return next
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				paths := <-seen
				again := paths[r.Method+r.URL.Path]
				paths[r.Method+r.URL.Path] = true
				seen <- paths
				if r.Method == http.MethodGet || again || r.URL.Path == "" {
					next.ServeHTTP(w, r)
					return
				}
				next.ServeHTTP(discard{}, r)
				w.WriteHeader(http.StatusBadGateway)
			})
		},
	})
	kept, cancelled, rejected := r.place(t, "1"), r.place(t, "2"), r.place(t, "50")
	for _, id := range []wire.ID{kept, cancelled, rejected} {
		r.settled(t, id)
	}
	r.act(t, kept, "revise")
	r.act(t, cancelled, "cancel")
	want := map[wire.ID]string{kept: orderApproved, cancelled: orderCancelled, rejected: orderRejected}
	got := map[wire.ID]string{}
	for id := range want {
		got[id] = r.settled(t, id).State
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	wantTicket := []string{"1 TicketCreatedEvent", "2 TicketRevised"}
	if diff := cmp.Diff(wantTicket, types(log.reaches(t, event.Ticket, kept, 2))); diff != "" {
		t.Errorf("ticket (-want +got):\n%s", diff)
	}
	wantBill := []string{"1 AccountAuthorizedEvent", "2 AuthorizationReversed"}
	if diff := cmp.Diff(wantBill, types(log.reaches(t, event.Account, cancelled, 2))); diff != "" {
		t.Errorf("bill (-want +got):\n%s", diff)
	}
}

// discard is a client that is gone.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
