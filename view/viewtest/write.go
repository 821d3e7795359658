package viewtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
)

func meal(id string, fields object) doc {
	source := object{"mealId": id}
	for name, value := range fields {
		source[name] = value
	}
	return doc{id, source}
}

// wantError checks that a result wraps want, and none of the other two.
func wantError(t *testing.T, name string, r view.Result, want error) {
	t.Helper()
	for _, err := range []error{view.ErrConflict, view.ErrRetry, view.ErrRefused} {
		if is := errors.Is(r.Err, err); is != (err == want) {
			t.Errorf("%s: error %v: is %q: %t", name, r.Err, err, is)
		}
	}
	if r.Revision != "" {
		t.Errorf("%s: failed with a revision", name)
	}
}

func testWrite(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	write := func(t *testing.T, w view.Write) view.Result {
		t.Helper()
		results := s.Apply(t.Context(), []view.Write{w})
		if len(results) != 1 {
			t.Fatalf("%d results of 1 write", len(results))
		}
		return results[0]
	}

	t.Run("create", func(t *testing.T) {
		w := creation(t, meal("c", object{"memo": "kept", "unknown": object{"deep": []any{1, "x", nil}}}))
		revision := apply(t, s, w)[0]
		if revision == "" {
			t.Error("the new revision is that of a document that does not exist")
		}
		d := get(t, s, "c")
		if d.ID != "c" || d.Revision != revision || d.Hidden {
			t.Errorf("got back id %q, revision %q, hidden %t; wrote revision %q", d.ID, d.Revision, d.Hidden, revision)
		}
		sameJSON(t, w.Source, d.Source)
		wantError(t, "create again", write(t, w), view.ErrConflict)
	})

	t.Run("replace", func(t *testing.T) {
		w := creation(t, meal("r", object{"memo": "1"}))
		first := apply(t, s, w)[0]
		w.Revision = first
		second := apply(t, s, w)[0]
		if second == first || second == "" {
			t.Errorf("revision %q after %q: an equal document is another state, too", second, first)
		}
		w.Source = encode(t, object{"mealId": "r", "memo": "late"})
		wantError(t, "replace an older revision", write(t, w), view.ErrConflict)
		if d := get(t, s, "r"); d.Revision != second {
			t.Errorf("revision %q after a conflict, want %q", d.Revision, second)
		}
		w.Revision = second
		apply(t, s, w)
		sameJSON(t, w.Source, get(t, s, "r").Source)
	})

	t.Run("replace what is missing", func(t *testing.T) {
		revision := apply(t, s, creation(t, meal("there", nil)))[0]
		w := creation(t, meal("nowhere", nil))
		w.Revision = revision
		wantError(t, "replace", write(t, w), view.ErrConflict)
		if found, err := s.Get(t.Context(), view.Support(), []string{"nowhere"}); err != nil || len(found) != 0 {
			t.Errorf("Get answers %v, %v", found, err)
		}
	})

	t.Run("another store's revision", func(t *testing.T) {
		other := open(t, m)
		w := creation(t, meal("twin", nil))
		apply(t, s, w)
		w.Revision = apply(t, other, w)[0]
		wantError(t, "replace", write(t, w), view.ErrConflict)
	})

	t.Run("refused", func(t *testing.T) {
		for name, w := range map[string]view.Write{
			"an array":    {ID: "x", Source: json.RawMessage(`[1]`)},
			"null":        {ID: "x", Source: json.RawMessage(`null`)},
			"half":        {ID: "x", Source: json.RawMessage(`{"mealId":`)},
			"two":         {ID: "x", Source: json.RawMessage(`{"mealId":"x"}{}`)},
			"nothing":     {ID: "x"},
			"without id":  {Source: json.RawMessage(`{"mealId":"x"}`)},
			"not UTF-8":   {ID: "x\xff", Source: json.RawMessage(`{"mealId":"x"}`)},
			"a long id":   {ID: string(slices.Repeat([]byte("x"), view.MaxID+1)), Source: json.RawMessage(`{}`)},
			"no JSON":     {ID: "x", Source: json.RawMessage(`hello`)},
			"bare string": {ID: "x", Source: json.RawMessage(`"hello"`)},
		} {
			t.Run(name, func(t *testing.T) { wantError(t, name, write(t, w), view.ErrRefused) })
		}
	})

	t.Run("independence", func(t *testing.T) {
		old := apply(t, s, creation(t, meal("i2", nil)), creation(t, meal("i4", nil)))
		results := s.Apply(t.Context(), []view.Write{
			creation(t, meal("i1", nil)),
			creation(t, meal("i2", nil)),
			{ID: "i3", Source: json.RawMessage(`[]`)},
			{ID: "i4", Revision: old[1], Source: encode(t, object{"mealId": "i4", "memo": "new"})},
			{ID: "i5", Revision: old[0], Source: encode(t, object{"mealId": "i5"})},
			creation(t, meal("i6", nil)),
		})
		if len(results) != 6 {
			t.Fatalf("%d results of 6 writes", len(results))
		}
		wantError(t, "create what is there", results[1], view.ErrConflict)
		wantError(t, "no object", results[2], view.ErrRefused)
		wantError(t, "replace what is missing", results[4], view.ErrConflict)
		for _, i := range []int{0, 3, 5} {
			id := []string{0: "i1", 3: "i4", 5: "i6"}[i]
			if results[i].Err != nil {
				t.Errorf("%s: %v", id, results[i].Err)
			} else if d := get(t, s, id); d.Revision != results[i].Revision {
				t.Errorf("%s: has revision %q, answered was %q", id, d.Revision, results[i].Revision)
			}
		}
	})

	t.Run("nothing", func(t *testing.T) {
		if results := s.Apply(t.Context(), nil); len(results) != 0 {
			t.Errorf("%d results of no writes", len(results))
		}
	})
}

