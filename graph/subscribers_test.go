package graph

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/watch"
)

// BenchmarkSubscribers measures what subscribers cost, over WebSocket, 100 to a connection, clients and gateway in one
// process: the memory of each, connections and clients' side included, and the time from a change's being written until the
// last subscriber whom it concerns has the message, of which handing out is the Watcher's part: reading, matching and putting
// before each subscriber. One change at a time. Run it with -benchtime 1x; "make bench-subscribers" does.
func BenchmarkSubscribers(b *testing.B) {
	load, _ := os.ReadFile("/proc/loadavg")
	var table strings.Builder
	out := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "subscribers\tto\tmessages/change\tKiB each\thanding out ms\tp50 ms\tp99 ms\tµs/message\t\n")
	for _, n := range []int{1000, 10_000} {
		for _, kind := range []struct {
			name      string
			query     func(i int) string
			concerned int
		}{
			{"1 of 100 orders", func(i int) string {
				return fmt.Sprintf(`subscription { orderChanged(id: "%d") { orderId version status } }`, i%100+1)
			}, n / 100},
			{"1 of 100 filters", func(i int) string {
				return fmt.Sprintf(`subscription { ordersChanged(consumerId: "%d", first: 0) { orderId version status } }`, i%100+1)
			}, n / 100},
			{"one filter", func(int) string {
				return `subscription { ordersChanged(filter: {state: {eq: APPROVED}}, first: 0) { orderId version status } }`
			}, n},
		} {
			b.Run(fmt.Sprintf("%d/%s", n, kind.name), func(b *testing.B) {
				for b.Loop() {
					each, handed, took := measureSubscribers(b, n, kind.query, kind.concerned, strings.Contains(kind.name, "orders"))
					p50, p99 := took[len(took)/2], took[len(took)*99/100]
					fmt.Fprintf(out, "%d\t%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", n, kind.name, kind.concerned, each/1024,
						handed*1e3, p50.Seconds()*1e3, p99.Seconds()*1e3, p50.Seconds()*1e6/float64(kind.concerned))
					b.ReportMetric(each, "B/subscriber")
					b.ReportMetric(float64(p50.Microseconds()), "p50-µs")
				}
			})
		}
	}
	out.Flush()
	fmt.Printf("%s %s/%s, %d processors, load before %s\n%s", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		strings.Fields(string(load) + " ?")[0], &table)
}

// measureSubscribers returns the bytes of a subscriber, how long it took on average to hand a change out, and how long each
// of some changes took in all, in order.
func measureSubscribers(b *testing.B, n int, query func(i int) string, concerned int, begun bool) (
	each, handingOut float64, took []time.Duration) {
	const perConnection, changes = 100, 100
	change := func(id, version int) *order.Order {
		o := at(id, version, order.Approved)
		o.Consumer.ConsumerID = fmt.Sprint(id)
		return o
	}
	var orders []*order.Order
	for id := 1; id <= 100; id++ {
		orders = append(orders, change(id, 1))
	}
	l := newLive(b, view.Support(), orders, func(o *Options, _ *watch.Options) { o.Limits.Operations = perConnection })
	before := inUse()
	var received, awaited atomic.Int64
	arrived := make(chan time.Time, 1)
	for first := 0; first < n; first += perConnection {
		c := l.dial(b)
		for i := first; i < first+perConnection; i++ {
			c.subscribe(fmt.Sprint(i), query(i))
		}
		go func() {
			for {
				if _, _, err := c.conn.Read(context.Background()); err != nil {
					return
				}
				if received.Add(1) == awaited.Load() {
					arrived <- time.Now()
				}
			}
		}()
	}
	until(b, func() bool { return l.watcher.Subscriptions() == n })
	if begun {
		until(b, func() bool { return received.Load() == int64(n) }) // each has been sent its order as it was
	}
	each = float64(inUse()-before) / float64(n)
	for i := range changes {
		awaited.Store(received.Load() + int64(concerned))
		start := time.Now()
		l.write(b, change(i+1, 2))
		took = append(took, (<-arrived).Sub(start))
	}
	slices.Sort(took)
	seconds, batches := l.metric(b, "viewgate_subscription_fanout_seconds")
	return each, seconds / float64(batches), took
}

// inUse returns the bytes of heap and stacks in use.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
