package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/telemetry"
)

// peer is an owner as all requests together call it: never more at a time than it may be asked, and not while it fails
// or wants to be left alone.
type peer struct {
	owner   Owner
	base    *url.URL
	client  *http.Client
	limit   int64 // of an answer's bytes
	slots   chan struct{}
	breaker *breaker
	budget  *budget
	metrics *metrics
	tracer  *telemetry.Tracer

	mu    sync.Mutex
	alone time.Time // guarded by mu: the owner is not to be asked before
}

const (
	// slotWait is how long a call waits for others to end, where there are as many as may be.
	slotWait = 250 * time.Millisecond
	// maxRetries is how often a call is tried again. All calls are GETs, which change nothing.
	maxRetries = 2
	// firstPause is the most that a first retry waits; the second waits twice as long at most, each with full jitter.
	firstPause = 50 * time.Millisecond
	// maxAlone bounds what an owner's Retry-After can ask for.
	maxAlone = 30 * time.Second
	// drained is how much of an answer that is not used is read, so that its connection can be used again.
	drained = 4 << 10
)

// outcome is what became of a call, as the metric names it.
type outcome string

const (
	served      outcome = "ok"
	refused     outcome = "refused"     // 3xx and 4xx but 429: the question's fault, or the configuration's
	throttled   outcome = "throttled"   // 429
	unavailable outcome = "unavailable" // 502, 503, 504
	failed      outcome = "failed"      // other 5xx
	unreachable outcome = "unreachable" // there was no whole answer
	slow        outcome = "slow"        // there was none within Options.Timeout
	givenUp     outcome = "given up"    // those who waited gave up, or their time was over
	unusable    outcome = "unusable"    // the answer was of the wrong form, or too large

	// These were not made.
	circuitOpen outcome = "circuit open"
	crowded     outcome = "crowded"
	leftAlone   outcome = "left alone" // until what Retry-After said
)

// health is what an outcome says of its owner. A question that the owner cannot answer must not close the way for others,
// and one who gives up early says nothing.
func (o outcome) health() health {
	switch o {
	case throttled, unavailable, failed, unreachable, slow:
		return failing
	case givenUp:
		return unknownHealth
	}
	return healthy
}

// result is what became of one attempt.
type result struct {
	elements []json.RawMessage
	status   int // 0 without an answer
	err      error
	outcome  outcome
	sent     bool
	alone    time.Duration // how long the owner wants to be left alone
}

// passes reports whether the next attempt may go better. A 429 without a time says that it will not.
func (r result) passes() bool {
	return r.outcome == unreachable || r.outcome == unavailable || r.outcome == throttled && r.alone > 0
}

// fetch gets what is below the owner's URL at path, trying again where that may help and fits the context's deadline.
func (p *peer) fetch(ctx context.Context, q question, header http.Header) ([]json.RawMessage, error) {
	r := p.attempt(ctx, q, header)
	if r.sent {
		p.budget.called()
	}
	for try := range maxRetries {
		pause := r.alone + rand.N(firstPause<<try)
		deadline, bounded := ctx.Deadline()
		if !r.passes() || bounded && time.Until(deadline) <= pause || !p.budget.take(time.Now()) {
			break
		}
		if !retry.Wait(ctx, pause) {
			break
		}
		again := p.attempt(ctx, q, header)
		if !again.sent {
			break // what the owner said tells more
		}
		p.metrics.retries.WithLabelValues(string(p.owner)).Inc()
		r = again
	}
	if r.err != nil {
		return nil, &OwnerError{Owner: p.owner, Status: r.status, Err: r.err}
	}
	return r.elements, nil
}

// attempt makes one call, if it may be made now.
func (p *peer) attempt(ctx context.Context, q question, header http.Header) (r result) {
	defer func() { p.metrics.calls.WithLabelValues(string(p.owner), string(r.outcome)).Inc() }()
	if r := p.closedTo(time.Now()); r.err != nil {
		return r // at once, rather than after a wait for a slot
	}
	if r := p.slot(ctx); r.err != nil {
		return r
	}
	defer func() { <-p.slots }()
	if r := p.closedTo(time.Now()); r.err != nil {
		return r
	}
	pass, err := p.breaker.enter(time.Now())
	if err != nil {
		return result{err: err, outcome: circuitOpen}
	}
	begin := time.Now()
	r = p.traced(ctx, q, header)
	r.sent = true
	p.metrics.seconds.WithLabelValues(string(p.owner)).Observe(time.Since(begin).Seconds())
	found, why := r.outcome.health(), ""
	if found == failing {
		why = describe(r.status, r.err)
	}
	p.breaker.leave(pass, time.Now(), found, why)
	if r.alone > 0 {
		p.leaveAlone(time.Now().Add(r.alone))
	}
	return r
}

