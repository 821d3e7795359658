package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Stub stands in for Elasticsearch where that would be the limit: it keeps one index in memory, checks the revisions of
// writes as Elasticsearch does, and answers in its form. It indexes nothing and finds nothing.
type Stub struct {
	*httptest.Server

	mu        sync.Mutex
	index     string             // guarded by mu: its name; empty until it is created
	creation  json.RawMessage    // guarded by mu: what it was created with
	documents map[string]stubbed // guarded by mu: by id
	sequence  int64              // guarded by mu: of the next write
}

type stubbed struct {
	source   json.RawMessage
	sequence int64
}

// NewStub starts a stub that ends with the test.
func NewStub(tb testing.TB) *Stub {
	s := &Stub{documents: map[string]stubbed{}}
	s.Server = httptest.NewServer(s)
	tb.Cleanup(s.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *Stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name, action, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case name == "":
		io.WriteString(w, `{"version":{"number":"8.19.0"}}`)
	case name == "_alias" && s.index == "":
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"error":"alias missing","status":404}`)
	case name == "_alias":
		fmt.Fprintf(w, `{%q:{"aliases":{%q:{}}}}`, s.index, action)
	case r.Method == http.MethodPut && s.index != "":
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":{"type":"resource_already_exists_exception","reason":"it is there"},"status":400}`)
	case r.Method == http.MethodPut && action == "":
		s.index, s.creation = name, body
		fmt.Fprintf(w, `{"acknowledged":true,"shards_acknowledged":true,"index":%q}`, name)
	case action == "_mapping":
		var made struct {
			Mappings json.RawMessage `json:"mappings"`
		}
		if json.Unmarshal(s.creation, &made) != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(w, `{%q:{"mappings":%s}}`, s.index, made.Mappings)
	case action == "_mget":
		s.get(w, body)
	case action == "_bulk":
		s.bulk(w, body)
	default:
		w.WriteHeader(http.StatusNotImplemented)
	}
}

// get answers _mget; mu is held.
func (s *Stub) get(w http.ResponseWriter, body []byte) {
	var request struct {
		IDs []string `json:"ids"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := bytes.NewBufferString(`{"docs":[`)
	for i, id := range request.IDs {
		if i > 0 {
			answer.WriteByte(',')
		}
		if d, ok := s.documents[id]; ok {
			fmt.Fprintf(answer, `{"_index":%q,"_id":%q,"_version":1,"_seq_no":%d,"_primary_term":1,"found":true,"_source":%s}`,
				s.index, id, d.sequence, d.source)
		} else {
			fmt.Fprintf(answer, `{"_index":%q,"_id":%q,"found":false}`, s.index, id)
		}
	}
	answer.WriteString(`]}`)
	w.Write(answer.Bytes())
}

// bulk answers _bulk: creations, and replacements on condition; mu is held.
func (s *Stub) bulk(w http.ResponseWriter, body []byte) {
	answer, errors := bytes.NewBufferString(`,"items":[`), false
	for i := 0; len(body) > 0; i++ {
		var line, source []byte
		line, body, _ = bytes.Cut(body, []byte("\n"))
		source, body, _ = bytes.Cut(body, []byte("\n"))
		var operation map[string]struct {
			ID       string `json:"_id"`
			Sequence *int64 `json:"if_seq_no"`
		}
		if err := json.Unmarshal(line, &operation); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if i > 0 {
			answer.WriteByte(',')
		}
		for action, on := range operation { // one
			before, exists := s.documents[on.ID]
			if exists != (action == "index") || exists && (on.Sequence == nil || *on.Sequence != before.sequence) {
				errors = true
				fmt.Fprintf(answer, `{%q:{"_index":%q,"_id":%q,"status":409,"error":{"type":`+
					`"version_conflict_engine_exception","reason":"[%s]: version conflict"}}}`, action, s.index, on.ID, on.ID)
				continue
			}
			s.sequence++
			s.documents[on.ID] = stubbed{source, s.sequence}
			fmt.Fprintf(answer, `{%q:{"_index":%q,"_id":%q,"_version":1,"result":"updated","_shards":{"total":1,`+
				`"successful":1,"failed":0},"_seq_no":%d,"_primary_term":1,"status":200}}`, action, s.index, on.ID, s.sequence)
		}
	}
	answer.WriteString(`]}`)
	fmt.Fprintf(w, `{"took":1,"errors":%t%s`, errors, answer.Bytes())
}
