package indexer

import (
	"context"
	"sync"
	"time"
)

// queue holds the items that wait for a worker, in the order in which they came. Several goroutines put, one takes.
//
// It is not a channel of items because a batch is thousands of them: the worker is woken for the first and for the last
// of a batch alone, and takes them all at once.
type queue struct {
	events, bytes int           // of a full batch
	woken         chan struct{} // has a token where the worker is to look again

	mu     sync.Mutex
	items  []*item       // guarded by mu
	size   int           // guarded by mu: the bytes of items
	closed bool          // guarded by mu
	taken  chan struct{} // guarded by mu: closed, and made anew, when items are taken
}

func newQueue(events, bytes int) *queue {
	return &queue{events: events, bytes: bytes, woken: make(chan struct{}, 1), taken: make(chan struct{})}
}

// full reports whether there is enough for a batch; mu is held.
func (q *queue) full() bool { return len(q.items) >= q.events || q.size >= q.bytes }

// put adds an item. It waits while the queue is full, and reports whether it added the item before ctx ended.
func (q *queue) put(ctx context.Context, it *item) bool {
	q.mu.Lock()
	for q.full() {
		taken := q.taken
		q.mu.Unlock()
		select {
		case <-taken:
		case <-ctx.Done():
			return false
		}
		q.mu.Lock()
	}
	q.items, q.size = append(q.items, it), q.size+it.size()
	look := len(q.items) == 1 || q.full()
	q.mu.Unlock()
	if look {
		q.wake()
	}
	return true
}

// close says that nothing more will be put.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.woken <- struct{}{}:
	default:
	}
}

// take waits for an item and then, for as long as the linger, for a full batch. While more is known to come it lingers
// again, backlogLinger in all. It returns nothing when the queue is closed and empty.
func (q *queue) take(linger time.Duration, more func() bool) []*item {
	var begin time.Time
	var over <-chan time.Time
	for {
		q.mu.Lock()
		if q.full() || q.closed {
			break
		}
		some := len(q.items) > 0
		q.mu.Unlock()
		if some && over == nil {
			begin, over = time.Now(), time.After(linger)
		}
		select {
		case <-q.woken:
			continue
		case <-over:
			if more() && time.Since(begin) < backlogLinger {
				over = time.After(linger)
				continue
			}
		}
		q.mu.Lock()
		break
	}
	defer q.mu.Unlock()
	batch := q.items
	q.items, q.size = make([]*item, 0, len(batch)), 0
	close(q.taken)
	q.taken = make(chan struct{})
	return batch
}
