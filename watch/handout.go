package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
)

// chunk is how many documents are read and matched at once.
const chunk = 500

// handOut reads what has changed and hands it to all whom it concerns.
func (w *Watcher) handOut(ctx context.Context, batch feed.Batch) error {
	if batch.Lost {
		return w.synchronise(ctx)
	}
	for ids := range slices.Chunk(w.followed(batch.IDs), chunk) {
		number := w.begin()
		states, err := w.read(ctx, ids)
		if err != nil {
			return err
		}
		w.tellFollowers(states)
		if err := w.tellLists(ctx, number, states); err != nil {
			return err
		}
	}
	return nil
}

// begin begins a reading, and returns its number.
func (w *Watcher) begin() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.number++
	return w.number
}

// followed returns those of the ids that somebody may follow: all, where there are lists.
func (w *Watcher) followed(ids []string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lists) > 0 {
		return ids
	}
	var followed []string
	for _, id := range ids {
		if len(w.orders[id]) > 0 {
			followed = append(followed, id)
		}
	}
	return followed
}

// read returns the documents that can be followed, in the order of the ids.
func (w *Watcher) read(ctx context.Context, ids []string) ([]*state, error) {
	documents, err := w.store.Get(ctx, view.Support(), ids)
	if err != nil {
		return nil, err
	}
	states := make([]*state, 0, len(documents))
	for _, id := range ids {
		d, there := documents[id]
		if !there || d.Hidden {
			continue
		}
		st, err := newState(d)
		if err == nil {
			st.source, err = view.DecodeSource(d.Source)
		}
		if err != nil {
			w.options.Logger.ErrorContext(ctx, "cannot read a document for subscribers", "order", id, "error", err)
			continue
		}
		states = append(states, st)
	}
	return states, nil
}

// tellFollowers hands states to those who follow these orders and may see them.
func (w *Watcher) tellFollowers(states []*state) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, st := range states {
		for _, s := range w.orders[st.id] {
			if !w.mapping.Visible(s.viewer, st.source) {
				continue
			}
			if shown := w.as(s.viewer, st); shown != nil && shown.newer(s.sent) {
				s.sent = shown.stamp
				s.put(shown, true, true)
			}
		}
	}
}

// as returns a state as a viewer who may see it is shown it; nil, with a line in the log, where that cannot be made.
func (w *Watcher) as(v view.Viewer, st *state) *state {
	if !w.mapping.Guards(v) {
		return st
	}
	d := st.document
	var shown *state
	var err error
	if d.Source, err = w.mapping.Redact(v, d.Source); err == nil {
		shown, err = newState(d)
	}
	if err != nil {
		w.options.Logger.Error("cannot leave out of a document what a subscriber may not see", "order", st.id, "error", err)
		return nil
	}
	return shown
}

// tellLists asks each list's query of the states, and hands them to those who list them.
func (w *Watcher) tellLists(ctx context.Context, number uint64, states []*state) error {
	return w.match(ctx, w.concerned(states), func(l *list, shown []*state, matching map[string]bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, st := range shown {
			l.tell(number, st, matching[st.id])
		}
	})
}

// match asks each list's query of the states beside it, which its viewer may see. It calls back with these, as the viewer is
// shown them, and the ids of those that match.
func (w *Watcher) match(ctx context.Context, of map[*list][]*state, answer func(*list, []*state, map[string]bool)) (err error) {
	if len(of) == 0 {
		return nil
	}
	scratch, err := w.scratch(ctx, of)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	for l, states := range of {
		q := l.query
		q.Size = len(states)
		page, err := scratch.Search(ctx, l.viewer, q)
		if err != nil {
			return fmt.Errorf("match changed documents: %w", err)
		}
		matching := make(map[string]bool, len(page.Hits))
		for _, hit := range page.Hits {
			matching[hit.ID] = true
		}
		shown := make([]*state, 0, len(states))
		for _, st := range states {
			if st = w.as(l.viewer, st); st != nil {
				shown = append(shown, st)
			}
		}
		answer(l, shown, matching)
	}
	return nil
}

// concerned returns the lists whose viewers may see some of the states, with these.
func (w *Watcher) concerned(states []*state) map[*list][]*state {
	w.mu.Lock()
	defer w.mu.Unlock()
	concerned := map[*list][]*state{}
	for _, st := range states {
		for _, viewer := range w.mapping.Viewers(st.source) {
			for _, l := range w.lists[viewer] {
				concerned[l] = append(concerned[l], st)
			}
		}
	}
	return concerned
}

// scratch returns a store that holds alone what concerns a list.
func (w *Watcher) scratch(ctx context.Context, concerned map[*list][]*state) (view.Store, error) {
	store, err := w.empty()
	if err != nil {
		return nil, err
	}
	var writes []view.Write
	has := map[*state]bool{}
	for _, states := range concerned {
		for _, st := range states {
			if !has[st] {
				has[st] = true
				writes = append(writes, view.Write{ID: st.id, Source: st.document.Source})
			}
		}
	}
	for _, result := range store.Apply(ctx, writes) {
		if result.Err != nil {
			return nil, errors.Join(result.Err, store.Close())
		}
	}
	return store, nil
}

// synchronise hands out what may have changed unnoticed: of all orders that somebody follows or has been sent, and of the
// newest of each list, as many as the subscriber who wanted most of them began with.
func (w *Watcher) synchronise(ctx context.Context) error {
	ids, lists := w.sent()
	if err := w.handOut(ctx, feed.Batch{IDs: ids}); err != nil {
		return err
	}
	for l, newest := range lists {
		number := w.begin()
		states, err := w.newest(ctx, l, newest)
		if err != nil {
			return err
		}
		w.mu.Lock()
		for _, st := range slices.Backward(states) {
			l.tell(number, st, true)
		}
		w.mu.Unlock()
	}
	return nil
}

// sent returns the ids of all orders that somebody follows or has been sent, and for each list how many of its newest its
// subscribers began with at most.
func (w *Watcher) sent() (ids []string, newest map[*list]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]bool{}
	for id := range w.orders {
		all[id] = true
	}
	newest = map[*list]int{}
	for _, ofViewer := range w.lists {
		for _, l := range ofViewer {
			for id := range l.told.orders {
				all[id] = true
			}
			for id := range l.begun {
				all[id] = true
			}
			for _, s := range l.subscribers {
				newest[l] = max(newest[l], s.newest)
			}
		}
	}
	ids = make([]string, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids) // in whatever order, but the same each time
	return ids, newest
}
