package rebuild_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/rebuild"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/wire"
)

// world is a broker with the order view's topics, and the directory of an embedded view.
type world struct {
	*testing.T
	brokers []string
	client  sarama.Client
	dir     string
	mapping *view.Mapping
	orders  *projection.Orders
	sources []event.Source
	sent    map[string][]event.Envelope // by order
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	config := indexer.NewConfig()
	config.Producer.Partitioner = sarama.NewHashPartitioner
	client, err := sarama.NewClient(cluster.ListenAddrs(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	sdl, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, brokers: cluster.ListenAddrs(), client: client, dir: filepath.Join(t.TempDir(), "view"),
		orders: projection.NewOrders(nil), sources: event.DefaultSources(), sent: map[string][]event.Envelope{}}
	if w.mapping, err = view.MappingOf(sdl, order.ViewName); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.sources {
		for _, topic := range []string{s.Topic, s.Topic + deadletter.Suffix} {
			if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// publish sends orders with these numbers: each is created, authorized, and has a ticket.
func (w *world) publish(from, to int) {
	w.Helper()
	var messages []*sarama.ProducerMessage
	for n := from; n < to; n++ {
		id := fmt.Sprint(n)
		created := &event.OrderCreatedEvent{OrderDetails: event.OrderDetails{
			LineItems:    []wire.LineItem{{MenuItemID: "1", Name: "Chicken Vindaloo", Quantity: 1}},
			RestaurantID: "1", ConsumerID: wire.ID(fmt.Sprint(n % 7)),
		}, RestaurantName: "Ajanta"}
		for _, e := range []event.Envelope{
			envelope(event.Order, id, 1, created), envelope(event.Ticket, id, 1, &event.TicketCreatedEvent{RestaurantID: "1"}),
			envelope(event.Order, id, 2, &event.OrderAuthorized{}),
		} {
			w.sent[id] = append(w.sent[id], e)
			messages = append(messages, message(e))
		}
	}
	w.send(messages...)
}

func (w *world) send(messages ...*sarama.ProducerMessage) {
	w.Helper()
	producer, err := sarama.NewSyncProducerFromClient(w.client)
	w.must(err)
	defer producer.Close()
	w.must(producer.SendMessages(messages))
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

func message(e event.Envelope) *sarama.ProducerMessage {
	key, headers, value := event.EncodeCloudEvent(e)
	m := &sarama.ProducerMessage{
		Topic: event.TopicOf(e.Aggregate), Key: sarama.ByteEncoder(key), Value: sarama.ByteEncoder(value),
	}
	for _, h := range headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return m
}

// garbage sends a record that cannot be decoded, with an order's id as its key, and returns what is known of it.
func (w *world) garbage(id string) event.Envelope {
	m := &sarama.ProducerMessage{
		Topic: event.TopicOf(event.Ticket), Key: sarama.StringEncoder(id), Value: sarama.StringEncoder("garbage"),
	}
	w.send(m)
	return event.Envelope{Aggregate: event.Ticket, Partition: m.Partition, Offset: m.Offset}
}

// letters returns how many dead letters there are.
func (w *world) letters() int {
	w.Helper()
	var topics []string
	for _, s := range w.sources {
		topics = append(topics, s.Topic)
	}
	box, err := deadletter.Open(w.Context(), w.brokers, indexer.NewConfig(), topics)
	w.must(err)
	defer box.Close()
	return box.Len()
}

// index runs a serving indexer on the live index until that holds all orders, with every event that was sent.
func (w *world) index() {
	w.Helper()
	s, err := embedded.Open(w.dir, w.mapping, embedded.Options{})
	w.must(err)
	defer func() { w.must(s.Close()) }()
	id, err := s.ID(w.Context())
	w.must(err)
	x, err := indexer.New(w.brokers, indexer.NewConfig(), w.sources,
		[]indexer.View{{Name: "orders", Projection: w.orders, Store: s}}, indexer.Options{Group: rebuild.Group("viewgate", id)})
	w.must(err)
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	w.eventually(func() error {
		if lag, known := x.Lag(); !known || lag.Records > 0 || lag.Age > time.Second {
			return fmt.Errorf("lag of %+v, known: %t", lag, known)
		}
		return nil
	})
	cancel()
	w.must(<-done)
}

func (w *world) eventually(try func() error) {
	w.Helper()
	deadline := time.Now().Add(2 * time.Minute)
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

func (w *world) indices() *embedded.Indices {
	w.Helper()
	x, err := embedded.OpenIndices(w.dir, w.mapping, embedded.Options{})
	w.must(err)
	return x
}

// with calls f with a Rebuilder.
func (w *world) with(ctx context.Context, o rebuild.Options,
	f func(*rebuild.Rebuilder, context.Context) (rebuild.Report, error)) (rebuild.Report, error) {

	w.Helper()
	x := w.indices()
	defer func() { w.must(x.Close()) }()
	return f(rebuild.New(w.brokers, indexer.NewConfig(), w.sources, w.orders, x, o), ctx)
}

// live returns the documents of the live index.
func (w *world) live() map[string]view.Document {
	w.Helper()
	x := w.indices()
	defer func() { w.must(x.Close()) }()
	live, err := x.Live(w.Context())
	w.must(err)
	ids, err := live.Sample(w.Context(), 1<<20, 1)
	w.must(err)
	documents, err := live.Get(w.Context(), view.Support(), ids)
	w.must(err)
	for id, d := range documents {
		d.Revision = ""
		documents[id] = d
	}
	return documents
}

// folded returns the documents that the log makes.
func (w *world) folded() map[string]view.Document {
	w.Helper()
	all := map[string]view.Document{}
	for id, events := range w.sent {
		d := w.orders.New(id)
		for _, e := range events {
			w.must(d.Offer(e).Err)
		}
		source, err := d.Encode()
		w.must(err)
		all[id] = view.Document{ID: id, Hidden: d.Hidden(), Source: source}
	}
	return all
}

// same checks that two sets of documents are equal, byte by byte.
func (w *world) same(what string, want, got map[string]view.Document) {
	w.Helper()
	equal := func(a, b view.Document) bool {
		return a.ID == b.ID && a.Hidden == b.Hidden && bytes.Equal(a.Source, b.Source)
	}
	if !maps.EqualFunc(want, got, equal) {
		w.Errorf("%s: documents (-want +got):\n%s", what, cmp.Diff(want, got))
	}
}

func TestRebuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(0, 60)
	garbage := map[string]event.Envelope{"7": w.garbage("7"), "8": w.garbage("8")}
	hidden := envelope(event.Ticket, "1000", 1, &event.TicketCreatedEvent{RestaurantID: "1"})
	w.send(message(hidden)) // of an order that nothing else is known of
	w.index()
	before, letters := w.live(), w.letters()
	if letters != 2 || len(before) != 61 {
		t.Fatalf("%d dead letters and %d documents, want 2 and 61", letters, len(before))
	}
	var first rebuild.Report
	for i := range 2 {
		report, err := w.with(t.Context(), rebuild.Options{}, (*rebuild.Rebuilder).Rebuild)
		if err != nil {
			t.Fatalf("%v\n%+v", err, report)
		}
		want := rebuild.Counts{Visible: 60, Hidden: 1}
		if report.Live != want || report.Rebuilt != want || report.Documents != 61 || report.Parts.Same != 4*61 ||
			report.Resumed || report.Records != 60*3+3 {
			t.Errorf("report %+v", report)
		}
		w.same(fmt.Sprintf("rebuild %d", i+1), before, w.live())
		first = report
	}
	if !strings.HasSuffix(first.From, "index") || !strings.HasSuffix(first.To, "index.next") {
		t.Errorf("from %s to %s", first.From, first.To)
	}
	if got := w.letters(); got != letters {
		t.Errorf("%d dead letters after two rebuilds, before %d", got, letters)
	}

	// A serving indexer goes on where the rebuild ended; a rollback catches up what came since.
	w.publish(60, 80)
	w.index()
	report, err := w.with(t.Context(), rebuild.Options{}, (*rebuild.Rebuilder).Rollback)
	if err != nil || report.Records != 60 {
		t.Errorf("rollback: %+v, %v", report, err)
	}
	w.sent["1000"] = []event.Envelope{hidden}
	want := w.folded()
	for id, record := range garbage {
		degraded, err := w.orders.Decode(want[id].Source)
		w.must(err)
		degraded.Degrade(record, string(event.ReasonFormat))
		source, err := degraded.Encode()
		w.must(err)
		want[id] = view.Document{ID: id, Source: source}
	}
	w.same("after the rollback", want, w.live())
}

// TestRebuildFirst rebuilds a view that has no index yet: nobody else dead-letters what cannot be decoded.
func TestRebuildFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(0, 6)
	w.garbage("3")
	report, err := w.with(t.Context(), rebuild.Options{}, (*rebuild.Rebuilder).Rebuild)
	if err != nil || report.From != "" || report.Documents != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if n := len(w.live()); n != 6 {
		t.Errorf("%d documents, want 6", n)
	}
	if n := w.letters(); n != 1 {
		t.Errorf("%d dead letters, want 1", n)
	}
	_, err = w.with(t.Context(), rebuild.Options{}, (*rebuild.Rebuilder).Rollback)
	if !errors.Is(err, view.ErrNoIndex) || !strings.Contains(err.Error(), "(live)") {
		t.Errorf("rollback to nothing: %v, want ErrNoIndex and what there is", err)
	}
}

// TestDifferent has a live index that is not what the log makes: it stays live unless it is forced away.
func TestDifferent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(0, 20)
	w.index()
	change := func(id string, f func(*order.Order)) {
		s, err := embedded.Open(w.dir, w.mapping, embedded.Options{})
		w.must(err)
		defer s.Close()
		found, err := s.Get(t.Context(), view.Support(), []string{id})
		w.must(err)
		o := order.New(id)
		if d, ok := found[id]; ok {
			o, err = order.Decode(d.Source)
			w.must(err)
		}
		f(o)
		source, err := o.Encode()
		w.must(err)
		write := view.Write{ID: id, Revision: found[id].Revision, Hidden: o.Hidden(), Source: source}
		w.must(s.Apply(t.Context(), []view.Write{write})[0].Err)
	}
	change("3", func(o *order.Order) { o.State = order.Cancelled })
	change("4", func(o *order.Order) { // healed: that is no difference
		o.Part(order.AggregateOrder).Version, o.Part(order.AggregateOrder).Origin = 9, view.FromOwner
	})
	change("500", func(o *order.Order) { o.Consumer = &order.Consumer{ConsumerID: "1"} })
	before := w.live()
	report, err := w.with(t.Context(), rebuild.Options{}, (*rebuild.Rebuilder).Rebuild)
	if !errors.Is(err, rebuild.ErrDifferent) {
		t.Fatalf("error %v, want ErrDifferent", err)
	}
	told := strings.Join(report.Parts.Wrong, "\n")
	for _, text := range []string{
		"document 3: ORDER at version 2: state", "CANCELLED", "document 500: it is not in the rebuilt",
	} {
		if !strings.Contains(told, text) {
			t.Errorf("told is %q, want %q in it", told, text)
		}
	}
	if report.Different != 2 || report.Parts.Healed != 1 || report.Live.Visible != 21 || report.Rebuilt.Visible != 20 {
		t.Errorf("report %+v", report)
	}
	w.same("refused", before, w.live())

	report, err = w.with(t.Context(), rebuild.Options{Force: true}, (*rebuild.Rebuilder).Rebuild)
	if err != nil || !report.Resumed || report.Different != 2 {
		t.Fatalf("forced: %+v, %v", report, err)
	}
	w.same("forced", w.folded(), w.live())
}

// TestInterrupted stops a rebuild in its middle: the next one goes on with the same index, or gives it up.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(0, 300)
	w.index()
	before := w.live()
	interrupt := func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		report, err := w.with(ctx, rebuild.Options{Observe: func(rebuild.Progress) { cancel() }}, (*rebuild.Rebuilder).Rebuild)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%+v, %v, want context.Canceled", report, err)
		}
		w.same("interrupted", before, w.live())
	}
	interrupt()
	x := w.indices()
	name, err := rebuild.New(w.brokers, indexer.NewConfig(), w.sources, w.orders, x, rebuild.Options{}).Abandon(t.Context())
	if err != nil || !strings.HasSuffix(name, "index.next") {
		t.Errorf("abandoned %q, %v", name, err)
	}
	_, err = rebuild.New(w.brokers, indexer.NewConfig(), w.sources, w.orders, x, rebuild.Options{}).Abandon(t.Context())
	if !errors.Is(err, view.ErrNoIndex) {
		t.Errorf("abandoned twice: %v", err)
	}
	names, err := x.List(t.Context())
	if err != nil || !slices.Equal(names, []string{filepath.Join(w.dir, "index") + " (live)"}) {
		t.Errorf("indices %v, %v", names, err)
	}
	w.must(x.Close())

	interrupt()
	report, err := w.with(t.Context(), rebuild.Options{}, (*rebuild.Rebuilder).Rebuild)
	if err != nil || !report.Resumed {
		t.Fatalf("%+v, %v", report, err)
	}
	w.same("resumed", w.folded(), w.live())
}

// TestHistoryCutOff deletes the oldest records: a rebuild is refused before it has made anything.
func TestHistoryCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(0, 30)
	w.index()
	before := w.live()
	admin, err := sarama.NewClusterAdminFromClient(w.client)
	w.must(err)
	topic := event.TopicOf(event.Ticket)
	w.must(admin.DeleteRecords(topic, map[int32]int64{1: 2}))
	_, err = w.with(t.Context(), rebuild.Options{}, (*rebuild.Rebuilder).Rebuild)
	if !errors.Is(err, rebuild.ErrHistory) || !strings.Contains(err.Error(), topic+"/1 begins at offset 2, and 0 is needed") {
		t.Errorf("error %v, want ErrHistory and where", err)
	}
	w.same("refused", before, w.live())
	x := w.indices()
	defer x.Close()
	if _, err := x.Unfinished(t.Context()); !errors.Is(err, view.ErrNoIndex) {
		t.Errorf("an index was begun: %v", err)
	}
}