// closedTo says why no call is made at the moment, if none is.
func (p *peer) closedTo(now time.Time) result {
	p.mu.Lock()
	left := p.alone.Sub(now)
	p.mu.Unlock()
	if left > 0 {
		left = left.Round(time.Millisecond)
		return result{err: fmt.Errorf("asks for no calls for another %v (Retry-After)", left), outcome: leftAlone}
	}
	if err := p.breaker.refusal(now); err != nil {
		return result{err: err, outcome: circuitOpen}
	}
	return result{}
}

func (p *peer) leaveAlone(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.alone) {
		p.alone = until
	}
}

// slot takes a place among the calls that may be under way at a time.
func (p *peer) slot(ctx context.Context) result {
	select {
	case p.slots <- struct{}{}:
		return result{}
	default:
	}
	timer := time.NewTimer(slotWait)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		return result{}
	case <-timer.C:
		return result{err: fmt.Errorf("%d calls are under way, and none ended within %v", cap(p.slots), slotWait), outcome: crowded}
	case <-ctx.Done():
		return ended(context.Cause(ctx))
	}
}

// traced is send, with a span.
func (p *peer) traced(ctx context.Context, q question, header http.Header) result {
	if p.tracer == nil {
		return p.send(ctx, q, header)
	}
	ctx, span := p.tracer.Child(ctx, telemetry.Client, "GET "+q.collection)
	defer span.End()
	header = header.Clone()
	p.tracer.Carry(ctx, header)
	r := p.send(ctx, q, header)
	span.Text("service.peer.name", string(p.owner))
	span.Text("viewgate.outcome", string(r.outcome))
	if r.status != 0 {
		span.Number("http.response.status_code", r.status)
	}
	if r.outcome != served {
		span.Fail(string(r.outcome))
	}
	return r
}

// send makes one call.
func (p *peer) send(ctx context.Context, q question, header http.Header) result {
	target := p.base.JoinPath(q.collection)
	target.RawQuery = q.query
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return result{err: err, outcome: unusable}
	}
	request.Header = header
	response, err := p.client.Do(request)
	if err != nil {
		return broken(ctx, err)
	}
	defer response.Body.Close()
	r := p.read(ctx, q, response)
	if r.err != nil {
		_, _ = io.CopyN(io.Discard, response.Body, drained)
	}
	return r
}

// broken is the result where there was no whole answer.
func broken(ctx context.Context, err error) result {
	if cause := context.Cause(ctx); cause != nil {
		return ended(cause)
	}
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err // without the URL, which is nobody's business
	}
	return result{err: err, outcome: unreachable}
}

// ended is the result where the context ended first, for a cause.
func ended(cause error) result {
	switch {
	case errors.As(cause, new(slowError)):
		return result{err: cause, outcome: slow}
	case errors.Is(cause, context.DeadlineExceeded):
		return result{err: fmt.Errorf("%w: %w", ErrOutOfTime, cause), outcome: givenUp}
	}
	return result{err: cause, outcome: givenUp}
}

// slowError says that an owner had all the time that a call may take. It is context.DeadlineExceeded.
type slowError time.Duration

func (e slowError) Error() string {
	return fmt.Sprintf("no answer within %v: %v", time.Duration(e), context.DeadlineExceeded)
}

func (slowError) Unwrap() error { return context.DeadlineExceeded }

func (p *peer) read(ctx context.Context, q question, response *http.Response) result {
	status := response.StatusCode
	r := result{status: status, outcome: outcomeOf(status)}
	if r.outcome == throttled || status == http.StatusServiceUnavailable {
		r.alone = retryAfter(response.Header.Get("Retry-After"), time.Now())
	}
	if !isJSON(response.Header.Get("Content-Type")) {
		if r.outcome == served {
			r.outcome = unusable
		}
		r.err = fmt.Errorf("answered %.60q, not JSON", response.Header.Get("Content-Type"))
		return r
	}
	if status == http.StatusNotFound && q.one {
		return result{status: status, outcome: served} // the one that was asked for is not known
	}
	if status != http.StatusOK {
		r.err = errors.New("refused")
		return r
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, p.limit+1))
	if err != nil {
		r := broken(ctx, err)
		r.status, r.err = status, fmt.Errorf("answer broke off: %w", r.err)
		return r
	}
	if int64(len(body)) > p.limit {
		return result{status: status, outcome: unusable, err: fmt.Errorf("answer of more than %d bytes", p.limit)}
	}
	if err := json.Unmarshal(body, &r.elements); err != nil {
		return result{status: status, outcome: unusable, err: fmt.Errorf("answer is no JSON array: %w", err)}
	}
	if r.elements == nil {
		return result{status: status, outcome: unusable, err: errors.New("answer is null, not an array")}
	}
	return r
}

func outcomeOf(status int) outcome {
	switch {
	case status == http.StatusOK:
		return served
	case status == http.StatusTooManyRequests:
		return throttled
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return unavailable
	case status >= 500:
		return failed
	}
	return refused
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3): seconds, or a date. What is no such, or past, is 0.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxAlone)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxAlone)
	}
	return 0
}
