package viewtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
)

// OpenIndices opens the indices of a mapping's view, the same ones in each call of one test. The test closes them.
type OpenIndices func(t *testing.T, m *view.Mapping) view.Indices

// Indices runs the suite of view.Indices: make returns how to open the indices of a view that has none.
func Indices(t *testing.T, make func(t *testing.T) OpenIndices) {
	t.Run("an index's life", func(t *testing.T) { testLife(t, make(t)) })
	t.Run("abandoned", func(t *testing.T) { testAbandoned(t, make(t)) })
	t.Run("count and sample", func(t *testing.T) { testSample(t, make(t)) })
	t.Run("description", func(t *testing.T) { testDescription(t, make(t)) })
	t.Run("ids", func(t *testing.T) { testIDs(t, make(t)) })
	t.Run("purge", func(t *testing.T) { testPurge(t, make(t)) })
	t.Run("another mapping", func(t *testing.T) { testOtherMapping(t, make(t)) })
}

// steps are indices that a test goes from step to step with, opened anew for each.
type steps struct {
	*testing.T
	open    OpenIndices
	mapping *view.Mapping
	view.Indices
}

// next closes the indices and opens them again, as another process does.
func (s *steps) next() {
	s.Helper()
	if s.Indices != nil {
		s.must(s.Indices.Close())
	}
	s.Indices = s.open(s.T, s.mapping)
}

func (s *steps) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// index checks that one opened without an error and holds the documents with these ids.
func (s *steps) index(x view.Index, err error) func(ids ...string) view.Index {
	s.Helper()
	s.must(err)
	return func(ids ...string) view.Index {
		s.Helper()
		visible, hidden, err := x.Count(s.Context())
		s.must(err)
		got, err := x.Sample(s.Context(), 100, 1)
		s.must(err)
		slices.Sort(got)
		if diff := cmp.Diff(ids, got); diff != "" || visible+hidden != len(ids) {
			s.Errorf("%s counts %d and %d and has (-want +got):\n%s", x.Name(), visible, hidden, diff)
		}
		return x
	}
}

func (s *steps) none(_ view.Index, err error) {
	s.Helper()
	if !errors.Is(err, view.ErrNoIndex) {
		s.Errorf("an index that is not there: error %v, want ErrNoIndex", err)
	}
}

func (s *steps) id(x view.Index) string {
	s.Helper()
	id, err := x.ID(s.Context())
	s.must(err)
	return id
}

// fill writes documents as a rebuild does.
func (s *steps) fill(x view.Index, ids ...string) {
	s.Helper()
	s.must(x.BeginFilling(s.Context()))
	for _, id := range ids {
		w := view.Write{ID: id, Source: json.RawMessage(fmt.Sprintf(`{"mealId":%q}`, id))}
		s.must(x.Apply(s.Context(), []view.Write{w})[0].Err)
	}
	s.must(x.EndFilling(s.Context()))
	page, err := x.Search(s.Context(), view.Support(), view.Query{Size: 100})
	s.must(err)
	if page.Total != len(ids) {
		s.Errorf("searches of %s find %d documents after EndFilling, want %d", x.Name(), page.Total, len(ids))
	}
}

// testPurge: what is there is as it was, for searches and by id, and can be written on.
func testPurge(t *testing.T, open OpenIndices) {
	s := &steps{T: t, open: open, mapping: Mapping(t)}
	ctx := t.Context()
	s.next()
	x, err := s.Create(ctx)
	s.must(err)
	s.must(x.Purge(ctx))
	s.fill(x, "1", "2", "3")
	for range 2 {
		found, err := x.Get(ctx, view.Support(), []string{"2"})
		s.must(err)
		write := view.Write{ID: "2", Revision: found["2"].Revision, Source: json.RawMessage(`{"mealId":"2","title":"other"}`)}
		s.must(x.Apply(ctx, []view.Write{write})[0].Err)
		s.must(x.Purge(ctx))
		s.must(x.Refresh(ctx))
		s.index(x, nil)("1", "2", "3")
		page, err := x.Search(ctx, view.Support(), view.Query{Filter: Words("other"), Size: 10})
		s.must(err)
		if len(page.Hits) != 1 || page.Hits[0].ID != "2" {
			t.Errorf("searches find %+v", page.Hits)
		}
	}
}

