package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// descriptor is what Elasticsearch's roles and API keys are made of.
type descriptor struct {
	Cluster []string `json:"cluster"`
	Indices []struct {
		Names      []string `json:"names"`
		Privileges []string `json:"privileges"`
	} `json:"indices"`
}

// documentedDescriptors returns the descriptors in doc/security.md by the roles that they are for.
func documentedDescriptors(t *testing.T) map[string]descriptor {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("doc", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text2, _ := strings.Cut(string(text), "### Elasticsearch")
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(text2)
	if block == nil {
		t.Fatal("doc/security.md has no descriptors")
	}
	var all map[string]descriptor
	if err := json.Unmarshal([]byte(block[1]), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// privileges tells which privilege of Elasticsearch lets a request through, the first that fits: on the cluster, or on indices.
var privileges = []struct {
	method, path string // a regular expression
	cluster      string
	index        string
}{
	{"GET|HEAD", `/`, "monitor", ""},
	{"GET|POST", `/[^/]+/_(search|mget|count|pit)`, "", "read"},
	{"GET|POST", `/_search`, "", "read"}, // of a point in time that _pit has opened
	{"DELETE", `/_pit`, "", "read"},
	{"GET|HEAD", `/[^/]+(/_(mapping|settings|alias)(/[^/]*)?)?`, "", "view_index_metadata"},
	{"GET|HEAD", `/_alias/[^/]+`, "", "view_index_metadata"},
	{"GET|POST", `/[^/]+/_(refresh|flush|forcemerge)`, "", "maintenance"},
	{"GET", `/[^/]+/_stats/[^/]+`, "", "monitor"},
	{"POST|PUT", `(/[^/]+)?/_bulk`, "", "write"},
	{"PUT", `/[^/_][^/]*`, "", "manage"},
	{"DELETE", `/[^/_][^/]*`, "", "manage"},
	{"PUT", `/[^/]+/_settings`, "", "manage"},
	{"POST", `/_aliases`, "", "manage"},
}

// needed returns what a request needs: a privilege on the cluster, or on indices.
func needed(method, path string) (cluster, index string, known bool) {
	for _, p := range privileges {
		if slices.Contains(strings.Split(p.method, "|"), method) && regexp.MustCompile("^"+p.path+"$").MatchString(path) {
			return p.cluster, p.index, true
		}
	}
	return "", "", false
}

// granted is what one role may ask, and has asked, of an Elasticsearch. Its servers go on answering while a test looks at it.
type granted struct {
	descriptor
	mu      sync.Mutex
	used    map[string]bool // privileges; guarded by mu
	refused []string        // guarded by mu
}

// guarded stands before an Elasticsearch, and lets through what a descriptor allows. It returns its address.
func (e elasticsearch) guarded(g *granted) string {
	e.Helper()
	to, err := url.Parse(e.url)
	if err != nil {
		e.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cluster, index, known := needed(r.Method, r.URL.Path)
		allowed := known && (cluster == "" || slices.Contains(g.Cluster, cluster))
		allowed = allowed && (index == "" || slices.Contains(g.Indices[0].Privileges, index))
		g.mu.Lock()
		g.used[cluster+index] = true
		if !allowed {
			g.refused = append(g.refused, r.Method+" "+r.URL.Path)
		}
		g.mu.Unlock()
		if !allowed {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			w.Write([]byte(`{"error":{"type":"security_exception","reason":"not allowed"},"status":403}`))
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	e.Cleanup(server.Close)
	return server.URL
}

// TestElasticsearchRights: each role does its work with the privileges that doc/security.md gives it, and uses each of them.
func TestElasticsearchRights(t *testing.T) {
	e := realElasticsearch(t)
	env := map[string]string{"KAFKA_BROKERS": kafka(t), "ELASTICSEARCH_PREFIX": e.prefix}
	finish(t, 0, env, "load", filepath.Join("event", "testdata", "orders.jsonl"))
	roles := map[string]*granted{}
	for role, d := range documentedDescriptors(t) {
		if len(d.Indices) != 1 {
			t.Fatalf("the descriptor of %s has %d entries for indices, want one", role, len(d.Indices))
		}
		roles[role] = &granted{descriptor: d, used: map[string]bool{}}
	}
	as := func(role string) string {
		g := roles[role]
		if g == nil {
			t.Fatalf("doc/security.md has no descriptor for the role %s", role)
		}
		return e.guarded(g)
	}
	indexing := start(t, env, "serve", "--role", "indexer", "--addr", "127.0.0.1:0", "--elasticsearch", as("indexer"))
	indexing.waitForURL()
	answering := start(t, env, "serve", "--role", "gateway", "--kafka", env["KAFKA_BROKERS"], "--addr", "127.0.0.1:0",
		"--elasticsearch", as("gateway"))
	answering.waitForURL()
	var page orderPage
	answering.eventually(func() error {
		a, err := answering.query(&page, `{ orderHistory(first: 5, freshness: {mode: FRESH}) { nodes { orderId } } }`, nil)
		if err == nil && (len(page.OrderHistory.Nodes) == 0 || len(a.Extensions.Freshness) == 0 || !a.Extensions.Freshness[0].Kept) {
			err = fmt.Errorf("not yet fresh: %+v", a.Extensions) // which takes a refresh
		}
		return err
	})
	var found struct{ Order *struct{ OrderID string } }
	if _, err := answering.query(&found, `query ($id: ID!) { order(id: $id) { orderId } }`,
		map[string]any{"id": page.OrderHistory.Nodes[0].OrderID}); err != nil || found.Order == nil {
		t.Errorf("order by id: %v, %v", found, err)
	}
	finish(t, 0, env, "rebuild", "orders", "--elasticsearch", as("rebuild"))
	finish(t, 0, env, "rollback", "orders", "--elasticsearch", as("rebuild"))
	finish(t, 0, env, "forget", "consumer", "103", "--elasticsearch", as("forget"))
	finish(t, 0, env, "export", "orders", "--elasticsearch", as("export"))
	for role, g := range roles {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.refused) > 0 {
			t.Errorf("%s was refused %q", role, g.refused)
		}
		for _, privilege := range slices.Concat(g.Cluster, g.Indices[0].Privileges) {
			if !g.used[privilege] {
				t.Errorf("%s does not use the privilege %s", role, privilege)
			}
		}
	}
}
