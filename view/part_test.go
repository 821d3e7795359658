package view_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view"
)

func event(v view.Version) view.Event {
	return view.Event{Version: v, Type: fmt.Sprint("E", v), ID: fmt.Sprint("id", v)}
}

func placed(partition int32, offset int64, index int, id string) view.Event {
	return view.Event{ID: id, Place: view.Place{Partition: partition, Offset: offset, Index: index}}
}

// TestOfferAnyOrder is the law of versioned parts: whatever the order and the duplicates, each event is applied once, in
// its turn, and nothing is left.
func TestOfferAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, view.MaxWaiting).Draw(t, "n")
		var versions []view.Version
		for v := range n {
			versions = append(versions, view.Version(v+1))
		}
		again := rapid.SliceOfN(rapid.SampledFrom(versions), 0, 10).Draw(t, "again")
		offered := rapid.Permutation(append(again, versions...)).Draw(t, "order")
		var p view.Part
		var applied []view.Version
		for _, v := range offered {
			ready, outcome := p.Offer(event(v), view.Contiguous)
			if (outcome == view.Applied) != (len(ready) > 0) {
				t.Fatalf("outcome %v with %d events", outcome, len(ready))
			}
			for _, e := range ready {
				applied = append(applied, e.Version)
			}
		}
		if diff := cmp.Diff(versions, applied); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(view.Part{Version: view.Version(n)}, p); diff != "" {
			t.Errorf("part (-want +got):\n%s", diff)
		}
	})
}

