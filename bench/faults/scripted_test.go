package faults

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/order"
)

// TestScripted: requests fail in all the ways that a seed thinks of, indexers join and leave, topics get partitions.
func TestScripted(t *testing.T) {
	kafka, err := broker.Start(broker.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kafka.Close() })
	eachSeed(t, math.MaxUint64, func(t *testing.T, seed uint64) {
		t.Parallel()
		newTrial(t, seed, kafka.Addr(), startNode(t), "").script(seed)
	})
}

// TestScriptedOnRealBackends is TestScripted where the log and the view are real.
func TestScriptedOnRealBackends(t *testing.T) {
	backends := lab.FindBackends(t)
	eachSeed(t, max(4, *seeds/4), func(t *testing.T, seed uint64) {
		t.Parallel()
		prefix := lab.NewPrefix(t, backends.Elasticsearch)
		newTrial(t, seed, backends.Kafka, backends.Elasticsearch, prefix).script(seed)
	})
}

func (t *trial) script(seed uint64) {
	faults := newFaulty(t.T, seed, 12)
	t.moves = seed%2 == 1
	var stops []func()
	for step := range 3 {
		if len(stops) < 3 && (step < 2 || t.r.IntN(3) > 0) {
			stops = append(stops, t.join(faults))
		}
		t.publish(5 + t.r.IntN(30))
		if t.moves && step == 0 {
			// With unlike numbers of partitions, indexers write the same documents at the same time.
			t.log.AddPartitions(t, 5, event.Order, event.Delivery)
		}
		if len(stops) > 1 && t.r.IntN(2) == 0 {
			i := t.r.IntN(len(stops))
			stops[i]()
			stops = append(stops[:i], stops[i+1:]...)
		}
	}
	t.holds(4 * time.Minute) // on a busy machine many a request runs into its time-out, and pauses grow to half a minute
}

// join runs an indexer in this process until it is told to leave, or the test ends.
func (t *trial) join(faults *faulty) (leave func()) {
	t.Helper()
	mapping, err := lab.Mapping()
	if err != nil {
		t.Fatal(err)
	}
	o := elastic.Options{
		URLs: []string{t.elasticsearch}, Prefix: t.prefix, Transport: faults,
		Timeout: time.Duration(500+t.r.IntN(500)) * time.Millisecond,
	}
	store, err := elastic.Open(context.Background(), mapping, o)
	for tries := 0; err != nil && tries < 100; tries++ { // on a busy machine so short a time is too short now and then
		store, err = elastic.Open(context.Background(), mapping, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	config := indexer.NewConfig()
	config.Metadata.RefreshFrequency = 500 * time.Millisecond         // to find new partitions
	config.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond // by which members learn that others come and go
	views := []indexer.View{{Name: order.ViewName, Projection: projection.NewOrders(nil), Store: store.Pinned()}}
	x, err := indexer.New(t.log.Brokers, config, t.log.Sources, views, indexer.Options{
		Group: t.group, Workers: 1 + t.r.IntN(4), BatchEvents: 1 + t.r.IntN(200), CacheSize: 1 + t.r.IntN(50),
		BufferBytes: int64(1+t.r.IntN(64)) << 12, Linger: time.Duration(1+t.r.IntN(20)) * time.Millisecond,
		DrainTimeout: time.Duration(1+t.r.IntN(2000)) * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	leave = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		store.Close()
	})
	t.Cleanup(leave)
	return leave
}
