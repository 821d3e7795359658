package indexer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/wire"
)

var orders = projection.NewOrders(nil)

// aggregates are those that an order is made of.
var aggregates = []event.Aggregate{event.Order, event.Ticket, event.Delivery, event.Account}

// memory is a store in memory whose calls can fail. Only what the indexer uses works.
type memory struct {
	view.Store

	mu      sync.Mutex
	docs    map[string]view.Document // guarded by mu
	writes  int                      // guarded by mu: those that were done
	fault   func(id string) fault    // guarded by mu: what happens to the next write; nil: nothing
	getting func() error             // guarded by mu: what happens to the next read; nil: nothing
}

// fault is what happens to one write.
type fault int

const (
	none      fault = iota
	lost            // not done, and answered with ErrRetry
	ambiguous       // done, and answered with ErrRetry
	overtaken       // another process wrote the same document first
	refused         // ErrRefused
)

func newMemory() *memory { return &memory{docs: map[string]view.Document{}} }

func (s *memory) Get(_ context.Context, _ view.Viewer, ids []string) (map[string]view.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.getting != nil {
		if err := s.getting(); err != nil {
			return nil, err
		}
	}
	found := map[string]view.Document{}
	for _, id := range ids {
		if d, ok := s.docs[id]; ok {
			found[id] = d
		}
	}
	return found, nil
}

func (s *memory) Apply(ctx context.Context, writes []view.Write) []view.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	results := make([]view.Result, len(writes))
	for i, w := range writes {
		f := none
		if s.fault != nil {
			f = s.fault(w.ID)
		}
		if ctx.Err() != nil {
			f = lost
		}
		switch f {
		case lost:
			results[i].Err = view.ErrRetry
			continue
		case refused:
			results[i].Err = fmt.Errorf("%w: too sour", view.ErrRefused)
			continue
		case overtaken:
			d := s.docs[w.ID]
			d.ID, d.Revision = w.ID, d.Revision+"'"
			if d.Source == nil {
				d.Source, _ = orders.New(w.ID).Encode()
			}
			s.docs[w.ID] = d
		}
		if s.docs[w.ID].Revision != w.Revision {
			results[i].Err = view.ErrConflict
			continue
		}
		s.writes++
		r := view.Revision(strconv.Itoa(s.writes))
		s.docs[w.ID] = view.Document{ID: w.ID, Revision: r, Hidden: w.Hidden, Source: bytes.Clone(w.Source)}
		results[i].Revision = r
		if f == ambiguous {
			results[i] = view.Result{Err: view.ErrRetry}
		}
	}
	return results
}

func (s *memory) set(f func(id string) fault, get func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.getting = f, get
}

// source returns a document's JSON, "" where there is none.
func (s *memory) source(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.docs[id].Source)
}

// count returns how many writes were done.
func (s *memory) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// world is a broker with topics of its own for food to go's events, and a store.
type world struct {
	*testing.T
	kafka   indexer.Connection
	cluster *kfake.Cluster // nil where the broker is a real one
	store   *memory
	client  sarama.Client
	group   string
	sources []event.Source
	healer  indexer.Healer
	sent    map[string][]event.Envelope // by order: what was published and can be decoded
}

const partitions = 3

// index is the id of the store's index in news.
const index = "orders-1"

// newWorld makes a world on the broker that VIEWGATE_TEST_KAFKA names, else on one in this process.
func newWorld(t *testing.T) *world {
	t.Helper()
	brokers := os.Getenv("VIEWGATE_TEST_KAFKA")
	if brokers == "" {
		if os.Getenv("VIEWGATE_TEST_BACKENDS") == "required" {
			t.Fatal("VIEWGATE_TEST_BACKENDS requires a broker, but VIEWGATE_TEST_KAFKA names none")
		}
		return newFakeWorld(t)
	}
	return newWorldOver(t, nil, indexer.Connection{Brokers: []string{brokers}})
}

// newFakeWorld makes a world on a broker in this process, which can be told to fail.
func newFakeWorld(t *testing.T) *world {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return newWorldOver(t, cluster, indexer.Connection{Brokers: cluster.ListenAddrs()})
}