func TestOffer(t *testing.T) {
	full := view.Part{Version: 1}
	for v := view.Version(3); len(full.Waiting) < view.MaxWaiting; v++ {
		full.Waiting = append(full.Waiting, event(v))
	}
	owners := view.Part{Version: 4, Origin: view.FromOwner}
	for _, tt := range []struct {
		name     string
		part     view.Part
		event    view.Event
		ordering view.Ordering
		outcome  view.Outcome
		ready    int
		want     view.Part
	}{
		{"the first", view.Part{}, event(1), view.Contiguous, view.Applied, 1, view.Part{Version: 1}},
		{"the next", view.Part{Version: 4}, event(5), view.Contiguous, view.Applied, 1, view.Part{Version: 5}},
		{"the same", view.Part{Version: 4}, event(4), view.Contiguous, view.Stale, 0, view.Part{Version: 4}},
		{"an older one", view.Part{Version: 4}, event(2), view.Rising, view.Stale, 0, view.Part{Version: 4}},
		{"behind an owner's answer", owners, event(4), view.Contiguous, view.Stale, 0, owners},
		{"after an owner's answer", owners, event(5), view.Contiguous, view.Applied, 1, view.Part{Version: 5}},
		{"beyond a gap", view.Part{Version: 1}, event(3), view.Contiguous, view.Held, 0,
			view.Part{Version: 1, Waiting: []view.Event{event(3)}}},
		{"beyond a gap, again", view.Part{Version: 1, Waiting: []view.Event{event(3)}}, event(3), view.Contiguous,
			view.Stale, 0,
			view.Part{Version: 1, Waiting: []view.Event{event(3)}}},
		{"between what waits", view.Part{Waiting: []view.Event{event(3), event(7)}}, event(5), view.Contiguous,
			view.Held, 0,
			view.Part{Waiting: []view.Event{event(3), event(5), event(7)}}},
		{"into the gap", view.Part{Version: 1, Waiting: []view.Event{event(3), event(4), event(6)}}, event(2),
			view.Contiguous,
			view.Applied, 3, view.Part{Version: 4, Waiting: []view.Event{event(6)}}},
		{"rising over a gap", view.Part{Version: 1}, event(9), view.Rising, view.Applied, 1, view.Part{Version: 9}},
		{"one too many", full, event(99), view.Contiguous, view.Overflowed, 0, view.Part{Version: 1, Waiting: full.Waiting,
			Degraded: &view.Degraded{Since: 99, Reason: "more events than can wait came after a missing one"}}},
		{"full, and waits already", full, event(3), view.Contiguous, view.Stale, 0, full},
		{"what had been lost", view.Part{Version: 2, Degraded: &view.Degraded{Since: 3}}, event(3), view.Contiguous,
			view.Applied, 1,
			view.Part{Version: 3}},
		{"before what was lost", view.Part{Version: 2, Degraded: &view.Degraded{Since: 4}}, event(3),
			view.Contiguous, view.Applied, 1,
			view.Part{Version: 3, Degraded: &view.Degraded{Since: 4}}},
		{"after what was lost, rising", view.Part{Version: 2, Degraded: &view.Degraded{Since: 3}}, event(5),
			view.Rising, view.Applied, 1,
			view.Part{Version: 5, Degraded: &view.Degraded{Since: 3}}},

		{"unversioned, first", view.Part{}, placed(0, 7, 0, "a"), view.Contiguous, view.Applied, 1,
			view.Part{Last: &view.Place{Offset: 7}, Recent: []string{"a"}}},
		{"unversioned, of one record", view.Part{Last: &view.Place{Offset: 7}}, placed(0, 7, 1, ""),
			view.Contiguous, view.Applied, 1,
			view.Part{Last: &view.Place{Offset: 7, Index: 1}}},
		{"unversioned, again", view.Part{Last: &view.Place{Offset: 7}}, placed(0, 7, 0, "a"), view.Contiguous,
			view.Stale, 0,
			view.Part{Last: &view.Place{Offset: 7}}},
		{"unversioned, known by its id", view.Part{Last: &view.Place{Offset: 7}, Recent: []string{"a"}},
			placed(0, 9, 0, "a"), view.Contiguous, view.Stale, 0, view.Part{Last: &view.Place{Offset: 7}, Recent: []string{"a"}}},
		{"unversioned, another partition", view.Part{Last: &view.Place{Offset: 7}}, placed(1, 2, 0, ""),
			view.Contiguous, view.Applied, 1,
			view.Part{Last: &view.Place{Partition: 1, Offset: 2}}},
		{"versioned among others", view.Part{Last: &view.Place{Offset: 7}}, event(1), view.Contiguous, view.Mismatched, 0,
			view.Part{Last: &view.Place{Offset: 7}}},
		{"unversioned among others", view.Part{Version: 1}, placed(0, 7, 0, "a"), view.Contiguous, view.Mismatched,
			0, view.Part{Version: 1}},
		{"unversioned while others wait", view.Part{Waiting: []view.Event{event(3)}}, placed(0, 7, 0, "a"), view.Contiguous,
			view.Mismatched, 0, view.Part{Waiting: []view.Event{event(3)}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.part
			p.Waiting = append([]view.Event(nil), p.Waiting...)
			ready, outcome := p.Offer(tt.event, tt.ordering)
			if outcome != tt.outcome || len(ready) != tt.ready {
				t.Errorf("outcome %v with %d events, want %v with %d", outcome, len(ready), tt.outcome, tt.ready)
			}
			if diff := cmp.Diff(tt.want, p, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("part (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDegradeAt: a record of unknown version leaves a mark, which goes with what comes after it in the log.
func TestDegradeAt(t *testing.T) {
	at := func(offset int64) view.Place { return view.Place{Offset: offset} }
	event := func(v view.Version, offset int64) view.Event {
		e := event(v)
		e.Place = at(offset)
		return e
	}
	mark := func(since view.Version, offset int64) *view.Degraded {
		place := at(offset)
		return &view.Degraded{Since: since, Reason: "body", At: &place}
	}
	known := &view.Degraded{Since: 6, Reason: "refused"}
	const contiguous, rising = view.Contiguous, view.Rising
	for _, tt := range []struct {
		name     string
		ordering view.Ordering
		part     view.Part
		then     any // what comes: a view.Event or the view.Place of a record that cannot be decoded
		want     *view.Degraded
	}{
		{"first of all", contiguous, view.Part{}, at(3), nil},
		{"while events wait for the first", contiguous, view.Part{Waiting: []view.Event{event(2, 1)}}, at(3), nil},
		{"after an event", contiguous, view.Part{Version: 4}, at(3), mark(4, 3)},
		{"after another", contiguous, view.Part{Version: 4, Degraded: mark(4, 2)}, at(3), mark(4, 3)},
		{"again", contiguous, view.Part{Version: 5, Degraded: mark(4, 3)}, at(3), mark(4, 3)},
		{"again, before another", contiguous, view.Part{Version: 5, Degraded: mark(4, 3)}, at(2), mark(4, 3)},
		{"while a known event is missing", contiguous, view.Part{Version: 4, Degraded: known}, at(9), known},
		{"unversioned, after an event", contiguous, view.Part{Last: &view.Place{Offset: 2}}, at(3), mark(0, 3)},
		{"unversioned, again after the first event", contiguous, view.Part{Last: &view.Place{Offset: 4}}, at(3), nil},

		{"the next event", contiguous, view.Part{Version: 4, Degraded: mark(4, 3)}, event(5, 4), nil},
		{"the last event, again", contiguous, view.Part{Version: 4, Degraded: mark(4, 3)}, event(4, 4), nil},
		{"an event from before it, again", contiguous, view.Part{Version: 4, Degraded: mark(4, 3)}, event(4, 2), mark(4, 3)},
		{"an event beyond a gap", contiguous, view.Part{Version: 4, Degraded: mark(4, 3)}, event(6, 4), mark(4, 3)},
		{"an event of another partition", contiguous, view.Part{Version: 4, Degraded: mark(4, 3)},
			view.Event{Version: 5, Place: view.Place{Partition: 1}}, nil},
		{"rising, the next event", rising, view.Part{Version: 4, Degraded: mark(4, 3)}, event(7, 4), mark(4, 3)},
		{"rising, all of it again", rising, view.Part{Version: 7, Degraded: mark(7, 3)}, event(7, 4), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.part
			switch then := tt.then.(type) {
			case view.Place:
				if marked := p.DegradeAt(then, "body"); marked != (p.Degraded != tt.part.Degraded) {
					t.Errorf("marked %t, and the mark is %+v", marked, p.Degraded)
				}
			case view.Event:
				p.Offer(then, tt.ordering)
			}
			if diff := cmp.Diff(tt.want, p.Degraded); diff != "" {
				t.Errorf("mark (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecentIsBounded(t *testing.T) {
	var p view.Part
	for i := range 100 {
		if _, outcome := p.Offer(placed(0, int64(i), 0, fmt.Sprint(i)), view.Contiguous); outcome != view.Applied {
			t.Fatalf("event %d: %v", i, outcome)
		}
	}
	if n := len(p.Recent); n != 32 || p.Recent[n-1] != "99" {
		t.Errorf("%d ids, the last is %s", n, p.Recent[n-1])
	}
	if !p.Begun() || p.Versioned() {
		t.Errorf("begun %t, versioned %t", p.Begun(), p.Versioned())
	}
}

func TestJoin(t *testing.T) {
	mark := func(since view.Version) *view.Degraded { return &view.Degraded{Since: since} }
	owner := func(v view.Version) view.Part { return view.Part{Version: v, Origin: view.FromOwner} }
	waits := func(v view.Version, waiting ...view.Version) view.Part {
		p := view.Part{Version: v}
		for _, w := range waiting {
			p.Waiting = append(p.Waiting, event(w))
		}
		return p
	}
	for _, tt := range []struct {
		name string
		p, q view.Part
		take bool
		want view.Part
	}{
		{"nothing", view.Part{}, view.Part{}, false, view.Part{}},
		{"the first", view.Part{}, waits(2), true, waits(2)},
		{"higher", waits(2), waits(3), true, waits(3)},
		{"lower", waits(3), waits(2), false, waits(3)},
		{"owner at the same", waits(3), owner(3), true, owner(3)},
		{"events at the same as the owner", owner(3), waits(3), false, owner(3)},
		{"events above the owner", owner(3), waits(4), true, waits(4)},
		{"what waits is covered", waits(1, 3, 4, 9), owner(4), true,
			view.Part{Version: 4, Origin: view.FromOwner, Waiting: []view.Event{event(9)}}},
		{"what waits on both sides", waits(1, 3, 5), waits(1, 4, 5), false, waits(1, 3, 4, 5)},
		{"degraded, owner below", view.Part{Version: 3, Degraded: mark(4)}, owner(3), true,
			view.Part{Version: 3, Origin: view.FromOwner, Degraded: mark(4)}},
		{"degraded, owner at it", view.Part{Version: 3, Degraded: mark(4)}, owner(4), true, owner(4)},
		{"degraded state above the owner", view.Part{Version: 9, Degraded: mark(4)}, owner(5), false,
			view.Part{Version: 9, Degraded: mark(4)}},
		{"degraded, but the other is whole", view.Part{Version: 3, Degraded: mark(4)}, waits(6), true, waits(6)},
		{"whole, but above is degraded", waits(6), view.Part{Version: 7, Degraded: mark(7)}, true,
			view.Part{Version: 7, Degraded: mark(7)}},
		{"degraded beyond both", waits(6), view.Part{Version: 2, Degraded: mark(8)}, false,
			view.Part{Version: 6, Degraded: mark(8)}},
		{"unversioned", view.Part{Last: &view.Place{}}, owner(5), false, view.Part{Last: &view.Place{}}},
		{"with unversioned", waits(3), view.Part{Last: &view.Place{}}, false, waits(3)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.p
			if take := p.Join(tt.q); take != tt.take {
				t.Errorf("take is %t, want %t", take, tt.take)
			}
			if diff := cmp.Diff(tt.want, p, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("part (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("too many wait", func(t *testing.T) {
		var even, odd view.Part
		for v := view.Version(10); len(even.Waiting) < view.MaxWaiting; v += 2 {
			even.Waiting = append(even.Waiting, event(v))
			odd.Waiting = append(odd.Waiting, event(v+1))
		}
		even.Join(odd)
		if n := len(even.Waiting); n != view.MaxWaiting || even.Degraded == nil || even.Degraded.Since != 10+view.MaxWaiting {
			t.Errorf("%d wait, mark %+v", n, even.Degraded)
		}
	})
}

// drawPart returns a versioned part that offers, losses and owners' answers can lead to.
func drawPart(t *rapid.T, name string) view.Part {
	var p view.Part
	version := rapid.Custom(func(t *rapid.T) view.Version { return view.Version(rapid.IntRange(1, 8).Draw(t, "version")) })
	ordering := rapid.SampledFrom([]view.Ordering{view.Contiguous, view.Rising}).Draw(t, name+" ordering")
	for range rapid.IntRange(0, 8).Draw(t, name+" steps") {
		v := version.Draw(t, name)
		switch rapid.IntRange(0, 6).Draw(t, name+" step") {
		case 0:
			p.Join(view.Part{Version: v, Origin: view.FromOwner})
			p.Release()
		case 1:
			if v > p.Version {
				p.Degrade(v, rapid.SampledFrom([]string{"lost", "late"}).Draw(t, name+" reason"))
			}
		case 2:
			if p.Origin == view.FromEvents { // an answer at the version of the owner's heals it
				p.DegradeAt(view.Place{Offset: int64(v)}, "lost")
			}
		default:
			p.Offer(event(v), ordering)
		}
	}
	return p
}

func TestJoinLaws(t *testing.T) {
	join := func(p, q view.Part) view.Part {
		p.Join(q)
		return p
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawPart(t, "a"), drawPart(t, "b"), drawPart(t, "c")
		equal := func(law string, x, y view.Part) {
			if diff := cmp.Diff(x, y, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s:\n%s", law, diff)
			}
		}
		equal("a+a = a", join(a, a), a)
		equal("a+b = b+a", join(a, b), join(b, a))
		equal("(a+b)+c = a+(b+c)", join(join(a, b), c), join(a, join(b, c)))
		if ab := join(a, b); ab.Version < a.Version || ab.Version < b.Version {
			t.Errorf("the join of versions %d and %d has %d", a.Version, b.Version, ab.Version)
		}
	})
}
