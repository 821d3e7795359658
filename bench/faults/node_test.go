package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// node stands in for an Elasticsearch that holds one view: it knows the requests of an indexer and keeps revisions as
// Elasticsearch does.
type node struct {
	mu    sync.Mutex
	index string              // guarded by mu: the one that was created; "" before
	meta  json.RawMessage     // guarded by mu: of its mapping
	docs  map[string]*nodeDoc // guarded by mu
	seqNo int64               // guarded by mu: of the last write
}

type nodeDoc struct {
	Index       string          `json:"_index"`
	ID          string          `json:"_id"`
	Found       bool            `json:"found"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Source      json.RawMessage `json:"_source,omitempty"`
}

// startNode returns its URL.
func startNode(t *testing.T) string {
	server := httptest.NewServer(&node{docs: map[string]*nodeDoc{}})
	t.Cleanup(server.Close)
	return server.URL
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		return // the request was cut short, so nothing of it is done
	}
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	_, action, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/":
		fmt.Fprint(w, `{"version": {"number": "8.19.21"}}`)
	case strings.HasPrefix(r.URL.Path, "/_alias/"):
		if n.index == "" {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprintf(w, `{%q: {"aliases": {}}}`, n.index)
	case r.Method == http.MethodPut:
		n.create(w, strings.Trim(r.URL.Path, "/"), body.Bytes())
	case action == "_mapping":
		fmt.Fprintf(w, `{%q: {"mappings": {"_meta": %s}}}`, n.index, n.meta)
	case action == "_mget":
		n.get(w, body.Bytes())
	case action == "_bulk":
		n.bulk(w, body.Bytes())
	case action == "_search":
		shown := 0
		for _, d := range n.docs {
			if bytes.Contains(d.Source[:min(200, len(d.Source))], []byte(`"hidden":false`)) {
				shown++
			}
		}
		fmt.Fprintf(w, `{"hits": {"total": {"value": %d, "relation": "eq"}}}`, shown)
	case action == "_refresh":
		fmt.Fprint(w, `{"_shards": {"failed": 0}}`)
	default:
		http.Error(w, "this node knows no such request: "+r.Method+" "+r.URL.Path, http.StatusBadRequest)
	}
}

func (n *node) create(w http.ResponseWriter, index string, body []byte) {
	if n.index != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error": {"type": "resource_already_exists_exception", "reason": "there is one"}}`)
		return
	}
	var given struct {
		Mappings struct {
			Meta json.RawMessage `json:"_meta"`
		} `json:"mappings"`
	}
	if err := json.Unmarshal(body, &given); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n.index, n.meta = index, given.Mappings.Meta
	fmt.Fprint(w, `{"acknowledged": true}`)
}

func (n *node) get(w http.ResponseWriter, body []byte) {
	var asked struct {
		IDs []string `json:"ids"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var answer struct {
		Docs []*nodeDoc `json:"docs"`
	}
	for _, id := range asked.IDs {
		d := n.docs[id]
		if d == nil {
			d = &nodeDoc{Index: n.index, ID: id}
		}
		answer.Docs = append(answer.Docs, d)
	}
	json.NewEncoder(w).Encode(answer)
}

// action is the first line of an operation in a bulk request.
type action map[string]struct {
	ID      string `json:"_id"`
	IfSeqNo *int64 `json:"if_seq_no"`
}

func (n *node) bulk(w http.ResponseWriter, body []byte) {
	lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	var items []json.RawMessage
	for ; len(lines) >= 2; lines = lines[2:] {
		var a action
		if err := json.Unmarshal(lines[0], &a); err != nil || len(a) != 1 {
			http.Error(w, "not a bulk request", http.StatusBadRequest)
			return
		}
		for verb, to := range a {
			d := n.docs[to.ID]
			switch {
			case verb == "create" && d == nil, verb == "index" && d != nil && to.IfSeqNo != nil && *to.IfSeqNo == d.SeqNo:
				n.seqNo++
				n.docs[to.ID] = &nodeDoc{
					Index: n.index, ID: to.ID, Found: true, SeqNo: n.seqNo, PrimaryTerm: 1, Source: bytes.Clone(lines[1]),
				}
				items = append(items, json.RawMessage(fmt.Sprintf(
					`{%q: {"_index": %q, "_id": %q, "_seq_no": %d, "_primary_term": 1, "status": 200}}`, verb, n.index, to.ID, n.seqNo)))
			default:
				items = append(items, refusal(verb, to.ID, http.StatusConflict, "version_conflict_engine_exception"))
			}
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"items": items})
}

// refusal is an item of a bulk answer.
func refusal(verb, id string, status int, kind string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{%q: {"_id": %q, "status": %d, "error": {"type": %q, "reason": "for a test"}}}`,
		verb, id, status, kind))
}
