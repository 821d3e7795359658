package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/viewgate/viewgate/rebuild"
)

// TestRebuildMetrics: what a rebuild has done, and what is left, can be read over HTTP while it runs.
func TestRebuildMetrics(t *testing.T) {
	m := newRebuildMetrics("orders")
	var log bytes.Buffer
	stop, err := m.serve("127.0.0.1:0", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	m.observe(rebuild.Progress{Done: 300, Total: 1000})
	want := `
# HELP viewgate_rebuild_records_done Records of the topics that are in the index which is being filled.
# TYPE viewgate_rebuild_records_done gauge
viewgate_rebuild_records_done{view="orders"} 300
# HELP viewgate_rebuild_records_left Records of the topics that are not in it yet, of those there were when it was looked last.
# TYPE viewgate_rebuild_records_left gauge
viewgate_rebuild_records_left{view="orders"} 700
`
	url := regexp.MustCompile(`http://\S+/metrics`).FindString(log.String())
	response, err := http.Get(url)
	if err != nil {
		t.Fatalf("%v, the log is %s", err, &log)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil || string(got) != strings.TrimPrefix(want, "\n") {
		t.Errorf("%v, metrics are\n%swant%s", err, got, want)
	}

	m.observe(rebuild.Progress{Done: 1001, Total: 1000})
	if got := testutil.ToFloat64(m.left); got != 0 {
		t.Errorf("%g records are left, want none", got)
	}
	stop()
	if _, err := http.Get(url); err == nil {
		t.Error("metrics are served when the rebuild has ended")
	}
	if _, err := m.serve("127.0.0.1", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--metrics") {
		t.Errorf("an address without a port: %v", err)
	}
}
