package ftgo

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/wire"
)

// TestMain lets rapid make fewer checks than its 100 unless -rapid.checks says how many: each drives running services.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
	m.Run()
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// startBroker runs a broker with the example's topics, in memory.
func startBroker(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.Start(broker.Options{Addr: "127.0.0.1:0", Topics: Topics(), Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// running are the services while a test talks to them.
type running struct {
	*Services
	stop func() // waits for Run and closes; the test's end calls it too
}

// serve opens the services in dir and runs them. A test that looks at failures passes Options.Log itself.
func serve(t *testing.T, dir string, options Options) *running {
	t.Helper()
	options.NoSync = true
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	services, err := New(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- services.Run(ctx) }()
	r := &running{Services: services, stop: sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := services.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})}
	t.Cleanup(r.stop)
	return r
}

// call sends a request and returns the status and the headers; the answer is read into out where it is not nil.
func (r *running) call(t rapid.TB, s Service, method, path string, in, out any) (int, http.Header) {
	t.Helper()
	var body io.Reader
	switch in := in.(type) {
	case nil:
	case string:
		body = bytes.NewBufferString(in)
	default:
		data, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequest(method, r.URL(s)+path, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			t.Fatalf("%s %s: status %d: %v in %s", method, path, response.StatusCode, err, data)
		}
	}
	return response.StatusCode, response.Header
}

// must is call for a request that must succeed.
func (r *running) must(t rapid.TB, s Service, method, path string, in, out any) {
	t.Helper()
	var answer json.RawMessage
	status, _ := r.call(t, s, method, path, in, &answer)
	if status >= 300 {
		t.Fatalf("%s %s: status %d: %s", method, path, status, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// get returns an aggregate's answer.
func get[T any](t rapid.TB, r *running, s Service, path string) T {
	t.Helper()
	var answer T
	r.must(t, s, http.MethodGet, path, nil, &answer)
	return answer
}

var home = &wire.Address{Street1: "9 Amazing View", City: "Oakland", State: "CA", Zip: "94612"}

// place places an order of 2 of dish 1 and 1 of dish 2 at restaurant 1 and returns its id.
func (r *running) place(t rapid.TB, consumer wire.ID) wire.ID {
	t.Helper()
	var receipt orderReceipt
	r.must(t, OrderService, http.MethodPost, "/orders", placeRequest{
		ConsumerID: consumer, RestaurantID: "1", DeliveryAddress: home,
		LineItems: []quantity{{"1", 2}, {"2", 1}},
	}, &receipt)
	if receipt.Version != 1 {
		t.Fatalf("a new order has version %d, want 1", receipt.Version)
	}
	return receipt.OrderID
}

// settled waits until no saga of the order is under way and returns its answer.
func (r *running) settled(t rapid.TB, id wire.ID) orderAnswer {
	t.Helper()
	var o orderAnswer
	eventually(t, "order "+string(id)+" settles", func() bool {
		o = get[orderAnswer](t, r, OrderService, "/orders/"+string(id))
		switch o.State {
		case orderApprovalPending, orderCancelPending, orderRevisionPending:
			return false
		}
		return true
	})
	return o
}

// eventually waits for a condition.
func eventually(t rapid.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(2 * time.Millisecond); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// eventLog is all that has been published, as it was decoded.
type eventLog struct {
	mu     sync.Mutex // guards events
	events []event.Envelope
}

// follow reads the topics from their beginning until the test ends.
func follow(t *testing.T, b *broker.Broker) *eventLog {
	t.Helper()
	decoder, err := event.NewDecoder(event.DefaultSources())
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := sarama.NewConsumer([]string{b.Addr()}, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	l := &eventLog{}
	var readers sync.WaitGroup
	var partitions []sarama.PartitionConsumer
	for _, topic := range Topics() {
		ids, err := consumer.Partitions(topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			p, err := consumer.ConsumePartition(topic, id, sarama.OffsetOldest)
			if err != nil {
				t.Fatal(err)
			}
			partitions = append(partitions, p)
			readers.Go(func() {
				for m := range p.Messages() {
					l.add(t, decoder, m)
				}
			})
		}
	}
	t.Cleanup(func() {
		for _, p := range partitions {
			p.AsyncClose()
		}
		readers.Wait()
		if err := consumer.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *eventLog) add(t *testing.T, decoder *event.Decoder, m *sarama.ConsumerMessage) {
	record := event.Record{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Key: m.Key, Value: m.Value, Time: m.Timestamp,
	}
	for _, h := range m.Headers {
		record.Headers = append(record.Headers, event.Header{Key: string(h.Key), Value: h.Value})
	}
	events, err := decoder.Decode(record)
	if err != nil {
		t.Errorf("%s offset %d: %v", m.Topic, m.Offset, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, events...)
}

// of returns the events of one aggregate in the order of the log.
func (l *eventLog) of(a event.Aggregate, id wire.ID) []event.Envelope {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []event.Envelope
	for _, e := range l.events {
		if e.Aggregate == a && e.AggregateID == string(id) {
			found = append(found, e)
		}
	}
	return found
}

// types returns the types of an aggregate's events with their versions: "1 OrderCreatedEvent".
func types(events []event.Envelope) []string {
	var all []string
	for _, e := range events {
		all = append(all, strconv.FormatUint(e.Version, 10)+" "+e.Type)
	}
	return all
}

// reaches waits until the log has n events of the aggregate, and returns them.
func (l *eventLog) reaches(t rapid.TB, a event.Aggregate, id wire.ID, n int) []event.Envelope {
	t.Helper()
	eventually(t, strconv.Itoa(n)+" events of "+string(a)+" "+string(id), func() bool { return len(l.of(a, id)) >= n })
	return l.of(a, id)
}

func TestSeedsOnce(t *testing.T) {
	b, dir := startBroker(t), t.TempDir()
	log := follow(t, b)
	for range 2 {
		r := serve(t, dir, Options{Brokers: []string{b.Addr()}})
		if n := len(get[[]restaurantName](t, r, RestaurantService, "/restaurants")); n != 12 {
			t.Errorf("%d restaurants, want 12", n)
		}
		if n := len(get[[]consumerAnswer](t, r, ConsumerService, "/consumers")); n != 60 {
			t.Errorf("%d consumers, want 60", n)
		}
		log.reaches(t, event.Restaurant, "12", 1)
		log.reaches(t, event.Consumer, "60", 1)
		r.stop()
	}
	for _, test := range []struct {
		aggregate event.Aggregate
		id        wire.ID
		want      string
	}{
		{event.Restaurant, "2", "Café del Mercado"}, {event.Consumer, "3", "Chloé Dubosc"},
	} {
		events := log.reaches(t, test.aggregate, test.id, 1)
		if len(events) != 1 || events[0].Version != 1 {
			t.Fatalf("%s %s has events %v, want one", test.aggregate, test.id, types(events))
		}
		got := ""
		switch p := events[0].Payload.(type) {
		case *event.RestaurantCreated:
			got = p.Name
			if n := len(p.Menu.MenuItems); n < 8 || n > 15 || p.Location == nil || len(p.OpeningHours) == 0 {
				t.Errorf("restaurant is incomplete: %+v", p)
			}
		case *event.ConsumerCreated:
			got = p.Name.FirstName + " " + p.Name.LastName
		}
		if got != test.want {
			t.Errorf("%s %s is %q, want %q", test.aggregate, test.id, got, test.want)
		}
	}
}

func TestRunAndCloseEndAllGoroutines(t *testing.T) {
	before := goleak.IgnoreCurrent()
	r := serve(t, t.TempDir(), Options{})
	r.settled(t, r.place(t, "1"))
	r.stop()
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}

func TestDirectoryIsUsedByOne(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, Options{})
	if s, err := New(dir, Options{}); err == nil {
		t.Errorf("a second process could open the files: %v", s.Close())
	}
}

func TestPorts(t *testing.T) {
	r := serve(t, t.TempDir(), Options{})
	seen := map[string]bool{}
	for _, p := range ports {
		seen[r.URL(p.service)] = true
	}
	if len(seen) != 6 {
		t.Errorf("six services have the URLs %v", seen)
	}
}
