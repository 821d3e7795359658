package indexer

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what an operator watches. Lag is read when it is asked for. All have the label view, so that one registry
// takes the indexers of several views; of an indexer of several, what is counted for all of them has all their names there.
type metrics struct {
	consumed  *prometheus.CounterVec // records by topic
	events    *prometheus.CounterVec // events by topic and outcome
	letters   *prometheus.CounterVec // dead letters by topic and reason
	written   *prometheus.CounterVec // documents by view
	conflicts *prometheus.CounterVec // by view
	retries   *prometheus.CounterVec // of writes and reads, by view
	gaps      *prometheus.CounterVec // declared, by view
	healed    *prometheus.CounterVec // owners' answers joined, by view and outcome
	// By view: of each write, and of each event that a write has brought.
	folds    *prometheus.HistogramVec
	seconds  *prometheus.HistogramVec
	sessions prometheus.Counter
}

func newMetrics(r prometheus.Registerer, x *Indexer) *metrics {
	var names []string
	for _, v := range x.views {
		names = append(names, v.Name)
	}
	all := prometheus.Labels{"view": strings.Join(names, "+")}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		o := prometheus.CounterOpts{Namespace: "viewgate", Name: name, Help: help}
		if labels[0] != "view" {
			o.ConstLabels = all
		}
		return prometheus.NewCounterVec(o, labels)
	}
	m := &metrics{
		consumed:  counter("records_consumed_total", "Records consumed from Kafka.", "topic"),
		events:    counter("events_total", "Events by what became of them.", "topic", "outcome"),
		letters:   counter("dead_letters_total", "Records written to a dead letter topic.", "topic", "reason"),
		written:   counter("documents_written_total", "Documents written to a view's store.", "view"),
		conflicts: counter("write_conflicts_total", "Writes that found another writer's revision.", "view"),
		retries:   counter("store_retries_total", "Reads and writes tried again because the store could not take them.", "view"),
		gaps:      counter("gaps_total", "Documents found to miss events when they were looked at again.", "view"),
		healed:    counter("owner_answers_total", "Owners' answers folded into documents that missed events.", "view", "outcome"),
		folds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "viewgate", Name: "write_events", Help: "Events folded into a document by one write.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 8),
		}, []string{"view"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "viewgate", Name: "indexing_seconds",
			Help:    "Time from when Kafka took an event until the document that it changed was written; searches see it later.",
			Buckets: prometheus.ExponentialBuckets(0.005, 3, 13),
		}, []string{"view"}),
		sessions: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "viewgate", Name: "consumer_sessions_total", Help: "Times that partitions were claimed.", ConstLabels: all,
		}),
	}
	if r == nil {
		return m
	}
	r.MustRegister(m.consumed, m.events, m.letters, m.written, m.conflicts, m.retries, m.gaps, m.healed, m.sessions,
		m.folds, m.seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "viewgate", Name: "records_in_flight", Help: "Records taken from Kafka that are not indexed yet.",
			ConstLabels: all,
		}, func() float64 { return float64(x.inFlight.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "viewgate", Name: "gaps", Help: "Documents that are known to miss events.", ConstLabels: all,
		}, func() float64 { return float64(x.gaps.count()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "viewgate", Name: "lag_records", Help: "Records of the claimed partitions that are not indexed yet.",
			ConstLabels: all,
		}, func() float64 { lag, _ := x.Lag(); return float64(lag.Records) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "viewgate", Name: "lag_seconds",
			Help: "Age of the newest end of the claimed partitions that is indexed.", ConstLabels: all,
		}, func() float64 { lag, _ := x.Lag(); return lag.Age.Seconds() }))
	return m
}
