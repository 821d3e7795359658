package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/feed"
)

const feedTopic, eventTopic = "viewgate-orders.feed", "order.events"

// world is a broker and what is connected to it.
type world struct {
	*testing.T
	addrs  []string
	logger *slog.Logger
}

func newWorld(t *testing.T) (*world, *kfake.Cluster) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, eventTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return &world{t, cluster.ListenAddrs(), slog.New(slog.NewTextHandler(t.Output(), nil))}, cluster
}

func (w *world) config() *sarama.Config {
	c := sarama.NewConfig()
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	return c
}

// run runs something until the test ends, or the function that it returns is called.
func (w *world) run(do func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { do(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	w.Cleanup(stop)
	return stop
}

func (w *world) publisher() *Publisher {
	p := NewPublisher(w.addrs, w.config(), feedTopic, w.logger)
	w.run(p.Run)
	return p
}

// gateway returns a Hub that follows index a over the topic, from now on.
func (w *world) gateway() *feed.Hub {
	w.Helper()
	hub := feed.NewHub()
	hub.Follow("a")
	l := hub.Listen()
	defer l.Close()
	w.run(func(ctx context.Context) { NewFollower(w.addrs, w.config(), feedTopic, w.logger).Run(ctx, hub) })
	w.next(l, feed.Batch{Lost: true}) // when it knows where it begins
	return hub
}

// next waits for what the listener must be told, in however many batches.
func (w *world) next(l *feed.Listener, want feed.Batch) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	var got feed.Batch
	for !got.Lost && len(got.IDs) < max(1, len(want.IDs)) {
		batch, err := l.Next(ctx)
		if err != nil {
			w.Fatalf("%v, having been told %v; want %v", err, got, want)
		}
		got.IDs, got.Lost = append(got.IDs, batch.IDs...), got.Lost || batch.Lost
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Fatalf("changes (-want +got):\n%s", diff)
	}
}

func (w *world) reaches(hub *feed.Hub, barrier feed.Positions) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	if err := hub.Wait(ctx, barrier); err != nil {
		w.Fatalf("%v: it is at %v, want %v", err, hub.Written(), barrier)
	}
}

func at(offset int64) feed.Positions { return feed.Positions{{Topic: eventTopic}: offset} }

// TestFeed: what is published comes to all gateways, whole, and is acknowledged. The topic is made.
func TestFeed(t *testing.T) {
	w, cluster := newWorld(t)
	hubs := []*feed.Hub{w.gateway(), w.gateway()}
	info := cluster.TopicInfo(feedTopic)
	if info == nil || cluster.PartitionInfo(feedTopic, 0) == nil || cluster.PartitionInfo(feedTopic, 1) != nil {
		t.Fatalf("the topic is %+v, want one with a partition", info)
	}
	if kept := info.Configs["retention.ms"]; kept == nil || *kept != retention {
		t.Errorf("the topic is kept for %v, want %s", kept, retention)
	}
	ids := make([]string, 100_000) // more than one message's
	for i := range ids {
		ids[i] = fmt.Sprintf("order-%06d", i)
	}
	var listeners []*feed.Listener
	for _, hub := range hubs {
		l := hub.Listen()
		defer l.Close()
		listeners = append(listeners, l)
	}
	p := w.publisher()
	done := make(chan struct{})
	p.Publish(feed.News{Index: "a", Changed: ids, Written: at(7), Filling: true}, func() { close(done) })
	<-done
	if n := p.Acknowledged(); n < 2 {
		t.Errorf("%d messages, want several", n)
	}
	for i, hub := range hubs {
		w.reaches(hub, at(7))
		w.next(listeners[i], feed.Batch{IDs: ids})
		if !hub.Filling() {
			t.Error("not told that the index is being filled")
		}
	}
}

// TestPublisherDown: while the feed takes nothing, nothing is done and nothing lost.
func TestPublisherDown(t *testing.T) {
	w, cluster := newWorld(t)
	hub := w.gateway()
	l := hub.Listen()
	defer l.Close()
	down := cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: feedTopic, Err: kerr.TopicAuthorizationFailed, Count: -1,
	})
	p := w.publisher()
	var done atomic.Int64
	want := make([]string, 50)
	var all sync.WaitGroup
	for i := range want {
		want[i] = fmt.Sprint(i)
		all.Add(1)
		p.Publish(feed.News{Index: "a", Changed: want[i : i+1]}, func() { done.Add(1); all.Done() })
	}
	if err := down.Wait(w.Context(), 3); err != nil { // tried again
		t.Fatal(err)
	}
	if n := done.Load(); n > 0 {
		t.Fatalf("%d are done while the feed is down", n)
	}
	down.Remove()
	all.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := map[string]bool{}
	for len(told) < len(want) {
		batch, err := l.Next(ctx)
		if err != nil {
			t.Fatalf("%v: told %d of %d", err, len(told), len(want))
		}
		for _, id := range batch.IDs {
			told[id] = true
		}
	}
}

