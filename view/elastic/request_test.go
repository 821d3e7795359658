package elastic

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares JSON with a file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var text bytes.Buffer
	if err := json.Indent(&text, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	text.WriteByte('\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestBody shows the order view's index. Where a change of it makes old indices unfit, layout must go up.
func TestBody(t *testing.T) {
	s := &Store{mapping: orders(t), options: Options{}.withDefaults()}
	text, err := json.Marshal(s.body())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "orders.json", text)
}

func TestSettings(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		want map[string]any
	}{
		{"defaults", Options{},
			map[string]any{"number_of_shards": 1, "auto_expand_replicas": "0-1", "refresh_interval": "1000ms"}},
		{"set", Options{Shards: 3, Replicas: 2, RefreshInterval: 200 * time.Millisecond},
			map[string]any{"number_of_shards": 3, "auto_expand_replicas": false, "number_of_replicas": 2,
				"refresh_interval": "200ms"}},
		{"no refresh", Options{RefreshInterval: -1},
			map[string]any{"number_of_shards": 1, "auto_expand_replicas": "0-1", "refresh_interval": "-1"}},
		{"short refresh", Options{RefreshInterval: 1},
			map[string]any{"number_of_shards": 1, "auto_expand_replicas": "0-1", "refresh_interval": "1ms"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Store{mapping: orders(t), options: tt.o.withDefaults()}
			got := s.body()["settings"].(object)["index"].(object)
			delete(got, "analysis")
			delete(got, "mapping")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSearchRequest shows what a search with everything asks for.
func TestSearchRequest(t *testing.T) {
	stub := newStub(t, orders(t), answering(200, `{"hits":{"total":{"value":0,"relation":"eq"}}}`))
	s := stub.store(t, Options{})
	q := view.Query{
		Match: viewtest.Words("ta\u0301ke-out", "9"),
		Filter: view.And{
			view.In{Field: "status", Values: []any{"delivered"}},
			view.Or{
				view.In{Field: "restaurant.name", Values: []any{"Ajanta"}},
				view.Not{Filter: view.Exists{Field: "deliveryAddress.street2"}},
				view.Exists{Field: "total"},
			},
			view.Range{Field: "total", GT: 10.0, GTE: 12.5, LT: 20.0, LTE: 20.0},
			view.Range{Field: "createdAt", GTE: time.UnixMilli(2026), LT: time.UnixMilli(1772363220000)},
			view.In{Field: "updatedAt", Values: []any{time.UnixMilli(2026)}},
			view.In{Field: "state", Values: nil},
			view.Or{},
		},
		Sort:   []view.Sort{{Field: "createdAt", Descending: true}, {Field: "status"}, {Field: "total"}, {Field: view.Relevance}},
		Size:   20,
		From:   &view.Position{Values: []any{1772363220000.0, "delivered", nil, 1.5}, ID: "9"},
		Facets: []view.Facet{{Field: "lineItems.name", Size: 5}, {Field: "status", Size: 1000}},
	}
	for _, tt := range []struct {
		file     string
		backward bool
	}{{"search.json", false}, {"search-backward.json", true}} {
		t.Run(tt.file, func(t *testing.T) {
			q.Backward = tt.backward
			if _, err := s.Search(t.Context(), view.As(view.RoleConsumer, "7"), q); err != nil {
				t.Fatal(err)
			}
			head, body, _ := strings.Cut(stub.requests()[0], "\n")
			want := "POST /viewgate-orders/_search?allow_partial_search_results=false&preference=" +
				preference(view.As(view.RoleConsumer, "7")) + "&seq_no_primary_term=true"
			if diff := cmp.Diff(want, head); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			golden(t, tt.file, []byte(body))
		})
	}
}

// TestApplyRequest shows what a write sends.
func TestApplyRequest(t *testing.T) {
	stub := newStub(t, orders(t), answering(200, `{}`))
	stub.store(t, Options{}).Apply(t.Context(), []view.Write{
		{ID: "1", Source: []byte("{\n \"orderId\": \"1\",\n \"n\": 1.50\n}\n")},
		{ID: "a\"b", Hidden: true, Revision: "index/41/2", Source: []byte(`{}`)},
	})
	want := []string{`POST /index-write/_bulk?require_alias=true&timeout=10000ms
{"create":{"_id":"1"}}
{"_viewgate":{"id":"1","hidden":false},"orderId":"1","n":1.50}
{"index":{"_id":"a\"b","if_seq_no":41,"if_primary_term":2}}
{"_viewgate":{"id":"a\"b","hidden":true}}
`}
	if diff := cmp.Diff(want, stub.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestPublishRequest checks that the aliases are moved in one step, which fails if the live one has been moved by somebody
// else, and that the index that was live becomes the previous one.
func TestPublishRequest(t *testing.T) {
	stub := newStub(t, orders(t), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_alias/viewgate-orders-previous" {
			fmt.Fprint(w, `{"older":{"aliases":{"viewgate-orders-previous":{}}}}`)
			return
		}
		fmt.Fprint(w, `{"acknowledged":true}`)
	})
	s := stub.store(t, Options{})
	for _, index := range []string{"index", "next"} { // the first is there already
		s.index = index
		if err := s.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"GET /_alias/viewgate-orders-previous\n", "POST /_aliases\n" + `{"actions":[` +
		`{"remove":{"alias":"viewgate-orders-previous","index":"older"}},` +
		`{"remove":{"alias":"viewgate-orders","index":"index","must_exist":true}},` +
		`{"add":{"alias":"viewgate-orders-previous","index":"index"}},` +
		`{"remove":{"alias":"viewgate-orders-next","index":"next","must_exist":false}},` +
		`{"add":{"alias":"viewgate-orders","index":"next"}}]}`}
	if diff := cmp.Diff(want, stub.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestGetRequest checks that a viewer is given no more than their own, and that what cannot be there is not asked for.
func TestGetRequest(t *testing.T) {
	stub := newStub(t, orders(t), answering(200, `{"docs":[
		{"_index":"index","_id":"1","_seq_no":4,"_primary_term":1,"found":true,
		 "_source":{"_viewgate":{"id":"1","hidden":true},"consumer":{"consumerId":"7"}}},
		{"_index":"index","_id":"2","_seq_no":5,"_primary_term":1,"found":true,
		 "_source":{"_viewgate":{"id":"2","hidden":false},"consumer":{"consumerId":"8"}}},
		{"_index":"index","_id":"3","found":false}]}`))
	s := stub.store(t, Options{})
	got, err := s.Get(t.Context(), view.As(view.RoleConsumer, "7"), []string{"1", "2", "1", "", "3", strings.Repeat("x", 513)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]view.Document{
		"1": {ID: "1", Revision: "index/4/1", Hidden: true, Source: []byte(`{"consumer":{"consumerId":"7"}}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"POST /viewgate-orders/_mget\n" + `{"ids":["1","2","3"]}`}, stub.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestPreference checks that viewers are told apart by it, and not told of.
func TestPreference(t *testing.T) {
	seen := map[string]view.Viewer{}
	for _, v := range []view.Viewer{
		{}, view.Support(), view.As(view.RoleConsumer, "7"), view.As(view.RoleConsumer, "8"), view.As(view.RoleRestaurant, "7"),
	} {
		p := preference(v)
		if other, ok := seen[p]; ok || p != preference(v) {
			t.Errorf("preference %s is of %v and of %v", p, v, other)
		}
		seen[p] = v
	}
}

// TestJoin checks that a document is given back as it was written.
func TestJoin(t *testing.T) {
	value := rapid.Custom(func(t *rapid.T) any {
		return rapid.OneOf(
			rapid.String().AsAny(), rapid.Float64Range(-1e300, 1e300).AsAny(), rapid.Bool().AsAny(),
			rapid.SliceOfN(rapid.String(), 0, 3).AsAny(), rapid.MapOfN(rapid.String(), rapid.Int(), 0, 3).AsAny(),
			rapid.Just[any](nil),
		).Draw(t, "value")
	})
	store := &Store{mapping: viewtest.Mapping(t)}
	fields := rapid.MapOfN(rapid.String(), value, 0, 5)
	rapid.Check(t, func(t *rapid.T) {
		source, err := json.MarshalIndent(fields.Draw(t, "source"), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		w := view.Write{ID: rapid.String().Draw(t, "id"), Hidden: rapid.Bool().Draw(t, "hidden"), Source: source}
		var stored, want bytes.Buffer
		if err := store.join(&stored, w); err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsRune(stored.Bytes(), '\n') || !json.Valid(stored.Bytes()) {
			t.Fatalf("stored is no line of JSON: %q", stored.Bytes())
		}
		got, hidden, err := split(w.ID, stored.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Compact(&want, source); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), string(got)); diff != "" || hidden != w.Hidden {
			t.Errorf("hidden is %t of %t, source (-want +got):\n%s", hidden, w.Hidden, diff)
		}
		var unlooked bytes.Buffer
		w.Source, w.Compact = want.Bytes(), true
		if err := store.join(&unlooked, w); err != nil {
			t.Fatal(err)
		}
		if again, _, err := split(w.ID, unlooked.Bytes()); err != nil || string(again) != want.String() {
			t.Errorf("written as compact: %v, %s, want %s", err, again, want.String())
		}
	})
}

// TestSortValues checks that where a page ended is where the next begins: after is the inverse of value, in each
// direction of each kind, with missing values too.
func TestSortValues(t *testing.T) {
	kinds := map[view.Kind]*rapid.Generator[any]{
		view.Keyword: rapid.String().AsAny(),
		view.Text:    rapid.String().AsAny(),
		view.Boolean: rapid.Bool().AsAny(),
		view.Number:  rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).AsAny(),
		view.Money:   rapid.Float64Range(-1e15, 1e15).AsAny(),
		view.Date: rapid.Custom(func(t *rapid.T) any {
			return float64(rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "milliseconds"))
		}),
	}
	for kind, values := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				k := key{kind: kind, descending: rapid.Bool().Draw(t, "descending"), first: rapid.Bool().Draw(t, "first")}
				want := rapid.OneOf(values, rapid.Just[any](nil)).Draw(t, "value")
				sent, err := json.Marshal(k.after(want))
				if err != nil {
					t.Fatal(err)
				}
				got, err := k.value(sent)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("sent as %s (-want +got):\n%s", sent, diff)
				}
			})
		})
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("1", []byte(`{"_viewgate":{"id":"1","hidden":true},"a":1}`))
	f.Add("1", []byte(`{"a":1,"_viewgate":{"hidden":false,"id":"1"}}`))
	f.Add("", []byte(`{"_viewgate":{"id":"","hidden":false}}`))
	f.Add("1", []byte(`{"_viewgate":7}`))
	f.Fuzz(func(t *testing.T, id string, stored []byte) {
		if !json.Valid(stored) { // it comes out of valid JSON
			return
		}
		source, _, err := split(id, stored)
		if err == nil && (!json.Valid(source) || source[0] != '{') {
			t.Errorf("source %q", source)
		}
	})
}

func FuzzRevision(f *testing.F) {
	f.Add("index/1/2")
	f.Add("index/-1/+2")
	f.Fuzz(func(t *testing.T, text string) {
		index, seqNo, term, ok := parseRevision(view.Revision(text))
		if !ok {
			return
		}
		again := fmt.Sprintf("%s/%d/%d", index, seqNo, term)
		if i, s, p, ok := parseRevision(view.Revision(again)); !ok || i != index || s != seqNo || p != term {
			t.Errorf("%q reads as %q, which reads as %q, %d, %d", text, again, i, s, p)
		}
	})
}
