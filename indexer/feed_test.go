package indexer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/feed/broker"
	"github.com/viewgate/viewgate/indexer"
)

// listener is a feed whose ears can be closed: then it neither takes news in nor says that it has, as where the process
// dies between the store and the feed. Each document is remembered as the store had it when it was told.
type listener struct {
	store *memory

	mu   sync.Mutex
	left int               // guarded by mu: news to take in before the ears close; -1: they do not
	held []func()          // guarded by mu: the dones of what came afterwards
	told map[string]string // guarded by mu: documents' sources
}

func (l *listener) Publish(news feed.News, done func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 {
		l.held = append(l.held, done)
		return
	}
	if l.left > 0 && len(news.Changed) > 0 {
		l.left--
	}
	for _, id := range news.Changed {
		l.told[id] = l.store.source(id)
	}
	done()
}

// open opens the ears, and says that what was held is out.
func (l *listener) open() {
	l.mu.Lock()
	held := l.held
	l.left, l.held = -1, nil
	l.mu.Unlock()
	for _, done := range held {
		done()
	}
}

func (l *listener) holds() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

// TestNoChangeIsLost: where an indexer dies between the store and the feed, the next one tells, so that in the end each
// document was told as it is.
func TestNoChangeIsLost(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := rand.New(rand.NewPCG(seed, 2))
			w.publish(w.random(r, 30)...)
			l := &listener{store: w.store, left: 1 + r.IntN(10), told: map[string]string{}}
			o := indexer.Options{Feed: l, BatchEvents: 1 + r.IntN(20), DrainTimeout: time.Millisecond}
			stop := w.start(o)
			w.converges() // all is written
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if l.holds() == 0 {
				t.Fatal("all of it was told: the indexer did not die")
			}
			written := w.store.count()
			l.open() // too late: the session has ended
			w.start(o)
			w.committed()
			if n := w.store.count(); n != written {
				t.Errorf("%d documents were written again", n-written)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			for id := range w.sent {
				if got, want := l.told[id], w.store.source(id); got != want {
					t.Errorf("order %s was told last as\n%s\nit is\n%s", id, got, want)
				}
			}
		})
	}
}

// TestFeedDown: while news do not get out nothing is committed, though all is written. Then it is.
func TestFeedDown(t *testing.T) {
	w := newWorld(t)
	w.publish(w.random(rand.New(rand.NewPCG(1, 0)), 10)...)
	l := &listener{store: w.store, told: map[string]string{}}
	stop := w.start(indexer.Options{Feed: l, DrainTimeout: time.Millisecond})
	w.converges()
	if err := stop(); err != nil { // commits what may be committed
		t.Fatal(err)
	}
	for part, offset := range w.offsets() {
		t.Errorf("%v is committed at %d", part, offset)
	}
	w.start(indexer.Options{Feed: l})
	w.eventually(func() error {
		if l.holds() == 0 {
			return errors.New("nothing was told")
		}
		return nil
	})
	l.open()
	w.committed()
}

// offsets returns what the group has committed.
func (w *world) offsets() feed.Positions {
	w.Helper()
	admin, err := sarama.NewClusterAdminFromClient(w.client)
	if err != nil {
		w.Fatal(err)
	}
	asked := map[string][]int32{}
	for _, a := range aggregates {
		asked[w.topic(a)] = []int32{0, 1, 2}
	}
	answer, err := admin.ListConsumerGroupOffsets(w.group, asked)
	if err != nil {
		w.Fatal(err)
	}
	committed := feed.Positions{}
	for topic, numbers := range asked {
		for _, number := range numbers {
			if block := answer.GetBlock(topic, number); block != nil && block.Offset >= 0 {
				committed[feed.Partition{Topic: topic, Number: number}] = block.Offset
			}
		}
	}
	return committed
}

// ends returns where the world's topics end.
func (w *world) ends() feed.Positions {
	w.Helper()
	var parts []feed.Partition
	for _, a := range aggregates {
		for number := range int32(partitions) {
			parts = append(parts, feed.Partition{Topic: w.topic(a), Number: number})
		}
	}
	ends, err := broker.Ends(w.client, parts)
	if err != nil {
		w.Fatal(err)
	}
	return ends
}

// reaches waits until a hub knows that the index has these positions.
func (w *world) reaches(hub *feed.Hub, barrier feed.Positions) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	if err := hub.Wait(ctx, barrier); err != nil {
		w.Fatalf("%v: it is at %v, want %v", err, hub.Written(), barrier)
	}
}

