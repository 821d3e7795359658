// Package faults keeps the promise to account: whatever fails, in the end each document is the fold of its order's
// events, none of which was lost, and everything is committed.
//
// TestScripted runs everywhere, in one process: a broker and an Elasticsearch in memory, with faults in between that a
// seed decides. The other tests need real backends, and run the indexer as processes that they kill. Those that kill the
// backends need ones that nobody else uses: make faults has them, and so has the gate when all other tests are done.
package faults

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view/elastic"
)

var (
	seeds = flag.Uint64("seeds", 20, "how many seeds to run, from -seed on")
	seed  = flag.Uint64("seed", 1, "the first seed")
	kills = flag.Int("kills", 2, "how often each test kills a process")
)

func TestMain(m *testing.M) {
	// Trials wait more than they work, so more of them run at a time than there are processors.
	if err := flag.Set("test.parallel", "10"); err != nil {
		panic(err)
	}
	os.Exit(lab.Main(m))
}

// trial is a log that gets events, and a view that is to become their fold.
type trial struct {
	*testing.T
	r             *rand.Rand
	log           *lab.Log
	elasticsearch string // URL, past all faults
	prefix        string
	view          *elastic.Store
	group         string

	orders int                       // made up so far
	queues [][]event.Envelope        // of one aggregate each, not yet published
	again  []*sarama.ProducerMessage // some that were published, to be published again
	moves  bool                      // whether events of an order may come to several partitions

	sent      map[string][]event.Envelope         // by order: as they lie in the log, those of a partition in their order
	strangers []string                            // ids of which nothing but poison is known
	letters   map[event.Aggregate]map[string]bool // the values of the poison that was published
}

func newTrial(t *testing.T, seed uint64, kafka, elasticsearch, prefix string) *trial {
	t.Logf("seed %d", seed)
	l := lab.NewLog(t, kafka, 3)
	return &trial{
		T: t, r: rand.New(rand.NewPCG(seed, 22)), log: l, elasticsearch: elasticsearch, prefix: prefix, group: l.Name,
		view: lab.OpenView(t, elastic.Options{URLs: []string{elasticsearch}, Prefix: prefix}),
		sent: map[string][]event.Envelope{}, letters: map[event.Aggregate]map[string]bool{},
	}
}

// publish makes up orders and publishes most of their events, and of the orders before: those of each aggregate in their
// order, all else in any. Some come twice, at once or much later, and some poison is among them.
func (t *trial) publish(orders int) {
	t.Helper()
	for range orders {
		t.orders++
		of := map[event.Aggregate][]event.Envelope{}
		for _, e := range lab.Order(t.orders) {
			of[e.Aggregate] = append(of[e.Aggregate], e)
		}
		for _, a := range lab.Aggregates {
			if len(of[a]) > 0 {
				t.queues = append(t.queues, of[a])
			}
		}
	}
	t.publishUntil(len(t.queues) / 3)
}

// publishUntil publishes until so many aggregates are not at their end.
func (t *trial) publishUntil(left int) {
	t.Helper()
	var messages []*sarama.ProducerMessage
	for len(t.queues) > left {
		i := t.r.IntN(len(t.queues))
		e := t.queues[i][0]
		messages = append(messages, t.message(e))
		if t.r.IntN(8) == 0 {
			messages = append(messages, t.message(e))
		}
		if t.r.IntN(20) == 0 {
			t.again = append(t.again, t.message(e))
		}
		if !t.moves && t.r.IntN(40) == 0 { // between partitions nothing says what comes after it
			messages = append(messages, t.poison(e.Aggregate, e.AggregateID))
		}
		if t.r.IntN(60) == 0 {
			messages = append(messages, t.poison(lab.Aggregates[t.r.IntN(len(lab.Aggregates))], t.stranger()))
		}
		if t.queues[i] = t.queues[i][1:]; len(t.queues[i]) == 0 {
			t.queues[i] = t.queues[len(t.queues)-1]
			t.queues = t.queues[:len(t.queues)-1]
		}
	}
	t.send(messages)
	if len(t.again) > 50 {
		t.send(t.again)
		t.again = nil
	}
}