// newWorldOver makes a world on a broker that is connected to so.
func newWorldOver(t *testing.T, cluster *kfake.Cluster, kafka indexer.Connection) *world {
	t.Helper()
	config, err := kafka.Config()
	if err != nil {
		t.Fatal(err)
	}
	config.Consumer.Group.InstanceId = "" // the world is no member of the indexers' group
	client, err := sarama.NewClient(kafka.Brokers, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	group := fmt.Sprintf("test-%d", time.Now().UnixNano())
	w := &world{T: t, kafka: kafka, cluster: cluster, store: newMemory(), client: client, group: group,
		sent: map[string][]event.Envelope{}}
	for _, s := range event.DefaultSources() {
		s.Topic = group + "." + s.Topic
		w.sources = append(w.sources, s)
		large := "10485760"
		detail := &sarama.TopicDetail{
			NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{"max.message.bytes": &large},
		}
		if err := admin.CreateTopic(s.Topic, detail, false); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually(func() error { // a topic that was just made may not be known, or be without a leader, for a while
		for _, s := range w.sources {
			if err := client.RefreshMetadata(s.Topic); err != nil {
				return err
			}
			for p := range int32(partitions) {
				if _, err := client.Leader(s.Topic, p); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return w
}

// topic returns the topic of an aggregate's events.
func (w *world) topic(a event.Aggregate) string { return w.group + "." + event.TopicOf(a) }

// topics returns all topics of events.
func (w *world) topics() []string {
	var topics []string
	for _, a := range aggregates {
		topics = append(topics, w.topic(a))
	}
	return topics
}

// indexer returns a new indexer of the world's topics.
func (w *world) indexer(o indexer.Options) *indexer.Indexer {
	w.Helper()
	o.Group = w.group
	config, err := w.kafka.Config()
	if err != nil {
		w.Fatal(err)
	}
	x, err := indexer.New(w.kafka.Brokers, config, w.sources,
		[]indexer.View{{Name: "orders", Projection: orders, Store: w.store, Index: index, Healer: w.healer}}, o)
	if err != nil {
		w.Fatal(err)
	}
	return x
}

// start runs an indexer until the function that it returns is called, or the test ends. The function returns Run's error.
func (w *world) start(o indexer.Options) (stop func() error) {
	w.Helper()
	return w.run(w.indexer(o))
}

// run runs an indexer as start does.
func (w *world) run(x *indexer.Indexer) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	var once sync.Once
	stop = func() (err error) {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	w.Cleanup(func() { stop() })
	return stop
}

// publish sends records in their order.
func (w *world) publish(messages ...*sarama.ProducerMessage) {
	w.Helper()
	producer, err := sarama.NewSyncProducerFromClient(w.client)
	if err != nil {
		w.Fatal(err)
	}
	defer producer.Close()
	if err := producer.SendMessages(messages); err != nil {
		var failed sarama.ProducerErrors
		if errors.As(err, &failed) {
			err = failed[0].Err
		}
		w.Fatal(err)
	}
}

// message returns an event as the example's services publish it.
func (w *world) message(e event.Envelope) *sarama.ProducerMessage {
	key, headers, value := event.EncodeCloudEvent(e)
	m := &sarama.ProducerMessage{
		Topic: w.topic(e.Aggregate), Key: sarama.ByteEncoder(key), Value: sarama.ByteEncoder(value),
	}
	for _, h := range headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return m
}

// random makes the events of some orders, in an order in which only each aggregate's own is kept, and some twice.
func (w *world) random(r *rand.Rand, n int) []*sarama.ProducerMessage {
	type run struct {
		events []event.Envelope
	}
	var runs []*run
	for i := range n {
		id := strconv.Itoa(i + 1)
		for _, a := range aggregates {
			one := &run{}
			for v := range 1 + r.IntN(5) {
				one.events = append(one.events, someEvent(r, a, id, uint64(v+1)))
			}
			runs = append(runs, one)
			w.sent[id] = append(w.sent[id], one.events...)
		}
	}
	var messages []*sarama.ProducerMessage
	for len(runs) > 0 {
		i := r.IntN(len(runs))
		one := runs[i]
		messages = append(messages, w.message(one.events[0]))
		if r.IntN(8) == 0 {
			messages = append(messages, w.message(one.events[0]))
		}
		if one.events = one.events[1:]; len(one.events) == 0 {
			runs[i] = runs[len(runs)-1]
			runs = runs[:len(runs)-1]
		}
	}
	return messages
}

func someEvent(r *rand.Rand, a event.Aggregate, id string, version uint64) event.Envelope {
	amount, err := wire.ParseMoney(fmt.Sprintf("%d.%02d", 1+r.IntN(90), r.IntN(100)))
	if err != nil {
		panic(err)
	}
	var payload any
	switch {
	case a == event.Order && version == 1:
		payload = &event.OrderCreatedEvent{
			OrderDetails: event.OrderDetails{
				LineItems: []wire.LineItem{{
					MenuItemID: "1", Name: "Chicken Vindaloo", Quantity: 1, Price: amount, Total: amount,
				}},
				OrderTotal: amount, RestaurantID: "1", ConsumerID: wire.ID(strconv.Itoa(1 + r.IntN(9))),
			},
			RestaurantName: "Ajanta",
		}
	case a == event.Order:
		payload = []any{&event.OrderAuthorized{}, &event.OrderCancelRequested{}, &event.OrderCancelUndone{}}[r.IntN(3)]
	case a == event.Ticket:
		payload = []any{
			&event.TicketCreatedEvent{RestaurantID: "1"}, &event.TicketPreparationStartedEvent{}, &event.TicketPickedUpEvent{},
		}[r.IntN(3)]
	case a == event.Delivery:
		payload = []any{
			&event.DeliveryCreated{OrderID: wire.ID(id)}, &event.DeliveryPickedUp{OrderID: wire.ID(id)},
		}[r.IntN(2)]
	default:
		payload = &event.AuthorizationRevised{Authorization: event.Authorization{
			OrderID: wire.ID(id), ConsumerID: "1", Amount: amount,
		}}
	}
	return envelope(a, id, version, payload)
}

func envelope(a event.Aggregate, id string, version uint64, payload any) event.Envelope {
	data, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return event.Envelope{
		ID: fmt.Sprintf("%s-%s-%d", a, id, version), Aggregate: a, AggregateID: id,
		Type: fmt.Sprintf("%T", payload)[len("*event."):], Version: version, Data: data, Payload: payload,
		Time: time.Date(2026, 3, 1, 11, 0, int(version), 0, time.UTC),
	}
}

// want returns what an order's document must be: its events folded one at a time, each aggregate's in its order, with
// nothing stored in between.
func (w *world) want(id string) string {
	w.Helper()
	d := orders.New(id)
	for _, e := range w.sent[id] {
		if r := d.Offer(e); r.Err != nil {
			w.Fatal(r.Err)
		}
	}
	source, err := d.Encode()
	if err != nil {
		w.Fatal(err)
	}
	return string(source)
}

// converges waits until every order's document is the fold of its events.
func (w *world) converges() {
	w.Helper()
	w.eventually(func() error {
		for id := range w.sent {
			if got, want := w.store.source(id), w.want(id); got != want {
				return fmt.Errorf("order %s is\n%s\nwant\n%s", id, got, want)
			}
		}
		return nil
	})
}

// patience is how long a test waits for what comes in milliseconds, where nothing else has the processors.
const patience = 2 * time.Minute

// eventually tries until there is no error, for as long as the patience lasts.
func (w *world) eventually(try func() error) {
	w.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// committed waits until the group has committed the end of every partition, and no further.
func (w *world) committed() {
	w.Helper()
	admin, err := sarama.NewClusterAdminFromClient(w.client)
	if err != nil {
		w.Fatal(err)
	}
	w.eventually(func() error {
		got, err := admin.ListConsumerGroupOffsets(w.group, nil)
		if err != nil {
			return err
		}
		for _, a := range aggregates {
			for p := range int32(partitions) {
				end, err := w.client.GetOffset(w.topic(a), p, sarama.OffsetNewest)
				if err != nil {
					return err
				}
				block := got.GetBlock(w.topic(a), p)
				if end > 0 && (block == nil || block.Offset != end) {
					return fmt.Errorf("%s/%d is committed at %+v, want %d", w.topic(a), p, block, end)
				}
			}
		}
		return nil
	})
}

// letters waits for n dead letters of an aggregate's topic and returns them.
func (w *world) letters(a event.Aggregate, n int) []*sarama.ConsumerMessage {
	w.Helper()
	consumer, err := sarama.NewConsumerFromClient(w.client)
	if err != nil {
		w.Fatal(err)
	}
	defer consumer.Close()
	var claim sarama.PartitionConsumer
	w.eventually(func() (err error) {
		claim, err = consumer.ConsumePartition(w.topic(a)+deadletter.Suffix, 0, sarama.OffsetOldest)
		return err
	})
	defer claim.Close()
	var got []*sarama.ConsumerMessage
	timeout := time.After(patience)
	for len(got) < n {
		select {
		case m := <-claim.Messages():
			got = append(got, m)
		case <-timeout:
			w.Fatalf("%d dead letters of %s, want %d", len(got), a, n)
		}
	}
	return got
}

var errDown = errors.New("down for a test")
