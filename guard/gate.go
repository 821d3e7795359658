package guard

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrBusy says that so much is under way that there is no room for more now.
var ErrBusy = errors.New("too much is asked at once: try again in a second")

// RetryAfter is when who was turned away by ErrBusy may come again.
const RetryAfter = time.Second

// Gate lets so many in at a time; some more wait for a short time. It is safe for concurrent use. A nil Gate lets everybody in.
type Gate struct {
	places  chan struct{}
	waiting atomic.Int64
	queue   int64
	wait    time.Duration
}

// NewGate returns a gate with so many places, before which no more than queue wait, each no longer than wait.
func NewGate(places, queue int, wait time.Duration) *Gate {
	return &Gate{places: make(chan struct{}, max(places, 1)), queue: int64(queue), wait: wait}
}

// Enter takes a place, and waits for one if need be. Leave gives it back; it may be called several times, and from several
// goroutines. The error is ErrBusy, or ctx's.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	leave = sync.OnceFunc(func() { <-g.places })
	select {
	case g.places <- struct{}{}:
		return leave, nil
	default:
	}
	if g.waiting.Add(1) > g.queue {
		g.waiting.Add(-1)
		return nil, ErrBusy
	}
	defer g.waiting.Add(-1)
	patience := time.NewTimer(g.wait)
	defer patience.Stop()
	select {
	case g.places <- struct{}{}:
		return leave, nil
	case <-patience.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Inside returns how many have a place.
func (g *Gate) Inside() int { return len(g.places) }

// Waiting returns how many wait for a place.
func (g *Gate) Waiting() int { return int(g.waiting.Load()) }
