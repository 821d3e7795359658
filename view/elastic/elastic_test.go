package elastic

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

// realOptions returns the options of a test against a real Elasticsearch, with names of its own. What is created under
// them is deleted when the test ends. Without an Elasticsearch the test is skipped, or fails where there must be one.
func realOptions(t testing.TB) Options {
	t.Helper()
	url := os.Getenv("VIEWGATE_TEST_ELASTICSEARCH")
	if url == "" {
		if os.Getenv("VIEWGATE_TEST_BACKENDS") == "required" {
			t.Fatal("VIEWGATE_TEST_ELASTICSEARCH is not set, and VIEWGATE_TEST_BACKENDS requires it")
		}
		t.Skip("VIEWGATE_TEST_ELASTICSEARCH is not set: \"backends/backends es-up\" starts one")
	}
	o := Options{
		URLs: []string{url}, Prefix: "viewgate-test-" + strings.ToLower(rand.Text()) + "-",
		RefreshInterval: -1, Timeout: 30 * time.Second,
	}
	t.Cleanup(func() {
		// Elasticsearch deletes no pattern, unless it was told to.
		var indices map[string]any
		if err := json.Unmarshal(ask(t, o, http.MethodGet, "/"+o.Prefix+"*/_alias", ""), &indices); err != nil {
			t.Fatal(err)
		}
		for index := range indices {
			ask(t, o, http.MethodDelete, "/"+index, "")
		}
	})
	return o
}

