package bench

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
)

// freshness publishes 1,000 events per second for so long and prints how soon new orders are found, by id and by a
// search, counted from when their first event is handed to the producer. The index refreshes once a second, its default.
func freshness(b *testing.B, backends *lab.Backends, long time.Duration) {
	const perSecond, tick = 1000, 10 * time.Millisecond
	log := lab.NewLog(b, backends.Kafka, partitions)
	prefix := lab.NewPrefix(b, backends.Elasticsearch)
	p := lab.Indexer{
		Brokers: log.Brokers, Sources: log.Sources, Group: log.Name, Elasticsearch: backends.Elasticsearch, Prefix: prefix,
	}.Start(b)
	store := lab.OpenView(b, elastic.Options{URLs: []string{backends.Elasticsearch}, Prefix: prefix})
	next, stop := iter.Pull(lab.Mix(2, 1<<30, together, lab.Order))
	defer stop()

	var mu sync.Mutex // guards the two
	var byID, bySearch []time.Duration
	var probes sync.WaitGroup
	watch := func(id string, begin time.Time) {
		found := func(pause time.Duration, look func() (bool, error)) time.Duration {
			for {
				ok, err := look()
				if err != nil {
					b.Error(err)
				}
				if ok || err != nil {
					return time.Since(begin)
				}
				time.Sleep(pause)
			}
		}
		got := found(2*time.Millisecond, func() (bool, error) {
			d, err := store.Get(context.Background(), view.Support(), []string{id})
			return len(d) > 0 && !d[id].Hidden, err
		})
		searched := found(25*time.Millisecond, func() (bool, error) {
			page, err := store.Search(context.Background(), view.Support(),
				view.Query{Filter: view.In{Field: "orderId", Values: []any{id}}})
			return page.Total > 0, err
		})
		mu.Lock()
		defer mu.Unlock()
		byID, bySearch = append(byID, got), append(bySearch, searched)
	}

	const warmUp = 3 * time.Second
	begin, sent := time.Now(), 0
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	probed := begin
	for now := range ticker.C {
		since := now.Sub(begin)
		if since > warmUp+long {
			break
		}
		var batch []*sarama.ProducerMessage
		probe := ""
		for ; sent < int(since.Seconds()*perSecond); sent++ {
			e, _ := next()
			batch = append(batch, log.Message(e))
			if e.Aggregate == event.Order && e.Version == 1 {
				probe = e.AggregateID
			}
		}
		if at := time.Now(); probe != "" && since > warmUp && at.Sub(probed) > 200*time.Millisecond {
			probed = at
			probes.Go(func() { watch(probe, at) })
		}
		log.Send(b, batch...)
	}
	probes.Wait()
	p.Stop(b)
	fmt.Printf("\n%d events per second, %d orders looked for: found by id after p50 %v p99 %v, by a search after p50 %v p99 %v\n",
		perSecond, len(byID), percentile(byID, 50), percentile(byID, 99), percentile(bySearch, 50), percentile(bySearch, 99))
}

// describeGo tells what the programs were built with and for.
func describeGo() string {
	return fmt.Sprintf("%s %s/%s, %d CPUs", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}
