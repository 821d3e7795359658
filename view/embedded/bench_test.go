package embedded_test

import (
	"testing"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/viewtest"
)

// benchmarkStore keeps stores open until the whole benchmark ends.
func benchmarkStore(b *testing.B, open func(b *testing.B, m *view.Mapping) (*embedded.Store, error)) {
	viewtest.Bench(b, func(b *testing.B, m *view.Mapping) view.Store {
		s, err := open(b, m)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		return s
	})
}

func BenchmarkDir(b *testing.B) {
	benchmarkStore(b, func(b *testing.B, m *view.Mapping) (*embedded.Store, error) {
		return embedded.Open(b.TempDir(), m, embedded.Options{})
	})
}

func BenchmarkTemp(b *testing.B) {
	benchmarkStore(b, func(_ *testing.B, m *view.Mapping) (*embedded.Store, error) {
		return embedded.OpenTemp(m, embedded.Options{})
	})
}