func testLife(t *testing.T, open OpenIndices) {
	s := &steps{T: t, open: open, mapping: Mapping(t)}
	ctx := t.Context()
	s.next()
	s.none(s.Live(ctx))
	s.none(s.Unfinished(ctx))
	s.none(s.Previous(ctx))
	first, err := s.Create(ctx)
	s.must(err)
	s.fill(first, "1")
	firstID := s.id(first)

	s.next()
	s.none(s.Live(ctx))
	first = s.index(s.Unfinished(ctx))("1")
	if got := s.id(first); got != firstID {
		t.Errorf("opened again it is %s, before %s", got, firstID)
	}
	s.must(s.Publish(ctx, first))

	s.next()
	s.index(s.Live(ctx))("1")
	s.none(s.Unfinished(ctx))
	s.none(s.Previous(ctx))
	second, err := s.Create(ctx)
	s.must(err)
	s.fill(second, "1", "2")
	secondID := s.id(second)
	if firstID == secondID {
		t.Errorf("two indices are %s", firstID)
	}
	s.must(s.Publish(ctx, second))

	s.next()
	s.index(s.Live(ctx))("1", "2")
	s.none(s.Unfinished(ctx))
	s.must(s.Publish(ctx, s.index(s.Previous(ctx))("1")))

	s.next()
	if got := s.id(s.index(s.Live(ctx))("1")); got != firstID {
		t.Errorf("after going back %s is live, want %s", got, firstID)
	}
	if got := s.id(s.index(s.Previous(ctx))("1", "2")); got != secondID {
		t.Errorf("after going back %s is the previous one, want %s", got, secondID)
	}
	third, err := s.Create(ctx)
	s.must(err)
	s.fill(third, "3")
	s.must(s.Publish(ctx, third))

	s.next()
	s.index(s.Live(ctx))("3")
	s.index(s.Previous(ctx))("1")
	names, err := s.List(ctx)
	s.must(err)
	for _, role := range []string{"(live)", "(previous)"} {
		if strings.Count(strings.Join(names, ", "), role) != 1 {
			t.Errorf("the indices are %v, want one of them %s", names, role)
		}
	}
	s.must(s.Close())
}

func testAbandoned(t *testing.T, open OpenIndices) {
	s := &steps{T: t, open: open, mapping: Mapping(t)}
	ctx := t.Context()
	s.next()
	first, err := s.Create(ctx)
	s.must(err)
	firstID := s.id(first)
	s.must(s.Remove(ctx, first))

	s.next()
	s.none(s.Unfinished(ctx))
	second, err := s.Create(ctx)
	s.must(err)
	if got := s.id(second); got == firstID {
		t.Errorf("a second index is %s as the first one was, which was removed", got)
	}
	s.fill(second, "1")
	s.must(s.Publish(ctx, second))

	s.next()
	live, err := s.Live(ctx)
	s.must(err)
	if err := s.Remove(ctx, live); !errors.Is(err, view.ErrNoIndex) {
		t.Errorf("the live index was removed as an unfinished one: error %v", err)
	}
	s.next()
	s.index(s.Live(ctx))("1")
	s.must(s.Close())
}

func testSample(t *testing.T, open OpenIndices) {
	s := &steps{T: t, open: open, mapping: Mapping(t)}
	ctx := t.Context()
	s.next()
	x, err := s.Create(ctx)
	s.must(err)
	s.index(x, nil)()
	var writes []view.Write
	for i := range 40 {
		id := fmt.Sprint(i)
		writes = append(writes, view.Write{ID: id, Hidden: i < 15, Source: json.RawMessage(`{"mealId":"` + id + `"}`)})
	}
	for _, r := range x.Apply(ctx, writes) {
		s.must(r.Err)
	}
	visible, hidden, err := x.Count(ctx)
	s.must(err)
	if visible != 25 || hidden != 15 {
		t.Errorf("counts %d and %d, want 25 and 15", visible, hidden)
	}
	for _, n := range []struct{ asked, visible, hidden int }{
		{0, 0, 0}, {10, 5, 5}, {34, 19, 15}, {40, 25, 15}, {100, 25, 15},
	} {
		ids, err := x.Sample(ctx, n.asked, 1)
		s.must(err)
		found, err := x.Get(ctx, view.Support(), ids)
		s.must(err)
		got := map[bool]int{}
		for _, d := range found {
			got[d.Hidden]++
		}
		want := []int{n.visible, n.hidden, n.visible + n.hidden}
		if diff := cmp.Diff(want, []int{got[false], got[true], len(ids)}); diff != "" {
			t.Errorf("a sample of %d: visible, hidden and all (-want +got):\n%s", n.asked, diff)
		}
	}
	first, err := x.Sample(ctx, 20, 1)
	s.must(err)
	again, err := x.Sample(ctx, 20, 1)
	s.must(err)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same seed chooses otherwise (-first +again):\n%s", diff)
	}
	other, err := x.Sample(ctx, 20, 2)
	s.must(err)
	if slices.Equal(first, other) { // one of 10^18 choices
		t.Errorf("two seeds choose %v", first)
	}
	s.must(s.Close())
}

