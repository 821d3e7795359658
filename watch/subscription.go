package watch

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// Change is what a subscriber is sent: a state of an order.
type Change struct {
	// Order is nil where an order is followed that the view does not have, or that is not the viewer's. Subscribers share
	// it: nobody may change it.
	Order *order.Order
	// Matches says that the order matches what the subscriber lists. If not, it did when it was sent before, or the
	// subscriber showed it already.
	Matches bool
}

// Subscription is one subscriber's. Next is for one goroutine; Close may be called from any.
type Subscription struct {
	watcher *Watcher
	viewer  view.Viewer
	id      string           // of the order that is followed; "" for a list
	list    *list            // nil for an order
	at      int              // guarded by Watcher.mu: its place among those of the same order or list
	newest  int              // how many orders of the list it wanted to begin with
	joined  uint64           // the reading that began last when it came
	first   map[string]first // guarded by Watcher.mu: what it began with of a list, unless sent again
	sent    stamp            // guarded by Watcher.mu: what was sent of the order
	// Guarded by Watcher.mu: what it begins with is not there yet.
	starting bool

	wake chan struct{} // holds a value when there may be something to take

	mu      sync.Mutex
	pending []pending // guarded by mu: in the order in which they are taken, each order once
	since   time.Time // guarded by mu: when one was taken last, or the oldest came where none was
	err     error     // guarded by mu: why it has ended
}

// pending is a state that waits to be taken. A newer one of the same order takes its place.
type pending struct {
	*state
	matches bool
	had     bool // the subscriber has an earlier state, which matched
}

func (w *Watcher) newSubscription(viewer view.Viewer) *Subscription {
	return &Subscription{watcher: w, viewer: viewer, wake: make(chan struct{}, 1), starting: true}
}

// add counts a subscription, if there may be one more. The caller holds mu.
func (w *Watcher) add() error {
	switch {
	case w.ended:
		return ErrStopped
	case w.count >= w.options.Most:
		return ErrFull
	}
	w.count++
	return nil
}

// Order follows one order: as it is now, nil where there is none that the viewer may see, and then every newer state. The
// subscription must be closed. The error is ErrFull, ErrStopped or the store's.
func (w *Watcher) Order(ctx context.Context, viewer view.Viewer, id string) (*Subscription, error) {
	s := w.newSubscription(viewer)
	s.id = id
	w.mu.Lock()
	if err := w.add(); err != nil {
		w.mu.Unlock()
		return nil, err
	}
	s.at = len(w.orders[id])
	w.orders[id] = append(w.orders[id], s)
	w.mu.Unlock()
	documents, err := w.store.Get(ctx, viewer, []string{id})
	if err != nil {
		s.Close()
		return nil, err
	}
	now := &state{id: id}
	if d, there := documents[id]; there && !d.Hidden {
		if now, err = newState(d); err != nil {
			s.Close()
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.start([]pending{{state: now, matches: true}})
	return s, nil
}

// Next waits for the next state and returns it. The error is ctx's, or why the subscription has ended: ErrSlow, ErrStopped
// or ErrClosed. Then there will be no more.
func (s *Subscription) Next(ctx context.Context) (Change, error) {
	for {
		if change, ok, err := s.take(); ok || err != nil {
			return change, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Change{}, ctx.Err()
		}
	}
}

func (s *Subscription) take() (change Change, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || len(s.pending) == 0 {
		return Change{}, false, s.err
	}
	p := s.pending[0]
	s.pending = slices.Delete(s.pending, 0, 1)
	if len(s.pending) == 0 {
		s.pending = nil // most of the time there is nothing
	}
	s.since = time.Now()
	s.watcher.metrics.sent.Inc()
	return Change{Order: p.order, Matches: p.matches}, true, nil
}

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() {
	w := s.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.at < 0 {
		return
	}
	w.count--
	s.started()
	if s.list != nil {
		for id := range s.first {
			s.list.forget(s, id)
		}
		if s.list.subscribers = leave(s.list.subscribers, s); len(s.list.subscribers) == 0 {
			delete(w.lists[s.viewer], s.list.key)
			if len(w.lists[s.viewer]) == 0 {
				delete(w.lists, s.viewer)
			}
		}
	} else if left := leave(w.orders[s.id], s); len(left) == 0 {
		delete(w.orders, s.id)
	} else {
		w.orders[s.id] = left
	}
	s.at = -1
	s.fail(ErrClosed)
}

// leave takes s out of those that it is one of; the last takes its place.
func leave(subscribers []*Subscription, s *Subscription) []*Subscription {
	last := len(subscribers) - 1
	subscribers[s.at] = subscribers[last]
	subscribers[s.at].at = s.at
	subscribers[last] = nil
	return subscribers[:last]
}

// start makes this what the subscriber begins with, before what has come meanwhile. Where a newer state of the same order has
// come, or one that does not match any more, that counts. The caller holds Watcher.mu.
func (s *Subscription) start(begin []pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	came := s.pending
	s.pending, s.since = nil, time.Now()
	s.started()
	for _, p := range begin {
		if i := find(came, p.id); i >= 0 {
			if !p.newer(came[i].stamp) {
				p = pending{state: came[i].state, matches: came[i].matches, had: p.had}
			}
			came = slices.Delete(came, i, i+1)
		}
		if !p.matches && !p.had {
			continue
		}
		s.pending = append(s.pending, p)
		if s.list == nil {
			s.sent = p.stamp
		} else {
			s.list.begin(s, p)
		}
	}
	for _, p := range came {
		if p.matches {
			s.pending = append(s.pending, p)
		}
	}
	s.signal()
}

// started says that the subscription is no longer starting. The caller holds Watcher.mu.
func (s *Subscription) started() {
	if s.starting && s.list != nil {
		s.list.starting--
	}
	s.starting = false
}

func find(list []pending, id string) int {
	return slices.IndexFunc(list, func(p pending) bool { return p.id == id })
}

// put adds a state to what is pending. Had says that the subscriber has been sent an earlier one, which matched. The caller
// holds Watcher.mu.
func (s *Subscription) put(st *state, matches, had bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	p := pending{state: st, matches: matches, had: had}
	if i := find(s.pending, st.id); i >= 0 {
		p.had = s.pending[i].had
		s.pending[i] = p
		if !p.matches && !p.had && !s.starting {
			s.pending = slices.Delete(s.pending, i, i+1)
		}
		return
	}
	if len(s.pending) == 0 {
		s.since = time.Now()
	}
	s.pending = append(s.pending, p)
	if !s.starting && (len(s.pending) > s.watcher.options.MostPending || s.stalled(time.Now())) {
		s.drop()
		return
	}
	s.signal()
}

// check ends the subscription if it is slow. The caller holds Watcher.mu.
func (s *Subscription) check(now time.Time) {
	if s.starting {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.stalled(now) {
		s.drop()
	}
}

// stalled reports whether nothing has been taken for too long. The caller holds mu.
func (s *Subscription) stalled(now time.Time) bool {
	return len(s.pending) > 0 && now.Sub(s.since) > s.watcher.options.Patience
}

// drop ends the subscription because it is slow. The caller holds mu.
func (s *Subscription) drop() {
	s.watcher.metrics.dropped.Inc()
	s.err, s.pending = ErrSlow, nil
	s.signal()
}

// fail ends the subscription, unless it has ended.
func (s *Subscription) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err, s.pending = err, nil
	}
	s.signal()
}

// signal wakes Next.
func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
