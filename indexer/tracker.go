package indexer

import "sync"

// tracker knows which records of one claimed partition are done, and how far they are so without a gap. Records are
// taken in the order of their offsets and done in any order.
type tracker struct {
	mark func(next int64) // called with the next offset to read, in ascending order, under mu

	mu      sync.Mutex
	pending []*record // guarded by mu: taken, in order; the first is not done
	next    int64     // guarded by mu: the offset behind the last record of the prefix that is done
}

// record is a record that was taken and is not done until its last event is.
type record struct {
	tracker *tracker
	offset  int64
	bytes   int64
	trace   *trace // nil: it has none
	events  int    // guarded by tracker.mu: those that are not done
}

// take begins a record of so many events, one at least.
func (t *tracker) take(offset, bytes int64, events int) *record {
	r := &record{tracker: t, offset: offset, bytes: bytes, events: events}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, r)
	return r
}

// done ends one event of the record and reports whether it was its last.
func (r *record) done() bool {
	t := r.tracker
	t.mu.Lock()
	defer t.mu.Unlock()
	r.events--
	if r.events > 0 {
		return false
	}
	n := 0
	for n < len(t.pending) && t.pending[n].events <= 0 {
		t.next = t.pending[n].offset + 1
		t.pending[n] = nil
		n++
	}
	if n > 0 {
		t.pending = t.pending[n:]
		t.mark(t.next)
	}
	return true
}

// begin says where the partition is read from.
func (t *tracker) begin(next int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = next
}

// position returns the offset behind the prefix that is done.
func (t *tracker) position() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next
}

// idle returns the position, and whether all records that were taken are done.
func (t *tracker) idle() (next int64, idle bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next, len(t.pending) == 0
}

// pass moves the position from one offset to another, between which there are no records, unless it has moved meanwhile.
func (t *tracker) pass(from, to int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == from && len(t.pending) == 0 && from < to {
		t.next = to
		t.mark(to)
	}
}
