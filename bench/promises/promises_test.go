// Package promises tests what doc/freshness.md promises, over food to go in one process: customers write and read while
// the indexer works, is slow, is held up, is killed, and fills a new view. Whatever happens, an answer that says that it
// keeps its promise does, and everything that is shown was so.
package promises

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/example/ftgo"
)

var (
	writes = flag.Int("writes", 600, "how many writes, each followed by a read")
	seed   = flag.Uint64("seed", 1, "of what customers do, and of the outboxes' lag")
)

// TestReadMyWrites: whatever the indexer does.
func TestReadMyWrites(t *testing.T) {
	w := newWorld(t, *seed)
	b := &book{outcomes: map[string]int{}}
	t.Logf("%d writes, seed %d", *writes, *seed)
	for n := range consumers {
		if !w.call(ftgo.ConsumerService, "POST", "/consumers", map[string]any{
			"name": map[string]any{"firstName": "Consumer", "lastName": fmt.Sprint(n)},
		}, nil) {
			t.Fatal("no consumer could be made")
		}
	}
	all := newCustomers(w, b)
	each := *writes / 5

	w.phase(b, "normal", func() { all.act(each) })
	w.quiet(b)

	w.phase(b, "slow", func() {
		w.view.Load().let(30 * time.Millisecond)
		all.act(each)
	})
	w.view.Load().let(0)
	w.quiet(b)

	w.phase(b, "held up", func() {
		w.view.Load().hold()
		all.act(each)
	})
	w.waits(b, all.one)

	w.phase(b, "killed", func() {
		all.act(each / 3)
		w.stop()
		all.act(each / 3)
		w.start()
		all.act(each - 2*(each/3))
	})
	w.quiet(b)

	w.phase(b, "rebuilding", func() {
		w.stop()
		w.index() // an empty one, to be filled from the topics' beginnings
		w.view.Load().let(50 * time.Millisecond)
		all.act(each)
	})
	w.view.Load().let(0)
	w.quiet(b)

	w.tell().check(t, b)
	w.compare()
	for _, outcome := range []struct{ how, source string }{
		{"at least", "VIEW"}, {"at least", "OWNERS"}, {"fresh", "OWNERS"},
		{"list, at least", "VIEW"}, {"list, at least", "MIXED"}, {"list, fresh", "MIXED"}, {"list, all", "VIEW"},
	} {
		if b.count(outcome.how, outcome.source) == 0 {
			t.Errorf("no answer to %q came from %s, so that was not tested", outcome.how, outcome.source)
		}
	}
}

// crew is the customers, who act at the same time.
type crew struct {
	members []*customer
	one     *customer
}

func newCustomers(w *world, b *book) *crew {
	c := &crew{one: w.newCustomer(*seed, b)}
	for n := range uint64(16) {
		c.members = append(c.members, w.newCustomer(*seed*100+n, b))
	}
	return c
}

// act does so many writes, each followed by a read.
func (c *crew) act(writes int) {
	var group sync.WaitGroup
	for _, m := range c.members {
		group.Go(func() {
			for range writes / len(c.members) {
				id, made := m.write()
				m.read(id, made)
				if m.Failed() {
					return
				}
			}
		})
	}
	group.Wait()
}

// phase runs something and tells how its reads were answered.
func (w *world) phase(b *book, name string, run func()) {
	w.Helper()
	before, stale := maps.Clone(b.outcomes), b.stale
	w.calls.take()
	begin := time.Now()
	run()
	var lines []string
	for _, outcome := range slices.Sorted(maps.Keys(b.outcomes)) {
		if n := b.outcomes[outcome] - before[outcome]; n > 0 {
			lines = append(lines, fmt.Sprintf("  %5d %s", n, outcome))
		}
	}
	w.Logf("%s, %v, %d answers stale and said so; owners' calls %v:\n%s", name, time.Since(begin).Round(time.Second),
		b.stale-stale, w.calls.take(), strings.Join(lines, "\n"))
	if w.Failed() {
		w.FailNow()
	}
}

func (b *book) count(how, source string) (n int) {
	for outcome, times := range b.outcomes {
		if strings.HasPrefix(outcome, fmt.Sprintf("%-12s %-7s ", how, source)) {
			n += times
		}
	}
	return n
}

// quiet waits until the view has everything. Then a promise to show what was seen costs no owner a call.
func (w *world) quiet(b *book) {
	w.Helper()
	one := w.newCustomer(*seed, b)
	lab.Eventually(w, time.Minute, func() error {
		var a answer
		w.ask(listQuery, map[string]any{"f": map[string]any{"mode": "FRESH", "waitMs": 1000}}, &a)
		for _, o := range a.Data.OrderHistory.Nodes {
			if owned := one.owned(o.OrderID)[o.OrderID]; o.versions() != owned {
				return fmt.Errorf("order %s is at %v, its owners have %v", o.OrderID, o.versions(), owned)
			}
		}
		if len(a.Extensions.Freshness) == 0 || !a.Extensions.Freshness[0].Kept {
			return fmt.Errorf("the view does not come to rest: %+v", a.Extensions.Freshness)
		}
		return nil
	})
	w.calls.take()
	var a answer
	w.ask(listQuery, nil, &a)
	for _, o := range a.Data.OrderHistory.Nodes[:10] {
		one.order("at least", o.OrderID, map[string]any{"mode": "AT_LEAST", "seen": seenOf(o.OrderID, o.versions())}, o.versions())
	}
	newest := a.Data.OrderHistory.Nodes[0]
	w.ask(listQuery, map[string]any{"f": map[string]any{
		"mode": "AT_LEAST", "seen": seenOf(newest.OrderID, newest.versions()),
	}}, &a)
	one.told("list, at least", a)
	if f := a.Extensions.Freshness[0]; f.Source != "VIEW" || !f.Kept {
		w.Errorf("a list of what the view has: %+v", f)
	}
	one.token, one.shown = a.Extensions.Freshness[0].Token, map[string]compose.Versions{newest.OrderID: newest.versions()}
	if one.token != nil {
		one.readAgain(0)
	}
	if calls := w.calls.take(); len(calls) > 0 {
		w.Errorf("the view was new enough, and the owners were asked all the same: %v", calls)
	}
}

// waits lets a view that is held up go on while somebody waits for it, which costs no owner a call either. On a machine that is
// overloaded the view may need longer than anybody may wait, so it is tried several times.
func (w *world) waits(b *book, one *customer) {
	w.Helper()
	var calls map[string]int
	for range 5 {
		var waited bool
		if waited, calls = w.waitsOnce(b, one); waited && len(calls) == 0 {
			return
		}
		w.view.Load().hold()
	}
	w.view.Load().let(0)
	w.Errorf("the view was never waited for within 5 s, and the owners were asked: %v", calls)
}

// waitsOnce reports whether the view was waited for, and how often the owners were asked.
func (w *world) waitsOnce(b *book, one *customer) (waited bool, calls map[string]int) {
	id, made := one.place()
	w.calls.take()
	before := b.count("at least", "VIEW")
	var group sync.WaitGroup
	group.Go(func() {
		one.order("at least", id, map[string]any{
			"mode": "AT_LEAST", "seen": seenOf(id, made), "waitMs": 5000,
		}, made)
	})
	lab.Eventually(w, 10*time.Second, func() error {
		if w.view.Load().waiting() {
			return nil
		}
		return fmt.Errorf("nothing is to be written")
	})
	w.view.Load().let(0)
	group.Wait()
	return b.count("at least", "VIEW") > before, w.calls.take()
}
