package compose

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestLatest: however many ask, and whenever, each is answered by a run that began after they asked, there is one run at a
// time, and those who ask during a run share the next.
func TestLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, runs atomic.Int32
		l := latest[time.Time]{run: func(context.Context) (time.Time, error) {
			if running.Add(1) > 1 {
				t.Error("two runs at a time")
			}
			defer running.Add(-1)
			runs.Add(1)
			began := time.Now()
			time.Sleep(10 * time.Millisecond)
			return began, nil
		}}
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				asked := time.Now()
				began, err := l.get(t.Context())
				if err != nil || began.Before(asked) {
					t.Errorf("asked at %v, answered from %v, %v", asked, began, err)
				}
			})
		}
		group.Wait()
		if n := runs.Load(); n < 10 || n > 12 {
			t.Errorf("%d runs for 100 who ask within ten runs' time", n)
		}
	})
}

func TestLatestGivesUpAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("failure")
		l := latest[int]{run: func(context.Context) (int, error) {
			time.Sleep(time.Second)
			return 0, failure
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := l.get(t.Context()); !errors.Is(err, failure) {
				t.Errorf("who waited got %v", err)
			}
		})
		synctest.Wait()
		if _, err := l.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gave up got %v", err)
		}
		group.Wait()
		time.Sleep(2 * time.Second) // the run that nobody waits for any more
	})
}
