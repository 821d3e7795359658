package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/viewgate/viewgate/retry"
)

// script is a transport that answers call number n, from 1, as it is told. It stands for an owner in a synctest bubble.
type script struct {
	answer func(n int, r *http.Request) (*http.Response, error)

	mu          sync.Mutex // guards what follows
	calls       int
	under, most int
	sent        []time.Time
	ended       []error // of the calls that did not come to their answers
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.calls++
	n := s.calls
	s.under++
	s.most = max(s.most, s.under)
	s.sent = append(s.sent, time.Now())
	s.mu.Unlock()
	response, err := s.answer(n, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under--
	if cause := context.Cause(r.Context()); err != nil && cause != nil {
		s.ended = append(s.ended, cause)
	}
	return response, err
}

func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// answerWith is an answer with a status, a body that says when it was made, and headers by name and value.
func answerWith(status int, header ...string) (*http.Response, error) {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	body := fmt.Sprintf("[%d]", time.Now().UnixNano())
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// after answers 200 after a while, as it was at the beginning, unless the call is cancelled.
func after(d time.Duration) func(int, *http.Request) (*http.Response, error) {
	return func(_ int, r *http.Request) (*http.Response, error) {
		response, _ := answerWith(http.StatusOK)
		if !retry.Wait(r.Context(), d) {
			return nil, context.Cause(r.Context())
		}
		return response, nil
	}
}

// statuses answers call n with the nth status; 0 breaks the connection. The last one is for all further calls.
func statuses(list ...int) func(int, *http.Request) (*http.Response, error) {
	return func(n int, _ *http.Request) (*http.Response, error) {
		status := list[min(n, len(list))-1]
		if status == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		return answerWith(status)
	}
}

func scripted(t *testing.T, answer func(int, *http.Request) (*http.Response, error), o Options) (*Owners, *script) {
	t.Helper()
	s := &script{answer: answer}
	o.Order, o.Kitchen, o.Transport = "http://order", "http://kitchen", s
	return newOwners(t, o), s
}

// ask asks for one order, and returns when the answer was made.
func ask(ctx context.Context, o *Owners, id string) (made time.Time, err error) {
	elements, err := o.fetch(ctx, OrderOwner, "orders", url.Values{"id": {id}})
	if err != nil || len(elements) == 0 {
		return time.Time{}, err
	}
	var nanoseconds int64
	if _, err := fmt.Sscan(string(elements[0]), &nanoseconds); err != nil {
		return time.Time{}, err
	}
	return time.Unix(0, nanoseconds), nil
}

func says(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

// TestCallDeadline: a call ends after the timeout, or before the operation's time is over, and the client's end is its end.
func TestCallDeadline(t *testing.T) {
	for _, test := range []struct {
		name           string
		within, cancel time.Duration // of the operation; 0: never
		ends           time.Duration
		is             error
		outcome        outcome
	}{
		{name: "no deadline", ends: 2 * time.Second, is: context.DeadlineExceeded, outcome: slow},
		{name: "a late deadline", within: 10 * time.Second, ends: 2 * time.Second, is: context.DeadlineExceeded, outcome: slow},
		{name: "a near deadline", within: 1500 * time.Millisecond, ends: 1400 * time.Millisecond, is: context.DeadlineExceeded,
			outcome: givenUp},
		{name: "a very near deadline", within: 100 * time.Millisecond, ends: 90 * time.Millisecond, is: context.DeadlineExceeded,
			outcome: givenUp},
		{name: "cancelled", cancel: time.Second, ends: time.Second, is: context.Canceled, outcome: givenUp},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, s := scripted(t, after(time.Hour), Options{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.within > 0 {
					ctx, cancel = context.WithTimeout(ctx, test.within)
					defer cancel()
				}
				if test.cancel > 0 {
					time.AfterFunc(test.cancel, cancel)
				}
				begin := time.Now()
				_, err := ask(ctx, o, "1")
				if took := time.Since(begin); took != test.ends || !errors.Is(err, test.is) || !errors.Is(err, ErrOwner) {
					t.Errorf("ended with %v after %v, want %v after %v", err, took, test.is, test.ends)
				}
				if late := errors.Is(err, ErrOutOfTime); late != (test.outcome == givenUp && test.cancel == 0) {
					t.Errorf("%v: out of time %t", err, late)
				}
				synctest.Wait()
				if s.count() != 1 || len(s.ended) != 1 || s.under != 0 {
					t.Errorf("%d calls, %d are under way, ended %v", s.calls, s.under, s.ended)
				}
				if n := testutil.ToFloat64(o.peers[OrderOwner].metrics.calls.WithLabelValues("order", string(test.outcome))); n != 1 {
					t.Errorf("%v calls were %s", n, test.outcome)
				}
			})
		})
	}
}

// TestRetries: what may pass is tried again, twice at most, and nothing else.
func TestRetries(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []int
		calls   int
		text    string // of the error; "" for none
	}{
		{"served", []int{200}, 1, ""},
		{"502 passes", []int{502, 200}, 2, ""},
		{"503 passes", []int{503, 200}, 2, ""},
		{"504 passes", []int{504, 504, 200}, 3, ""},
		{"a broken connection passes", []int{0, 0, 200}, 3, ""},
		{"not for ever", []int{503, 502, 504, 200}, 3, "status 504"},
		{"500 does not", []int{500, 200}, 1, "status 500"},
		{"400 does not", []int{400, 200}, 1, "status 400"},
		{"401 does not", []int{401, 200}, 1, "status 401"},
		{"429 does not, without a time", []int{429, 200}, 1, "status 429"},
		{"what passes may become what does not", []int{503, 400, 200}, 2, "status 400"},
		{"302 does not", []int{302, 200}, 1, "status 302"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, s := scripted(t, statuses(test.answers...), Options{})
				_, err := ask(t.Context(), o, "1")
				if (err == nil) != (test.text == "") || err != nil && !says(err, test.text) || s.calls != test.calls {
					t.Errorf("%d calls, error %v; want %d and %q", s.calls, err, test.calls, test.text)
				}
			})
		})
	}
}

