package feed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)

// waiting is a call of Wait in a goroutine of its own.
type waiting struct {
	barrier Positions
	cancel  context.CancelFunc
	result  chan error
	over    bool // the result is what the model says, and has been looked at
}

// listening is a Listener and what it must tell next.
type listening struct {
	*Listener
	changed map[string]bool
	lost    bool
}

// model is what a Hub must know, told simply: all that it was told, kept for ever.
type model struct {
	written   map[string]Positions
	filling   map[string]map[Partition]bool
	followed  string
	moved     bool
	snapshots []snapshot
	waiting   []*waiting
	listening []*listening
}

// TestHub: whatever is told in whatever order, a wait ends when and only when the followed index has reached its
// barrier, a listener is told each change once, and the lag is the age of the newest ends that were passed.
func TestHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // only to know when a goroutine is blocked
		rapid.Check(struct{ *testing.T }{t}, checkHub) // a *testing.T it asks for the deadline, which there is not in a bubble
	})
}

func checkHub(t *rapid.T) {
	indices, ids := []string{"a", "b", "c"}, []string{"1", "2", "3", "4"}
	parts := []Partition{{"x", 0}, {"x", 1}, {"y", 0}}
	positions := rapid.MapOf(rapid.SampledFrom(parts), rapid.Int64Range(0, 20))
	hub := NewHub()
	m := &model{written: map[string]Positions{}, filling: map[string]map[Partition]bool{}}
	for _, x := range indices {
		m.written[x], m.filling[x] = Positions{}, map[Partition]bool{}
	}
	if rapid.Bool().Draw(t, "followed from the beginning") {
		m.followed = indices[0]
		hub.Follow(m.followed)
	} else {
		indices = append(indices, "")
		m.written[""], m.filling[""] = Positions{}, map[Partition]bool{}
	}
	now, ends := start, Positions{}
	defer func() {
		for _, w := range m.waiting {
			w.cancel()
		}
		synctest.Wait()
	}()
	t.Repeat(map[string]func(*rapid.T){
		"news": func(t *rapid.T) {
			of := m.followed
			if rapid.IntRange(0, 3).Draw(t, "of another index") == 3 {
				of = rapid.SampledFrom(indices).Draw(t, "index")
			}
			news := News{
				Index: of, Filling: rapid.Bool().Draw(t, "filling"),
				Changed: rapid.SliceOf(rapid.SampledFrom(ids)).Draw(t, "changed"), Written: positions.Draw(t, "written"),
			}
			done := false
			hub.Publish(news, func() { done = true })
			if !done {
				t.Fatal("not done when Publish returns")
			}
			for part := range news.Written {
				if was, known := m.filling[news.Index][part]; !known || was {
					m.filling[news.Index][part] = news.Filling
				}
			}
			m.written[news.Index].Raise(news.Written)
			if news.Index == m.followed {
				for _, l := range m.listening {
					for _, id := range news.Changed {
						l.changed[id] = true
					}
				}
			}
		},
		"follow": func(t *rapid.T) {
			to := rapid.SampledFrom(indices).Draw(t, "index")
			if rapid.IntRange(0, 3).Draw(t, "now") < 3 {
				t.Skip("rarely")
			}
			hub.Follow(to)
			if to != m.followed {
				m.followed, m.moved = to, true
				m.lose()
			}
		},
		"lose": func(t *rapid.T) {
			if rapid.IntRange(0, 3).Draw(t, "now") < 3 {
				t.Skip("rarely")
			}
			hub.Lose()
			m.lose()
		},
		"wait": func(t *rapid.T) {
			ctx, cancel := context.WithCancel(context.Background())
			w := &waiting{barrier: positions.Draw(t, "barrier"), cancel: cancel, result: make(chan error, 1)}
			go func() { w.result <- hub.Wait(ctx, w.barrier) }()
			m.waiting = append(m.waiting, w)
		},
		"cancel": func(t *rapid.T) {
			for _, w := range m.waiting {
				if !w.over && rapid.Bool().Draw(t, "this one") {
					w.cancel()
					if err := <-w.result; !errors.Is(err, context.Canceled) {
						t.Fatalf("a cancelled wait for %v returns %v", w.barrier, err)
					}
					w.over = true
				}
			}
		},
		"observe": func(t *rapid.T) {
			now = now.Add(time.Second)
			ends = ends.Clone()
			ends.Raise(positions.Draw(t, "ends"))
			hub.Observe(now, ends)
			m.snapshots = append(m.snapshots, snapshot{now, ends})
		},
		"listen": func(*rapid.T) {
			m.listening = append(m.listening, &listening{Listener: hub.Listen(), changed: map[string]bool{}})
		},
		"next": func(t *rapid.T) {
			for _, l := range m.listening {
				if rapid.IntRange(0, 3).Draw(t, "this one") > 0 {
					l.check(t)
				}
			}
		},
		"": func(t *rapid.T) { m.check(t, hub, now) },
	})
}

