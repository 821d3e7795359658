package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
)

// BenchmarkScale measures what an event costs one, two and four indexers of a group, each a process of its own. Kafka is
// real. In Elasticsearch's place is a stub that keeps documents and indexes nothing, since Elasticsearch would be the limit
// long before the indexers are. So the events per second are what this machine's cores leave to the indexers, beside
// Kafka and the stub; what scales or not is the processor time per event, and the conflicts.
func BenchmarkScale(b *testing.B) {
	backends := lab.FindBackends(b)
	eachSize(b, "20000", func(b *testing.B, n int) {
		machine(b, backends)
		orders := newLoad(b, backends, "orders", n, together, lab.Order)
		fmt.Printf("\n%d orders, %d events, 4 topics of %d partitions, a stub for Elasticsearch\n", n, orders.events, partitions)
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "indexers\ttook s\tevents/s\tCPU µs/event\tevents/write\tconflicts\twrong\t")
		orders.scale(b, 1) // does not count: Kafka's code is compiled while it runs
		for range *rounds {
			for _, indexers := range []int{1, 2, 4} {
				r := orders.scale(b, indexers)
				fmt.Fprintf(w, "%d\t%.1f\t%.0f\t%.1f\t%.1f\t%d\t%d\t\n", indexers, r.took.Seconds(),
					float64(r.events)/r.took.Seconds(), float64(r.processor.Microseconds())/float64(r.events),
					float64(r.events)/float64(r.written), r.conflicts, r.wrong)
			}
		}
		w.Flush()
	})
}

// scale runs so many indexers of one group on an empty stub, from their start until all is committed.
func (l *load) scale(b *testing.B, indexers int) (r row) {
	stub := lab.NewStub(b)
	defer stub.Close()
	x := lab.Indexer{
		Brokers: l.log.Brokers, Sources: l.log.Sources, Group: fmt.Sprint(l.log.Name, time.Now().UnixNano()),
		Elasticsearch: stub.URL, Prefix: "lab-", Workers: writers, BatchEvents: *batch,
	}
	begin := time.Now()
	var processes []*lab.Process
	for range indexers {
		processes = append(processes, x.Start(b))
	}
	lab.Eventually(b, 20*time.Minute, func() error {
		r = row{events: l.events, documents: len(l.ids)}
		done := 0 // events, some of them twice where partitions moved
		for _, p := range processes {
			counts, err := p.Counts()
			if err != nil {
				return err
			}
			done += counts.Events
			r.written, r.conflicts = r.written+counts.Written, r.conflicts+counts.Conflicts
		}
		if done < l.events {
			return fmt.Errorf("%d of %d events are done", done, l.events)
		}
		return l.log.Committed(x.Group)
	})
	r.took = time.Since(begin)
	for _, p := range processes {
		r.processor += p.Stop(b)
	}
	store := lab.OpenView(b, elastic.Options{URLs: []string{stub.URL}, Prefix: x.Prefix})
	for some := range slices.Chunk(l.ids, 500) {
		got, err := store.Get(context.Background(), view.Support(), some)
		if err != nil {
			b.Fatal(err)
		}
		for _, id := range some {
			if !bytes.Equal(got[id].Source, l.want[id]) {
				r.wrong++
			}
		}
	}
	return r
}
