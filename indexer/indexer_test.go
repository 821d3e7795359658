package indexer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// TestViewEqualsFoldOfLog is the promise: whatever happens to the store and to the indexers, in the end each document is
// the fold of its order's events, and all of them are committed.
func TestViewEqualsFoldOfLog(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := rand.New(rand.NewPCG(seed, 0))
			messages := w.random(r, 40)
			faults := rand.New(rand.NewPCG(seed, 1))
			w.store.set(func(string) fault {
				if f := faults.IntN(12); f <= int(overtaken) {
					return fault(f)
				}
				return none
			}, func() error {
				if faults.IntN(12) == 0 {
					return fmt.Errorf("%w: %w", view.ErrUnavailable, errDown)
				}
				return nil
			})
			o := indexer.Options{Workers: 1 + r.IntN(4), BatchEvents: 1 + r.IntN(50), CacheSize: 1 + r.IntN(20)}
			stop := w.start(o)
			w.publish(messages[:len(messages)/3]...)
			if seed%2 == 0 { // a second indexer joins, and stays
				w.start(o)
			}
			w.publish(messages[len(messages)/3 : 2*len(messages)/3]...)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			w.publish(messages[2*len(messages)/3:]...)
			w.start(o)
			w.converges()
			w.committed()
		})
	}
}

// TestHotKey: what waits for one document is folded into few writes.
func TestHotKey(t *testing.T) {
	w := newWorld(t)
	var messages []*sarama.ProducerMessage
	for v := range 2000 {
		e := someEvent(rand.New(rand.NewPCG(uint64(v), 0)), event.Order, "1", uint64(v+1))
		w.sent["1"] = append(w.sent["1"], e)
		messages = append(messages, w.message(e))
	}
	w.publish(messages...)
	w.start(indexer.Options{})
	w.converges()
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if w.store.writes > 200 {
		t.Errorf("%d events of one document took %d writes", len(messages), w.store.writes)
	}
}

