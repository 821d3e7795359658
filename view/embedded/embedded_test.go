package embedded_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/viewtest"
)

// opener returns what the suite opens its stores with.
func opener(open func(t *testing.T, m *view.Mapping) (*embedded.Store, error)) viewtest.Open {
	return func(t *testing.T, m *view.Mapping) view.Store {
		t.Helper()
		s, err := open(t, m)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
}

var openers = map[string]viewtest.Open{
	"Dir": opener(func(t *testing.T, m *view.Mapping) (*embedded.Store, error) {
		return embedded.Open(t.TempDir(), m, embedded.Options{})
	}),
	"Memory": opener(func(_ *testing.T, m *view.Mapping) (*embedded.Store, error) { return embedded.OpenMemory(m) }),
}

func TestStore(t *testing.T) {
	for name, open := range openers {
		t.Run(name, func(t *testing.T) { viewtest.Run(t, open) })
	}
}

func TestDifferential(t *testing.T) { viewtest.Differential(t, openers["Memory"]) }

func TestSecrets(t *testing.T) { viewtest.Secrets(t, openers["Memory"]) }

func TestGolden(t *testing.T) { viewtest.Golden(t, openers["Memory"]) }

// TestWithin: a search whose time is over answers with what it has, and says so.
func TestWithin(t *testing.T) {
	s := openers["Memory"](t, viewtest.Mapping(t))
	var writes []view.Write
	for i := range 3000 {
		writes = append(writes, view.Write{ID: fmt.Sprint(i), Source: json.RawMessage(fmt.Sprintf(`{"mealId":"%d","seats":1}`, i))})
	}
	for i, r := range s.Apply(t.Context(), writes) {
		if r.Err != nil {
			t.Fatalf("write %d: %v", i, r.Err)
		}
	}
	q := view.Query{Size: 5, Sums: []string{"seats"}, Within: time.Nanosecond}
	p, err := s.Search(t.Context(), view.Support(), q)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Partial || p.Exact || p.Total >= 3000 || int(p.Sums[0]) != p.Total {
		t.Errorf("after a nanosecond: %d hits of %d, exact %t, partial %t, sum %v", len(p.Hits), p.Total, p.Exact, p.Partial, p.Sums)
	}
	q.Within = time.Minute
	if p, err = s.Search(t.Context(), view.Support(), q); err != nil || p.Partial || !p.Exact || p.Total != 3000 {
		t.Errorf("within a minute: total %d, exact %t, partial %t, error %v", p.Total, p.Exact, p.Partial, err)
	}
}
