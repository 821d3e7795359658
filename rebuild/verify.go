package rebuild

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/view"
)

const (
	// maxShown is how many differences a Report shows.
	maxShown = 10
	// readAtOnce is how many documents are read by one call.
	readAtOnce = 500
	// countAttempts, a second apart, are how often two indices that are being written may count differently.
	countAttempts = 5
)

// verify compares the target with the live index, which is read first: then events that come meanwhile can only have the
// target ahead.
func (w *work) verify(ctx context.Context) error {
	if w.live == nil {
		return nil
	}
	ids, err := w.sample(ctx)
	if err != nil {
		return err
	}
	live, err := read(ctx, w.live, ids)
	if err != nil {
		return err
	}
	if err := w.passEnds(ctx); err != nil {
		return err
	}
	rebuilt, err := read(ctx, w.target, ids)
	if err != nil {
		return err
	}
	shown, hidden := 0, 0 // documents that owners made visible in the live index, and hidden ones that were looked at
	for _, id := range ids {
		a, inLive := live[id]
		b, inRebuilt := rebuilt[id]
		if b.Hidden {
			hidden++
			if inLive && !a.Hidden {
				shown++
			}
		}
		w.add(id, a, b, inLive, inRebuilt)
	}
	if err := w.compareCounts(ctx, shown, hidden); err != nil {
		return err
	}
	if w.Different > 0 && !w.options.Force {
		return fmt.Errorf("%w in %d of %d documents compared", ErrDifferent, w.Different, w.Documents)
	}
	return nil
}

// sample returns ids from both indices, so that a document is found which either lacks.
func (w *work) sample(ctx context.Context) ([]string, error) {
	all := map[string]bool{}
	for _, x := range []view.Index{w.live, w.target} {
		ids, err := x.Sample(ctx, w.options.Sample, rand.Int64())
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			all[id] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}

func read(ctx context.Context, x view.Index, ids []string) (map[string]view.Document, error) {
	all := make(map[string]view.Document, len(ids))
	for chunk := range slices.Chunk(ids, readAtOnce) {
		found, err := x.Get(ctx, view.Support(), chunk)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, found)
	}
	return all, nil
}

// passEnds returns when the target has all events that are in the topics at the call.
func (w *work) passEnds(ctx context.Context) error {
	goal, _, err := w.look()
	for {
		var at positions
		if err == nil {
			_, at, err = w.look()
		}
		if err != nil {
			return err
		}
		if at.missing(goal) == 0 {
			return nil
		}
		if !retry.Wait(ctx, pause) {
			return ctx.Err()
		}
	}
}

// add compares one document and adds the outcome to the report.
func (w *work) add(id string, live, rebuilt view.Document, inLive, inRebuilt bool) {
	var c Comparison
	switch {
	case !inLive:
		c.Ahead = 1 // the counts tell whether it should be there
	case !inRebuilt:
		c.wrong("it is not in the rebuilt index")
	default:
		c = Compare(w.projection, live, rebuilt)
	}
	w.Documents++
	w.Parts.Same += c.Same
	w.Parts.Ahead += c.Ahead
	w.Parts.Healed += c.Healed
	if len(c.Wrong) == 0 {
		return
	}
	w.Different++
	for _, what := range c.Wrong {
		if len(w.Parts.Wrong) < maxShown {
			w.Parts.Wrong = append(w.Parts.Wrong, fmt.Sprintf("document %s: %s", id, what))
		}
	}
}

// compareCounts compares how many documents the indices have. Of those that are hidden in the target so many were looked
// at, and so many of these are visible in the live index because owners told of them.
func (w *work) compareCounts(ctx context.Context, shown, hidden int) error {
	for attempt := range countAttempts {
		if attempt > 0 && !retry.Wait(ctx, time.Second) {
			return ctx.Err()
		}
		liveAt, err := w.log.committed(w.liveGroup)
		if err != nil {
			return err
		}
		_, targetAt, err := w.look()
		if err != nil {
			return err
		}
		if w.Live, err = count(ctx, w.live); err != nil {
			return err
		}
		if w.Rebuilt, err = count(ctx, w.target); err != nil {
			return err
		}
		ends, err := w.log.ends()
		if err != nil {
			return err
		}
		healed := shown + max(0, w.Rebuilt.Hidden-hidden)
		events := max(liveAt.missing(ends), targetAt.missing(ends))
		if compatible(w.Live, w.Rebuilt, events, healed) {
			return nil
		}
		if events == 0 {
			break
		}
	}
	w.Parts.Wrong = append(w.Parts.Wrong, fmt.Sprintf("the live index has %d documents and %d hidden ones, the rebuilt one "+
		"%d and %d", w.Live.Visible, w.Live.Hidden, w.Rebuilt.Visible, w.Rebuilt.Hidden))
	if w.options.Force {
		return nil
	}
	return fmt.Errorf("%w in the number of documents", ErrDifferent)
}

func count(ctx context.Context, x view.Index) (Counts, error) {
	visible, hidden, err := x.Count(ctx)
	return Counts{visible, hidden}, err
}
