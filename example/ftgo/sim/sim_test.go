package sim

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/viewgate/viewgate/example/ftgo"
	"github.com/viewgate/viewgate/wire"
)

// serve runs the services and returns a simulation's options for them, and how to end them before the test's end.
func serve(t *testing.T, dir string, options ftgo.Options) (o Options, stop func()) {
	t.Helper()
	options.NoSync, options.Log = true, slog.New(slog.DiscardHandler)
	services, err := ftgo.New(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- services.Run(ctx) }()
	running := true
	stop = func() {
		if !running {
			return
		}
		running = false
		cancel()
		if err := errors.Join(<-ended, services.Close()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return Options{
		Seed: 1, Rate: 200, Speed: 200, Log: options.Log,
		ConsumerURL: services.URL(ftgo.ConsumerService), OrderURL: services.URL(ftgo.OrderService),
		KitchenURL: services.URL(ftgo.KitchenService), RestaurantURL: services.URL(ftgo.RestaurantService),
		DeliveryURL: services.URL(ftgo.DeliveryService),
	}, stop
}

// orders returns all orders, by id.
func orders(t *testing.T, o Options) []placed {
	t.Helper()
	var all []placed
	if err := (api{http.DefaultClient}).get(t.Context(), o.OrderURL+"/orders?since=2000-01-01T00:00:00Z", &all); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	return all
}

// placed is an order's answer.
type placed struct {
	OrderID         wire.ID       `json:"orderId"`
	State           string        `json:"state"`
	ConsumerID      wire.ID       `json:"consumerId"`
	RestaurantID    wire.ID       `json:"restaurantId"`
	DeliveryAddress *wire.Address `json:"deliveryAddress"`
	LineItems       []line        `json:"lineItems"`
}

// open returns how many deliveries have not come to an end.
func open(t *testing.T, o Options) int {
	t.Helper()
	var all []listed
	url := o.DeliveryURL + "/deliveries?state=PENDING&state=SCHEDULED&state=PICKED_UP"
	if err := (api{http.DefaultClient}).get(t.Context(), url, &all); err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// check compares a summary with what the services say.
func check(t *testing.T, o Options, s Summary, want int) {
	t.Helper()
	states := map[string]int{}
	for _, order := range orders(t, o) {
		states[order.State]++
	}
	wantStates := map[string]int{}
	for state, n := range map[string]int{"APPROVED": s.Delivered, "CANCELLED": s.Cancelled, "REJECTED": s.Rejected} {
		if n > 0 {
			wantStates[state] = n
		}
	}
	if diff := gocmp.Diff(wantStates, states); diff != "" {
		t.Errorf("orders by state (-summary +services):\n%s", diff)
	}
	if ends := s.Delivered + s.Cancelled + s.Rejected; ends != want {
		t.Errorf("%d orders came to an end, want %d: %+v", ends, want, s)
	}
	if n := open(t, o); n != 0 {
		t.Errorf("%d deliveries are open", n)
	}
}

func TestRunFinishesItsOrders(t *testing.T) {
	runs := make([][]placed, 2)
	for i := range runs {
		o, stop := serve(t, t.TempDir(), ftgo.Options{})
		o.Orders = 25
		s, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if s.Placed != 25 || s.Refused != 0 || s.Resumed != 0 {
			t.Errorf("%+v, want 25 placed", s)
		}
		check(t, o, s, 25)
		runs[i] = orders(t, o)
		stop()
	}
	// Ids follow the order in which requests come in, and a cancelled order can have been approved before it.
	for _, run := range runs {
		for i := range run {
			run[i].OrderID = ""
		}
		slices.SortFunc(run, func(a, b placed) int {
			return cmp.Or(cmp.Compare(a.ConsumerID, b.ConsumerID), cmp.Compare(a.RestaurantID, b.RestaurantID),
				slices.CompareFunc(a.LineItems, b.LineItems, func(a, b line) int {
					return cmp.Or(cmp.Compare(a.MenuItemID, b.MenuItemID), cmp.Compare(a.Quantity, b.Quantity))
				}), cmp.Compare(a.State, b.State))
		})
	}
	if diff := gocmp.Diff(runs[0], runs[1]); diff != "" {
		t.Errorf("two runs with one seed differ:\n%s", diff)
	}
}

func TestNoOrders(t *testing.T) {
	o, _ := serve(t, t.TempDir(), ftgo.Options{})
	s, err := Run(t.Context(), o)
	if err != nil || s != (Summary{}) {
		t.Errorf("%+v, %v, want nothing", s, err)
	}
	if all := orders(t, o); len(all) != 0 {
		t.Errorf("%d orders were placed", len(all))
	}
}

// TestRestart ends a run in the middle, restarts the services, and lets another run finish what is left.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var posts atomic.Int32
	o, stop := serve(t, dir, ftgo.Options{Intercept: func(s ftgo.Service, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s == ftgo.KitchenService && r.Method == http.MethodPost && posts.Add(1) == 40 {
				cancel()
			}
			next.ServeHTTP(w, r)
		})
	}})
	o.Orders = 25
	first, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if first.Placed == 0 || first.Delivered+first.Cancelled+first.Rejected == first.Placed {
		t.Fatalf("the first run: %+v, want it to end in the middle", first)
	}
	stop()

	o, _ = serve(t, dir, ftgo.Options{})
	before := len(orders(t, o))
	second, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if second.Resumed == 0 || second.Placed != 0 {
		t.Errorf("the second run: %+v, want some resumed and none placed", second)
	}
	if n := len(orders(t, o)); n != before {
		t.Errorf("the second run made %d orders of %d", n, before)
	}
	for _, order := range orders(t, o) {
		if !slices.Contains([]string{"APPROVED", "CANCELLED", "REJECTED"}, order.State) {
			t.Errorf("order %s is left %s", order.OrderID, order.State)
		}
	}
	// The first run's last steps may have happened without its knowing, so only the services' own account is complete.
	if n := open(t, o); n != 0 {
		t.Errorf("%d deliveries are open", n)
	}
	if ends := first.Delivered + first.Cancelled + first.Rejected + second.Resumed; ends > before {
		t.Errorf("%d orders ended or were resumed, of %d", ends, before)
	}
}

