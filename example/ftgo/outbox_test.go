package ftgo

import (
	"errors"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/wire"
)

// unpublished returns how many messages a service's outbox holds.
func unpublished(t *testing.T, s *Services, service Service) int {
	t.Helper()
	return keys(t, s, service, outboxBucket)
}

// keys returns how many keys a bucket of a service's file has.
func keys(t *testing.T, s *Services, service Service, bucket []byte) int {
	t.Helper()
	n := 0
	err := s.member(service).store.db.View(func(tx *bbolt.Tx) error {
		n = tx.Bucket(bucket).Stats().KeyN
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOutboxKeepsOrderAndEmpties(t *testing.T) {
	b := startBroker(t)
	log := follow(t, b)
	r := serve(t, t.TempDir(), Options{Brokers: []string{b.Addr()}})
	id := r.place(t, "1")
	r.settled(t, id)
	r.act(t, id, "accept")
	awaitScheduled(t, r, id)
	const moves = 100
	for range moves {
		r.act(t, id, "location")
	}
	var want []uint64
	for v := range uint64(2 + moves) {
		want = append(want, v+1)
	}
	var got []uint64
	for _, e := range log.reaches(t, event.Delivery, id, len(want)) {
		got = append(got, e.Version)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions in the log's order (-want +got):\n%s", diff)
	}
	for _, p := range ports {
		eventually(t, string(p.service)+"'s outbox is empty", func() bool {
			return unpublished(t, r.Services, p.service) == 0
		})
	}
}

func TestOutboxDelay(t *testing.T) {
	b := startBroker(t)
	log := follow(t, b)
	var delay atomic.Int64
	delay.Store(int64(time.Hour))
	r := serve(t, t.TempDir(), Options{
		Brokers: []string{b.Addr()},
		OutboxDelay: func(m Message) time.Duration {
			if m.Type == "OrderAuthorized" {
				return time.Duration(delay.Load())
			}
			return 0
		},
	})
	first := r.place(t, "1")
	r.settled(t, first)
	log.reaches(t, event.Order, first, 1)
	second := r.place(t, "1") // its first event is behind the one that waits
	r.settled(t, second)
	log.reaches(t, event.Ticket, second, 1)
	if got := types(append(log.of(event.Order, first), log.of(event.Order, second)...)); len(got) != 1 {
		t.Errorf("published while the delay lasts: %v, want only the first order's first event", got)
	}
	delay.Store(0)
	for _, id := range []wire.ID{first, second} {
		want := []string{"1 OrderCreatedEvent", "2 OrderAuthorized"}
		if diff := cmp.Diff(want, types(log.reaches(t, event.Order, id, 2))); diff != "" {
			t.Errorf("order %s (-want +got):\n%s", id, diff)
		}
	}
}

func TestOutboxDrop(t *testing.T) {
	b := startBroker(t)
	log := follow(t, b)
	r := serve(t, t.TempDir(), Options{
		Brokers:    []string{b.Addr()},
		OutboxDrop: func(m Message) bool { return m.Aggregate == event.Order && m.Version == 2 },
	})
	id := r.place(t, "1")
	r.settled(t, id)
	r.act(t, id, "cancel")
	if o := r.settled(t, id); o.Version != 4 {
		t.Errorf("the order has version %d, want 4", o.Version)
	}
	want := []string{"1 OrderCreatedEvent", "3 OrderCancelRequested", "4 OrderCancelled"}
	if diff := cmp.Diff(want, types(log.reaches(t, event.Order, id, 3))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestOutboxWaitsForKafka makes orders without a broker, restarts the services, and starts a broker, kills it and starts
// it again while orders come in: no event may be missing, and the last copies must be in order.
func TestOutboxWaitsForKafka(t *testing.T) {
	dir, brokerDir := t.TempDir(), t.TempDir()
	options := broker.Options{Addr: "127.0.0.1:0", Dir: brokerDir, Topics: Topics(), Partitions: 1}
	startAgain := func() *broker.Broker {
		var b *broker.Broker
		eventually(t, "the port is free", func() bool { // another process's connection may have it for a while
			var err error
			if b, err = broker.Start(options); err != nil && !errors.Is(err, syscall.EADDRINUSE) {
				t.Fatal(err)
			}
			return err == nil
		})
		options.Addr = b.Addr()
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	b := startAgain()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	r := serve(t, dir, Options{Brokers: []string{options.Addr}})
	ids := []wire.ID{r.place(t, "1")}
	r.settled(t, ids[0])
	if n := unpublished(t, r.Services, OrderService); n != 2 {
		t.Errorf("%d events wait in the outbox, want 2", n)
	}
	r.stop()

	r = serve(t, dir, Options{Brokers: []string{options.Addr}})
	b = startAgain()
	eventually(t, "the first events are out", func() bool { return unpublished(t, r.Services, OrderService) == 0 })
	for i := range 20 {
		if i == 10 {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
		id := r.place(t, "1")
		r.settled(t, id)
		ids = append(ids, id)
	}
	b = startAgain()
	log := follow(t, b)
	for _, id := range ids {
		var events []event.Envelope
		eventually(t, "the last copies are in order", func() bool {
			events = log.reaches(t, event.Order, id, 2)
			return slices.Equal(types(events[len(events)-2:]), []string{"1 OrderCreatedEvent", "2 OrderAuthorized"})
		})
		if unique := slices.Compact(slices.Sorted(slices.Values(eventIDs(events)))); len(unique) != 2 {
			t.Errorf("order %s has events with the ids %v, want two", id, unique)
		}
	}
}

func eventIDs(events []event.Envelope) []string {
	var ids []string
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}
