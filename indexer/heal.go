package indexer

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/view"
)

// Healer asks the owners of aggregates for their present state.
type Healer interface {
	// Ask returns a document that holds the owners' answers for these aggregates of the document with this id, in the
	// form that the view's projection decodes.
	Ask(ctx context.Context, id string, aggregates []event.Aggregate) (json.RawMessage, error)
}

// gaps remembers the documents that were written with something missing, until it has come or the owners have told.
// Whether it is still missing is decided against the stored document: a worker's view of a document between two events
// proves nothing. Nor does the time that goes by while a backlog is read, which may have what is missing: a document is due when
// all that the topics had at a time is indexed, so an indexer that lags looks as much later, and one that stands still does not.
type gaps struct {
	mu   sync.Mutex
	seen map[key]*gap // guarded by mu
}

// gap is a document with something missing.
type gap struct {
	due      time.Time     // what the topics have by then is to be indexed before it is looked at again
	pause    time.Duration // doubled with each look
	declared bool          // it was still missing at the first look
}

// maxGaps bounds what is remembered: what a backlog leaves, at some 100 bytes each. A document beyond it is found again when its next
// event comes.
const maxGaps = 100_000

// maxPause is the longest time between two looks at a gap.
const maxPause = 5 * time.Minute

// note remembers a document, to be looked at after the patience if it is new, and forgets one that is whole.
func (g *gaps) note(k key, missing bool, now time.Time, patience time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !missing {
		delete(g.seen, k)
		return
	}
	if g.seen[k] == nil && len(g.seen) < maxGaps {
		if g.seen == nil {
			g.seen = map[key]*gap{}
		}
		g.seen[k] = &gap{due: now.Add(patience), pause: patience}
	}
}

// take returns the documents that are due, by view, and puts each off. What the topics had at the time passed is indexed.
func (g *gaps) take(passed time.Time) map[int][]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	due := map[int][]string{}
	for k, one := range g.seen {
		if passed.Before(one.due) {
			continue
		}
		one.pause = min(2*one.pause, maxPause)
		one.due = passed.Add(one.pause)
		due[k.view] = append(due[k.view], k.id)
	}
	for _, ids := range due {
		slices.Sort(ids)
	}
	return due
}

// declare reports whether this is the first time that the gap is found in the stored document.
func (g *gaps) declare(k key) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.seen[k]
	if one == nil || one.declared {
		return false
	}
	one.declared = true
	return true
}

// count returns how many documents are known to miss something.
func (g *gaps) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, one := range g.seen {
		if one.declared {
			n++
		}
	}
	return n
}

// heal looks at gaps until ctx ends: it declares those that are still there, asks the owners, and hands their answers
// to the workers.
func (x *Indexer) heal(ctx context.Context, s *session) {
	for retry.Wait(ctx, x.options.GapPatience/4) {
		for v, ids := range x.gaps.take(x.progress.passed()) {
			for chunk := range slices.Chunk(ids, 100) {
				x.healSome(ctx, s, v, chunk)
			}
		}
	}
}

func (x *Indexer) healSome(ctx context.Context, s *session, v int, ids []string) {
	target := x.views[v]
	stored, err := target.Store.Get(ctx, view.Support(), ids)
	if err != nil {
		x.options.Logger.Warn("gaps cannot be looked at", "view", target.Name, "documents", len(ids), "error", err)
		return
	}
	for _, id := range ids {
		k := key{v, id}
		var missing []event.Aggregate
		if d, ok := stored[id]; ok {
			document, err := target.Projection.Decode(d.Source)
			if err != nil { // the worker that folds into it says so
				continue
			}
			missing = document.Incomplete()
		}
		if len(missing) == 0 {
			x.gaps.note(k, false, time.Time{}, 0)
			continue
		}
		level := slog.LevelDebug
		if x.gaps.declare(k) {
			level = slog.LevelWarn // once
			x.metrics.gaps.WithLabelValues(target.Name).Inc()
			x.options.Logger.Warn("events are missing", "view", target.Name, "document", id, "of", missing,
				"owners are asked", target.Healer != nil)
		}
		if target.Healer == nil {
			continue
		}
		answer, err := target.Healer.Ask(ctx, id, missing)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			x.options.Logger.Log(ctx, level, "owners could not tell what is missing; they are asked again later",
				"view", target.Name, "document", id, "error", err)
			continue
		}
		if !s.send(ctx, &item{view: v, id: id, answer: answer}) {
			return
		}
	}
}
