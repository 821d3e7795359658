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
	"strconv"
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

	sent      map[string][]event.Envelope                            // by order
	marked    map[string]map[event.Aggregate]*sarama.ProducerMessage // by order: the poison that is an aggregate's last record
	strangers []string                                               // ids of which nothing but poison is known
	letters   map[event.Aggregate]map[string]bool                    // the values of the poison that was published
}

func newTrial(t *testing.T, seed uint64, kafka, elasticsearch, prefix string) *trial {
	t.Logf("seed %d", seed)
	l := lab.NewLog(t, kafka, 3)
	return &trial{
		T: t, r: rand.New(rand.NewPCG(seed, 22)), log: l, elasticsearch: elasticsearch, prefix: prefix, group: l.Name,
		view: lab.OpenView(t, elastic.Options{URLs: []string{elasticsearch}, Prefix: prefix}),
		sent: map[string][]event.Envelope{}, marked: map[string]map[event.Aggregate]*sarama.ProducerMessage{},
		letters: map[event.Aggregate]map[string]bool{},
	}
}

// publish makes up orders and publishes most of their events, and of the orders before: those of each aggregate in their
// order, all else in any. Some come twice, at once or much later, and some poison is among them.
func (t *trial) publish(orders int) {
	t.Helper()
	for range orders {
		t.orders++
		events := lab.Order(t.orders)
		t.sent[strconv.Itoa(t.orders)] = events
		of := map[event.Aggregate][]event.Envelope{}
		for _, e := range events {
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
		messages = append(messages, t.log.Message(e))
		if t.r.IntN(8) == 0 {
			messages = append(messages, t.log.Message(e))
		}
		if t.r.IntN(20) == 0 {
			t.again = append(t.again, t.log.Message(e))
		}
		if t.r.IntN(60) == 0 {
			messages = append(messages, t.poison(lab.Aggregates[t.r.IntN(len(lab.Aggregates))], t.stranger()))
		}
		if t.queues[i] = t.queues[i][1:]; len(t.queues[i]) > 0 {
			continue
		}
		t.queues[i] = t.queues[len(t.queues)-1]
		t.queues = t.queues[:len(t.queues)-1]
		// A mark outlives what follows it only if nothing does, and nothing may come before it by another partition.
		if !t.moves && t.r.IntN(30) == 0 {
			poison := t.poison(e.Aggregate, e.AggregateID)
			messages = append(messages, poison)
			if t.marked[e.AggregateID] == nil {
				t.marked[e.AggregateID] = map[event.Aggregate]*sarama.ProducerMessage{}
			}
			t.marked[e.AggregateID][e.Aggregate] = poison
		}
	}
	t.log.Send(t, messages...)
	if len(t.again) > 50 {
		t.log.Send(t, t.again...)
		t.again = nil
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

// poison makes a record of an aggregate's topic that cannot be decoded.
func (t *trial) poison(a event.Aggregate, key string) *sarama.ProducerMessage {
	value := fmt.Sprintf(`{"poison": %d`, t.r.Uint64())
	if t.letters[a] == nil {
		t.letters[a] = map[string]bool{}
	}
	t.letters[a][value] = true
	m := t.log.Message(event.Envelope{
		Aggregate: a, AggregateID: key, ID: "poison", Type: "Poison", Data: json.RawMessage(value),
	})
	if key == "" {
		m.Key = nil
	}
	return m
}

// want returns what a document must be, nil where it must not be. An order whose last record of an aggregate is poison
// bears a mark; poison of which no event is known makes no document.
func (t *trial) want(id string) json.RawMessage {
	t.Helper()
	if t.sent[id] == nil {
		return nil
	}
	d, err := projection.NewOrders(nil).Decode(lab.Fold(t, id, t.sent[id]))
	if err != nil {
		t.Fatal(err)
	}
	for a, poison := range t.marked[id] {
		at := event.Envelope{Aggregate: a, Partition: poison.Partition, Offset: poison.Offset}
		d.Degrade(at, string(event.ReasonBody))
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
	t.log.Send(t, t.again...)
	lab.Eventually(t, patience, func() error { return t.log.Committed(t.group) })
	ids := slices.Concat(slices.Collect(maps.Keys(t.sent)), t.strangers)
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