// A retry that would begin after the deadline is not waited for.
func TestRetryFitsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := scripted(t, func(int, *http.Request) (*http.Response, error) {
			return answerWith(http.StatusServiceUnavailable, "Retry-After", "1")
		}, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := ask(ctx, o, "1"); !says(err, "status 503") || s.calls != 1 || time.Since(begin) != 0 {
			t.Errorf("error %v after %d calls and %v", err, s.calls, time.Since(begin))
		}
	})
}

// TestOutage: while an owner is down, retries are bounded by the budget even where the circuit is not open, and all calls
// by the circuit.
func TestOutage(t *testing.T) {
	const n = 500
	t.Run("budget", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o, s := scripted(t, statuses(503), Options{})
			begin := time.Now()
			for range n {
				o.peers[OrderOwner].breaker = &breaker{}
				if _, err := ask(t.Context(), o, "1"); !says(err, "status 503") {
					t.Fatal(err)
				}
			}
			retries, most := float64(s.calls-n), retryBurst+n*retryRatio+time.Since(begin).Seconds()*retryFloor
			if retries > most || retries < n*retryRatio {
				t.Errorf("%v retries of %d calls; want %v at most", retries, n, most)
			}
			if got := testutil.ToFloat64(o.peers[OrderOwner].metrics.retries.WithLabelValues("order")); got != retries {
				t.Errorf("the metric says %v retries, it were %v", got, retries)
			}
		})
	})
	t.Run("circuit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o, s := scripted(t, statuses(503), Options{})
			for range n {
				if _, err := ask(t.Context(), o, "1"); !errors.Is(err, ErrOwner) {
					t.Fatal(err)
				}
			}
			if s.calls != fewest {
				t.Errorf("%d calls, want %d", s.calls, fewest)
			}
		})
	})
}

