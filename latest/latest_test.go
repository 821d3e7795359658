package latest

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
func TestAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, runs atomic.Int32
		l := Answer[time.Time]{Run: func(context.Context) (time.Time, error) {
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
				began, err := l.Get(t.Context())
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

func TestGivesUpAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("failure")
		l := Answer[int]{Run: func(context.Context) (int, error) {
			time.Sleep(time.Second)
			return 0, failure
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := l.Get(t.Context()); !errors.Is(err, failure) {
				t.Errorf("who waited got %v", err)
			}
		})
		synctest.Wait()
		if _, err := l.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gave up got %v", err)
		}
		group.Wait()
		time.Sleep(2 * time.Second) // the run that nobody waits for any more
	})
}

// TestLatestEnds: a run ends with the last who waits for it, by cancellation or at the latest deadline, and one that nobody
// waits for any more does not begin.
func TestLatestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, cancelled, expired atomic.Int32
		l := Answer[int]{Run: func(ctx context.Context) (int, error) {
			begun.Add(1)
			<-ctx.Done()
			if errors.Is(ctx.Err(), context.Canceled) {
				cancelled.Add(1)
			} else {
				expired.Add(1)
			}
			return 0, ctx.Err()
		}}
		ran := func(when string, wantBegun, wantEnded int32) {
			t.Helper()
			synctest.Wait()
			if begun.Load() != wantBegun || cancelled.Load()+expired.Load() != wantEnded {
				t.Errorf("%s: %d runs, %d cancelled, %d expired; want %d, of which %d ended",
					when, begun.Load(), cancelled.Load(), expired.Load(), wantBegun, wantEnded)
			}
		}
		begin := time.Now()
		var group sync.WaitGroup
		ask := func(ctx context.Context, want error, after time.Duration) {
			group.Go(func() {
				_, err := l.Get(ctx)
				if !errors.Is(err, want) || time.Since(begin) != after {
					t.Errorf("got %v after %v, want %v after %v", err, time.Since(begin), want, after)
				}
			})
		}
		within := func(d time.Duration) context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			t.Cleanup(cancel)
			return ctx
		}
		first, cancelFirst := context.WithCancel(t.Context())
		ask(first, context.Canceled, 3*time.Second)
		synctest.Wait()
		ask(within(time.Second), context.DeadlineExceeded, time.Second) // of the next run, which never begins
		time.Sleep(3 * time.Second)
		cancelFirst()
		group.Wait()
		ran("both gave up", 1, 1)

		begin = time.Now()
		first, cancelFirst = context.WithCancel(t.Context())
		ask(first, context.Canceled, 0)
		synctest.Wait()
		third, cancelThird := context.WithCancel(within(time.Hour))
		ask(within(time.Second), context.DeadlineExceeded, time.Second) // these three share a run
		ask(within(4*time.Second), context.DeadlineExceeded, 4*time.Second)
		ask(third, context.Canceled, 2*time.Second)
		synctest.Wait()
		cancelFirst()
		time.Sleep(2 * time.Second)
		cancelThird()
		ran("one of three still waits", 3, 2)
		group.Wait()
		ran("nobody waits", 3, 3)
	})
}

// TestLatestOf: those who ask for different keys do not wait for each other, and nothing is kept of a key when it is done.
func TestLatestOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := map[string]int{}
		var mu sync.Mutex
		l := Answers[string, string]{Run: func(_ context.Context, key string) (string, error) {
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			runs[key]++
			return key, nil
		}}
		var group sync.WaitGroup
		begin := time.Now()
		for range 10 {
			for _, key := range []string{"a", "b"} {
				group.Go(func() {
					if got, err := l.Get(t.Context(), key); got != key || err != nil {
						t.Errorf("asked for %s, got %s, %v", key, got, err)
					}
				})
			}
		}
		group.Wait()
		if took := time.Since(begin); took > 2*time.Second || runs["a"] > 2 || runs["b"] > 2 || len(l.byKey) != 0 {
			t.Errorf("took %v, runs %v, %d keys are kept", took, runs, len(l.byKey))
		}
	})
}
