package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/guard"
	"github.com/viewgate/viewgate/rebuild"
)

// operationMetrics are what is watched of the operations that a gateway answers.
type operationMetrics struct {
	total   *prometheus.CounterVec   // by operation, transport and outcome
	seconds *prometheus.HistogramVec // by operation and outcome
	cost    *prometheus.HistogramVec // by operation
	errors  *prometheus.CounterVec   // by code
	answers *prometheus.CounterVec   // by source
}

func newOperationMetrics(r prometheus.Registerer) operationMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "viewgate", Name: name, Help: help}, labels)
	}
	m := operationMetrics{
		total: counter("operations_total", "Operations that have ended, subscriptions among them.",
			"operation", "transport", "outcome"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "viewgate", Name: "query_seconds",
			Help:    "Time to answer an operation that is no subscription, by its root field and outcome.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}, []string{"operation", "outcome"}),
		cost: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "viewgate", Name: "query_cost", Help: "What operations were taken to cost before they ran.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 9),
		}, []string{"operation"}),
		errors:  counter("errors_total", "Errors that clients were told, by their codes.", "code"),
		answers: counter("answers_total", "Fields by where their answers came from, which extensions.freshness tells.", "source"),
	}
	r.MustRegister(m.total, m.seconds, m.cost, m.errors, m.answers)
	return m
}

func (m operationMetrics) observe(o graph.Observation) {
	m.total.WithLabelValues(o.Operation, string(o.Transport), o.Outcome).Inc()
	if o.Kind != "subscription" { // which lasts as long as its client likes
		m.seconds.WithLabelValues(o.Operation, o.Outcome).Observe(o.Took.Seconds())
	}
	if o.CostEstimated > 0 {
		m.cost.WithLabelValues(o.Operation).Observe(float64(o.CostEstimated))
	}
	for code, n := range o.Errors {
		m.errors.WithLabelValues(code).Add(float64(n))
	}
	for source, n := range o.Sources {
		m.answers.WithLabelValues(string(source)).Add(float64(n))
	}
}

// watch adds what is read of the handler when it is asked for.
func (m operationMetrics) watch(r prometheus.Registerer, h *graph.Handler) {
	for _, over := range []graph.Transport{graph.OverWebSocket, graph.OverEvents} {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "viewgate", Name: "connections", Help: "Connections of clients that may carry subscriptions.",
			ConstLabels: prometheus.Labels{"transport": string(over)},
		}, func() float64 { return float64(h.Connections(over)) }))
	}
}

// watchGate adds how many operations are under way, and wait for others to end.
func watchGate(r prometheus.Registerer, g *guard.Gate) {
	for state, count := range map[string]func() int{"running": g.Inside, "waiting": g.Waiting} {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "viewgate", Name: "operations_under_way", Help: "Operations that are under way, or wait for others to end.",
			ConstLabels: prometheus.Labels{"state": state},
		}, func() float64 { return float64(count()) }))
	}
}

// rebuildMetrics are what is watched of a rebuild or a rollback, which ends with its process.
type rebuildMetrics struct {
	registry   *prometheus.Registry
	done, left prometheus.Gauge
}

func newRebuildMetrics(view string) *rebuildMetrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "viewgate", Subsystem: "rebuild", Name: name, Help: help, ConstLabels: prometheus.Labels{"view": view},
		})
	}
	m := &rebuildMetrics{
		registry: prometheus.NewRegistry(),
		done:     gauge("records_done", "Records of the topics that are in the index which is being filled."),
		left:     gauge("records_left", "Records of the topics that are not in it yet, of those there were when it was looked last."),
	}
	m.registry.MustRegister(m.done, m.left)
	return m
}

func (m *rebuildMetrics) observe(p rebuild.Progress) {
	m.done.Set(float64(p.Done))
	m.left.Set(float64(max(0, p.Total-p.Done)))
}

// serve answers GET /metrics at an address, until it is stopped.
func (m *rebuildMetrics) serve(addr string, logger *slog.Logger) (stop func(), err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("metrics are not served any more", "error", err)
		}
	}()
	logger.Info("serving", "metrics", "http://"+listener.Addr().String()+"/metrics")
	return func() { server.Close(); <-done }, nil
}
