package elastic

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/view"
)

func TestRequestsAreCounted(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"ok", answering(200, `{"docs":[]}`), "mget ok"},
		{"refused", answering(400, failed("parsing_exception")), "mget refused"},
		{"missing", answering(404, failed("index_not_found_exception")), "mget refused"},
		{"throttled", answering(429, failed("es_rejected_execution_exception")), "mget throttled"},
		{"failed", answering(503, failed("cluster_block_exception")), "mget failed"},
		{"no answer", hangUp, "mget unreachable"},
		{"slow", hang, "mget slow"},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			s := newStub(t, orders(t), test.answer).store(t, Options{Registerer: registry})
			if test.want == "mget slow" {
				s.client.timeout = 300 * time.Millisecond
			}
			_, _ = s.Get(t.Context(), view.Support(), []string{"1"})
			want := map[string]uint64{test.want: 1, "info ok": 1, "indices_get_alias ok": 1, "indices_get_mapping ok": 1}
			if diff := cmp.Diff(want, counted(t, registry)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("given up", func(t *testing.T) {
		registry := prometheus.NewRegistry()
		ctx, cancel := context.WithCancel(t.Context())
		s := newStub(t, orders(t), func(w http.ResponseWriter, r *http.Request) { cancel(); hang(w, r) }).
			store(t, Options{Registerer: registry})
		_ = s.Refresh(ctx) // which no other call shares
		if got := counted(t, registry)["indices_refresh given up"]; got != 1 {
			t.Errorf("requests are %v", counted(t, registry))
		}
	})
	t.Run("twice", func(t *testing.T) {
		registry := prometheus.NewRegistry()
		stub := newStub(t, orders(t), hang)
		stub.store(t, Options{Registerer: registry})
		if _, err := Open(t.Context(), orders(t), Options{URLs: []string{stub.URL}, Registerer: registry}); err == nil {
			t.Error("two stores count in one place")
		}
	})
}

// counted returns how many requests were counted, by "operation outcome".
func counted(t *testing.T, registry *prometheus.Registry) map[string]uint64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	requests := map[string]uint64{}
	for _, m := range families[0].GetMetric() {
		requests[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetHistogram().GetSampleCount()
	}
	return requests
}
