package elastic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/viewgate/viewgate/telemetry"
)

// asking answers requests when it is told to, and notes them.
type asking struct {
	mu      sync.Mutex
	asked   []string // guarded by mu
	release chan error
}

func (a *asking) ask(ctx context.Context, ids []string) (map[string]*got, error) {
	a.mu.Lock()
	a.asked = append(a.asked, strings.Join(ids, " "))
	a.mu.Unlock()
	select {
	case err := <-a.release:
		answers := map[string]*got{}
		for _, id := range ids {
			answers[id] = &got{stored: stored{ID: id}, Found: true}
		}
		return answers, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *asking) requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

// TestGetsTogether: what is asked for while as many requests as may be are under way goes together, each document once, and
// each caller has an answer to what they asked.
func TestGetsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asking{release: make(chan error)}
		var g gets
		var callers sync.WaitGroup
		call := func(ids ...string) {
			callers.Go(func() {
				answers, err := g.get(t.Context(), ids, nil, a.ask)
				for _, id := range ids {
					if err != nil || answers[id] == nil || answers[id].ID != id {
						t.Errorf("asked for %v: %v, %v", ids, answers, err)
					}
				}
			})
			synctest.Wait()
		}
		call("1")
		call("2")
		call("3", "5")
		call("4", "3")
		var many []string
		for i := range fewIDs + 1 {
			many = append(many, fmt.Sprint("m", i))
		}
		call(many...)
		if diff := cmp.Diff([]string{"1", "2", strings.Join(many, " ")}, a.requests()); diff != "" {
			t.Errorf("requests while nothing is answered (-want +got):\n%s", diff)
		}
		for range 4 {
			a.release <- nil
			synctest.Wait()
		}
		callers.Wait()
		if diff := cmp.Diff([]string{"3 4 5"}, a.requests()[3:]); diff != "" {
			t.Errorf("requests then (-want +got):\n%s", diff)
		}
		if g.underWay != 0 || len(g.waiting) != 0 {
			t.Errorf("%d under way and %d waiting when all is answered", g.underWay, len(g.waiting))
		}
	})
}

// TestGetsGivenUp: a request goes on for those who still wait, ends with the last of them, and is not sent for nobody; its
// error is everybody's.
func TestGetsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asking{release: make(chan error)}
		var g gets
		outcome := map[string]error{}
		var mu sync.Mutex // guards outcome
		call := func(ctx context.Context, id string) {
			go func() {
				_, err := g.get(ctx, []string{id}, nil, a.ask)
				mu.Lock()
				defer mu.Unlock()
				outcome[id] = err
			}()
			synctest.Wait()
		}
		impatient, giveUp := context.WithCancel(t.Context())
		call(impatient, "1")
		call(t.Context(), "2")
		call(impatient, "3")
		call(t.Context(), "4")
		giveUp() // ends 1, and 3 and 4 are sent
		synctest.Wait()
		failure := errors.New("failed")
		a.release <- failure // of 2 or of 3 and 4
		a.release <- failure
		synctest.Wait()
		gone, leave := context.WithCancel(t.Context())
		leave()
		call(gone, "5")
		want := map[string]error{"1": context.Canceled, "2": failure, "3": context.Canceled, "4": failure, "5": context.Canceled}
		if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(outcome)); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"1", "2", "3 4"}, a.requests()[:3]); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// TestGetsTraced: who goes with another's request is told so in a span of their own.
func TestGetsTraced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans := tracetest.NewInMemoryExporter()
		provider := trace.NewTracerProvider(trace.WithSyncer(spans))
		tracer := telemetry.NewTracer(provider)
		a := &asking{release: make(chan error)}
		var g gets
		var callers sync.WaitGroup
		call := func(name string) {
			ctx, span := provider.Tracer("").Start(t.Context(), name)
			callers.Go(func() {
				defer span.End()
				if _, err := g.get(ctx, []string{name}, tracer, a.ask); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		for i := range getsUnderWay {
			call(fmt.Sprint("alone ", i))
		}
		call("first")
		call("second")
		for range getsUnderWay + 1 {
			a.release <- nil
			synctest.Wait()
		}
		callers.Wait()
		names := map[oteltrace.SpanID]string{}
		for _, s := range spans.GetSpans() {
			names[s.SpanContext.SpanID()] = s.Name
		}
		var told []string
		for _, s := range spans.GetSpans() {
			if s.Parent.IsValid() {
				told = append(told, fmt.Sprintf("%s of %s with %s", s.Name, names[s.Parent.SpanID()], names[s.Links[0].SpanContext.SpanID()]))
			}
		}
		if diff := cmp.Diff([]string{"mget of second with first"}, told); diff != "" {
			t.Errorf("spans (-want +got):\n%s", diff)
		}
	})
}
