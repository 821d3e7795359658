package latest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRecent: an answer is given until it is too old, an error to nobody else.
func TestRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, fault := 0, error(nil)
		r := NewRecent(time.Second, func(context.Context) (int, error) {
			runs++
			time.Sleep(100 * time.Millisecond)
			return runs, fault
		})
		get := func(want int, wrong error) {
			t.Helper()
			if got, err := r.Get(t.Context()); got != want || !errors.Is(err, wrong) {
				t.Errorf("%d, %v; want %d, %v", got, err, want, wrong)
			}
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { get(1, nil) })
		}
		all.Wait()
		time.Sleep(800 * time.Millisecond)
		get(1, nil)
		time.Sleep(100 * time.Millisecond)
		fault = errors.New("a fault")
		get(2, fault)
		get(3, fault)
		fault = nil
		get(4, nil)
		get(4, nil)
	})
}
