package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
)

// verdicts tells of each result which sentinel it wraps, or its revision.
func verdicts(results []view.Result) []string {
	var told []string
	for _, r := range results {
		var is []string
		for _, err := range []error{view.ErrConflict, view.ErrRetry, view.ErrRefused} {
			if errors.Is(r.Err, err) {
				is = append(is, map[error]string{
					view.ErrConflict: "conflict", view.ErrRetry: "retry", view.ErrRefused: "refused",
				}[err])
			}
		}
		if r.Err == nil {
			is = append(is, string(r.Revision))
		}
		told = append(told, strings.Join(is, " and "))
	}
	return told
}

func TestApplyFaults(t *testing.T) {
	m := orders(t)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			stub := newStub(t, m, f.handler)
			s := stub.store(t, Options{})
			if f.timeout > 0 {
				s.client.timeout = f.timeout
			}
			results := s.Apply(t.Context(), []view.Write{order("1"), {ID: "2", Source: []byte("no")}, order("3")})
			if diff := cmp.Diff([]string{"retry", "refused", "retry"}, verdicts(results)); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			if err := results[0].Err; !strings.Contains(err.Error(), f.text) || !strings.Contains(err.Error(), stub.URL) {
				t.Errorf("error %q does not tell %q and the URL", err, f.text)
			}
			if n := len(stub.requests()); n != 1 {
				t.Errorf("%d requests: the store must not try again", n)
			}
		})
	}
}

// TestApplyItems has Elasticsearch answer each write of a request differently.
func TestApplyItems(t *testing.T) {
	item := func(id string, status int, kind string) string {
		return fmt.Sprintf(`{"create":{"_index":"index","_id":%q,"status":%d,"error":{"type":%q,"reason":"a reason"}}}`,
			id, status, kind)
	}
	done := `{"create":{"_index":"index","_id":"0","_seq_no":41,"_primary_term":2,"status":201}}`
	for _, tt := range []struct {
		name  string
		items []string
		want  []string
		text  string // in the last error
	}{
		{"done", []string{done}, []string{"index/41/2"}, ""},
		{"conflict", []string{done, item("1", 409, "version_conflict_engine_exception")},
			[]string{"index/41/2", "conflict"}, "version_conflict_engine_exception"},
		{"overloaded", []string{done, item("1", 429, "es_rejected_execution_exception")},
			[]string{"index/41/2", "retry"}, "es_rejected_execution_exception: a reason"},
		{"shard away", []string{done, item("1", 503, "unavailable_shards_exception")},
			[]string{"index/41/2", "retry"}, "unavailable_shards_exception"},
		{"disk full", []string{done, item("1", 403, "cluster_block_exception")},
			[]string{"index/41/2", "retry"}, "cluster_block_exception"},
		{"index away", []string{done, item("1", 404, "index_not_found_exception")},
			[]string{"index/41/2", "retry"}, "index_not_found_exception"},
		{"wrong document",
			[]string{done, item("1", 400, "document_parsing_exception"), item("2", 400, "illegal_argument_exception")},
			[]string{"index/41/2", "refused", "refused"}, "illegal_argument_exception: a reason"},
		{"too few answers", []string{done, "", ""}, []string{"retry", "retry", "retry"}, "answered 1 of 3 writes"},
		{"another's answer", []string{done, item("7", 400, "document_parsing_exception")},
			[]string{"index/41/2", "retry"}, `answered a write of "7" instead`},
		{"no answer in its place", []string{done, "{}"}, []string{"index/41/2", "retry"}, `a write of "" instead`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var writes []view.Write
			for i := range tt.items {
				writes = append(writes, order(fmt.Sprint(i)))
			}
			items := slices.DeleteFunc(tt.items, func(s string) bool { return s == "" })
			s := newStub(t, orders(t), answering(200, `{"errors":true,"items":[`+strings.Join(items, ",")+`]}`)).store(t, Options{})
			results := s.Apply(t.Context(), writes)
			if diff := cmp.Diff(tt.want, verdicts(results)); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			if err := results[len(results)-1].Err; err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %q does not tell %q", err, tt.text)
			}
		})
	}
}

