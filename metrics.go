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

	"github.com/viewgate/viewgate/rebuild"
)

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