// ask sends Elasticsearch a request past the store and returns the answer, which must be a good one.
func ask(t testing.TB, o Options, method, path, body string) []byte {
	t.Helper()
	request, err := http.NewRequest(method, o.URLs[0]+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer
}

func mustOpen(t testing.TB, open func(context.Context, *view.Mapping, Options) (*Store, error), m *view.Mapping,
	o Options) *Store {

	t.Helper()
	s, err := open(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// orders is the order view's mapping.
func orders(t testing.TB) *view.Mapping {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := view.MappingOf(s, "orders")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// changed is a mapping of the same view from another schema.
func changed(t testing.TB) *view.Mapping {
	t.Helper()
	m, err := viewtest.MappingOf(`type Order @view(name: "orders") { orderId: ID! @index(as: KEYWORD) }`, "orders")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func write(t testing.TB, s *Store, writes ...view.Write) []view.Revision {
	t.Helper()
	var revisions []view.Revision
	for i, r := range s.Apply(t.Context(), writes) {
		if r.Err != nil {
			t.Fatalf("write of %q: %v", writes[i].ID, r.Err)
		}
		revisions = append(revisions, r.Revision)
	}
	return revisions
}

// ids returns the ids that a search of everything finds.
func ids(t testing.TB, s *Store) []string {
	t.Helper()
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := s.Search(t.Context(), view.Support(), view.Query{Size: 100})
	if err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, h := range p.Hits {
		found = append(found, h.ID)
	}
	return found
}

func order(id string) view.Write {
	return view.Write{ID: id, Source: json.RawMessage(`{"orderId":"` + id + `"}`)}
}

// TestOpenAtOnce has several processes start on an empty cluster.
func TestOpenAtOnce(t *testing.T) {
	o, m := realOptions(t), orders(t)
	stores := make([]*Store, 4)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			s, err := Open(t.Context(), m, o)
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
		})
	}
	wg.Wait()
	for _, s := range stores {
		if s == nil {
			continue
		}
		defer s.Close()
		if want := o.Prefix + "orders-" + m.Hash + "-1"; s.Index() != want {
			t.Errorf("opened index %s, want %s", s.Index(), want)
		}
	}
}

// TestRebuild goes the way of a changed schema: the old index is refused, a new one is filled beside it and then swapped
// in, and the old one back.
func TestRebuild(t *testing.T) {
	o := realOptions(t)
	before := mustOpen(t, Open, changed(t), o)
	write(t, before, order("1"))
	beforeOnly := before.Pinned()

	m := orders(t)
	_, err := Open(t.Context(), m, o)
	if !errors.Is(err, ErrMapping) || !strings.Contains(err.Error(), `run "viewgate rebuild orders"`) {
		t.Fatalf("Open with another mapping: %v", err)
	}
	if _, err := OpenIndex(t.Context(), m, o, before.Index()); !errors.Is(err, ErrMapping) {
		t.Errorf("OpenIndex with another mapping: %v", err)
	}
	var f *failure
	_, err = OpenIndex(t.Context(), m, o, o.Prefix+"nowhere")
	if !errors.As(err, &f) || f.kind != "index_not_found_exception" {
		t.Errorf("OpenIndex of a missing index: %v", err)
	}

	after := mustOpen(t, Create, m, o)
	if want := o.Prefix + "orders-" + m.Hash + "-1"; after.Index() != want {
		t.Errorf("created index %s, want %s", after.Index(), want)
	}
	write(t, after, order("1"), order("2"))
	revisions := write(t, mustOpen(t, Create, m, o), order("3")) // a further one that is given up
	if got := string(revisions[0]); !strings.HasPrefix(got, o.Prefix+"orders-"+m.Hash+"-2/") {
		t.Errorf("revision %s is of another index than the second", got)
	}
	steps := []struct {
		name                     string
		publish                  *Store
		before, beforeOnly, next []string
	}{
		{"before", before, []string{"1"}, []string{"1"}, []string{"1", "2"}},
		{"swapped", after, []string{"1", "2"}, []string{"1"}, []string{"1", "2"}},
		{"again", after, []string{"1", "2"}, []string{"1"}, []string{"1", "2"}},
		{"rolled back", before, []string{"1"}, []string{"1"}, []string{"1", "2"}},
	}
	for _, step := range steps {
		if err := step.publish.Publish(t.Context()); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		for _, got := range []struct {
			name  string
			store *Store
			want  []string
		}{{"through the alias", before, step.before}, {"pinned", beforeOnly, step.beforeOnly}, {"new", after, step.next}} {
			if diff := cmp.Diff(got.want, ids(t, got.store)); diff != "" {
				t.Errorf("%s: ids %s (-want +got):\n%s", step.name, got.name, diff)
			}
		}
	}

	if err := after.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := before.Get(t.Context(), view.Support(), []string{"1"})
	if err != nil {
		t.Fatal(err)
	}
	r := before.Apply(t.Context(), []view.Write{{ID: "1", Revision: found["1"].Revision, Source: []byte(`{}`)}})
	if !errors.Is(r[0].Err, view.ErrConflict) {
		t.Errorf("a document read from the new index was written to the old: %v", r[0].Err)
	}
	if again := mustOpen(t, Open, m, o); again.Index() != after.Index() {
		t.Errorf("Open found %s, want %s", again.Index(), after.Index())
	}
}

// TestIndexAway checks that documents are no worse for an index that cannot take them. A deleted one must not come back by
// a write, either: Elasticsearch would guess its mapping.
func TestIndexAway(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, body string
		text                     string
		readable                 bool
	}{
		{"deleted", http.MethodDelete, "", "", "index_not_found_exception", false},
		{"closed", http.MethodPost, "/_close", "", "index_closed_exception", false},
		{"blocked", http.MethodPut, "/_settings", `{"index.blocks.write":true}`, "cluster_block_exception", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := realOptions(t)
			s := mustOpen(t, Open, orders(t), o)
			replace := order("1")
			replace.Revision = write(t, s, replace)[0]
			ask(t, o, tt.method, "/"+s.Index()+tt.path, tt.body)
			for i, r := range s.Apply(t.Context(), []view.Write{replace, order("2")}) {
				if !errors.Is(r.Err, view.ErrRetry) || !strings.Contains(r.Err.Error(), tt.text) {
					t.Errorf("write %d: %v", i, r.Err)
				}
			}
			_, get := s.Get(t.Context(), view.Support(), []string{"1"})
			_, search := s.Search(t.Context(), view.Support(), view.Query{})
			for name, err := range map[string]error{"Get": get, "Search": search} {
				if tt.readable && err != nil || !tt.readable && !errors.Is(err, view.ErrUnavailable) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestRefusedAlone checks that documents Elasticsearch cannot take are refused and their neighbours written.
func TestRefusedAlone(t *testing.T) {
	s := mustOpen(t, Open, orders(t), realOptions(t))
	sources := []struct {
		name, source string
		refused      bool
	}{
		{"plain", `{"orderId":"1"}`, false},
		{"object for a keyword", `{"orderId":{"a":1}}`, true},
		{"value for an object", `{"restaurant":"Ajanta"}`, true},
		{"value for a money", `{"total":"61.70"}`, true},
		{"a key twice", `{"orderId":"1","orderId":"2"}`, true},
		{"the store's own field", `{"_viewgate":{"id":"x"}}`, true},
		{"no object", `"text"`, true},
		{"half", `{"orderId":`, true},
		{"not UTF-8", "{\"orderId\":\"\xff\"}", true},
		{"wrong date", `{"createdAt":"yesterday"}`, false},
		{"wrong amount", `{"total":{"amount":"dear"}}`, false},
		{"not indexed below the root", `{"ticket":{"readyBy":"2026-03-01T12:00:00Z","state":"ACCEPTED"}}`, false},
		{"unknown", `{"what":{"ever":[1,{"a":null}]}}`, false},
		{"long text", `{"restaurant":{"name":"` + strings.Repeat("long ", 20_000) + `"}}`, false},
		{"long keyword", `{"orderId":"` + strings.Repeat("ß", 40_000) + `"}`, false},
		{"several lines", "{\n\t\"orderId\": \"1\"\n}\n", false},
	}
	var writes []view.Write
	for i, tt := range sources {
		writes = append(writes, view.Write{ID: fmt.Sprint(i), Source: json.RawMessage(tt.source)})
	}
	results := s.Apply(t.Context(), writes)
	for i, tt := range sources {
		t.Run(tt.name, func(t *testing.T) {
			err := results[i].Err
			if tt.refused && !errors.Is(err, view.ErrRefused) || !tt.refused && err != nil {
				t.Fatalf("written with %v, refused should be %t", err, tt.refused)
			}
			found, err := s.Get(t.Context(), view.Support(), []string{writes[i].ID})
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := found[writes[i].ID]; ok == tt.refused {
				t.Errorf("is stored: %t, refused: %t", ok, tt.refused)
			}
		})
	}
}

// TestRewritten checks that a document which somebody changed in Elasticsearch's own ways is still read.
func TestRewritten(t *testing.T) {
	o := realOptions(t)
	s := mustOpen(t, Open, orders(t), o)
	w := view.Write{ID: "a/b \"c\"", Hidden: true, Source: json.RawMessage(`{"orderId":"1","n":1.50}`)}
	old := write(t, s, w)[0]
	ask(t, o, http.MethodPost, "/"+s.Index()+"/_update/a%2Fb%20%22c%22", `{"doc":{"orderId":"2"}}`)
	found, err := s.Get(t.Context(), view.Support(), []string{w.ID})
	if err != nil {
		t.Fatal(err)
	}
	d := found[w.ID]
	if !d.Hidden || d.Revision == old || d.Revision == "" {
		t.Errorf("hidden %t, revision %q, before the update %q", d.Hidden, d.Revision, old)
	}
	var got map[string]any
	if err := json.Unmarshal(d.Source, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"orderId": "2", "n": 1.5}, got); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
}

// TestCountUpTo checks that a total is exact as far as asked for and a lower bound beyond.
func TestCountUpTo(t *testing.T) {
	o := realOptions(t)
	o.CountUpTo = 3
	s := mustOpen(t, Open, orders(t), o)
	for n := 1; n <= 5; n++ {
		write(t, s, order(fmt.Sprint(n)))
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err := s.Search(t.Context(), view.Support(), view.Query{Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		if p.Exact && p.Total != n || !p.Exact && (p.Total < 3 || p.Total > n) || p.Exact != (n <= 3) {
			t.Errorf("of %d: total %d, exact %t", n, p.Total, p.Exact)
		}
	}
}