// TestOutages lets one request in ten fail, half of those after it was served.
func TestOutages(t *testing.T) {
	var n atomic.Uint32
	o, _ := serve(t, t.TempDir(), ftgo.Options{Intercept: func(_ ftgo.Service, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch n.Add(1) % 20 {
			case 0:
				panic(http.ErrAbortHandler)
			case 10:
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}})
	o.Orders = 15
	s, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if ends := s.Delivered + s.Cancelled + s.Rejected; s.Placed != 15 || ends != 15 {
		t.Errorf("%+v, want 15 placed and ended", s)
	}
}

func TestEndsPromptly(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for _, test := range []struct {
		name    string
		options Options
	}{
		{"no services", Options{Orders: 1, OrderURL: "http://127.0.0.1:1", RestaurantURL: "http://127.0.0.1:1"}},
		{"long waits", Options{Orders: 5, Rate: 1000, Speed: 1e-6}},
		{"rare orders", Options{Orders: 5, Rate: 1e-6, Speed: 1000}},
		{"rare looks", Options{Linger: true, Speed: 1e-6}},
		{"many looks", Options{Linger: true, Speed: 1e6}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, _ := serve(t, t.TempDir(), ftgo.Options{})
			if test.options.OrderURL == "" {
				o.Orders, o.Linger, o.Rate, o.Speed = test.options.Orders, test.options.Linger, test.options.Rate, test.options.Speed
			} else {
				o = test.options
				o.Log = slog.New(slog.DiscardHandler)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
			defer cancel()
			if _, err := Run(ctx, o); err != nil || ctx.Err() == nil {
				t.Errorf("Run: %v, and ctx %v, want that ctx alone ended it", err, ctx.Err())
			}
			if late := time.Since(deadline(ctx)); late > 5*time.Second {
				t.Errorf("ended %s late", late)
			}
		})
	}
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}

func deadline(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{{Orders: -1}, {Rate: -1}, {Speed: -1}, {Concurrency: -1}} {
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// TestCustomers draws many customers and looks at what they are like.
func TestCustomers(t *testing.T) {
	s, err := newSimulation(Options{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		r := restaurant{ID: wire.ID(rune('a' + i))}
		r.Menu.MenuItems = append(r.Menu.MenuItems, make([]struct {
			ID wire.ID `json:"id"`
		}, 10)...)
		for j := range r.Menu.MenuItems {
			r.Menu.MenuItems[j].ID = wire.ID(rune('0' + j))
		}
		s.market.restaurants = append(s.market.restaurants, r)
	}
	s.market.consumers = []wire.ID{"1", "2", "3", "4"}
	const n = 10_000
	whims, restaurants := map[whim]float64{}, map[wire.ID]float64{}
	for i := range n {
		e := s.newErrand(i, time.Time{})
		whims[e.whim] += 100. / n
		restaurants[e.purchase.RestaurantID] += 100. / n
		seen := map[wire.ID]bool{}
		for _, l := range e.purchase.LineItems {
			if seen[l.MenuItemID] || l.Quantity < 1 || l.Quantity > 4 {
				t.Fatalf("order %d has the lines %v", i, e.purchase.LineItems)
			}
			seen[l.MenuItemID] = true
		}
	}
	for w, want := range map[whim]float64{cancelling: 5, revising: 5} {
		if got := whims[w]; math.Abs(got-want) > 1 {
			t.Errorf("whim %d in %.1f %% of the orders, want %.0f", w, got, want)
		}
	}
	if first, last := restaurants["a"], restaurants["l"]; first < 4*last || last == 0 {
		t.Errorf("the most popular restaurant has %.1f %%, the least %.1f %%", first, last)
	}
}

// TestDuration adds up the delays of an order that nothing happens to.
func TestDuration(t *testing.T) {
	var shortest, longest float64
	path := []stage{settling, accepting, preparing, approaching, finishing, fetching, taking, delivering}
	for range legs {
		path = append(path, driving)
	}
	for _, st := range path {
		shortest, longest = shortest+delays[st][0], longest+delays[st][1]
	}
	if shortest < 9 || longest > 31 {
		t.Errorf("an order takes %.1f to %.1f s, want some 10 to 30", shortest, longest)
	}
}

func TestStageOf(t *testing.T) {
	for _, test := range []struct {
		ticket, delivery string
		want             stage
	}{
		{"AWAITING_ACCEPTANCE", "PENDING", accepting}, {"ACCEPTED", "PENDING", preparing},
		{"ACCEPTED", "SCHEDULED", preparing}, {"PREPARING", "SCHEDULED", approaching},
		{"READY_FOR_PICKUP", "SCHEDULED", fetching}, {"PICKED_UP", "SCHEDULED", taking},
		{"PICKED_UP", "PICKED_UP", driving}, {"PICKED_UP", "DELIVERED", delivered},
		{"CANCELLED", "CANCELLED", cancelled}, {"CANCELLED", "SCHEDULED", cancelled}, {"", "", looking},
	} {
		if got := stageOf(test.ticket, test.delivery); got != test.want {
			t.Errorf("ticket %s, delivery %s: stage %d, want %d", test.ticket, test.delivery, got, test.want)
		}
	}
}

func TestHomeStays(t *testing.T) {
	here, there := home("17"), home("18")
	if here != home("17") || here == there {
		t.Errorf("consumer 17 lives at %v and at %v, 18 at %v", here, home("17"), there)
	}
	if diff := gocmp.Diff(address("17"), address("17")); diff != "" {
		t.Error(diff)
	}
	if r := rand.New(rand.NewPCG(1, 1)); popular(r, 1) != 0 {
		t.Error("of one, another one than the first is popular")
	}
}
