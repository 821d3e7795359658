package elastic

import (
	"testing"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

// TestSuite runs the stores' suite on a store that reads through the alias, and compares one that reads its index with the
// suite's model.
func TestSuite(t *testing.T) {
	t.Run("alias", func(t *testing.T) {
		viewtest.Run(t, func(t *testing.T, m *view.Mapping) view.Store {
			return mustOpen(t, Open, m, realOptions(t))
		})
	})
	t.Run("pinned", func(t *testing.T) {
		viewtest.Differential(t, func(t *testing.T, m *view.Mapping) view.Store {
			return mustOpen(t, Open, m, realOptions(t)).Pinned()
		})
	})
	t.Run("secrets", func(t *testing.T) {
		viewtest.Secrets(t, func(t *testing.T, m *view.Mapping) view.Store {
			return mustOpen(t, Open, m, realOptions(t))
		})
	})
	t.Run("relevance", func(t *testing.T) {
		viewtest.Golden(t, func(t *testing.T, m *view.Mapping) view.Store {
			return mustOpen(t, Open, m, realOptions(t))
		})
	})
}
