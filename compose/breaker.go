package compose

import (
	"fmt"
	"sync"
	"time"
)

// breaker stops the calls to an owner that fails (Nygard, Release It!): it opens where too many of the calls of the last
// seconds failed, lets a few through after a pause, and closes when these succeed. What began before a change of its
// state says nothing about the state after it, so it is not counted.
type breaker struct {
	mu        sync.Mutex // guards what follows
	state     circuit
	changes   int // of the state
	slices    [window]slice
	until     time.Time // while open
	trials    int       // under way, while half open
	successes int       // of trials
	last      string    // the failure that opened it
}

// circuit is a breaker's state, as the metric tells it.
type circuit int

const (
	isClosed circuit = iota
	isHalfOpen
	isOpen
)

const (
	window    = 10 // seconds that failures are counted for
	fewest    = 10 // calls within it that say anything
	openFor   = 5 * time.Second
	maxTrials = 3 // at a time, and successes that close the circuit
)

// tooMany reports whether the circuit is to open: half of the calls failed.
func tooMany(failures, calls int) bool { return calls >= fewest && 2*failures >= calls }

// slice counts a second's calls.
type slice struct {
	second          int64
	calls, failures int
}

// health is what a call says about its owner's health.
type health int

const (
	unknownHealth health = iota // the call was given up
	healthy
	failing
)

// pass lets one call through. It is to be given back.
type pass struct{ changes int }

// refusal says why the breaker lets no call through at the moment; nil where it does.
func (b *breaker) refusal(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refuses(now)
}

func (b *breaker) refuses(now time.Time) error {
	switch b.stateAt(now) {
	case isOpen:
		left := b.until.Sub(now).Round(time.Millisecond)
		return fmt.Errorf("circuit open for another %v, last error: %s", left, b.last)
	case isHalfOpen:
		if b.state == isHalfOpen && b.trials >= maxTrials {
			return fmt.Errorf("circuit half open, trial calls are under way, last error: %s", b.last)
		}
	}
	return nil
}

// enter lets a call through or says why not.
func (b *breaker) enter(now time.Time) (pass, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.refuses(now); err != nil {
		return pass{}, err
	}
	if b.stateAt(now) == isHalfOpen {
		if b.state == isOpen {
			b.change(isHalfOpen)
		}
		b.trials++
	}
	return pass{b.changes}, nil
}

// leave takes a pass back, with what the call found; why is told while the circuit is open.
func (b *breaker) leave(p pass, now time.Time, found health, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.changes != b.changes {
		return
	}
	switch b.state {
	case isHalfOpen:
		b.trials--
		switch found {
		case failing:
			b.open(now, why)
		case healthy:
			if b.successes++; b.successes >= maxTrials {
				b.change(isClosed)
			}
		}
	case isClosed:
		if found == unknownHealth {
			return
		}
		// Only a failure opens it: a success that makes the calls enough to tell says that the owner is well.
		if tooMany(b.count(now, found)) && found == failing {
			b.open(now, why)
		}
	}
}

// count counts a call, and returns the window's failures and calls.
func (b *breaker) count(now time.Time, found health) (failures, calls int) {
	second := now.Unix()
	s := &b.slices[second%window]
	if s.second != second {
		*s = slice{second: second}
	}
	s.calls++
	if found == failing {
		s.failures++
	}
	for _, s := range b.slices {
		if s.second > second-window {
			failures, calls = failures+s.failures, calls+s.calls
		}
	}
	return failures, calls
}

func (b *breaker) open(now time.Time, why string) {
	b.change(isOpen)
	b.until, b.last = now.Add(openFor), why
}

func (b *breaker) change(to circuit) {
	b.state = to
	b.changes++
	b.trials, b.successes = 0, 0
	b.slices = [window]slice{}
}

// stateAt is the state as a call finds it: an open circuit whose pause is over is half open.
func (b *breaker) stateAt(now time.Time) circuit {
	if b.state == isOpen && !now.Before(b.until) {
		return isHalfOpen
	}
	return b.state
}

// at returns the state at a time.
func (b *breaker) at(now time.Time) circuit {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stateAt(now)
}
