package bench

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view/elastic"
)

var (
	rounds   = flag.Int("rounds", 2, "how often each system runs each load, in turn")
	hot      = flag.Int("hot", 50_000, "updates of 10 hot orders")
	backlog  = flag.Int("backlog", 0, "orders of a further backlog, of which the indexer's peak memory is told; 105000 have a million events")
	peer     = flag.String("benthos", "build", "the Benthos to compare with: a program, build (from ./benthos) or none")
	profiles = flag.String("profiles", "", "directory to write CPU profiles to: the indexer's, the gateway's while it is searched")
	batch    = flag.Int("batch", 0, "events in a batch; 0: the default")
	live     = flag.Duration("live", 15*time.Second, "how long events come at 1,000 per second, to tell how soon they are found")
)

// BenchmarkElastic measures the way from Kafka to Elasticsearch, both real, beside what Elasticsearch can take at most
// and beside Benthos. The indexer and Benthos are processes of their own, so that their memory and time are theirs.
//
// Each system runs each load once in a round, in turn. A run begins when the process is started and ends when the last
// event is durable in Elasticsearch; every document is then compared.
func BenchmarkElastic(b *testing.B) {
	backends := lab.FindBackends(b)
	eachSize(b, "20000", func(b *testing.B, n int) {
		machine(b, backends)
		orders := newLoad(b, backends, "orders", n, together, lab.Order)
		orders.ceiling(b) // Elasticsearch's code is compiled while it runs; the first runs do not count
		orders.viewgate(b)
		benthos := findBenthos(b)
		orders.head()
		for range *rounds {
			orders.print(orders.ceiling(b))
			orders.print(orders.viewgate(b)...)
			orders.print(orders.benthos(b, benthos)...)
		}

		each := *hot / 10
		updates := newLoad(b, backends, "hot orders", 10, 10, func(id int) []event.Envelope { return lab.HotOrder(id, each) })
		updates.head()
		for range *rounds {
			updates.print(updates.viewgate(b)...)
			updates.print(updates.benthos(b, benthos)...)
		}

		if *backlog > 0 {
			old := newLoad(b, backends, "orders, backlog", *backlog, together, lab.Order)
			old.head()
			old.print(old.viewgate(b)...)
		}
		if *live > 0 {
			freshness(b, backends, *live)
		}
	})
}

// load is a log of events, and what its documents must be.
type load struct {
	name     string
	backends *lab.Backends
	log      *lab.Log
	order    func(id int) []event.Envelope
	ids      []string
	events   int
	want     map[string]json.RawMessage
	most     float64 // documents per second, of the last ceiling; 0 where there was none
}

func newLoad(
	b *testing.B, backends *lab.Backends, name string, n, together int, order func(id int) []event.Envelope,
) *load {
	l := &load{
		name: name, backends: backends, log: lab.NewLog(b, backends.Kafka, partitions), order: order,
		want: map[string]json.RawMessage{},
	}
	l.events = l.log.Publish(b, lab.Mix(1, n, together, order))
	for i := range n {
		id := strconv.Itoa(i + 1)
		l.ids = append(l.ids, id)
		l.want[id] = lab.Fold(b, id, order(i+1))
	}
	return l
}

// row is what one run came to.
type row struct {
	system    string
	took      time.Duration
	events    int
	documents int
	written   int // documents, each as often as it was written; 0: not known
	conflicts int
	wrong     int           // documents
	processor time.Duration // of the system's own process
	memory    int64         // its peak, in bytes

	kafka, elasticsearch time.Duration // of the backends' processes meanwhile; 0: not known
	load                 string        // of the machine in the last minute
}

// meter starts to measure the backends' processor time. What it returns notes it in a row, and the machine's load.
func (l *load) meter() func(*row) {
	kafka, elasticsearch := l.backends.Processor()
	return func(r *row) {
		k, e := l.backends.Processor()
		r.kafka, r.elasticsearch = k-kafka, e-elasticsearch
		average, _ := os.ReadFile("/proc/loadavg")
		r.load, _, _ = strings.Cut(string(average), " ")
	}
}

// writers is how many bulk requests are in flight at a time: the indexer's workers.
const writers = 4

// viewgate runs an indexer on an empty index, and then another one with a group of its own on the full one.
func (l *load) viewgate(b *testing.B) []row {
	prefix := lab.NewPrefix(b, l.backends.Elasticsearch)
	defer lab.DropIndices(b, l.backends.Elasticsearch, prefix)
	return []row{l.index(b, "viewgate", prefix), l.index(b, "viewgate, everything again", prefix)}
}