// TestDeadLetters: what cannot be decoded goes to the dead letter topic as it came, with the reason; its document is
// marked; what follows goes on.
func TestDeadLetters(t *testing.T) {
	w := newWorld(t)
	registry := prometheus.NewRegistry()
	w.start(indexer.Options{Registerer: registry})
	good := someEvent(rand.New(rand.NewPCG(1, 0)), event.Order, "1", 1)
	unknown := envelope(event.Order, "1", 2, &struct{}{})
	unknown.Type, unknown.Payload = "OrderSungAbout", nil
	negative := w.message(someEvent(rand.New(rand.NewPCG(2, 0)), event.Order, "2", 1))
	for i, h := range negative.Headers {
		if string(h.Key) == "ce_sequence" {
			negative.Headers[i].Value = []byte("-1")
		}
	}
	topic := w.topic(event.Order)
	w.publish(
		w.message(good),
		w.message(unknown),
		&sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder("1"), Value: sarama.StringEncoder(`{"payload`)},
		negative,
		&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("\xff\xfe no key")},
	)
	after := someEvent(rand.New(rand.NewPCG(3, 0)), event.Order, "3", 1)
	w.publish(w.message(after))
	w.sent["3"] = []event.Envelope{after}
	w.converges()
	w.committed()

	type letter struct{ Key, Value, Reason, Topic string }
	var got []letter
	for _, m := range w.letters(event.Order, 3) {
		l := letter{Key: string(m.Key), Value: string(m.Value)}
		for _, h := range m.Headers {
			switch string(h.Key) {
			case deadletter.HeaderReason:
				l.Reason = string(h.Value)
			case deadletter.HeaderTopic:
				l.Topic = string(h.Value)
			case deadletter.HeaderDetail, deadletter.HeaderPartition, deadletter.HeaderOffset, deadletter.HeaderTime:
				if len(h.Value) == 0 {
					t.Errorf("header %s is empty", h.Key)
				}
			}
		}
		got = append(got, l)
	}
	want := map[string]letter{
		"1": {"1", `{"payload`, string(event.ReasonFormat), topic},
		"2": {"2", string(negative.Value.(sarama.ByteEncoder)), string(event.ReasonVersion), topic},
		"":  {"", "\xff\xfe no key", string(event.ReasonEncoding), topic},
	}
	for _, l := range got {
		if diff := cmp.Diff(want[l.Key], l); diff != "" {
			t.Errorf("dead letter of %q (-want +got):\n%s", l.Key, diff)
		}
	}
	o, err := order.Decode([]byte(w.store.source("1")))
	if err != nil {
		t.Fatal(err)
	}
	if p := o.Part(order.AggregateOrder); p.Degraded == nil || p.Version != 2 {
		t.Errorf("part is %+v, want it degraded and at the unknown event's version 2", p)
	}
	if n := testutil.CollectAndCount(registry, "viewgate_dead_letters_total"); n != 3 {
		t.Errorf("dead letters are counted under %d topics and reasons, want 3", n)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP viewgate_events_total Events by what became of them.
# TYPE viewgate_events_total counter
viewgate_events_total{outcome="applied",topic="`+topic+`",view="orders"} 2
viewgate_events_total{outcome="refused",topic="`+topic+`",view="orders"} 2
viewgate_events_total{outcome="skipped",topic="`+topic+`",view="orders"} 1
`), "viewgate_events_total"); err != nil {
		t.Error(err)
	}
}

// TestRefusedDocument: of the events folded into a document that the store refuses, only the guilty one is dead-lettered.
func TestRefusedDocument(t *testing.T) {
	w := newWorld(t)
	var messages []*sarama.ProducerMessage
	for v := range uint64(6) {
		messages = append(messages, w.message(someEvent(rand.New(rand.NewPCG(v, 0)), event.Ticket, "1", v+1)))
	}
	w.publish(messages...)
	writes := 0
	w.store.set(func(string) fault { // the whole, then the third alone
		if writes++; writes == 1 || writes == 4 {
			return refused
		}
		return none
	}, nil)
	w.start(indexer.Options{Linger: time.Second}) // the six are one batch
	w.committed()
	letters := w.letters(event.Ticket, 1)
	if got, want := letters[0].Value, []byte(messages[2].Value.(sarama.ByteEncoder)); string(got) != string(want) {
		t.Errorf("the dead letter is %s, want the third event, %s", got, want)
	}
	o, err := order.Decode([]byte(w.store.source("1")))
	if err != nil {
		t.Fatal(err)
	}
	p := o.Part(order.AggregateTicket)
	if p.Degraded == nil || p.Degraded.Since != 3 || p.Version != 2 || len(p.Waiting) != 3 {
		t.Errorf("part is %+v, want it at 2, degraded since 3, with three events waiting", p)
	}
}

// TestDeadLetterTopicDown: the indexer stops rather than skips, and the next one finds the record again.
func TestDeadLetterTopicDown(t *testing.T) {
	w := newFakeWorld(t)
	down := w.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: w.topic(event.Order) + deadletter.Suffix,
		Err: kerr.TopicAuthorizationFailed, Count: -1,
	})
	w.publish(&sarama.ProducerMessage{
		Topic: w.topic(event.Order), Key: sarama.StringEncoder("1"), Value: sarama.StringEncoder("bad"),
	})
	if err := w.indexer(indexer.Options{}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "stops rather than skips") {
		t.Errorf("Run returned %v, want that it stops rather than skips", err)
	}
	down.Remove()
	w.start(indexer.Options{})
	w.letters(event.Order, 1)
	w.committed()
}

// TestTooLargeToCopy: a record that the dead letter topic does not take is referred to.
func TestTooLargeToCopy(t *testing.T) {
	w := newFakeWorld(t)
	w.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: w.topic(event.Order) + deadletter.Suffix,
		Err: kerr.MessageTooLarge, Count: 1,
	})
	w.publish(&sarama.ProducerMessage{
		Topic: w.topic(event.Order), Key: sarama.StringEncoder("1"), Value: sarama.StringEncoder("bad"),
	})
	w.start(indexer.Options{})
	letter := w.letters(event.Order, 1)[0]
	if len(letter.Value) > 0 {
		t.Errorf("the dead letter has a value of %d bytes", len(letter.Value))
	}
	for _, h := range letter.Headers {
		if string(h.Key) == deadletter.HeaderReference {
			return
		}
	}
	t.Errorf("no header says that the dead letter is a reference: %v", letter.Headers)
}

// TestLargeRecord: a record over the limit is dead-lettered, whole or by reference, and what follows goes on.
func TestLargeRecord(t *testing.T) {
	w := newWorld(t)
	large := strings.Repeat("x", 5<<20)
	next := someEvent(rand.New(rand.NewPCG(1, 0)), event.Order, "1", 1)
	w.sent["1"] = []event.Envelope{next}
	w.publish(&sarama.ProducerMessage{
		Topic: w.topic(event.Order), Key: sarama.StringEncoder("1"), Value: sarama.StringEncoder(large),
	}, w.message(next))
	w.start(indexer.Options{})
	letter := w.letters(event.Order, 1)[0]
	reason, reference := "", false
	for _, h := range letter.Headers {
		switch string(h.Key) {
		case deadletter.HeaderReason:
			reason = string(h.Value)
		case deadletter.HeaderReference:
			reference = true
		}
	}
	if reason != string(event.ReasonTooLarge) || reference == (string(letter.Value) == large) {
		t.Errorf("dead letter for %q, by reference: %t, of %d bytes", reason, reference, len(letter.Value))
	}
	w.eventually(func() error {
		o, err := order.Decode([]byte(w.store.source("1")))
		if err != nil || o.Version != 1 {
			return fmt.Errorf("%+v, %v", o, err)
		}
		return nil
	})
	w.committed()
}

// TestEventsDeletedBeforeTheyWereConsumed: the indexer says so rather than goes on without them.
func TestEventsDeletedBeforeTheyWereConsumed(t *testing.T) {
	w := newWorld(t)
	messages := w.random(rand.New(rand.NewPCG(1, 0)), 20)
	w.publish(messages...)
	stop := w.start(indexer.Options{})
	w.converges()
	w.committed()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	var more []*sarama.ProducerMessage
	for id := range w.sent {
		more = append(more, w.message(someEvent(rand.New(rand.NewPCG(9, 0)), event.Ticket, id, 99)))
	}
	w.publish(more...)
	admin, err := sarama.NewClusterAdminFromClient(w.client)
	if err != nil {
		t.Fatal(err)
	}
	ends := map[int32]int64{}
	for p := range int32(partitions) {
		if ends[p], err = w.client.GetOffset(w.topic(event.Ticket), p, sarama.OffsetNewest); err != nil {
			t.Fatal(err)
		}
	}
	if err := admin.DeleteRecords(w.topic(event.Ticket), ends); err != nil {
		t.Fatal(err)
	}
	if err := w.indexer(indexer.Options{}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "deleted from Kafka") {
		t.Errorf("Run returned %v, want that events were deleted", err)
	}
}

func TestMissingTopic(t *testing.T) {
	_, err := indexer.New([]string{"127.0.0.1:1"}, indexer.NewConfig(), event.DefaultSources()[:1],
		[]indexer.View{{Name: "orders", Projection: orders, Store: newMemory()}}, indexer.Options{})
	if err == nil || !strings.Contains(err.Error(), "no topic is configured") {
		t.Errorf("got %v, want that a topic is missing", err)
	}
}

// owner answers for the tickets of all orders.
type owner struct {
	mu      sync.Mutex
	version view.Version // guarded by mu: what it answers; 0: it is down
	asked   []string     // guarded by mu
}

func (o *owner) Ask(_ context.Context, id string, aggregates []event.Aggregate) (json.RawMessage, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, fmt.Sprint(id, aggregates))
	if o.version == 0 {
		return nil, errDown
	}
	answer := order.New(id)
	answer.Ticket = &order.Ticket{State: order.TicketPreparing}
	*answer.Part(order.AggregateTicket) = view.Part{Version: o.version, Origin: view.FromOwner}
	return answer.Encode()
}

func (o *owner) set(version view.Version) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.version = version
}

// notAsked checks that nobody asked for a document.
func (o *owner) notAsked(t *testing.T, id string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, asked := range o.asked {
		if strings.HasPrefix(asked, id) {
			t.Errorf("the owner was asked for %s", asked)
		}
	}
}

// gapsFound checks how many documents the metrics say were found to miss events.
func gapsFound(t *testing.T, registry *prometheus.Registry, n int) {
	t.Helper()
	if err := testutil.GatherAndCompare(registry, strings.NewReader(fmt.Sprintf(`
# HELP viewgate_gaps_total Documents found to miss events when they were looked at again.
# TYPE viewgate_gaps_total counter
viewgate_gaps_total{view="orders"} %d
`, n)), "viewgate_gaps_total"); err != nil {
		t.Error(err)
	}
}

// TestGapsAreHealed: an event that does not come is asked of its owner, also where the topic no longer has its beginning.
// One that comes late is not.
func TestGapsAreHealed(t *testing.T) {
	w := newWorld(t)
	tickets := &owner{}
	w.healer = tickets
	ticket := func(id string, version uint64, payload any) *sarama.ProducerMessage {
		return w.message(envelope(event.Ticket, id, version, payload))
	}
	picked, created := &event.TicketPickedUpEvent{}, &event.TicketCreatedEvent{RestaurantID: "1"}
	w.publish(
		ticket("lost", 1, created), ticket("lost", 3, picked),
		ticket("cut off", 7, picked),
		ticket("late", 2, picked), ticket("late", 1, created),
		w.message(someEvent(rand.New(rand.NewPCG(1, 0)), event.Order, "late", 1)),
	)
	registry := prometheus.NewRegistry()
	w.start(indexer.Options{GapPatience: 100 * time.Millisecond, Registerer: registry})
	part := func(id string) (*order.Order, *view.Part) {
		o, err := order.Decode([]byte(w.store.source(id)))
		if err != nil {
			return order.New(id), &view.Part{}
		}
		return o, o.Part(order.AggregateTicket)
	}
	w.eventually(func() error { // asked in vain
		tickets.mu.Lock()
		defer tickets.mu.Unlock()
		if len(tickets.asked) < 3 {
			return fmt.Errorf("asked %v", tickets.asked)
		}
		return nil
	})
	if o, p := part("lost"); p.Version != 1 || len(p.Waiting) != 1 || o.Ticket.State != order.TicketAwaitingAcceptance {
		t.Errorf("before it is healed: %+v at %+v", o.Ticket, p)
	}
	tickets.set(2)
	w.eventually(func() error {
		if o, p := part("lost"); p.Version != 3 || len(p.Waiting) > 0 || o.Ticket.State != order.TicketPickedUp {
			return fmt.Errorf("%+v at %+v", o.Ticket, p)
		}
		return nil
	})
	tickets.set(9)
	w.eventually(func() error {
		if o, p := part("cut off"); p.Version != 9 || p.Origin != view.FromOwner || len(p.Waiting) > 0 ||
			o.Ticket.State != order.TicketPreparing {
			return fmt.Errorf("%+v at %+v", o.Ticket, p)
		}
		return nil
	})
	w.committed()
	if _, p := part("late"); p.Version != 2 || p.Origin != view.FromEvents {
		t.Errorf("late: %+v", p)
	}
	tickets.notAsked(t, "late")
	gapsFound(t, registry, 2)
}

// TestGapsInBacklog: while a backlog is read, what is missing may be in it. Owners are asked for what is missing when it has been read.
func TestGapsInBacklog(t *testing.T) {
	w := newWorld(t)
	tickets := &owner{}
	tickets.set(2)
	w.healer = tickets
	ticket := func(id string, version uint64, payload any) *sarama.ProducerMessage {
		return w.message(envelope(event.Ticket, id, version, payload))
	}
	picked, created := &event.TicketPickedUpEvent{}, &event.TicketCreatedEvent{RestaurantID: "1"}
	w.publish(
		ticket("late", 2, picked), ticket("late", 1, created),
		w.message(someEvent(rand.New(rand.NewPCG(1, 0)), event.Order, "late", 1)),
		ticket("lost", 1, created), ticket("lost", 3, picked),
	)
	var held atomic.Bool
	held.Store(true)
	w.store.set(func(string) fault {
		late, err := order.Decode(w.store.docs["late"].Source)
		if held.Load() && err == nil && len(late.Part(order.AggregateTicket).Waiting) > 0 {
			return lost // what it waits for
		}
		return none
	}, nil)
	const gapPatience = 50 * time.Millisecond
	registry := prometheus.NewRegistry()
	x := w.indexer(indexer.Options{GapPatience: gapPatience, BufferBytes: 1, Registerer: registry}) // a record at a time
	w.run(x)
	w.eventually(func() error {
		lag, _ := x.Lag()
		late, err := order.Decode([]byte(w.store.source("late")))
		if err == nil && len(late.Part(order.AggregateTicket).Waiting) == 0 || lag.Age < 10*gapPatience {
			err = fmt.Errorf("the lag is %+v", lag)
		}
		return err
	})
	tickets.notAsked(t, "") // of which there is a backlog
	held.Store(false)
	w.eventually(func() error {
		o, err := order.Decode([]byte(w.store.source("lost")))
		if err != nil {
			return err
		}
		if p := o.Part(order.AggregateTicket); p.Version != 3 || len(p.Waiting) > 0 {
			return fmt.Errorf("lost: %+v", p)
		}
		return nil
	})
	tickets.notAsked(t, "late")
	gapsFound(t, registry, 1)
}
