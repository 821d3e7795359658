package verify

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/view"
)

const (
	// watchSample is how many documents are chosen at once.
	watchSample = 100
	// watchPause is between two attempts where there is no document yet, or the store cannot tell.
	watchPause = 10 * time.Second
	// MaxRate is the highest rate that Watch keeps.
	MaxRate = 1000
)

// Watch verifies documents of an index, chosen at random, at a rate in documents a second, until ctx ends. What it finds
// goes to the metrics and the logger. Where documents wait for a second look it is slower.
func (v *Verifier) Watch(ctx context.Context, index view.Index, rate float64) error {
	if !(rate > 0 && rate <= MaxRate) {
		return fmt.Errorf("verify at %g documents a second: 0 to %d are possible", rate, MaxRate)
	}
	for ctx.Err() == nil {
		ids, err := index.Sample(ctx, watchSample, rand.Int64())
		if err == nil && len(ids) > 0 {
			_, err = v.verify(ctx, paced(ctx, ids, rate), len(ids), int(math.Ceil(min(rate, maxBatch))))
		}
		if err != nil && ctx.Err() == nil {
			v.options.Logger.Warn("the view cannot be compared with its owners now; trying again", "error", err)
		}
		if err != nil || len(ids) == 0 {
			retry.Wait(ctx, watchPause)
		}
	}
	return nil
}

// paced yields ids at a rate a second.
func paced(ctx context.Context, ids []string, rate float64) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		began := time.Now()
		for i, id := range ids {
			due := began.Add(time.Duration(float64(i+1) / rate * float64(time.Second)))
			if !retry.Wait(ctx, time.Until(due)) {
				yield("", ctx.Err())
				return
			}
			if !yield(id, nil) {
				return
			}
		}
	}
}
