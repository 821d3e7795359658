package watch

import (
	"context"
	"fmt"
	"slices"

	"github.com/viewgate/viewgate/view"
)

// list is what the subscribers to one query of one viewer share: the query is asked once for all of them.
type list struct {
	key         string
	viewer      view.Viewer
	query       view.Query      // its words and its filter alone
	subscribers []*Subscription // guarded by Watcher.mu
	starting    int             // guarded by Watcher.mu: subscribers that are starting
	begun       map[string]int  // guarded by Watcher.mu: in how many subscribers' first an order is
	told        told            // guarded by Watcher.mu
}

// lists are one viewer's, by what they list.
type lists map[string]*list

// newestFirst is the order of what a list begins with.
var newestFirst = []view.Sort{{Field: "createdAt", Descending: true}}

// Orders follows the orders that match a query's words and filter, of which the mapping must allow the query: the newest
// of them at once, oldest first, and then each that changes. One that was sent and does not match any more is sent once
// more. An order of which the viewer has changed is another's, and not sent any more. The subscription must be closed. The
// error is ErrFull, ErrStopped or the store's.
func (w *Watcher) Orders(ctx context.Context, viewer view.Viewer, q view.Query, newest int) (*Subscription, error) {
	s := w.newSubscription(viewer)
	s.first, s.newest = make(map[string]stamp, newest), newest
	if err := w.join(s, q); err != nil {
		return nil, err
	}
	states, err := w.newest(ctx, s.list, newest)
	if err != nil {
		s.Close()
		return nil, err
	}
	slices.Reverse(states)
	w.mu.Lock()
	defer w.mu.Unlock()
	s.start(states)
	return s, nil
}

// join registers a subscription to a list.
func (w *Watcher) join(s *Subscription, q view.Query) error {
	l := &list{
		key:    fmt.Sprintf("%#v %#v", q.Match, q.Filter),
		viewer: s.viewer, query: view.Query{Match: q.Match, Filter: q.Filter}, begun: map[string]int{}, told: newTold(),
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.add(); err != nil {
		return err
	}
	mine := w.lists[s.viewer]
	if mine == nil {
		mine = lists{}
		w.lists[s.viewer] = mine
	}
	if known := mine[l.key]; known != nil {
		l = known
	}
	mine[l.key] = l
	s.list, s.at, s.joined = l, len(l.subscribers), w.number
	l.subscribers = append(l.subscribers, s)
	l.starting++
	return nil
}

// newest reads the newest orders of a list, with all that was written before the call.
func (w *Watcher) newest(ctx context.Context, l *list, most int) ([]*state, error) {
	if most == 0 {
		return nil, nil
	}
	if err := w.options.Refresh(ctx); err != nil {
		return nil, err
	}
	q := l.query
	q.Sort, q.Size = newestFirst, most
	page, err := w.store.Search(ctx, l.viewer, q)
	if err != nil {
		return nil, err
	}
	states := make([]*state, len(page.Hits))
	for i, hit := range page.Hits {
		if states[i], err = newState(hit.Document); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// tell hands a state, which the reading of this number brought, to all who list it. The caller holds Watcher.mu.
//
// Who came when that reading had begun is left out: the state may be older than what the subscriber begins with, or could
// have begun with. It misses nothing: a change that was made since has not been told of when the reading began, so another
// reading follows, for which the subscriber is there. Others may have been sent just that state by then.
func (l *list) tell(number uint64, st *state, matches bool) {
	before, known := l.told.orders[st.id]
	if !matches && !(known && before.matches) && l.begun[st.id] == 0 && l.starting == 0 {
		return // nobody has it
	}
	sent := false
	for _, s := range l.subscribers {
		stamp, first := s.first[st.id]
		was := known && before.number > s.joined
		switch {
		case number <= s.joined, first && !st.newer(stamp), was && !st.newer(before.stamp):
			continue
		}
		had := first || was && before.matches
		if !matches && !had && !s.starting {
			continue
		}
		if first {
			l.forget(s, st.id)
		}
		s.put(st, matches, had)
		sent = true
	}
	if sent {
		l.told.add(number, st, matches)
	}
}

// begin remembers what a subscriber begins with. The caller holds Watcher.mu.
func (l *list) begin(s *Subscription, id string, stamp stamp) {
	s.first[id] = stamp
	l.begun[id]++
}

// forget is the opposite of begin. The caller holds Watcher.mu.
func (l *list) forget(s *Subscription, id string) {
	delete(s.first, id)
	if l.begun[id]--; l.begun[id] == 0 {
		delete(l.begun, id)
	}
}

// told remembers what a list's subscribers have been sent since they came. Whoever was there when an order was read that
// was sent then has it, so one memory does for all of them.
type told struct {
	orders map[string]sending
	queue  []queued // of what was sent, the newest last; of an order the last one counts
}

type sending struct {
	stamp   stamp
	matches bool
	number  uint64 // of the reading that brought it
}

type queued struct {
	id     string
	number uint64
}

// maxTold is how many orders a list remembers. The schema names it.
const maxTold = 5000

func newTold() told { return told{orders: map[string]sending{}} }

// add remembers a state that is being sent, and forgets the one sent longest ago where there are too many.
func (t *told) add(number uint64, st *state, matches bool) {
	t.orders[st.id] = sending{st.stamp, matches, number}
	t.queue = append(t.queue, queued{st.id, number})
	outdated := func(q queued) bool { return t.orders[q.id].number != q.number }
	if len(t.queue) > 2*maxTold {
		t.queue = slices.DeleteFunc(t.queue, outdated)
	}
	for len(t.orders) > maxTold {
		if oldest := t.queue[0]; !outdated(oldest) {
			delete(t.orders, oldest.id)
		}
		t.queue = t.queue[1:]
	}
}
