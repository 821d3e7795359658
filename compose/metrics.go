package compose

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what an operator watches of the calls to owners.
type metrics struct {
	calls   *prometheus.CounterVec   // by owner and outcome
	seconds *prometheus.HistogramVec // by owner
	retries *prometheus.CounterVec   // by owner
}

// newMetrics registers metrics of the peers, unless r is nil.
func newMetrics(r prometheus.Registerer, peers map[Owner]*peer) (*metrics, error) {
	name := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "viewgate", Subsystem: "owner", Name: name, Help: help}
	}
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts(
			name("calls_total", "Calls to owners, and calls that were not made, by what became of them.")),
			[]string{"owner", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "viewgate", Subsystem: "owner", Name: "call_seconds", Help: "Time that a call to an owner took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}, []string{"owner"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts(
			name("retries_total", "Calls to owners that were tried again.")), []string{"owner"}),
	}
	if r == nil {
		return m, nil
	}
	collectors := []prometheus.Collector{m.calls, m.seconds, m.retries}
	for owner, p := range peers {
		gauge := func(opts prometheus.Opts, value func() float64) {
			opts.ConstLabels = prometheus.Labels{"owner": string(owner)}
			collectors = append(collectors, prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts), value))
		}
		gauge(name("circuit", "An owner's circuit: 0 closed, 1 half open, 2 open."),
			func() float64 { return float64(p.breaker.at(time.Now())) })
		gauge(name("calls_in_flight", "Calls to an owner that are under way."),
			func() float64 { return float64(len(p.slots)) })
	}
	for _, c := range collectors {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
