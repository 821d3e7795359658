package verify

import "github.com/prometheus/client_golang/prometheus"

// metrics are what an operator watches.
type metrics struct {
	drift *prometheus.CounterVec // parts by field
	parts *prometheus.CounterVec // by outcome
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(
			prometheus.CounterOpts{Namespace: "viewgate", Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		drift: counter("view_drift_total", "Values that differ from their owner's at the same version.", "field"),
		parts: counter("view_parts_compared_total", "Parts of documents by what comparing them with their owner told.", "outcome"),
	}
	if r != nil {
		r.MustRegister(m.drift, m.parts)
		for _, o := range Outcomes { // so that a rate is known from the first one on
			m.parts.WithLabelValues(string(o))
		}
	}
	return m
}

func (m *metrics) add(v Verdict) {
	m.parts.WithLabelValues(string(v.Outcome)).Inc()
	if v.Outcome == Drift {
		for _, d := range v.Differences {
			m.drift.WithLabelValues(d.Field).Inc()
		}
	}
}