// testDescription: an index tells its name, its age to the second and what it shows, without a look at the documents.
func testDescription(t *testing.T, open OpenIndices) {
	s := &steps{T: t, open: open, mapping: Mapping(t)}
	ctx := t.Context()
	began := time.Now().Add(-time.Second)
	s.next()
	x, err := s.Create(ctx)
	s.must(err)
	var first string
	for _, step := range []struct {
		name   string
		writes []view.Write
		want   int
	}{
		{"an empty index", nil, 0},
		{"hidden ones are not counted", []view.Write{{ID: "1", Source: json.RawMessage(`{}`)}, {ID: "2", Source: json.RawMessage(`{}`)},
			{ID: "3", Hidden: true, Source: json.RawMessage(`{}`)}}, 2},
		{"written twice is one", []view.Write{{ID: "1", Source: json.RawMessage(`{"mealId":"1"}`)}}, 2},
		{"hidden no more", []view.Write{{ID: "3", Source: json.RawMessage(`{}`)}}, 3},
		{"hidden again", []view.Write{{ID: "2", Hidden: true, Source: json.RawMessage(`{}`)}}, 2},
	} {
		for i := range step.writes {
			had, err := x.Get(ctx, view.Support(), []string{step.writes[i].ID})
			s.must(err)
			step.writes[i].Revision = had[step.writes[i].ID].Revision
		}
		for _, r := range x.Apply(ctx, step.writes) {
			s.must(r.Err)
		}
		s.must(x.Refresh(ctx))
		d, err := x.(view.Described).Describe(ctx)
		s.must(err)
		if d.Documents != step.want {
			t.Errorf("%s: %d documents, want %d", step.name, d.Documents, step.want)
		}
		if first == "" {
			first = d.Index
		}
		if d.Index == "" || d.Index != first || d.Made.Before(began) || d.Made.After(time.Now().Add(time.Second)) {
			t.Errorf("%s: index %q, before %q, made at %v", step.name, d.Index, first, d.Made)
		}
	}
	s.must(s.Close())
}

// testIDs lists more documents than a page of any store has.
func testIDs(t *testing.T, open OpenIndices) {
	s := &steps{T: t, open: open, mapping: Mapping(t)}
	ctx := t.Context()
	s.next()
	x, err := s.Create(ctx)
	s.must(err)
	var writes []view.Write
	var want []string
	for i := range 2500 {
		id := fmt.Sprint(i)
		want = append(want, id)
		writes = append(writes, view.Write{ID: id, Hidden: i%3 == 0, Source: json.RawMessage(`{"mealId":"` + id + `"}`)})
	}
	for _, r := range x.Apply(ctx, writes) {
		s.must(r.Err)
	}
	s.must(x.Refresh(ctx))
	var got []string
	for id, err := range x.IDs(ctx) {
		s.must(err)
		got = append(got, id)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	for range x.IDs(ctx) {
		break // a reader that has enough ends it
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	var failed error
	for _, err := range x.IDs(ended) {
		failed = err
	}
	if !errors.Is(failed, view.ErrUnavailable) {
		t.Errorf("an interrupted list ends with %v, want ErrUnavailable", failed)
	}
	s.must(s.Close())
}

func testOtherMapping(t *testing.T, open OpenIndices) {
	s := &steps{T: t, open: open, mapping: Mapping(t)}
	ctx := t.Context()
	s.next()
	x, err := s.Create(ctx)
	s.must(err)
	s.must(x.CheckMapping(ctx))
	s.fill(x, "1")
	id := s.id(x)
	s.must(s.Publish(ctx, x))

	if s.mapping, err = MappingOf(strings.Replace(SDL, "@sortable", "", 1), "meals"); err != nil {
		t.Fatal(err)
	}
	s.next()
	x = s.index(s.Live(ctx))("1")
	if got := s.id(x); got != id {
		t.Errorf("with another mapping it is %s, before %s", got, id)
	}
	if err := x.CheckMapping(ctx); err == nil || !strings.Contains(err.Error(), "viewgate rebuild meals") {
		t.Errorf("CheckMapping with another mapping: %v", err)
	}
	found, err := x.Get(ctx, view.Support(), []string{"1"})
	s.must(err)
	if len(found) != 1 {
		t.Error("with another mapping its documents cannot be read")
	}
	s.must(s.Close())
}
