package elastic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/view"
)

const (
	// retentionPatience is for how long Purge waits until an index retains no more what was overwritten for the sake of replicas.
	// That ends with the next synchronization of its retention leases, each 30 seconds, where no replica is away; for one that is
	// away it ends after 12 hours (index.soft_deletes.retention_lease.sync_interval and .period).
	retentionPatience = 90 * time.Second
	// purgePause is between two looks.
	purgePause = time.Second
	// allowedDeletes is the setting of how much of a segment may be overwritten documents, in percent, and still be left alone by a
	// merge that is to drop these: 10 unless set.
	allowedDeletes = "merge.policy.expunge_deletes_allowed"
)

// errRetained says that what was overwritten is still on the disks.
var errRetained = errors.New("the index retains what was overwritten, for a replica that is away: purge it again when it is back, " +
	"or after 12 hours")

// Purge implements view.Index: when what was overwritten is retained no longer, the segments that have any of it are merged.
// Snapshots keep what they have.
func (s *Store) Purge(ctx context.Context) (err error) {
	if err := s.released(ctx); err != nil {
		return err
	}
	if err := s.read(ctx, "flush index "+s.index, esapi.IndicesFlushRequest{Index: []string{s.index}}, nil); err != nil {
		return err
	}
	if err := s.set(ctx, object{allowedDeletes: 0}); err != nil {
		return err
	}
	defer func() {
		if reset := s.set(context.WithoutCancel(ctx), object{allowedDeletes: nil}); reset != nil {
			err = errors.Join(err, fmt.Errorf("put back index.%s of %s: %w", allowedDeletes, s.index, reset))
		}
	}()
	request := esapi.IndicesForcemergeRequest{Index: []string{s.index}, OnlyExpungeDeletes: new(true)}
	for {
		err := s.read(ctx, "merge index "+s.index, request, nil)
		if !errors.Is(err, view.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		// It answers when the merges are done, which may take longer than a request may. They go on, and the next request waits
		// for them.
		if !retry.Wait(ctx, purgePause) {
			return err
		}
	}
}

// shards is what is known of the copies of an index's shards, by shard.
type shards map[string][]struct {
	SeqNo struct {
		Max int64 `json:"max_seq_no"`
	} `json:"seq_no"`
	RetentionLeases struct {
		Leases []struct {
			Retaining int64 `json:"retaining_seq_no"`
		} `json:"leases"`
	} `json:"retention_leases"`
}

// released returns when the index does not retain what was overwritten before the call.
func (s *Store) released(ctx context.Context) error {
	first, err := s.shards(ctx)
	if err != nil {
		return err
	}
	written := map[string]int64{}
	for shard, copies := range first {
		written[shard] = -1 // nothing; the first write has the number 0
		for _, c := range copies {
			written[shard] = max(written[shard], c.SeqNo.Max)
		}
	}
	for began := time.Now(); ; {
		now, err := s.shards(ctx)
		if err != nil {
			return err
		}
		retained := false
		for shard, copies := range now {
			for _, c := range copies {
				for _, lease := range c.RetentionLeases.Leases {
					retained = retained || lease.Retaining <= written[shard]
				}
			}
		}
		switch {
		case !retained:
			return nil
		case time.Since(began) > retentionPatience:
			return fmt.Errorf("view %s: index %s: %w", s.mapping.View, s.index, errRetained)
		}
		if !retry.Wait(ctx, purgePause) {
			return ctx.Err()
		}
	}
}

func (s *Store) shards(ctx context.Context) (shards, error) {
	var stats struct {
		Indices map[string]struct {
			Shards shards `json:"shards"`
		} `json:"indices"`
	}
	request := esapi.IndicesStatsRequest{Index: []string{s.index}, Metric: []string{"docs"}, Level: "shards"}
	if err := s.read(ctx, "statistics of index "+s.index, request, &stats); err != nil {
		return nil, err
	}
	return stats.Indices[s.index].Shards, nil
}