// TestCircuit: the circuit opens, lets trial calls through, opens again, and closes; the error and the metric tell.
func TestCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := 500
		registry := prometheus.NewRegistry()
		o, s := scripted(t, func(int, *http.Request) (*http.Response, error) { return answerWith(status) },
			Options{Registerer: registry})
		circuitIs := func(want circuit) {
			t.Helper()
			text := fmt.Sprintf(`# HELP viewgate_owner_circuit An owner's circuit: 0 closed, 1 half open, 2 open.
# TYPE viewgate_owner_circuit gauge
viewgate_owner_circuit{owner="kitchen"} 0
viewgate_owner_circuit{owner="order"} %d
`, want)
			if err := testutil.GatherAndCompare(registry, bytes.NewBufferString(text), "viewgate_owner_circuit"); err != nil {
				t.Error(err)
			}
		}
		fails := func(text string, calls int) {
			t.Helper()
			before := s.calls
			if _, err := ask(t.Context(), o, "1"); !says(err, text) || s.calls-before != calls {
				t.Errorf("error %v after %d calls; want %q after %d", err, s.calls-before, text, calls)
			}
		}
		for range fewest {
			circuitIs(isClosed)
			fails("order service: status 500", 1)
		}
		circuitIs(isOpen)
		fails("order service: circuit open for another 5s, last error: status 500: refused", 0)
		if _, err := o.fetch(t.Context(), KitchenOwner, "tickets", url.Values{"id": {"1"}}); !says(err, "status 500") {
			t.Errorf("the kitchen's circuit is another: %v", err)
		}
		time.Sleep(openFor)
		circuitIs(isHalfOpen)
		fails("status 500", 1)
		circuitIs(isOpen)
		fails("circuit open", 0)
		time.Sleep(openFor)
		status = 200
		for range maxTrials {
			circuitIs(isHalfOpen)
			if _, err := ask(t.Context(), o, "1"); err != nil {
				t.Error(err)
			}
		}
		circuitIs(isClosed)
	})
}

// TestHealth: what is the question's fault, or the caller's, opens no circuit.
func TestHealth(t *testing.T) {
	for name, answer := range map[string]func(int, *http.Request) (*http.Response, error){
		"refused":     statuses(403),
		"unknown":     statuses(404),
		"no JSON":     func(int, *http.Request) (*http.Response, error) { return answerWith(200, "Content-Type", "text/html") },
		"given up":    after(time.Hour),
		"just enough": statuses(200, 200, 200, 200, 200, 200, 500, 500, 500, 500, 500, 200),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, s := scripted(t, answer, Options{})
				for range 3 * fewest {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					ask(ctx, o, "1")
					cancel()
				}
				synctest.Wait()
				if s.count() != 3*fewest {
					t.Errorf("%d calls of %d were made", s.calls, 3*fewest)
				}
			})
		})
	}
}

// TestBulkhead: there are never more calls at a time than may be; others wait for a while and are then told why.
func TestBulkhead(t *testing.T) {
	for _, test := range []struct {
		takes time.Duration
		fail  int
	}{
		{slotWait / 3, 0}, // three rounds of four
		{slotWait * 2, 8},
	} {
		t.Run(fmt.Sprint(test.takes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, s := scripted(t, after(test.takes), Options{MaxCalls: 4})
				var group sync.WaitGroup
				var mu sync.Mutex
				fail := 0
				for i := range 12 {
					group.Go(func() {
						_, err := ask(t.Context(), o, fmt.Sprint(i))
						if err == nil {
							return
						}
						mu.Lock()
						defer mu.Unlock()
						fail++
						if !errors.Is(err, ErrOwner) || !says(err, "order service: 4 calls are under way, and none ended within 250ms") {
							t.Error(err)
						}
					})
				}
				synctest.Wait()
				if in := len(o.peers[OrderOwner].slots); in != 4 {
					t.Errorf("%d calls are in flight", in)
				}
				group.Wait()
				if s.most != 4 || fail != test.fail || s.calls != 12-test.fail {
					t.Errorf("%d calls, %d at a time, %d failed; want 4 at a time and %d failed", s.calls, s.most, fail, test.fail)
				}
				if in := len(o.peers[OrderOwner].slots); in != 0 {
					t.Errorf("%d calls are in flight after all", in)
				}
			})
		})
	}
}

