package elastic

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/viewgate/viewgate/view"
)

// stub stands in for an Elasticsearch that fails in ways that a real one cannot be made to. It has the index "index"
// behind the view's alias, and leaves all other requests to answer.
type stub struct {
	*httptest.Server
	product, version string
	mapping          *view.Mapping
	answer           http.HandlerFunc

	mu   sync.Mutex
	seen []string // the requests that answer got: method, path and query, body
}

// newStub starts a stub, not yet listening with TLS or without.
func newStub(t testing.TB, m *view.Mapping, answer http.HandlerFunc) *stub {
	s := &stub{product: "Elasticsearch", version: "8.19.7", mapping: m, answer: answer}
	s.Server = httptest.NewUnstartedServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", s.product)
	switch r.URL.Path {
	case "/":
		fmt.Fprintf(w, `{"version":{"number":%q},"tagline":"You Know, for Search"}`, s.version)
		return
	case "/_alias/viewgate-orders":
		fmt.Fprint(w, `{"index":{"aliases":{"viewgate-orders":{}}}}`)
		return
	case "/index/_mapping":
		fmt.Fprintf(w, `{"index":{"mappings":{"_meta":{"hash":%q,"layout":%d}}}}`, s.mapping.Hash, layout)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.seen = append(s.seen, fmt.Sprintf("%s %s\n%s", r.Method, r.URL.RequestURI(), body))
	s.mu.Unlock()
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	s.answer(w, r)
}

// requests returns what answer got, and forgets it.
func (s *stub) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := slices.Clone(s.seen)
	s.seen = nil
	return seen
}

// store starts the stub and opens a store on it.
func (s *stub) store(t testing.TB, o Options) *Store {
	t.Helper()
	s.Start()
	o.URLs = []string{s.URL}
	return mustOpen(t, Open, s.mapping, o)
}

// answering returns a handler that gives the same answer each time.
func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// hang answers nothing until the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// half promises more than it sends.
func half(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, `{"items":[{"create":{"_id":"1","status":201}}`)
}

// hangUp ends the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// failed is an error in Elasticsearch's form.
func failed(kind string) string {
	return fmt.Sprintf(`{"error":{"type":%q,"reason":"a reason"},"status":1}`, kind)
}

// fault is a way in which a request as a whole fails, through no fault of its own.
type fault struct {
	name    string
	handler http.HandlerFunc
	timeout time.Duration
	text    string // in the error
}

var faults = []fault{
	{name: "429", handler: answering(429, failed("es_rejected_execution_exception")), text: "es_rejected_execution_exception"},
	{name: "429 without a reason", handler: answering(429, ""), text: "status 429"},
	{name: "500", handler: answering(500, failed("null_pointer_exception")), text: "null_pointer_exception"},
	{name: "502 of a proxy", handler: answering(502, "<html>Bad Gateway</html>"), text: "status 502"},
	{name: "503", handler: answering(503, failed("master_not_discovered_exception")), text: "master_not_discovered"},
	{name: "400 of a proxy", handler: answering(400, "<html>Bad Request</html>"), text: "status 400"},
	{name: "401", handler: answering(401, failed("security_exception")), text: "security_exception"},
	{name: "403", handler: answering(403, failed("security_exception")), text: "security_exception"},
	{name: "404", handler: answering(404, failed("index_not_found_exception")), text: "index_not_found_exception"},
	{name: "redirect", handler: answering(302, ""), text: "status 302"},
	{name: "200 of something else", handler: answering(200, "<html>Welcome</html>"), text: "not what Elasticsearch sends"},
	{name: "nothing", handler: answering(200, ""), text: "not what Elasticsearch sends"},
	{name: "half an answer", handler: half, text: "cut short"},
	{name: "hangs up", handler: hangUp, text: "does not answer"},
	{name: "hangs", handler: hang, timeout: 500 * time.Millisecond, text: "deadline exceeded"},
}

// bulkIDs returns the ids in a bulk request.
func bulkIDs(t testing.TB, r *http.Request) []string {
	var found []string
	d := json.NewDecoder(r.Body)
	for d.More() {
		var action map[string]struct {
			ID string `json:"_id"`
		}
		var source json.RawMessage
		if err := d.Decode(&action); err != nil {
			t.Error(err)
		}
		if err := d.Decode(&source); err != nil {
			t.Error(err)
		}
		for _, a := range action {
			found = append(found, a.ID)
		}
	}
	return found
}

// created answers a bulk request that all is done.
func created(ids []string) string {
	var items []string
	for i, id := range ids {
		items = append(items, fmt.Sprintf(
			`{"create":{"_index":"index","_id":%q,"_seq_no":%d,"_primary_term":7,"status":201}}`, id, i))
	}
	return `{"errors":false,"items":[` + strings.Join(items, ",") + `]}`
}
