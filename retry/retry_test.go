package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/viewgate/viewgate/retry"
)

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !retry.Wait(t.Context(), time.Minute) || time.Since(began) != time.Minute {
			t.Errorf("waited for %v", time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if retry.Wait(ctx, time.Minute) {
			t.Error("went on when its time was over")
		}
	})
}

func TestBackoff(t *testing.T) {
	for attempt := range 100 {
		ceiling := min(time.Second, 100*time.Millisecond<<min(attempt, 10))
		if d := retry.Backoff(attempt, time.Second); d < 10*time.Millisecond || d >= ceiling+10*time.Millisecond {
			t.Errorf("attempt %d: %v", attempt, d)
		}
	}
}
