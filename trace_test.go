package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/compose"
)

// collector takes spans as OTLP in JSON, as a collector does.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []collected // guarded by mu
}

type collected struct {
	TraceID, SpanID, ParentSpanID, Name string
	Kind                                int
	Links                               []struct{ TraceID, SpanID string }
	Status                              struct{ Message string }
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []collected } }
		}
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range sent.ResourceSpans {
			for _, s := range rs.ScopeSpans {
				c.spans = append(c.spans, s.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// tree returns the paths of a trace's spans, each from what has the remote parent down, in order and each once.
func (c *collector) tree(traceID, remote string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	byID := map[string]collected{}
	for _, s := range c.spans {
		byID[s.SpanID] = s
	}
	var paths []string
	for _, s := range c.spans {
		if s.TraceID != traceID {
			continue
		}
		path := s.Name
		for s.ParentSpanID != remote {
			s = byID[s.ParentSpanID]
			if s.Name == "" {
				path = "? > " + path
				break
			}
			path = s.Name + " > " + path
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// emptyElastic answers as an Elasticsearch that has no documents and takes all writes.
func emptyElastic(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		index, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch {
		case r.URL.Path == "/":
			fmt.Fprint(w, `{"version":{"number":"8.19.7"}}`)
		case index == "_alias":
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"alias missing","status":404}`)
		case strings.HasPrefix(what, "_settings"):
			fmt.Fprintf(w, `{%q:{"settings":{"index":{"uuid":"u"}}}}`, index)
		case what == "_mget":
			fmt.Fprint(w, `{"docs":[]}`)
		case what == "_bulk":
			var items []string
			for line := range bytes.Lines(body) {
				var action map[string]struct {
					ID string `json:"_id"`
				}
				if json.Unmarshal(line, &action) == nil && action["create"].ID != "" {
					items = append(items, fmt.Sprintf(`{"create":{"_index":"i","_id":%q,"status":201,"_primary_term":1}}`, action["create"].ID))
				}
			}
			fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(items, ","))
		default:
			fmt.Fprint(w, `{"acknowledged":true,"hits":{"total":{"value":0,"relation":"eq"},"hits":[]},"_shards":{"failed":0}}`)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// TestTraces: a trace goes on through the whole of a process, from an event to the feed, and from a request to Elasticsearch and
// the owners.
func TestTraces(t *testing.T) {
	const (
		remote    = "b7ad6b7169203331"
		ofEvent   = "0af7651916cd43dd8448eb211c80319c"
		ofBad     = "2af7651916cd43dd8448eb211c80319c"
		ofRequest = "1af7651916cd43dd8448eb211c80319c"
		unsampled = "3af7651916cd43dd8448eb211c80319c"
	)
	told := make(chan string, 10)
	owner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told <- r.Header.Get("Traceparent")
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `[]`)
	}))
	t.Cleanup(owner.Close)
	c := newCollector(t)
	p := assembleEmpty(t, func(s *settings) {
		s.elastic.URLs, s.tracing.Endpoint = []string{emptyElastic(t).URL}, c.URL
		s.owners, s.proxies = compose.Options{Order: owner.URL}, []string{"127.0.0.1"}
	}, func(*app) {})
	p.waitReady(http.StatusOK, func(readiness) bool { return true })

	event := func(id, body, traceID, flags string) string {
		headers := fmt.Sprintf(`{"ce_specversion":"1.0","ce_id":"e%s","ce_type":"OrderAuthorized","ce_source":"/orders","ce_sequence":"1",`+
			`"ce_time":"2026-03-01T11:07:00Z","content-type":"application/json","ce_traceparent":"00-%s-%s-%s"}`, id, traceID, remote, flags)
		line, err := json.Marshal(map[string]any{"topic": p.views[0].sources[0].Topic, "key": id, "value": body,
			"headers": json.RawMessage(headers)})
		if err != nil {
			t.Fatal(err)
		}
		return string(line) + "\n"
	}
	load := func(events string) {
		file := filepath.Join(t.TempDir(), "events.jsonl")
		if err := os.WriteFile(file, []byte(events), 0o600); err != nil {
			t.Fatal(err)
		}
		loaded := start(t, map[string]string{"KAFKA_BROKERS": p.broker.Addr()}, "load", file)
		if <-loaded.exited; loaded.code != 0 {
			t.Fatal(loaded.err.String())
		}
		since := time.Now()
		p.waitReady(http.StatusOK, func(readiness) bool {
			lag, known := p.views[0].indexing.Load().Lag()
			return known && lag.Age < time.Since(since)
		})
	}
	load(event("1", `{}`, ofEvent, "01")) // by itself: what is written together is told of as part of one
	load(event("2", `nonsense`, ofBad, "01") + event("3", `{}`, unsampled, "00"))

	r, err := http.NewRequest(http.MethodPost, p.url+"/graphql", strings.NewReader(
		`{"query":"query mine { order(id: \"9\", freshness: {mode: FRESH}) { status } orderHistory { total { count } } }"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Traceparent", "00-"+ofRequest+"-"+remote+"-01")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK || strings.Contains(string(body), "errors") {
		t.Fatalf("%s %s, %v", response.Status, body, err)
	}
	if got := <-told; !strings.HasPrefix(got, "00-"+ofRequest+"-") || strings.Contains(got, remote) || !strings.HasSuffix(got, "-01") {
		t.Errorf("the owner is told that it is part of %s", got)
	}
	p.cancel()
	<-p.ended
	p.close() // which sends what there is

	topic := p.views[0].sources[0].Topic
	index := "index " + topic
	for _, test := range []struct {
		name, trace string
		want        []string
	}{
		{"an event", ofEvent, []string{index, index + " > decode", index + " > fold", index + " > tell", index + " > write",
			index + " > write > bulk", index + " > write > mget"}},
		{"an event that is not recorded", unsampled, nil},
		{"a request", ofRequest, []string{
			"GraphQL request",
			"GraphQL request > GraphQL query",
			"GraphQL request > GraphQL query > Query.order",
			"GraphQL request > GraphQL query > Query.orderHistory",
			"GraphQL request > GraphQL query > Query.orderHistory > search",
			"GraphQL request > GraphQL query > load orders",
			"GraphQL request > GraphQL query > load orders > GET orders",
			"GraphQL request > GraphQL query > load orders > mget",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, c.tree(test.trace, remote)); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("an event that cannot be read", func(t *testing.T) {
		if got := c.tree(ofBad, remote); !slices.Contains(got, index) || !slices.Contains(got, index+" > decode") {
			t.Errorf("spans %v", got)
		}
		for _, s := range c.spans {
			if s.TraceID == ofBad && s.ParentSpanID == remote && s.Status.Message != "body" {
				t.Errorf("it failed by %q", s.Status.Message)
			}
		}
	})
	for _, s := range c.spans {
		if !slices.Contains([]string{ofEvent, ofBad, ofRequest}, s.TraceID) {
			t.Errorf("span %s is of a trace that nobody asked for", s.Name)
		}
	}
}