// message returns the record of an event, which it refers to.
func (t *trial) message(e event.Envelope) *sarama.ProducerMessage {
	m := t.log.Message(e)
	m.Metadata = e
	return m
}

// send publishes records, and remembers where they came to be.
func (t *trial) send(messages []*sarama.ProducerMessage) {
	t.Helper()
	t.log.Send(t, messages...)
	for _, m := range messages {
		e := m.Metadata.(event.Envelope)
		e.Partition, e.Offset = m.Partition, m.Offset
		t.sent[e.AggregateID] = append(t.sent[e.AggregateID], e)
	}
}

// stranger returns an id of which nothing is known, or none at all.
func (t *trial) stranger() string {
	if t.r.IntN(2) == 0 {
		return ""
	}
	t.strangers = append(t.strangers, fmt.Sprintf("stranger-%d", len(t.strangers)))
	return t.strangers[len(t.strangers)-1]
}

// poison is the type of the records that cannot be decoded.
const poison = "Poison"

// poison makes a record of an aggregate's topic that cannot be decoded.
func (t *trial) poison(a event.Aggregate, key string) *sarama.ProducerMessage {
	value := fmt.Sprintf(`{"poison": %d`, t.r.Uint64())
	if t.letters[a] == nil {
		t.letters[a] = map[string]bool{}
	}
	t.letters[a][value] = true
	m := t.message(event.Envelope{
		Aggregate: a, AggregateID: key, ID: "poison", Type: poison, Data: json.RawMessage(value),
	})
	if key == "" {
		m.Key = nil
	}
	return m
}

// want returns what a document must be, nil where it must not be: the fold of what lies in the log, each record once and
// those of a partition in their order. Poison of which no event is known makes no document.
func (t *trial) want(id string) json.RawMessage {
	t.Helper()
	log := t.sent[id]
	slices.SortStableFunc(log, func(a, b event.Envelope) int {
		if a.Partition != b.Partition {
			return int(a.Partition - b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	d := projection.NewOrders(nil).New(id)
	begun := false
	for _, e := range log {
		if e.Type == poison {
			d.Degrade(e, string(event.ReasonBody))
			continue
		}
		e.Payload = event.ParsePayload(e.Aggregate, e.Type, e.Data)
		if r := d.Offer(e); r.Err != nil {
			t.Fatalf("order %s: %v", id, r.Err)
		}
		begun = true
	}
	if !begun {
		return nil
	}
	source, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// holds publishes what is left and waits until everything is committed, which it must be within the patience. Then at
// once the view must be the fold of all that was published, and the dead letters the poison, each once or more often.
func (t *trial) holds(patience time.Duration) {
	t.Helper()
	t.publishUntil(0)
	t.send(t.again)
	t.again = nil
	lab.Eventually(t, patience, func() error { return t.log.Committed(t.group) })
	ids := slices.DeleteFunc(slices.Collect(maps.Keys(t.sent)), func(id string) bool { return id == "" })
	if wrong := lab.Wrong(t, t.view, ids, t.want); len(wrong) > 0 {
		t.Errorf("%d of %d documents are wrong", len(wrong), len(ids))
		for _, id := range wrong[:min(3, len(wrong))] {
			got := lab.Source(t, t.view, id)
			t.Errorf("document %s (-want +got):\n%s", id, cmp.Diff(indented(t, t.want(id)), indented(t, got)))
		}
	}
	for a, want := range t.letters {
		got := map[string]bool{}
		for _, m := range t.log.Read(t, t.log.Topic(a)+deadletter.Suffix) {
			got[string(m.Value)] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("dead letters of %s (-want +got):\n%s", a, diff)
		}
	}
}

func indented(t testing.TB, source json.RawMessage) []string {
	if source == nil {
		return nil
	}
	var value any
	if err := json.Unmarshal(source, &value); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// eachSeed runs a test for each seed that was asked for, but so many at most.
func eachSeed(t *testing.T, most uint64, run func(t *testing.T, seed uint64)) {
	for s := range min(*seeds, most) {
		t.Run(fmt.Sprintf("seed %d", *seed+s), func(t *testing.T) { run(t, *seed+s) })
	}
}