func (m *model) lose() {
	for _, l := range m.listening {
		l.lost = true
	}
}

// check takes what the listener has.
func (l *listening) check(t *rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	if len(l.changed) == 0 && !l.lost { // then it must wait
		cancel()
	}
	defer cancel()
	batch, err := l.Next(ctx)
	switch {
	case ctx.Err() != nil:
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("nothing has changed, but Next returns %+v, %v", batch, err)
		}
	case err != nil:
		t.Fatal(err)
	case l.lost:
		if !batch.Lost || len(batch.IDs) > 0 {
			t.Fatalf("all has changed, but Next returns %+v", batch)
		}
	default:
		slices.Sort(batch.IDs)
		if diff := cmp.Diff(Batch{IDs: slices.Sorted(maps.Keys(l.changed))}, batch); diff != "" {
			t.Fatalf("Next (-want +got):\n%s", diff)
		}
	}
	l.changed, l.lost = map[string]bool{}, false
}

func (m *model) check(t *rapid.T, hub *Hub, now time.Time) {
	synctest.Wait()
	written := Positions{}
	written.Raise(m.written[m.followed])
	for _, w := range m.waiting {
		if w.over {
			continue
		}
		select {
		case err := <-w.result:
			if err != nil || !written.Reach(w.barrier) {
				t.Fatalf("a wait for %v ended with %v at %v", w.barrier, err, written)
			}
			w.over = true
		default:
			if written.Reach(w.barrier) {
				t.Fatalf("a wait for %v goes on at %v", w.barrier, written)
			}
		}
	}
	if diff := cmp.Diff(written, hub.Written()); diff != "" {
		t.Fatalf("Written (-want +got):\n%s", diff)
	}
	filling := false
	for _, f := range m.filling[m.followed] {
		filling = filling || f
	}
	if got := hub.Filling(); got != filling {
		t.Fatalf("Filling is %t, want %t", got, filling)
	}
	var passed time.Time
	for _, s := range m.snapshots {
		if len(written) > 0 && written.Reach(s.ends) {
			passed = s.at
		}
	}
	age, known := hub.Lag(now)
	switch {
	case known && age != now.Sub(passed):
		t.Fatalf("lag is %v, want %v", age, now.Sub(passed))
	case !m.moved && known == passed.IsZero(): // after a move, ends that the index before had passed are forgotten
		t.Fatalf("lag is known: %t, want the opposite", known)
	}
}

