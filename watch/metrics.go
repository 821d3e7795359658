package watch

import "github.com/prometheus/client_golang/prometheus"

// metrics are what an operator watches.
type metrics struct {
	sent    prometheus.Counter
	dropped prometheus.Counter
	lost    prometheus.Counter
	seconds prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, w *Watcher) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "viewgate", Name: name, Help: help})
	}
	m := &metrics{
		sent:    counter("subscription_messages_total", "States of orders that subscribers have taken."),
		dropped: counter("subscriptions_dropped_total", "Subscriptions that were ended because their clients are slow."),
		lost:    counter("subscription_losses_total", "Times that all subscribers were synchronised anew."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "viewgate", Name: "subscription_fanout_seconds",
			Help:    "Time to read a batch of changed documents and hand them to all subscribers.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
	}
	if r != nil {
		r.MustRegister(m.sent, m.dropped, m.lost, m.seconds, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "viewgate", Name: "subscriptions", Help: "Subscriptions there are.",
		}, func() float64 { return float64(w.Subscriptions()) }))
	}
	return m
}
