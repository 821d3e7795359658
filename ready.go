package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/view"
)

// checkTimeout is how long it may take to find out whether the process is ready.
const checkTimeout = 2 * time.Second

// readiness is the answer of /readyz.
type readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"` // "ok", or what is wrong
	// Warnings are what somebody should see to, though the process does its work.
	Warnings map[string]string `json:"warnings,omitempty"`
}

// ready answers 200 where the process does its work, else 503, and says what is wrong.
func (a *app) ready(w http.ResponseWriter, r *http.Request) {
	answer := a.readiness(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		a.logger.Debug("readyz", "error", err)
	}
}

// readiness looks at everything that the process needs for its work.
func (a *app) readiness(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	answer := readiness{Ready: true, Checks: map[string]string{}, Warnings: map[string]string{}}
	if a.stopping.Load() {
		answer.Checks["process"] = "it stops, and does what it has begun"
	}
	if a.audit != nil {
		answer.Checks["audit log"] = "ok"
		if err := a.audit.Ready(); err != nil {
			answer.Checks["audit log"] = err.Error()
		}
	}
	if a.tokens != nil {
		answer.Checks["tokens"] = "ok"
		if err := a.tokens.Ready(); err != nil {
			answer.Checks["tokens"] = err.Error()
		}
	}
	for _, v := range a.views {
		maps.Copy(answer.Checks, v.checks(ctx))
		maps.Copy(answer.Warnings, v.warnings(ctx))
	}
	for _, is := range answer.Checks {
		answer.Ready = answer.Ready && is == "ok"
	}
	return answer
}

// register adds whether the process is ready to its metrics.
func (a *app) register(r prometheus.Registerer) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "viewgate", Name: "ready", Help: "1 where /readyz answers 200, else 0.",
	}, func() float64 {
		if a.readiness(context.Background()).Ready {
			return 1
		}
		return 0
	}))
}

// checks tells whether the view does its work, by what is looked at: "ok", or what is wrong.
func (v *served) checks(ctx context.Context) map[string]string {
	is := map[string]string{v.name: "ok"}
	if _, err := v.store.Search(ctx, view.Support(), view.Query{}); err != nil {
		is[v.name] = err.Error()
	}
	if x := v.indexing.Load(); x != nil {
		is[v.name+" indexer"] = "ok"
		switch lag, known := x.Lag(); {
		case !known:
			is[v.name+" indexer"] = "no partitions are claimed: Kafka is not reached, or other indexers of the group have them all"
		case v.tooOld(lag.Age):
			is[v.name+" indexer"] = v.lagging(lag.Age)
		}
	}
	if v.feeds.log != nil && v.maxLag > 0 {
		is[v.name+" lag"] = "ok"
		switch lag, known := v.feeds.hub.Lag(time.Now()); {
		case !known:
			is[v.name+" lag"] = "it is not known: Kafka is not reached, or no indexer tells how far the view is"
		case v.tooOld(lag):
			is[v.name+" lag"] = v.lagging(lag)
		}
	}
	return is
}

func (v *served) tooOld(lag time.Duration) bool { return v.maxLag > 0 && lag > v.maxLag }

func (v *served) lagging(lag time.Duration) string {
	return fmt.Sprintf("the view is %v behind, more than --ready-lag %v", lag.Round(time.Millisecond), v.maxLag)
}

// warnings tells what is not as it should be, though the view is answered from. A gateway without Kafka serves what it has:
// were it not ready, a broker's fault would be everybody's.
func (v *served) warnings(ctx context.Context) map[string]string {
	is := map[string]string{}
	if v.feeds.log != nil {
		if _, err := v.feeds.log.Ends(ctx); err != nil {
			is[v.name+" kafka"] = err.Error()
		}
	}
	if live := v.superseded.Load(); live != nil {
		is[v.name+" index"] = fmt.Sprintf("index %s, of another schema than this process's, is live: it is time for the other version",
			*live)
	}
	return is
}
