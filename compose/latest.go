package compose

import (
	"context"
	"sync"
	"time"
)

// latest gives many who ask one answer, and nobody an old one: one run at a time, and whoever asks gets the result of a
// run that began after they did.
type latest[T any] struct {
	run func(context.Context) (T, error)

	mu      sync.Mutex
	running bool      // guarded by mu
	next    *asked[T] // guarded by mu: the run that will begin when the present one has ended; nil: nobody asks for one
}

// asked is a run and who waits for it.
type asked[T any] struct {
	done  chan struct{} // closed when what follows is there
	value T
	err   error
}

// runTimeout bounds a run, whoever waits for it.
const runTimeout = 10 * time.Second

// get returns the result of a run that begins after the call, or the context's error.
func (l *latest[T]) get(ctx context.Context) (T, error) {
	l.mu.Lock()
	if l.next == nil {
		l.next = &asked[T]{done: make(chan struct{})}
	}
	mine := l.next
	if !l.running {
		l.running = true
		go l.work() // ends when nobody asks; each of its runs is bounded
	}
	l.mu.Unlock()
	select {
	case <-mine.done:
		return mine.value, mine.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// work runs as long as somebody asks.
func (l *latest[T]) work() {
	for {
		l.mu.Lock()
		now := l.next
		l.next = nil
		if now == nil {
			l.running = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), runTimeout)
		now.value, now.err = l.run(ctx)
		cancel()
		close(now.done)
	}
}
