package elastic

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/viewgate/viewgate/telemetry"
)

// What reads by id do together.
const (
	// getsUnderWay is how many requests of a few documents are under way at a time; what is asked for meanwhile goes with
	// the next. A request costs both sides several times what a document does.
	getsUnderWay = 2
	// fewIDs is the largest number of documents that waits for others to be asked for with.
	fewIDs = 20
	// mostIDs is how many go together.
	mostIDs = 500
)

// gets reads documents by id for many callers at once. A request is sent after all have called whom it answers, so that
// nobody gets an older document than by a request of their own.
type gets struct {
	mu       sync.Mutex
	underWay int      // guarded by mu
	waiting  []*batch // guarded by mu: what is sent next, in this order
}

// batch is a request for several callers.
type batch struct {
	values  context.Context // of the first caller, without its end: the request's span is part of what they do
	ids     map[string]bool
	callers int                // guarded by the mutex of gets: who wait for it
	cancel  context.CancelFunc // guarded by the mutex of gets: ends the request; nil before it begins

	done    chan struct{} // closed when what follows is there
	answers map[string]*got
	err     error
}

// mget asks for documents.
type mget func(ctx context.Context, ids []string) (map[string]*got, error)

// get returns what there is to these ids, perhaps among others, or the context's error. Who goes with another's request has a
// span of the wait, linked to what the other does.
func (g *gets) get(ctx context.Context, ids []string, tracer *telemetry.Tracer, ask mget) (map[string]*got, error) {
	if len(ids) > fewIDs {
		return ask(ctx, ids)
	}
	begin := tracer.Now()
	b, first, free := g.join(ctx, ids)
	if !first {
		defer func() { tracer.Past(ctx, "mget", begin, tracer.Now(), b.values) }()
	}
	if free {
		runtime.Gosched() // whoever is about to ask goes with it; where nobody is, this takes no time
		if g.alone(b) {
			defer g.end(ask)
			return ask(ctx, ids)
		}
		go g.work(ask) // ends when nothing waits
	}
	select {
	case <-b.done:
		return b.answers, b.err
	case <-ctx.Done():
		g.leave(b)
		return nil, ctx.Err()
	}
}

// join adds ids to the request that goes next. First says that nobody else asks for anything with it, so far; free that nothing
// keeps it from being sent, and that the caller is to see to it.
func (g *gets) join(ctx context.Context, ids []string) (b *batch, first, free bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.waiting); n > 0 && len(g.waiting[n-1].ids)+len(ids) <= mostIDs {
		b = g.waiting[n-1]
	} else {
		first = true
		b = &batch{values: context.WithoutCancel(ctx), ids: map[string]bool{}, done: make(chan struct{})}
		g.waiting = append(g.waiting, b)
	}
	b.callers++
	for _, id := range ids {
		b.ids[id] = true
	}
	if g.underWay < getsUnderWay {
		g.underWay++
		return b, first, true
	}
	return b, first, false
}

// alone takes back a request that nobody has joined: its caller sends it.
func (g *gets) alone(b *batch) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b.callers > 1 || len(g.waiting) == 0 || g.waiting[0] != b {
		return false
	}
	g.waiting = g.waiting[1:]
	return true
}

// end ends a request: another may be sent in its place.
func (g *gets) end(ask mget) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.underWay--
		return
	}
	go g.work(ask) // ends when nothing waits
}

// leave takes a caller from those who wait. A request that nobody waits for is cancelled, or not sent.
func (g *gets) leave(b *batch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b.callers--; b.callers == 0 && b.cancel != nil {
		b.cancel()
	}
}

// work sends what waits, one request after the other, in the place of one that has ended.
func (g *gets) work(ask mget) {
	for {
		runtime.Gosched() // as above
		b, ctx, ids := g.begin()
		if b == nil {
			return
		}
		if ids != nil {
			b.answers, b.err = ask(ctx, ids)
		}
		b.cancel()
		close(b.done)
	}
}

// begin takes what is sent next; nil where nothing waits. From here on nobody joins it. It has no ids where all have given up.
func (g *gets) begin() (b *batch, ctx context.Context, ids []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.underWay--
		return nil, nil, nil
	}
	b, g.waiting = g.waiting[0], g.waiting[1:]
	ctx, b.cancel = context.WithCancel(b.values)
	if b.callers > 0 {
		ids = slices.Sorted(maps.Keys(b.ids))
	}
	return b, ctx, ids
}
