// Package bench measures viewgate as a whole: from the broker to what a search finds, and what a query costs. make bench
// and make bench-elastic run it.
package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/example/broker"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/viewtest"
)

var sizes = flag.String("sizes", "", "numbers of orders, with commas between them (default 10000, with Elasticsearch 20000)")

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// eachSize runs a benchmark for each number of orders that was asked for.
func eachSize(b *testing.B, standard string, run func(b *testing.B, n int)) {
	for size := range strings.SplitSeq(cmp.Or(*sizes, standard), ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(size+" orders", func(b *testing.B) {
			for b.Loop() {
				run(b, n)
			}
		})
	}
}

// partitions of each topic.
const partitions = 4

// together is how many orders are under way at a time.
const together = 500

// BenchmarkEmbedded measures the whole path with the in-process broker and the embedded store: from events in the broker
// to all orders found by a search, and then what queries cost over HTTP. Beside it, in the same run, the ceiling: the
// same final documents written to an empty embedded store, once each.
func BenchmarkEmbedded(b *testing.B) { eachSize(b, "10000", embeddedPath) }

func embeddedPath(b *testing.B, n int) {
	mapping := loadMapping(b)
	dir := b.TempDir()
	kafka, err := broker.Start(broker.Options{Addr: "127.0.0.1:0", Dir: dir + "/broker"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { kafka.Close() })
	log := lab.NewLog(b, kafka.Addr(), partitions)
	events := log.Publish(b, lab.Mix(1, n, together, lab.Order))
	store, err := embedded.Open(dir+"/view", mapping, embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()

	counting := &countingStore{Store: store}
	x, err := indexer.New(log.Brokers, indexer.NewConfig(), log.Sources,
		[]indexer.View{{Name: "orders", Projection: projection.NewOrders(nil), Store: counting}}, indexer.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	begin := time.Now()
	go func() { stopped <- x.Run(ctx) }()
	for {
		if lag, known := x.Lag(); known && lag.Records == 0 {
			if page := search(b, store, view.Query{}); page.Total == n {
				break
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	took := time.Since(begin)
	b.ReportMetric(float64(events)/took.Seconds(), "events/s")
	b.ReportMetric(float64(events)/float64(counting.writes), "events/write")
	b.ReportMetric(float64(lab.PeakMemory(os.Getpid()))/1e6, "peak-RSS-MB")
	stop()
	if err := <-stopped; err != nil {
		b.Fatal(err)
	}

	ceiling := rewrite(b, store, mapping, n)
	b.ReportMetric(float64(n)/took.Seconds()/ceiling, "docs/s-over-ceiling")
	queries(b, store, mapping, n)
	fmt.Printf("%d orders, %d events, %d partitions, %d writes; %s, %d CPUs, %s\n",
		n, events, partitions, counting.writes, runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}

func loadMapping(b *testing.B) *view.Mapping {
	mapping, err := lab.Mapping()
	if err != nil {
		b.Fatal(err)
	}
	return mapping
}

// countingStore counts the writes that were done.
type countingStore struct {
	view.Store
	writes int64
}

func (s *countingStore) Apply(ctx context.Context, writes []view.Write) []view.Result {
	results := s.Store.Apply(ctx, writes)
	for _, r := range results {
		if r.Err == nil {
			s.writes++
		}
	}
	return results
}

func search(b *testing.B, s view.Store, q view.Query) view.Page {
	page, err := s.Search(context.Background(), view.Support(), q)
	if err != nil {
		b.Fatal(err)
	}
	return page
}

// rewrite writes the store's documents to an empty store, 500 at a time, and returns documents per second.
func rewrite(b *testing.B, from view.Store, mapping *view.Mapping, n int) float64 {
	to, err := embedded.Open(b.TempDir(), mapping, embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer to.Close()
	var took time.Duration
	for id := 1; id <= n; id += 500 {
		var ids []string
		for i := id; i < id+500 && i <= n; i++ {
			ids = append(ids, strconv.Itoa(i))
		}
		docs, err := from.Get(context.Background(), view.Support(), ids)
		if err != nil {
			b.Fatal(err)
		}
		var writes []view.Write
		for _, d := range docs {
			writes = append(writes, view.Write{ID: d.ID, Source: d.Source})
		}
		begin := time.Now()
		for _, r := range to.Apply(context.Background(), writes) {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
		took += time.Since(begin)
	}
	return float64(n) / took.Seconds()
}

const historyQuery = `query ($q: String, $consumer: ID) {
  orderHistory(query: $q, consumerId: $consumer, first: 20) {
    total { count } nodes { orderId createdAt status total { amount } restaurant { name } lineItems { name quantity } }
  }
}`

// queries prints the latency of queries over HTTP, and of the same searches asked of the store directly.
func queries(b *testing.B, store view.Store, mapping *view.Mapping, n int) {
	owners, err := compose.NewOwners(mapping, compose.Options{})
	if err != nil {
		b.Fatal(err)
	}
	handler, err := graph.NewHandler(compose.NewReader(store, mapping, owners, compose.ReaderOptions{}), mapping,
		graph.Options{
			Viewer: auth.Everybody(view.Support()),
			Logger: slog.New(slog.DiscardHandler),
		})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	newest := []view.Sort{{Field: "createdAt", Descending: true}}
	r := rand.New(rand.NewPCG(3, 4))
	for _, q := range []struct {
		name      string
		document  string
		variables func() map[string]any
		direct    func(variables map[string]any) func()
	}{
		{
			"order by id", `query ($id: ID!) { order(id: $id) { orderId status lineItems { name } ticket { state } } }`,
			func() map[string]any { return map[string]any{"id": strconv.Itoa(1 + r.IntN(n))} },
			func(v map[string]any) func() {
				return func() {
					if _, err := store.Get(context.Background(), view.Support(), []string{v["id"].(string)}); err != nil {
						b.Fatal(err)
					}
				}
			},
		},
		{
			"two words, newest first", historyQuery,
			func() map[string]any { return map[string]any{"q": lab.Dishes[r.IntN(len(lab.Dishes))]} },
			func(v map[string]any) func() {
				q := view.Query{Match: viewtest.Words(strings.Fields(v["q"].(string))...), Sort: newest, Size: 20}
				return func() { search(b, store, q) }
			},
		},
		{
			"a consumer's newest", historyQuery,
			func() map[string]any { return map[string]any{"consumer": strconv.Itoa(1 + r.IntN(lab.Consumers))} },
			func(v map[string]any) func() {
				q := view.Query{Filter: view.In{Field: "consumer.consumerId", Values: []any{v["consumer"]}}, Sort: newest, Size: 20}
				return func() { search(b, store, q) }
			},
		},
	} {
		var overHTTP, direct []time.Duration
		for range 200 {
			v := q.variables()
			overHTTP = append(overHTTP, timed(func() { post(b, server.URL, q.document, v) }))
			direct = append(direct, timed(q.direct(v)))
		}
		fmt.Printf("  %-24s GraphQL p50 %v p99 %v; the store alone p50 %v p99 %v\n", q.name,
			percentile(overHTTP, 50), percentile(overHTTP, 99), percentile(direct, 50), percentile(direct, 99))
	}
}

func post(b *testing.B, url, query string, variables map[string]any) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		b.Fatal(err)
	}
	response, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || bytes.Contains(answer, []byte(`"errors"`)) {
		b.Fatalf("%v: %s", err, answer)
	}
}

func timed(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

func percentile(d []time.Duration, p int) time.Duration {
	slices.Sort(d)
	return d[(len(d)-1)*p/100].Round(10 * time.Microsecond)
}