// TestApplyHalves checks that a request which is wrong as a whole, or too large, costs its neighbours nothing.
func TestApplyHalves(t *testing.T) {
	tooMany := func(most int) func([]string) bool { return func(ids []string) bool { return len(ids) > most } }
	for _, tt := range []struct {
		name   string
		status int
		body   string
		fails  func(ids []string) bool
		want   string
	}{
		{"wrong", 400, failed("illegal_argument_exception"), func(ids []string) bool { return slices.Contains(ids, "5") },
			"done done done done done refused done done"},
		{"too many", 413, "<html>Too Large</html>", tooMany(3), "done done done done done done done done"},
		{"one too large", 413, "", func(ids []string) bool { return slices.Contains(ids, "0") },
			"refused done done done done done done done"},
		{"overloaded in the middle", 429, "", tooMany(3), "retry retry retry retry retry retry retry retry"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStub(t, orders(t), func(w http.ResponseWriter, r *http.Request) {
				ids := bulkIDs(t, r)
				if tt.fails(ids) {
					answering(tt.status, tt.body)(w, r)
					return
				}
				fmt.Fprint(w, created(ids))
			}).store(t, Options{})
			var writes []view.Write
			for i := range 8 {
				writes = append(writes, order(fmt.Sprint(i)))
			}
			got := verdicts(s.Apply(t.Context(), writes))
			for i, v := range got {
				if strings.HasPrefix(v, "index/") {
					got[i] = "done"
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
		})
	}
}

// TestApplyWithoutRequest checks the writes whose answer is known before they are sent.
func TestApplyWithoutRequest(t *testing.T) {
	stub := newStub(t, orders(t), answering(500, ""))
	s := stub.store(t, Options{})
	source := []byte(`{}`)
	writes := []view.Write{
		{ID: "", Source: source},
		{ID: strings.Repeat("x", 513), Source: source},
		{ID: "\xff", Source: source},
		{ID: "1", Source: []byte(`[]`)},
		{ID: "1", Source: []byte(`{"a":`)},
		{ID: "1", Source: []byte(`{} {}`)},
		{ID: "1"},
		{ID: "1", Source: source, Revision: "another-index/1/1"},
		{ID: "1", Source: source, Revision: "index/1"},
		{ID: "1", Source: source, Revision: "index/x/1"},
		{ID: "1", Source: source, Revision: "index/1/x"},
	}
	want := []string{
		"refused", "refused", "refused", "refused", "refused", "refused", "refused",
		"conflict", "conflict", "conflict", "conflict",
	}
	if diff := cmp.Diff(want, verdicts(s.Apply(t.Context(), writes))); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if sent := stub.requests(); len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
}

func TestReadFaults(t *testing.T) {
	m := orders(t)
	own := []fault{
		{name: "timed out", handler: answering(200, `{"timed_out":true,"hits":{}}`), text: "search"},
		{name: "shards away", handler: answering(200, `{"_shards":{"failed":1}}`), text: "refresh"},
		{name: "document's shard away", handler: answering(200,
			`{"docs":[{"_id":"1","error":{"type":"no_shard_available_action_exception","reason":"no shard"}}]}`), text: "get"},
		{name: "not ours", handler: answering(200,
			`{"docs":[{"_id":"1","found":true,"_source":{}}],"hits":{"hits":[{"_id":"1","_source":{}}]}}`), text: "get search"},
		{name: "no sort values", handler: answering(200,
			`{"hits":{"hits":[{"_id":"1","_source":{"_viewgate":{"id":"1","hidden":false}}}]}}`), text: "search"},
	}
	for _, f := range append(slices.Clone(faults), own...) {
		t.Run(f.name, func(t *testing.T) {
			stub := newStub(t, m, f.handler)
			s := stub.store(t, Options{})
			if f.timeout > 0 {
				s.client.timeout = f.timeout
			}
			for name, err := range reads(t.Context(), s) {
				if slices.ContainsFunc(own, func(o fault) bool { return o.name == f.name }) && !strings.Contains(f.text, name) {
					continue // this answer is a fault for the methods in text only
				}
				if !errors.Is(err, view.ErrUnavailable) {
					t.Errorf("%s: error %v, want one that is view.ErrUnavailable", name, err)
				}
			}
			if n := len(stub.requests()); n != 3 {
				t.Errorf("%d requests for three calls: the store must not try again", n)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		s := newStub(t, m, answering(400, failed("parsing_exception"))).store(t, Options{})
		for name, err := range reads(t.Context(), s) {
			if err == nil || errors.Is(err, view.ErrUnavailable) || !strings.Contains(err.Error(), "parsing_exception: a reason") {
				t.Errorf("%s: error %v, want one that says why and that asking again is no use", name, err)
			}
		}
	})
}

// reads calls each of the methods that read and returns their errors.
func reads(ctx context.Context, s *Store) map[string]error {
	_, get := s.Get(ctx, view.Support(), []string{"1"})
	_, search := s.Search(ctx, view.Support(), view.Query{Size: 1})
	return map[string]error{"get": get, "search": search, "refresh": s.Refresh(ctx)}
}

// TestDeadline checks that a caller's deadline ends a request before the store's own, and is told to Elasticsearch.
func TestDeadline(t *testing.T) {
	stub := newStub(t, orders(t), hang)
	s := stub.store(t, Options{Timeout: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Search(ctx, view.Support(), view.Query{})
	if !errors.Is(err, view.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Search: %v", err)
	}
	if sent := strings.Join(stub.requests(), ""); strings.Contains(sent, `"timeout":"3600000ms"`) {
		t.Errorf("Elasticsearch was given the store's hour and not what was left: %s", sent)
	}
	results := s.Apply(ctx, []view.Write{order("1")})
	if !errors.Is(results[0].Err, view.ErrRetry) || !errors.Is(results[0].Err, context.DeadlineExceeded) {
		t.Errorf("Apply: %v", results[0].Err)
	}
}

// brokenTransport fails before anything is sent.
type brokenTransport struct{ broken atomic.Bool }

func (b *brokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.broken.Load() {
		return nil, errors.New("cable is out")
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestTransport(t *testing.T) {
	var cable brokenTransport
	stub := newStub(t, orders(t), func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, created(bulkIDs(t, r))) })
	s := stub.store(t, Options{Transport: &cable})
	for _, want := range []string{"index/0/7", "retry", "index/0/7"} {
		cable.broken.Store(want == "retry")
		if diff := cmp.Diff([]string{want}, verdicts(s.Apply(t.Context(), []view.Write{order("1")}))); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
	}
}

// TestClose checks that Close waits for what is under way and that nothing is sent afterwards.
func TestClose(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var answered atomic.Bool
	stub := newStub(t, orders(t), func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		answered.Store(true)
		fmt.Fprint(w, created([]string{"1"}))
	})
	s := stub.store(t, Options{})
	result := make(chan []view.Result)
	go func() { result <- s.Pinned().Apply(t.Context(), []view.Write{order("1")}) }()
	<-entered
	closed := make(chan error)
	go func() {
		err := s.Close()
		if !answered.Load() {
			err = errors.New("it did not wait for the write under way")
		}
		closed <- err
	}()
	close(release)
	if r := <-result; r[0].Err != nil {
		t.Errorf("the write under way: %v", r[0].Err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	stub.requests()
	for name, err := range reads(t.Context(), s) {
		if !errors.Is(err, view.ErrUnavailable) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if diff := cmp.Diff([]string{"retry"}, verdicts(s.Apply(t.Context(), []view.Write{order("1")}))); diff != "" {
		t.Errorf("Apply after Close (-want +got):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
	if sent := stub.requests(); len(sent) > 0 {
		t.Errorf("sent after Close: %q", sent)
	}
}
