package sim

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/viewgate/viewgate/example/ftgo"
	"github.com/viewgate/viewgate/wire"
)

// TestLinger places an order beside the simulation's own: it is delivered as theirs are, and each is worked on once.
func TestLinger(t *testing.T) {
	tests := []struct {
		name   string
		orders int
		after  bool // it is placed when the simulation's own have come to their ends
	}{
		{"none of its own", 0, false},
		{"among its own", 30, false},
		{"after its own", 3, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			looked := make(chan struct{}, 1)
			o, _ := serve(t, t.TempDir(), ftgo.Options{Intercept: func(s ftgo.Service, next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r)
					if s == ftgo.DeliveryService && r.URL.Query().Has("state") {
						select {
						case looked <- struct{}{}:
						default:
						}
					}
				})
			}})
			o.Orders, o.Linger = test.orders, true
			customer, err := newSimulation(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := customer.readMarket(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var summary Summary
			ended := make(chan error, 1)
			go func() {
				var err error
				summary, err = Run(ctx, o)
				ended <- err
			}()
			receive(t, looked, "a look")
			for test.after && (len(orders(t, o)) < test.orders || open(t, o) > 0) {
				receive(t, looked, "a look")
			}
			var receipt struct {
				OrderID wire.ID `json:"orderId"`
			}
			purchase := customer.newErrand(1000, time.Now()).purchase
			if err := customer.api.post(t.Context(), o.OrderURL+"/orders", purchase, &receipt); err != nil {
				t.Fatal(err)
			}
			var delivery struct{ DeliveryInfo struct{ State string } }
			at := o.DeliveryURL + "/deliveries/" + string(receipt.OrderID)
			for delivery.DeliveryInfo.State != "DELIVERED" || len(orders(t, o)) <= test.orders || open(t, o) > 0 {
				receive(t, looked, "a look")
				if err := customer.api.get(t.Context(), at, &delivery); err != nil && !errors.Is(err, errRefused) {
					t.Fatal(err)
				}
			}
			cancel()
			if err := receive(t, ended, "the end"); err != nil || summary.Placed != test.orders || summary.Resumed != 1 {
				t.Errorf("Run: %+v, %v, want %d placed and 1 resumed", summary, err, test.orders)
			}
			if ends := summary.Delivered + summary.Cancelled + summary.Rejected; ends > test.orders+1 {
				t.Errorf("%d orders ended, of %d: %+v", ends, test.orders+1, summary)
			}
		})
	}
}

// receive returns what comes from a channel.
func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("%s has not come", what)
		panic("unreachable")
	}
}

func TestWatch(t *testing.T) {
	w := newWatch()
	step := func(e *errand, st stage, id wire.ID) func() []wire.ID {
		return func() []wire.ID {
			e.stage, e.id = st, id
			return w.advanced(e)
		}
	}
	look := func() []wire.ID { w.begin(); return nil }
	finds := func(ids ...wire.ID) func() []wire.ID {
		return func() []wire.ID { return w.answered(ids) }
	}
	places := func(e *errand) func() []wire.ID {
		return func() []wire.ID { w.placing[e] = true; return nil }
	}
	a, b, c := &errand{}, &errand{}, &errand{}
	// One after the other, on the same watch.
	for _, at := range []struct {
		name string
		do   func() []wire.ID
		want []wire.ID
		open bool
	}{
		{"a look", look, nil, true},
		{"finds nothing", finds(), nil, false},
		{"a is being placed", places(a), nil, false},
		{"another look", look, nil, true},
		{"b is being placed", places(b), nil, true},
		{"b is placed as 2", step(b, settling, "2"), nil, true},
		{"it finds 1, 2 and 3", finds("1", "2", "3"), nil, true},
		{"c is placed after that", places(c), nil, true},
		{"a is placed as 1: 3 is another's", step(a, settling, "1"), []wire.ID{"3"}, false},
		{"a third look", look, nil, true},
		{"it finds 4, perhaps c's", finds("4", "1"), nil, true},
		{"b is over", step(b, cancelled, "2"), nil, true},
		{"c's placement fails: 4 is another's, or nobody knows of it", step(c, ordering, ""), []wire.ID{"4"}, false},
		{"a fourth look", look, nil, true},
		{"a is over", step(a, delivered, "1"), nil, true},
		{"it still finds 1", finds("1"), nil, false},
		{"a fifth look", look, nil, true},
		{"c is refused", step(c, refused, ""), nil, true},
		{"it finds 1: it was not at its end after all", finds("1"), []wire.ID{"1"}, false},
	} {
		got := at.do()
		diff := gocmp.Diff(at.want, got, cmpopts.EquateEmpty())
		if diff != "" || w.open != at.open {
			t.Fatalf("%s: open is %t, others' (-want +got):\n%s", at.name, w.open, diff)
		}
	}
}