// TestSharedCalls: equal questions share calls, and no answer was made before its question came.
func TestSharedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := scripted(t, after(time.Second), Options{})
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * 40 * time.Millisecond)
				asked := time.Now()
				made, err := ask(t.Context(), o, "1")
				if err != nil || made.Before(asked) {
					t.Errorf("asked at %v, answered as of %v, %v", asked, made, err)
				}
			})
		}
		group.Wait()
		if s.most != 1 || s.calls < 4 || s.calls > 6 {
			t.Errorf("%d calls for 100 questions in the time of four, %d at a time", s.calls, s.most)
		}
	})
}

// TestSharersCancel: who gives up takes nothing from those who wait for the same call; the last one ends it.
func TestSharersCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, s := scripted(t, after(time.Second), Options{})
		first, cancelFirst := context.WithCancel(t.Context())
		second, cancelSecond := context.WithCancel(t.Context())
		defer cancelSecond()
		var group sync.WaitGroup
		want := func(ctx context.Context, is error) {
			group.Go(func() {
				if _, err := ask(ctx, o, "1"); !errors.Is(err, is) || is != nil && !errors.Is(err, ErrOwner) {
					t.Errorf("error %v, want %v", err, is)
				}
			})
			synctest.Wait()
		}
		want(t.Context(), nil)
		want(first, context.Canceled) // these two share the second call
		want(second, nil)
		time.Sleep(1500 * time.Millisecond)
		cancelFirst()
		group.Wait()
		if s.calls != 2 || len(s.ended) != 0 {
			t.Errorf("%d calls, ended %v", s.calls, s.ended)
		}

		third, cancelThird := context.WithCancel(t.Context())
		fourth, cancelFourth := context.WithCancel(t.Context())
		want(t.Context(), nil)
		want(third, context.Canceled) // these two share the fourth call
		want(fourth, context.Canceled)
		time.Sleep(1500 * time.Millisecond)
		cancelThird()
		synctest.Wait()
		if s.count() != 4 || len(s.ended) != 0 {
			t.Errorf("one gave up: %d calls, ended %v", s.calls, s.ended)
		}
		cancelFourth()
		group.Wait()
		synctest.Wait()
		if s.count() != 4 || len(s.ended) != 1 || !errors.Is(s.ended[0], context.Canceled) {
			t.Errorf("both gave up: %d calls, ended %v", s.calls, s.ended)
		}
	})
}

// TestRetryAfter: an owner that asks to be left alone is, by all; a call within whose time that is waits.
func TestRetryAfter(t *testing.T) {
	for name, text := range map[string]func() string{
		"seconds": func() string { return "20" },
		"date":    func() string { return time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o, s := scripted(t, func(n int, _ *http.Request) (*http.Response, error) {
						if n == 1 {
							return answerWith(status, "Retry-After", text())
						}
						return answerWith(http.StatusOK)
					}, Options{})
					if _, err := ask(t.Context(), o, "1"); !says(err, fmt.Sprint("status ", status)) {
						t.Error(err)
					}
					time.Sleep(15 * time.Second)
					if _, err := ask(t.Context(), o, "2"); !says(err, "order service: asks for no calls for another 5s") {
						t.Error(err)
					}
					if s.calls != 1 {
						t.Errorf("%d calls within the time", s.calls)
					}
					time.Sleep(5 * time.Second)
					if _, err := ask(t.Context(), o, "2"); err != nil || s.calls != 2 {
						t.Errorf("%v, %d calls", err, s.calls)
					}
				})
			})
			t.Run(fmt.Sprint(name, " fits ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o, s := scripted(t, func(n int, _ *http.Request) (*http.Response, error) {
						if n == 1 {
							return answerWith(status, "Retry-After", text())
						}
						return answerWith(http.StatusOK)
					}, Options{Timeout: time.Minute})
					begin := time.Now()
					if _, err := ask(t.Context(), o, "1"); err != nil || s.calls != 2 || s.sent[1].Sub(begin) < 20*time.Second {
						t.Errorf("%v, calls at %v", err, s.sent)
					}
				})
			})
		}
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "1.5": 0, "86400": maxAlone, "99999999999": 0,
		"Sun, 01 Mar 2026 12:00:09 GMT": 9 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Mon, 02 Mar 2026 12:00:00 GMT": maxAlone,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}
