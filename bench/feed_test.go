package bench

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/feed"
	feedbroker "github.com/viewgate/viewgate/feed/broker"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/viewtest"
)

// BenchmarkFeed measures what it costs the indexing to tell gateways of it: in one process with the embedded store and
// the broker, to nobody, to a hub in the same process with somebody who listens, and over a topic to such a hub.
func BenchmarkFeed(b *testing.B) {
	for _, to := range []string{"nobody", "process", "topic"} {
		b.Run(to, func(b *testing.B) {
			eachSize(b, "5000", func(b *testing.B, n int) { feedPath(b, n, to) })
		})
	}
}

func feedPath(b *testing.B, n int, to string) {
	dir := b.TempDir()
	kafka, err := broker.Start(broker.Options{Addr: "127.0.0.1:0", Dir: dir + "/broker"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { kafka.Close() })
	log := lab.NewLog(b, kafka.Addr(), partitions)
	events := log.Publish(b, lab.Mix(1, n, together, lab.Order))
	store, err := embedded.Open(dir+"/view", loadMapping(b), embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()

	hub := feed.NewHub()
	hub.Follow("orders-1")
	var o indexer.Options
	switch to {
	case "process":
		o.Feed = hub
	case "topic":
		p := feedbroker.NewPublisher(log.Brokers, indexer.NewConfig(), "feed", nil)
		running.Go(func() { p.Run(ctx) })
		running.Go(func() { feedbroker.NewFollower(log.Brokers, indexer.NewConfig(), "feed", nil).Run(ctx, hub) })
		o.Feed = p
	}
	running.Go(func() {
		l := hub.Listen()
		defer l.Close()
		for ctx.Err() == nil {
			l.Next(ctx)
		}
	})
	x, err := indexer.New(log.Brokers, indexer.NewConfig(), log.Sources, []indexer.View{{
		Name: "orders", Projection: projection.NewOrders(nil), Store: store, Index: "orders-1",
	}}, o)
	if err != nil {
		b.Fatal(err)
	}
	begin, cpu := time.Now(), viewtest.CPUTime()
	running.Go(func() {
		if err := x.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	for {
		if lag, known := x.Lag(); known && lag.Records == 0 {
			if page := search(b, store, view.Query{}); page.Total == n {
				break
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.ReportMetric(float64(events)/time.Since(begin).Seconds(), "events/s")
	b.ReportMetric((viewtest.CPUTime()-cpu).Seconds()/float64(events)*1e6, "CPU-µs/event")
}
