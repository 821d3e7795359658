package rebuild_test

import (
	"context"
	"testing"
	"time"

	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/rebuild"
)

// TestLag: an index has passed what was published once its indexer has committed all of it, and not before.
func TestLag(t *testing.T) {
	w := newWorld(t)
	w.publish(0, 10)
	w.index()
	x := w.indices()
	live, err := x.Live(t.Context())
	w.must(err)
	id, err := live.ID(t.Context())
	w.must(err)
	w.must(x.Close())
	lag, err := rebuild.OpenLag(w.brokers, indexer.NewConfig(), w.sources, rebuild.Group("viewgate", id))
	w.must(err)
	defer func() { w.must(lag.Close()) }()
	if passed, err := lag.Passed(t.Context()); !passed || err != nil {
		t.Errorf("after indexing: passed %t, %v", passed, err)
	}
	w.publish(10, 11)
	soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if passed, err := lag.Passed(soon); passed || err != nil {
		t.Errorf("with an order that is not indexed: passed %t, %v", passed, err)
	}
	other, err := rebuild.OpenLag(w.brokers, indexer.NewConfig(), w.sources, rebuild.Group("viewgate", "another"))
	w.must(err)
	defer func() { w.must(other.Close()) }()
	soon, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if passed, err := other.Passed(soon); passed || err != nil {
		t.Errorf("an index that nobody fills: passed %t, %v", passed, err)
	}
}
