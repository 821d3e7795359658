package bench

import (
	"bytes"

	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
)

// BenchmarkGateway measures what a query costs in the gateway alone, without HTTP on either side: Elasticsearch's answers
// are those that it gave the first time. Run it with -benchtime 1000x or so.
func BenchmarkGateway(b *testing.B) {
	backends := lab.FindBackends(b)
	s := newElastic(b, backends, 10_000)
	store, err := elastic.Open(b.Context(), loadMapping(b), elastic.Options{
		URLs: []string{backends.Elasticsearch}, Prefix: s.prefix, Transport: &replay{next: newClient().Transport},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	mapping := loadMapping(b)
	owners, err := compose.NewOwners(mapping, compose.Options{})
	if err != nil {
		b.Fatal(err)
	}
	handler, err := graph.NewHandler(compose.NewReader(store, mapping, owners, compose.ReaderOptions{}), mapping, graph.Options{
		Viewer: auth.Everybody(view.Support()),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range []struct{ name, body string }{
		{"order", `{"query": "{ order(id: \"17\") { orderId state status total { amount } restaurant { name } ticket { state } delivery { state } bill { state } } }"}`},
		{"orderHistory", `{"query": "{ orderHistory(query: \"chicken\", first: 20) { total { count } edges { node { orderId createdAt status total { amount } restaurant { name } lineItems { name quantity } deliveryAddress { city } } } facets { status { values { value count } others } restaurant { values { value count } others } city { values { value count } others } } } }"}`},
		{"highlights", `{"query": "{ orderHistory(query: \"chicken\", first: 20) { total { count } edges { node { orderId createdAt status total { amount } restaurant { name } lineItems { name quantity } deliveryAddress { city } } highlights { field fragment ranges { start end } } } facets { status { values { value count } others } restaurant { values { value count } others } city { values { value count } others } } } }"}`},
	} {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			size, before := 0, processorTime(b)
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(q.body))
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK || bytes.Contains(w.Body.Bytes(), []byte(`"errors"`)) {
					b.Fatalf("%d %.500s", w.Code, w.Body.Bytes())
				}
				size = w.Body.Len()
			}
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
			b.ReportMetric(float64(size), "bytes")
		})
	}
}

// processorTime returns the time that this process has had of the processors.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// replay answers a request as it was answered the first time.
type replay struct {
	next http.RoundTripper
	mu   sync.Mutex
	said map[string][]byte // guarded by mu: by path and body
}

func (t *replay) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	key := r.Method + r.URL.Path + string(body)
	if i := strings.Index(key, `"timeout"`); i > 0 {
		key = key[:i] // what is left of the operation's time
	}
	t.mu.Lock()
	said, ok := t.said[key]
	t.mu.Unlock()
	answer := &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"}}}
	if !ok {
		response, err := t.next.RoundTrip(r)
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(r.URL.Path, "_search") && !strings.Contains(r.URL.Path, "_mget") {
			return response, err
		}
		said, err = io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return nil, err
		}
		t.mu.Lock()
		if t.said == nil {
			t.said = map[string][]byte{}
		}
		t.said[key] = said
		t.mu.Unlock()
	}
	answer.ContentLength = int64(len(said))
	answer.Header.Set("Content-Length", strconv.Itoa(len(said)))
	answer.Body = io.NopCloser(bytes.NewReader(said))
	return answer, nil
}
