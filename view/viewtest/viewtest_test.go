package viewtest_test

import (
	"testing"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

// TestReference keeps the suite and the model that other stores are compared with of one mind.
func TestReference(t *testing.T) {
	viewtest.Run(t, func(_ *testing.T, m *view.Mapping) view.Store { return viewtest.NewReference(m) })
}

func TestGolden(t *testing.T) {
	viewtest.Golden(t, func(_ *testing.T, m *view.Mapping) view.Store { return viewtest.NewReference(m) })
}
