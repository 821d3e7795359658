package compose

import (
	"testing"
	"time"
)

// TestBreaker goes through the states, at times in milliseconds.
func TestBreaker(t *testing.T) {
	base := time.UnixMilli(1_700_000_000_000)
	at := func(ms int) time.Time { return base.Add(time.Duration(ms) * time.Millisecond) }
	b := &breaker{}
	call := func(ms int, found health) {
		t.Helper()
		p, err := b.enter(at(ms))
		if err != nil {
			t.Fatalf("at %d: %v", ms, err)
		}
		b.leave(p, at(ms), found, "down")
	}
	is := func(ms int, want circuit) {
		t.Helper()
		if got := b.at(at(ms)); got != want {
			t.Fatalf("at %d: state %d, want %d", ms, got, want)
		}
	}
	for ms := range 10 {
		call(ms, healthy)
	}
	for ms := range 9 {
		call(10+ms, failing)
	}
	call(19, unknownHealth)
	is(19, isClosed) // 9 of 19: who gave up does not count
	straggler, _ := b.enter(at(19))
	call(20, failing) // 10 of 20
	is(20, isOpen)
	if _, err := b.enter(at(5019)); err == nil || err.Error() != "circuit open for another 1ms, last error: down" {
		t.Fatalf("open: %v", err)
	}

	is(5020, isHalfOpen)
	trials := [maxTrials]pass{}
	for i := range trials {
		trials[i], _ = b.enter(at(5020))
	}
	if _, err := b.enter(at(5020)); err == nil {
		t.Fatal("more trials than may be")
	}
	b.leave(straggler, at(5020), failing, "long ago")
	is(5020, isHalfOpen) // what began before says nothing
	b.leave(trials[0], at(5021), unknownHealth, "")
	call(5022, healthy) // in the place of the one that was given up
	b.leave(trials[1], at(5023), healthy, "")
	is(5023, isHalfOpen)
	b.leave(trials[2], at(5024), failing, "still down")
	is(5024, isOpen)
	is(10_023, isOpen)
	for range maxTrials {
		is(10_024, isHalfOpen)
		call(10_024, healthy)
	}
	is(10_024, isClosed)

	for i := range 9 { // what failed before it opened is forgotten, and nine say nothing
		call(10_025+i, failing)
	}
	is(10_040, isClosed)
	for i := range 8 { // and so is what failed more than ten seconds ago
		call(21_000+i, failing)
	}
	is(21_010, isClosed)
	call(21_010, failing)
	call(21_010, failing)
	is(21_010, isOpen)
}

// TestBreakerOpensByFailure: an owner that is well again before there were enough calls to tell is not left alone.
func TestBreakerOpensByFailure(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	b := &breaker{}
	call := func(found health, why string) {
		t.Helper()
		p, err := b.enter(now)
		if err != nil {
			t.Fatal(err)
		}
		b.leave(p, now, found, why)
	}
	for range fewest - 1 {
		call(failing, "down")
	}
	call(healthy, "")
	call(healthy, "") // not refused, though 9 of 10 failed
	call(failing, "down again")
	if err := b.refusal(now); err == nil || err.Error() != "circuit open for another 5s, last error: down again" {
		t.Errorf("10 of 12 failed, the last of them, and the breaker says %v", err)
	}
}

// TestOutcomesHealth: an owner is judged by what is its own doing.
func TestOutcomesHealth(t *testing.T) {
	for found, outcomes := range map[health][]outcome{
		healthy:       {served, refused, unusable},
		failing:       {throttled, unavailable, failed, unreachable, slow},
		unknownHealth: {givenUp},
	} {
		for _, o := range outcomes {
			if got := o.health(); got != found {
				t.Errorf("%s: health %d, want %d", o, got, found)
			}
		}
	}
}

// TestBudget: however many calls fail, no more are tried again than the budget says.
func TestBudget(t *testing.T) {
	base := time.UnixMilli(1_700_000_000_000)
	for _, test := range []struct{ calls, seconds int }{{1, 0}, {30, 0}, {1000, 0}, {1000, 50}, {5, 100}} {
		b, retries := newBudget(base), 0
		for i := range test.calls {
			now := base.Add(time.Duration(test.seconds) * time.Second * time.Duration(i) / time.Duration(test.calls))
			b.called()
			for range maxRetries {
				if b.take(now) {
					retries++
				}
			}
		}
		most := min(retryBurst+float64(test.calls)*retryRatio+float64(test.seconds)*retryFloor, float64(test.calls*maxRetries))
		if float64(retries) > most || float64(retries) < most-2 {
			t.Errorf("%d retries of %d calls in %d s; want %v at most, and nearly so many", retries, test.calls, test.seconds, most)
		}
	}
}
