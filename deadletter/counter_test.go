package deadletter_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
)

// TestCounter: what is counted is what list tells of: records whose letters were not replayed, whoever wrote how many.
func TestCounter(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	c := deadletter.NewCounter(p.cluster.ListenAddrs(), p.config, []string{orders, tickets}, 3)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	check := func(when string, letters int, reasons map[event.Reason]int) {
		t.Helper()
		got, err := c.Count(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if diff := cmp.Diff(reasons, got.Reasons, cmpopts.EquateEmpty()); diff != "" || got.Letters != letters {
			t.Errorf("%s there are %d, want %d; by reason (-want +got):\n%s", when, got.Letters, letters, diff)
		}
		if recent := time.Since(got.Newest) < time.Hour; recent != (letters > 0) {
			t.Errorf("%s the newest is of %v", when, got.Newest)
		}
	}
	check("at first", 0, nil)
	good := authorized("1", 1)
	p.bury(event.ReasonRefused, good)
	check("of one", 1, map[event.Reason]int{event.ReasonRefused: 1})
	check("when nothing has come", 1, map[event.Reason]int{event.ReasonRefused: 1})
	p.bury(event.ReasonBody, record("2", "{"))
	check("of another reason", 2, map[event.Reason]int{event.ReasonRefused: 1, event.ReasonBody: 1})
	if _, err := p.replay(deadletter.ReplayOptions{Filter: deadletter.Filter{Reason: event.ReasonRefused}}); err != nil {
		t.Fatal(err)
	}
	check("when one is replayed", 1, map[event.Reason]int{event.ReasonBody: 1})
	p.bury(event.ReasonBody, record("3", "{"))
	if n, err := c.Count(t.Context()); !errors.Is(err, deadletter.ErrTooMany) {
		t.Errorf("of four records, a mark among them, it counts %+v, %v", n, err)
	}
}
