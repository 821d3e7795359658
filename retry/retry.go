// Package retry is how those who try again wait until they do.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Wait waits for d and reports whether it did so before ctx ended.
func Wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Backoff returns how long to wait before a further attempt, of which there have been so many: with full jitter, from 100 ms up to
// most, so that those who failed together do not come again together.
func Backoff(attempt int, most time.Duration) time.Duration {
	ceiling := min(most, 100*time.Millisecond<<min(attempt, 10))
	return 10*time.Millisecond + rand.N(ceiling)
}