// TestListenerLosesCount: beyond what is remembered, a listener is told so, and goes on from there; one that came later
// is not concerned.
func TestListenerLosesCount(t *testing.T) {
	hub := NewHub()
	hub.Follow("a")
	slow := hub.Listen()
	defer slow.Close()
	ids := make([]string, maxChanged/2)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
	}
	next := func(l *Listener) Batch {
		batch, err := l.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return batch
	}
	for range 10 {
		hub.Publish(News{Index: "a", Changed: ids}, nil)
	}
	if batch := next(slow); batch.Lost || len(batch.IDs) != len(ids) {
		t.Fatalf("half of what is remembered, ten times: lost: %t, %d ids", batch.Lost, len(batch.IDs))
	}
	hub.Publish(News{Index: "a", Changed: ids}, nil)
	late := hub.Listen()
	defer late.Close()
	for i := range ids {
		ids[i] = "+" + ids[i]
	}
	hub.Publish(News{Index: "a", Changed: ids}, nil)
	hub.Publish(News{Index: "a", Changed: []string{"one more"}}, nil)
	if batch := next(slow); !batch.Lost || len(batch.IDs) > 0 {
		t.Errorf("one more than is remembered: lost: %t, %d ids", batch.Lost, len(batch.IDs))
	}
	if batch := next(late); batch.Lost || len(batch.IDs) != len(ids)+1 {
		t.Errorf("the later one: lost: %t, %d ids", batch.Lost, len(batch.IDs))
	}
	hub.Publish(News{Index: "a", Changed: []string{"2", "1", "2"}}, nil)
	if diff := cmp.Diff(Batch{IDs: []string{"1", "2"}}, next(slow)); diff != "" {
		t.Errorf("after the loss (-want +got):\n%s", diff)
	}
}

func TestListenerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := NewHub()
		hub.Follow("a")
		l := hub.Listen()
		result := make(chan error, 1)
		go func() {
			_, err := l.Next(t.Context())
			result <- err
		}()
		synctest.Wait()
		if hub.Listeners() != 1 {
			t.Errorf("%d listeners, want 1", hub.Listeners())
		}
		l.Close()
		l.Close()
		if err := <-result; !errors.Is(err, ErrClosed) {
			t.Errorf("Next returns %v, want that it is closed", err)
		}
		if _, err := l.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Next returns %v afterwards", err)
		}
		if hub.Listeners() != 0 {
			t.Errorf("%d listeners, want none", hub.Listeners())
		}
	})
}

// TestManyIndices: what is told of other indices neither grows without end nor takes the followed one's place.
func TestManyIndices(t *testing.T) {
	hub := NewHub()
	hub.Follow("live")
	at := Positions{{"x", 0}: 7}
	hub.Publish(News{Index: "live", Written: at}, nil)
	for i := range 100 {
		hub.Publish(News{Index: fmt.Sprint(i), Written: Positions{{"x", 0}: int64(i)}}, nil)
	}
	if diff := cmp.Diff(at, hub.Written()); diff != "" {
		t.Errorf("Written (-want +got):\n%s", diff)
	}
	if n := len(hub.indices); n > maxIndices {
		t.Errorf("%d indices are remembered, over %d", n, maxIndices)
	}
	hub.Follow("99")
	if got := hub.Written()[Partition{"x", 0}]; got != 99 {
		t.Errorf("after the move it is at %d, want 99", got)
	}
}

// TestSnapshotsAreBounded: in a long backlog some are forgotten, and none is passed too early.
func TestSnapshotsAreBounded(t *testing.T) {
	var s Snapshots
	part := Partition{"x", 0}
	for i := range 5000 {
		s.Add(start.Add(time.Duration(i)*time.Second), Positions{part: int64(i)})
	}
	if len(s.pending) > maxSnapshots {
		t.Errorf("%d are kept, over %d", len(s.pending), maxSnapshots)
	}
	s.Pass(Positions{part: 2500})
	at, known := s.Passed()
	if age := at.Sub(start); !known || age > 2500*time.Second || age < 2400*time.Second {
		t.Errorf("passed what was asked for after %v, %t; want a little under 2500 s", age, known)
	}
	s.Pass(Positions{part: 4999})
	if at, _ := s.Passed(); at.Sub(start) > 4999*time.Second || at.Sub(start) < 4900*time.Second {
		t.Errorf("passed what was asked for after %v, want a little under 4999 s", at.Sub(start))
	}
}

// BenchmarkHubWaiters: what news cost while many wait for more.
func BenchmarkHubWaiters(b *testing.B) {
	hub := NewHub()
	hub.Follow("a")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	barrier, news := Positions{}, Positions{}
	for i := range int32(24) {
		barrier[Partition{"x", i}] = 1 << 60
	}
	for range 5000 {
		go hub.Wait(ctx, barrier)
	}
	for i := int64(0); b.Loop(); i++ {
		for part := range barrier {
			news[part] = i
		}
		hub.Publish(News{Index: "a", Written: news}, nil)
	}
}