// TestPublisherEnds: what cannot be published does not keep the process, and is not done.
func TestPublisherEnds(t *testing.T) {
	w, cluster := newWorld(t)
	down := cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: feedTopic, Err: kerr.TopicAuthorizationFailed, Count: -1,
	})
	p := NewPublisher(w.addrs, w.config(), feedTopic, w.logger)
	stop := w.run(p.Run)
	p.Publish(feed.News{Index: "a", Changed: []string{"1"}}, func() { t.Error("done") })
	if err := down.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	stop()
}

// TestBrokerRestarts: both sides go on where they were.
func TestBrokerRestarts(t *testing.T) {
	o := broker.Options{Addr: "127.0.0.1:0", Dir: t.TempDir()}
	b, err := broker.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { b.Close() }()
	o.Addr = b.Addr()
	w := &world{t, []string{b.Addr()}, slog.New(slog.NewTextHandler(t.Output(), nil))}
	hub, p := w.gateway(), w.publisher()
	l := hub.Listen()
	defer l.Close()
	acknowledged := make(chan struct{}) // else it would be sent again
	p.Publish(feed.News{Index: "a", Changed: []string{"before"}}, func() { close(acknowledged) })
	w.next(l, feed.Batch{IDs: []string{"before"}})
	<-acknowledged
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	p.Publish(feed.News{Index: "a", Changed: []string{"meanwhile"}, Written: at(3)}, nil)
	if b, err = broker.Start(o); err != nil {
		t.Fatal(err)
	}
	w.next(l, feed.Batch{IDs: []string{"meanwhile"}})
	w.reaches(hub, at(3))
}

// TestFeedIsCutOff: a gateway that was away for longer than the topic is kept knows that it has missed something.
func TestFeedIsCutOff(t *testing.T) {
	w, cluster := newWorld(t)
	hub, p := w.gateway(), w.publisher()
	l := hub.Listen()
	defer l.Close()
	publish := func(id string) {
		done := make(chan struct{})
		p.Publish(feed.News{Index: "a", Changed: []string{id}}, func() { close(done) })
		<-done
	}
	publish("1")
	w.next(l, feed.Batch{IDs: []string{"1"}})
	away := cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: feedTopic, Err: kerr.UnknownServerError, Count: -1,
	})
	if err := away.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	publish("2")
	client, err := sarama.NewClient(w.addrs, w.config())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.DeleteRecords(feedTopic, map[int32]int64{0: 2}); err != nil {
		t.Fatal(err)
	}
	away.Remove()
	w.next(l, feed.Batch{Lost: true})
	publish("3")
	w.next(l, feed.Batch{IDs: []string{"3"}})
}

// TestForeignMessageIsSkipped: what another version of the program publishes does not stop this one.
func TestForeignMessageIsSkipped(t *testing.T) {
	w, _ := newWorld(t)
	hub := w.gateway()
	l := hub.Listen()
	defer l.Close()
	config := w.config()
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(w.addrs, config)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for _, text := range []string{"?", `{"v":1,"index":"a","changed":["1"],"new":{}}`} {
		m := &sarama.ProducerMessage{Topic: feedTopic, Value: sarama.StringEncoder(text)}
		if _, _, err := producer.SendMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	w.next(l, feed.Batch{IDs: []string{"1"}})
}

// TestLog: the ends are those of all partitions, and a Hub that is told of them knows how old an index is.
func TestLog(t *testing.T) {
	w, _ := newWorld(t)
	config := w.config()
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(w.addrs, config)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for range 2 {
		m := &sarama.ProducerMessage{Topic: eventTopic, Partition: 1, Value: sarama.StringEncoder("x")}
		if _, _, err := producer.SendMessage(m); err != nil {
			t.Fatal(err)
		}
	}
	log := NewLog(w.addrs, w.config(), []string{eventTopic}, w.logger)
	ends, err := log.Ends(t.Context())
	want := feed.Positions{{Topic: eventTopic, Number: 0}: 0, {Topic: eventTopic, Number: 1}: 2, {Topic: eventTopic, Number: 2}: 0}
	if diff := cmp.Diff(want, ends); diff != "" || err != nil {
		t.Fatalf("Ends: %v (-want +got):\n%s", err, diff)
	}
	hub := feed.NewHub()
	hub.Follow("a")
	hub.Publish(feed.News{Index: "a", Written: want}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	observed := make(chan struct{})
	go func() { log.Observe(ctx, hub); close(observed) }()
	for known := false; !known; _, known = hub.Lag(time.Now()) {
		if ctx.Err() != nil {
			t.Fatal("the lag does not become known")
		}
		if _, err := log.Ends(ctx); err != nil { // waits for a moment
			t.Fatal(err)
		}
	}
	cancel()
	<-observed
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if _, err := log.Ends(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("Ends after Close: %v", err)
	}
}
