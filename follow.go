package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/verify"
	"github.com/viewgate/viewgate/view/elastic"
)

// indexing is the indexer of one index, with metrics of its own, which begin anew with another index.
type indexing struct {
	*indexer.Indexer
	metrics *prometheus.Registry
	checked *verify.Verifier            // what watch finds; nil where nobody does
	watch   func(context.Context) error // compares the index with the owners, until its context ends; nil: nobody does
}

// Run indexes, and compares what is indexed, until ctx ends or either fails.
func (x *indexing) Run(ctx context.Context) error {
	if x.watch == nil {
		return x.Indexer.Run(ctx)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return x.Indexer.Run(ctx) })
	group.Go(func() error { return x.watch(ctx) })
	return group.Wait()
}

// followInterval is how long a process may go on with an index after another one has become live.
const followInterval = time.Second

// errMoved says that another index has become live.
var errMoved = errors.New("another index is live")

// follow runs the indexer until ctx ends. Where a rebuild or a rollback makes another index live, the indexer finishes with
// its own, and goes on with that one and its consumer group: what came in between waits in Kafka (see package rebuild).
//
// An index of another schema is another version's: this process stays with its own, both to read and to write, until it is
// stopped. So the two versions can serve side by side, each from its index.
func (v *served) follow(ctx context.Context) error {
	if v.elastic == nil {
		return v.indexing.Load().Run(ctx)
	}
	for index := v.elastic.Index(); ; {
		group, running := errgroup.WithContext(ctx)
		next := ""
		group.Go(func() (err error) {
			next, err = v.nextIndex(running, index)
			return err
		})
		if x := v.indexing.Load(); x != nil {
			group.Go(func() error { return x.Run(running) })
		}
		if err := group.Wait(); !errors.Is(err, errMoved) {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
		v.logger.Info("another index is live", "before", index, "now", next)
		if err := v.moveTo(ctx, next); err != nil {
			v.logger.Warn("cannot go on with the index that is live; trying again", "index", next, "error", err)
			continue
		}
		index = next
	}
}

// moveTo makes an index the one that is read and written, and whose news count. Reads name the index and not the alias, so
// that what is known of progress is always that of the index which is read.
func (v *served) moveTo(ctx context.Context, index string) error {
	target, err := v.elastic.On(ctx, index)
	if err != nil {
		return err
	}
	id, err := target.ID(ctx)
	if err != nil {
		return err
	}
	if v.newIndexing != nil {
		x, err := v.newIndexing(ctx, target)
		if err != nil {
			return err
		}
		v.indexing.Store(x)
	}
	if v.feeds.hub != nil {
		v.feeds.hub.Follow("") // so that nobody takes one index's progress for the other's
	}
	v.elastic.Stay(index)
	if v.feeds.hub != nil {
		v.feeds.hub.Follow(id)
	}
	return nil
}

// nextIndex waits until another index of the same schema than this one is live, and returns it with errMoved. Where one of
// another schema is, queries stay with this one.
func (v *served) nextIndex(ctx context.Context, index string) (string, error) {
	look := time.NewTicker(followInterval)
	defer look.Stop()
	refused := ""
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-look.C:
		}
		live, err := v.elastic.Published(ctx)
		switch {
		case err != nil:
			v.logger.Warn("cannot find out which index is live; trying again", "error", err)
			continue
		case live == index:
			refused = ""
			v.superseded.Store(nil)
			continue
		case live == refused:
			continue
		}
		_, err = v.elastic.On(ctx, live)
		switch {
		case err == nil:
			return live, fmt.Errorf("index %s: %w", live, errMoved)
		case errors.Is(err, elastic.ErrMapping):
			refused = live
			v.superseded.Store(&live)
			v.elastic.Stay(index)
			v.logger.Warn("an index of another schema is live; this process stays with its own until it is stopped: "+
				"it is time for the other version", "own", index, "live", live)
		default:
			v.logger.Warn("cannot look at the index that is live; trying again", "index", live, "error", err)
		}
	}
}
