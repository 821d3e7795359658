package embedded

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

// TestNumberTerm checks that terms order as their numbers do, and give them back.
func TestNumberTerm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		odd := []float64{0, 0.3, 0.1 + 0.2, -1, math.MaxFloat64, -math.SmallestNonzeroFloat64}
		number := rapid.OneOf(rapid.Float64(), rapid.SampledFrom(odd)).
			Filter(func(n float64) bool { return !math.IsNaN(n) && !math.IsInf(n, 0) })
		a, b := number.Draw(t, "a")+0, number.Draw(t, "b")+0
		want := 0
		if a < b {
			want = -1
		} else if a > b {
			want = 1
		}
		if got := bytes.Compare(numberTerm(a), numberTerm(b)); got != want {
			t.Errorf("terms of %v and %v compare as %d", a, b, got)
		}
		if back, err := termNumber(string(numberTerm(a))); err != nil || back != a {
			t.Errorf("%v comes back as %v, %v", a, back, err)
		}
	})
}

// TestMaxSearches checks that a search waits for its turn no longer than its context lives.
func TestMaxSearches(t *testing.T) {
	m := viewtest.Mapping(t)
	s, err := create("", m, Options{MaxSearches: 1}, map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.searching <- struct{}{} // as a search that runs does
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = s.Search(ctx, view.Support(), view.Query{})
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, view.ErrUnavailable) {
		t.Errorf("a search without a turn: %v", err)
	}
	<-s.searching
	if _, err := s.Search(t.Context(), view.Support(), view.Query{}); err != nil {
		t.Errorf("a search with a turn: %v", err)
	}
}

// TestSecondWriteOfAnID checks the one case in which a batch's writes depend on each other.
func TestSecondWriteOfAnID(t *testing.T) {
	s, err := OpenMemory(viewtest.Mapping(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := view.Write{ID: "a", Source: []byte(`{"mealId":"a"}`)}
	results := s.Apply(t.Context(), []view.Write{w, w})
	if results[0].Err != nil || !errors.Is(results[1].Err, view.ErrConflict) {
		t.Errorf("two creations: %v, %v", results[0].Err, results[1].Err)
	}
}

// TestHiddenHasNoTerms checks what keeps hidden documents out of every search.
func TestHiddenHasNoTerms(t *testing.T) {
	d, err := indexable(viewtest.Mapping(t), view.Write{ID: "a", Hidden: true, Source: []byte(`{"mealId":"a","tag":"b"}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Fields {
		t.Errorf("a hidden document has the index field %s", f.Name())
	}
}