func testGet(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	guest := func(id string) object { return object{"guest": object{"guestId": id}} }
	hidden := creation(t, meal("hidden", guest("ann")))
	hidden.Hidden = true
	apply(t, s, creation(t, meal("a1", guest("ann"))), creation(t, meal("b1", guest("bob"))),
		creation(t, meal("none", nil)), hidden)
	// No Refresh: Get is real-time.
	all := []string{"a1", "b1", "none", "hidden", "missing", ""}
	for _, tt := range []struct {
		name   string
		viewer view.Viewer
		want   []string
	}{
		{"support", view.Support(), []string{"a1", "b1", "hidden", "none"}},
		{"own", view.As(view.RoleConsumer, "ann"), []string{"a1", "hidden"}},
		{"other case", view.As(view.RoleConsumer, "Ann"), nil},
		{"another role", view.As(view.RoleRestaurant, "ann"), nil},
		{"unknown role", view.As("COURIER", "ann"), nil},
		{"no id", view.As(view.RoleConsumer, ""), nil},
		{"zero", view.Viewer{}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := s.Get(t.Context(), tt.viewer, all)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for id, d := range found {
				if d.ID != id || d.Revision == "" || d.Hidden != (id == "hidden") {
					t.Errorf("%q is id %q, revision %q, hidden %t", id, d.ID, d.Revision, d.Hidden)
				}
				got = append(got, id)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("no ids", func(t *testing.T) {
		if found, err := s.Get(t.Context(), view.Support(), nil); err != nil || len(found) != 0 {
			t.Errorf("Get answers %v, %v", found, err)
		}
	})
	t.Run("the last write", func(t *testing.T) {
		for i := range 20 {
			d := get(t, s, "a1")
			source := encode(t, object{"mealId": "a1", "memo": fmt.Sprint(i)})
			apply(t, s, view.Write{ID: "a1", Revision: d.Revision, Source: source})
			sameJSON(t, source, get(t, s, "a1").Source)
		}
	})
}

func testRefresh(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	everything := view.Query{}
	refresh(t, s)
	matches(t, s, view.Support(), everything)

	a := creation(t, meal("a", object{"tag": "x"}))
	revision := apply(t, s, a, creation(t, meal("b", object{"tag": "x"})))[0]
	refresh(t, s)
	matches(t, s, view.Support(), everything, "a", "b")

	for i, step := range []struct {
		hidden bool
		tag    string
		want   []string // with the tag y
	}{
		{false, "y", []string{"a"}},
		{true, "y", nil},
		{true, "x", nil},
		{false, "y", []string{"a"}},
		{false, "x", nil},
	} {
		a.Revision, a.Hidden, a.Source = revision, step.hidden, encode(t, object{"mealId": "a", "tag": step.tag})
		revision = apply(t, s, a)[0]
		refresh(t, s)
		matches(t, s, view.Support(), view.Query{Filter: view.In{Field: "tag", Values: []any{"y"}}}, step.want...)
		want := []string{"a", "b"}
		if step.hidden {
			want = want[1:]
		}
		matches(t, s, view.Support(), everything, want...)
		otherTags := view.Not{Filter: view.In{Field: "tag", Values: []any{"z"}}}
		matches(t, s, view.Support(), view.Query{Filter: otherTags}, want...)
		p := search(t, s, view.Support(), view.Query{Size: 10, Facets: []view.Facet{{Field: "tag", Size: 10}}})
		counted := 0
		for _, bucket := range p.Facets[0].Buckets {
			counted += bucket.Count
		}
		if counted != len(want) {
			t.Errorf("step %d: facets count %d documents, want %d", i, counted, len(want))
		}
		for _, h := range p.Hits {
			if h.ID == "a" && h.Revision != revision {
				t.Errorf("step %d: a hit has revision %q, want %q", i, h.Revision, revision)
			}
		}
	}
}

// testConcurrency has several writers count in one document: that the count is right shows that no write was lost, and
// that each revision was replaced once shows that none was won twice.
func testConcurrency(t *testing.T, m *view.Mapping, open Open) {
	const writers, each = 6, 8
	s := open(t, m)
	apply(t, s, creation(t, meal("hot", object{"seats": 0})))
	var mu sync.Mutex
	replaced := map[view.Revision]int{}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < each; {
				from, err := increment(t.Context(), s, "hot")
				if errors.Is(err, view.ErrConflict) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				done++
				mu.Lock()
				replaced[from]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for revision, n := range replaced {
		if n != 1 {
			t.Errorf("revision %q was replaced %d times", revision, n)
		}
	}
	sameJSON(t, encode(t, object{"mealId": "hot", "seats": writers * each}), get(t, s, "hot").Source)
}

// increment adds one to the document's seats and returns the revision that it replaced.
func increment(ctx context.Context, s view.Store, id string) (view.Revision, error) {
	found, err := s.Get(ctx, view.Support(), []string{id})
	if err != nil {
		return "", err
	}
	var source struct {
		MealID string `json:"mealId"`
		Seats  int    `json:"seats"`
	}
	if err := json.Unmarshal(found[id].Source, &source); err != nil {
		return "", err
	}
	source.Seats++
	text, err := json.Marshal(source)
	if err != nil {
		return "", err
	}
	w := view.Write{ID: id, Revision: found[id].Revision, Source: text}
	return w.Revision, s.Apply(ctx, []view.Write{w})[0].Err
}

func testContext(t *testing.T, m *view.Mapping, open Open) {
	s := open(t, m)
	put(t, s, meal("a", nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Get(ctx, view.Support(), []string{"a"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Get answers %v", err)
	}
	_, err = s.Search(ctx, view.Support(), view.Query{Size: 1})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Search answers %v", err)
	}
	if err := s.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Refresh answers %v", err)
	}
	results := s.Apply(ctx, []view.Write{creation(t, meal("b", nil)), creation(t, meal("c", nil))})
	if len(results) != 2 {
		t.Fatalf("%d results of 2 writes", len(results))
	}
	for _, r := range results {
		wantError(t, "write", r, view.ErrRetry)
	}
	get(t, s, "a") // the store goes on
}
