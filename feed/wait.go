package feed

import (
	"container/heap"
	"context"
)

// Wait returns nil as soon as the followed index has reached the barrier in all of its partitions, or ctx's error when
// that ends first. A barrier that is reached is nil whatever ctx. Where the gateway moves to another index meanwhile, that
// one's progress counts.
func (h *Hub) Wait(ctx context.Context, barrier Positions) error {
	w := &waiter{barrier: barrier, reached: make(chan struct{})}
	h.mu.Lock()
	h.waiters.enter(w, h.followed.written)
	h.mu.Unlock()
	select {
	case <-w.reached:
		return nil
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-w.reached:
		return nil
	default:
		h.waiters.leave(w)
		return ctx.Err()
	}
}

// waiter waits for a barrier. It queues at one partition that has not reached it: only when that has is there anything
// to look at, so news cost what they end, not what there is waiting.
type waiter struct {
	barrier Positions
	reached chan struct{} // closed when it is

	part  Partition // where it queues
	place int       // in that queue
}

// waiters are all that wait, in a queue for each partition.
type waiters struct{ queues map[Partition]*queue }

func (ws *waiters) init() { ws.queues = map[Partition]*queue{} }

// enter queues a waiter at a partition that is behind its barrier, or ends it where none is.
func (ws *waiters) enter(w *waiter, written Positions) {
	for part, offset := range w.barrier {
		if written[part] < offset {
			q := ws.queues[part]
			if q == nil {
				q = &queue{}
				ws.queues[part] = q
			}
			w.part = part
			heap.Push(q, w)
			return
		}
	}
	close(w.reached)
}

// leave takes a waiter away that has not ended.
func (ws *waiters) leave(w *waiter) {
	q := ws.queues[w.part]
	heap.Remove(q, w.place)
	if q.Len() == 0 {
		delete(ws.queues, w.part)
	}
}

// reached looks at those whom a partition has kept waiting, now that it is so far.
func (ws *waiters) reached(part Partition, written Positions) {
	q := ws.queues[part]
	for q != nil && q.Len() > 0 && (*q)[0].barrier[part] <= written[part] {
		ws.enter(heap.Pop(q).(*waiter), written) // elsewhere: not in this queue again
	}
	if q != nil && q.Len() == 0 {
		delete(ws.queues, part)
	}
}

// restart looks at all, where another index counts.
func (ws *waiters) restart(written Positions) {
	queues := ws.queues
	ws.init()
	for _, q := range queues {
		for _, w := range *q {
			ws.enter(w, written)
		}
	}
}

// queue is the waiters at a partition, as a heap by their barriers' offsets there.
type queue []*waiter

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].offset() < q[j].offset() }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *queue) Push(x any) {
	w := x.(*waiter)
	w.place = len(*q)
	*q = append(*q, w)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return w
}

// offset returns where the partition that it queues at must be.
func (w *waiter) offset() int64 { return w.barrier[w.part] }
