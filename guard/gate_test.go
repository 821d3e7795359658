package guard

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(2, 1, time.Second)
		first, err := g.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		waited := make(chan error)
		go func() { _, err := g.Enter(t.Context()); waited <- err }()
		synctest.Wait()
		if g.Inside() != 2 || g.Waiting() != 1 {
			t.Errorf("%d inside, %d wait", g.Inside(), g.Waiting())
		}
		if _, err := g.Enter(t.Context()); !errors.Is(err, ErrBusy) { // the queue is full
			t.Errorf("a second one waits: %v", err)
		}
		first()
		first() // and leaves once
		if err := <-waited; err != nil {
			t.Errorf("the place was not given on: %v", err)
		}
		if g.Inside() != 2 {
			t.Errorf("%d inside", g.Inside())
		}
		start := time.Now()
		if _, err := g.Enter(t.Context()); !errors.Is(err, ErrBusy) || time.Since(start) != time.Second {
			t.Errorf("waited %v: %v", time.Since(start), err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Enter(gone); !errors.Is(err, context.Canceled) || g.Waiting() != 0 {
			t.Errorf("who has gone waits on: %v", err)
		}
	})
	if leave, err := (*Gate)(nil).Enter(t.Context()); err != nil {
		t.Error(err)
	} else {
		leave()
	}
}