func (l *load) index(b *testing.B, system, prefix string) row {
	x := lab.Indexer{
		Brokers: l.log.Brokers, Sources: l.log.Sources, Group: fmt.Sprint(l.log.Name, time.Now().UnixNano()),
		Elasticsearch: l.backends.Elasticsearch, Prefix: prefix, Workers: writers, BatchEvents: *batch,
	}
	if *profiles != "" {
		x.Profile = filepath.Join(*profiles, strings.NewReplacer(" ", "-", ",", "").Replace(l.name+" "+system)+".pprof")
	}
	begin, meter := time.Now(), l.meter()
	p := x.Start(b)
	var counts lab.Counts
	lab.Eventually(b, 20*time.Minute, func() (err error) {
		if counts, err = p.Counts(); err == nil && counts.Events < l.events {
			err = fmt.Errorf("%d of %d events are done", counts.Events, l.events)
		}
		return err
	})
	r := row{
		system: system, took: time.Since(begin), events: l.events, documents: len(l.ids), written: counts.Written,
		memory: lab.PeakMemory(p.PID()),
	}
	meter(&r)
	r.processor = p.Stop(b)
	store := lab.OpenView(b, elastic.Options{URLs: []string{l.backends.Elasticsearch}, Prefix: prefix})
	r.wrong = len(lab.Wrong(b, store, l.ids, func(id string) json.RawMessage { return l.want[id] }))
	return r
}

// ceiling writes the final documents, once each, with as many requests in flight as the indexer has. The requests are
// made beforehand.
func (l *load) ceiling(b *testing.B) row {
	prefix := lab.NewPrefix(b, l.backends.Elasticsearch)
	defer lab.DropIndices(b, l.backends.Elasticsearch, prefix)
	store := lab.OpenView(b, elastic.Options{URLs: []string{l.backends.Elasticsearch}, Prefix: prefix})
	var bodies []string
	for some := range slices.Chunk(l.ids, 500) {
		var body strings.Builder
		for _, id := range some {
			body.WriteString(create(id, l.want[id]))
		}
		bodies = append(bodies, body.String())
	}
	begin, meter := time.Now(), l.meter()
	var group errgroup.Group
	group.SetLimit(writers)
	for _, body := range bodies {
		group.Go(func() error { return bulk(l.backends.Elasticsearch+"/"+store.Index(), body) })
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	r := row{system: ceilingName, took: time.Since(begin), documents: len(l.ids), written: len(l.ids)}
	meter(&r)
	r.wrong = len(lab.Wrong(b, store, l.ids, func(id string) json.RawMessage { return l.want[id] }))
	return r
}

// create returns what creates a document in a bulk request, as the store does.
func create(id string, source json.RawMessage) string {
	return fmt.Sprintf("{\"create\":{\"_id\":%q}}\n{\"_viewgate\":{\"id\":%q,\"hidden\":false},%s\n", id, id, source[1:])
}

// bulk sends an index a bulk request, all of which must be done.
func bulk(index, body string) error {
	var answer struct{ Errors bool }
	err := lab.Ask(http.MethodPost, index+"/_bulk", body, &answer)
	if err == nil && answer.Errors {
		err = fmt.Errorf("%s: the documents were not all taken", index)
	}
	return err
}

const ceilingName = "raw _bulk of final documents"

// head prints the head of a table of runs.
func (l *load) head() {
	fmt.Printf("\n%d %s, %d events, 4 topics of %d partitions, %d writers, each run in turn\n",
		len(l.ids), l.name, l.events, partitions, writers)
	line("system", "took s", "events/s", "orders/s", "of ceiling", "events", "events/write", "wrong", "peak MB", "CPU s",
		"Kafka's", "Elastic's", "load")
}

// print prints runs, as soon as they are over: the whole table may take an hour.
func (l *load) print(rows ...row) {
	for _, r := range rows {
		seconds := r.took.Seconds()
		if r.system == ceilingName {
			l.most = float64(r.documents) / seconds
		}
		line(r.system, known("%.1f", seconds), known("%.0f", float64(r.events)/seconds), known("%.0f", float64(r.documents)/seconds),
			known("%.2f", float64(r.documents)/seconds/l.most), known("%.0f", float64(r.events)),
			known("%.1f", float64(r.events)/float64(r.written)), strconv.Itoa(r.wrong), known("%.0f", float64(r.memory)/1e6),
			known("%.1f", r.processor.Seconds()), known("%.1f", r.kafka.Seconds()), known("%.1f", r.elasticsearch.Seconds()),
			r.load)
	}
}

func line(system string, columns ...string) {
	fmt.Printf("%-32s", system)
	for _, c := range columns {
		fmt.Printf("%13s", c)
	}
	fmt.Println()
}

// known formats a number, unless it is not known.
func known(format string, n float64) string {
	if n == 0 || n != n || n > 1e12 {
		return "-"
	}
	return fmt.Sprintf(format, n)
}

// machine prints what the figures depend on.
func machine(b *testing.B, backends *lab.Backends) {
	var info struct{ Version struct{ Number string } }
	if err := lab.Ask(http.MethodGet, backends.Elasticsearch, "", &info); err != nil {
		b.Fatal(err)
	}
	describeMachine("Elasticsearch " + info.Version.Number + ", one node and one shard; Kafka, one broker; all on this machine")
}

// describeMachine prints the same for a measurement in which this runs.
func describeMachine(running string) {
	read := func(path string) string {
		text, _ := os.ReadFile(path)
		return string(text)
	}
	processor := "unknown processor"
	for line := range strings.Lines(read("/proc/cpuinfo")) {
		if _, name, ok := strings.Cut(line, "model name\t: "); ok {
			processor = strings.TrimSpace(name)
		}
	}
	fmt.Printf("\n%s; %s; %s; load before: %s", describeGo(), processor, running, read("/proc/loadavg"))
}