// TestFilling: an index is being filled until it has passed where the topics ended when its first indexer came, whoever
// fills it, and not later.
func TestFilling(t *testing.T) {
	w := newWorld(t)
	w.publish(w.random(rand.New(rand.NewPCG(1, 0)), 30)...)
	late := someEvent(rand.New(rand.NewPCG(2, 0)), event.Order, "late", 1)
	blocked := w.message(late)
	w.publish(blocked) // behind others in its partition
	w.sent["late"] = []event.Envelope{late}
	w.store.set(func(id string) fault {
		if id == "late" {
			return lost
		}
		return none
	}, nil)
	fills := func(want bool) func() error {
		hub := feed.NewHub()
		hub.Follow(index)
		stop := w.start(indexer.Options{Feed: hub, DrainTimeout: time.Millisecond})
		w.eventually(func() error {
			if written := hub.Written(); len(written) < len(aggregates)*partitions || hub.Filling() != want {
				return fmt.Errorf("filling: %t at %v", hub.Filling(), written)
			}
			return nil
		})
		return stop
	}
	stop := fills(true)
	w.eventually(func() error {
		part := feed.Partition{Topic: blocked.Topic, Number: blocked.Partition}
		if at := w.offsets()[part]; at == 0 || at != blocked.Offset {
			return fmt.Errorf("%v is committed at %d, want %d", part, at, blocked.Offset)
		}
		return nil
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	stop = fills(true) // as the committed offsets say
	w.store.set(nil, nil)
	w.converges()
	w.committed()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	next := someEvent(rand.New(rand.NewPCG(3, 0)), event.Ticket, "next", 1)
	w.publish(w.message(next))
	w.store.set(func(string) fault { return lost }, nil)
	fills(false)
}

// TestGateways: two indexers share the topics, and two gateways know how far both are together. One that comes later, when
// nothing happens any more, learns it too.
func TestGateways(t *testing.T) {
	w := newWorld(t)
	config, err := w.kafka.Config()
	if err != nil {
		t.Fatal(err)
	}
	topic := w.group + ".feed"
	run := func(do func(context.Context)) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { do(ctx); close(done) }()
		t.Cleanup(func() { cancel(); <-done })
	}
	gateway := func() *feed.Hub {
		hub := feed.NewHub()
		hub.Follow(index)
		run(func(ctx context.Context) { broker.NewFollower(w.kafka.Brokers, config, topic, nil).Run(ctx, hub) })
		log := broker.NewLog(w.kafka.Brokers, config, w.topics(), nil)
		t.Cleanup(func() { log.Close() })
		run(func(ctx context.Context) { log.Observe(ctx, hub) })
		return hub
	}
	hubs := []*feed.Hub{gateway(), gateway()}
	for range 2 {
		p := broker.NewPublisher(w.kafka.Brokers, config, topic, nil)
		run(p.Run)
		w.start(indexer.Options{Feed: p})
	}
	messages := w.random(rand.New(rand.NewPCG(1, 0)), 60)
	for some := range slices.Chunk(messages, 50) {
		w.publish(some...)
	}
	current := func(hub *feed.Hub) {
		t.Helper()
		w.reaches(hub, w.ends())
		since := time.Now()
		w.eventually(func() error { // passed ends that were asked for after all was published
			now := time.Now()
			if age, known := hub.Lag(now); !known || now.Add(-age).Before(since) {
				return fmt.Errorf("the lag is %v, %t", age, known)
			}
			return nil
		})
		if hub.Filling() {
			t.Error("it is still being filled")
		}
	}
	for _, hub := range hubs {
		current(hub)
	}
	w.converges()
	current(gateway())
}

// TestSessionThatCannotBegin: where it is not known how far a first filling goes, there is no session, and then there is.
func TestSessionThatCannotBegin(t *testing.T) {
	t.Parallel()
	w := newFakeWorld(t)
	w.publish(w.random(rand.New(rand.NewPCG(1, 0)), 5)...)
	fails := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.TopicAuthorizationFailed, Count: 2})
	l := &listener{store: w.store, left: -1, told: map[string]string{}}
	stop := w.start(indexer.Options{Feed: l})
	w.converges()
	w.committed()
	if fails.Hits() == 0 {
		t.Error("nothing has failed")
	}
	fails = w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.GroupAuthorizationFailed, Count: -1})
	other := w.start(indexer.Options{Feed: l}) // the group rebalances, and neither can begin
	w.eventually(func() error {
		if fails.Hits() < 4 {
			return fmt.Errorf("%d failed", fails.Hits())
		}
		return nil
	})
	fails.Remove()
	w.publish(w.random(rand.New(rand.NewPCG(2, 0)), 5)...)
	w.converges()
	for _, end := range []func() error{stop, other} {
		if err := end(); err != nil {
			t.Errorf("Run returned %v", err)
		}
	}
}
