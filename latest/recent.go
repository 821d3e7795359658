package latest

import (
	"context"
	"time"
)

// Recent is one answer for all who ask within a time, for what costs more than it is worth to know at once. NewRecent makes one.
type Recent[T any] struct {
	answer Answer[T]
	age    time.Duration
	run    func(context.Context) (T, error)

	// Of the last run without an error; only the runs of answer look at it, which are one at a time.
	value T
	at    time.Time // when it began; zero: there was none
}

// NewRecent returns an answer that is run for as Answer's, and then given to all who ask until that run is so old. An error is
// given to those alone who wait for it.
func NewRecent[T any](age time.Duration, run func(context.Context) (T, error)) *Recent[T] {
	r := &Recent[T]{age: age, run: run}
	r.answer.Run = r.renew
	return r
}

// Get returns the result of a run that is recent, or the context's error.
func (r *Recent[T]) Get(ctx context.Context) (T, error) { return r.answer.Get(ctx) }

func (r *Recent[T]) renew(ctx context.Context) (T, error) {
	began := time.Now()
	if !r.at.IsZero() && began.Sub(r.at) < r.age {
		return r.value, nil
	}
	value, err := r.run(ctx)
	if err == nil {
		r.value, r.at = value, began
	}
	return value, err
}
