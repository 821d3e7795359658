package embedded_test

import (
	"testing"

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

func TestGolden(t *testing.T) { viewtest.Golden(t, openers["Memory"]) }
