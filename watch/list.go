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
// more. Those that the subscriber shows already count as sent: they are among the first, as they are then, whether they
// match or not, but for those that the viewer may not see. An order of which the viewer has changed is another's, and not
// sent any more. The subscription must be closed. The error is ErrFull, ErrStopped or the store's.
func (w *Watcher) Orders(ctx context.Context, viewer view.Viewer, q view.Query, newest int, shown []string) (*Subscription, error) {
	s := w.newSubscription(viewer)
	s.first, s.newest = make(map[string]first, newest+len(shown)), newest
	if err := w.join(s, q); err != nil {
		return nil, err
	}
	begin, err := w.beginning(ctx, s.list, newest, shown)
	if err != nil {
		s.Close()
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.start(begin)
	return s, nil
}

// beginning reads what a subscriber to a list begins with.
func (w *Watcher) beginning(ctx context.Context, l *list, newest int, shown []string) ([]pending, error) {
	found, err := w.newest(ctx, l, newest)
	if err != nil {
		return nil, err
	}
	has, err := w.shown(ctx, l, shown) // read last, so they are not older than the same orders that were found
	if err != nil {
		return nil, err
	}
	begin := make([]pending, 0, len(found)+len(has))
	for _, st := range slices.Backward(found) {
		if find(has, st.id) < 0 {
			begin = append(begin, pending{state: st, matches: true})
		}
	}
	return append(begin, has...), nil
}

// shown reads those of the orders that the list's viewer may see, with whether they match.
func (w *Watcher) shown(ctx context.Context, l *list, ids []string) (shown []pending, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	states, err := w.read(ctx, slices.Compact(slices.Sorted(slices.Values(ids))))
	if err != nil {
		return nil, err
	}
	states = slices.DeleteFunc(states, func(st *state) bool { return !w.mapping.Visible(l.viewer, st.source) })
	err = w.match(ctx, map[*list][]*state{l: states}, func(_ *list, states []*state, matching map[string]bool) {
		for _, st := range states {
			shown = append(shown, pending{state: st, matches: matching[st.id], had: true})
		}
	})
	return shown, err
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
		first, began := s.first[st.id]
		was := known && before.number > s.joined
		switch {
		case number <= s.joined, began && !st.newer(first.stamp), was && !st.newer(before.stamp):
			continue
		}
		had := was && before.matches
		if began { // it has been sent nothing else of the order since: what others were may be older
			had = first.matches
		}
		if !matches && !had && !s.starting {
			continue
		}
		if began {
			l.forget(s, st.id)
		}
		s.put(st, matches, had)
		sent = true
	}
	if sent {
		l.told.add(number, st, matches)
	}
}

// first is what a subscriber began with of an order.
type first struct {
	stamp   stamp
	matches bool
}

// begin remembers what a subscriber begins with. The caller holds Watcher.mu.
func (l *list) begin(s *Subscription, p pending) {
	s.first[p.id] = first{p.stamp, p.matches}
	l.begun[p.id]++
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
