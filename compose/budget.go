package compose

import (
	"sync"
	"time"
)

// budget bounds the retries of an owner's calls, so that they never multiply an outage: a token bucket that every call
// fills by a tenth, and every second by one. Of n calls in t seconds at most retryBurst + n/10 + t are tried again.
type budget struct {
	mu     sync.Mutex // guards what follows
	tokens float64
	filled time.Time
}

const (
	retryRatio = 0.1 // retries a call
	retryFloor = 1.0 // retries a second, so that an owner that is seldom asked has some
	retryBurst = 10.0
)

func newBudget(now time.Time) *budget { return &budget{tokens: retryBurst, filled: now} }

// called counts a call that is no retry.
func (b *budget) called() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+retryRatio, retryBurst)
}

// take reports whether one call may be tried again.
func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.filled); passed > 0 {
		b.tokens, b.filled = min(b.tokens+retryFloor*passed.Seconds(), retryBurst), now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
