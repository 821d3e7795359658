// Package latest gives many who ask one answer, and nobody an old one: what is asked is asked once at a time, and whoever
// comes while it is being asked shares the next time with all others who do.
package latest

import (
	"context"
	"sync"
	"time"
)

// Answer is one answer for many who ask. Run must be set; the Answer must not be copied.
type Answer[T any] struct {
	// Run is called, by one goroutine at a time, with a context that has the values of the first who asked for this run, and ends with the last of
	// those who wait for it: at the latest of their deadlines, or when they have all given up.
	Run func(context.Context) (T, error)

	mu      sync.Mutex
	running bool      // guarded by mu
	next    *asked[T] // guarded by mu: the run that will begin when the present one has ended; nil: nobody asks for one
}

// asked is a run and who waits for it.
type asked[T any] struct {
	values context.Context // of the first who asked, without its end

	// Guarded by the mutex of Answer.
	waiting int
	endless bool               // somebody who waits has no deadline
	until   time.Time          // the latest deadline of the others
	cancel  context.CancelFunc // ends the run; nil before it begins

	done  chan struct{} // closed when what follows is there
	value T
	err   error
}

// Get returns the result of a run that begins after the call, or the context's error.
func (l *Answer[T]) Get(ctx context.Context) (T, error) {
	mine := l.join(ctx)
	select {
	case <-mine.done:
		return mine.value, mine.err
	case <-ctx.Done():
		l.leave(mine)
		var zero T
		return zero, ctx.Err()
	}
}

func (l *Answer[T]) join(ctx context.Context) *asked[T] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.next = &asked[T]{values: context.WithoutCancel(ctx), done: make(chan struct{})}
	}
	mine := l.next
	mine.waiting++
	if deadline, ok := ctx.Deadline(); !ok {
		mine.endless = true
	} else if deadline.After(mine.until) {
		mine.until = deadline
	}
	if !l.running {
		l.running = true
		go l.work() // ends when nobody asks
	}
	return mine
}

// leave takes one who gave up from those who wait. A run that nobody waits for does not begin, or is cancelled.
func (l *Answer[T]) leave(a *asked[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.waiting--; a.waiting > 0 {
		return
	}
	if l.next == a {
		l.next = nil
	}
	if a.cancel != nil {
		a.cancel()
	}
}

// work runs as long as somebody asks.
func (l *Answer[T]) work() {
	for {
		now, ctx := l.begin()
		if now == nil {
			return
		}
		now.value, now.err = l.Run(ctx)
		now.cancel()
		close(now.done)
	}
}

// begin takes the next run and its context; nil where nobody asks for one. From here on nobody joins it.
func (l *Answer[T]) begin() (*asked[T], context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.next
	l.next = nil
	if now == nil {
		l.running = false
		return nil, nil
	}
	var ctx context.Context
	if now.endless {
		ctx, now.cancel = context.WithCancel(now.values)
	} else {
		ctx, now.cancel = context.WithDeadline(now.values, now.until)
	}
	return now, ctx
}

// Answers is an Answer for each key that is asked for. While a run that all gave up is ending, there may be another of
// its key.
type Answers[K comparable, T any] struct {
	Run func(context.Context, K) (T, error)

	mu    sync.Mutex
	byKey map[K]*keyed[T] // guarded by mu: those that somebody waits for
}

type keyed[T any] struct {
	Answer[T]
	waiting int // guarded by the mutex of Answers
}

// Get returns the result of a run for the key that begins after the call, or the context's error.
func (l *Answers[K, T]) Get(ctx context.Context, key K) (T, error) {
	l.mu.Lock()
	k := l.byKey[key]
	if k == nil {
		k = &keyed[T]{Answer: Answer[T]{Run: func(ctx context.Context) (T, error) { return l.Run(ctx, key) }}}
		if l.byKey == nil {
			l.byKey = map[K]*keyed[T]{}
		}
		l.byKey[key] = k
	}
	k.waiting++
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.waiting--; k.waiting == 0 {
			delete(l.byKey, key)
		}
	}()
	return k.Get(ctx)
}
