package rebuild

import (
	"context"
	"sync"
	"time"
)

// coverage knows how far the indexers of the live index are, which write to the dead letter topics what cannot be indexed.
// A record that they are behind is theirs to write, and so is one that they are about to come to. Where there are none any
// more, or they do not move, nobody else will write it: so many letters twice are better than one not at all.
type coverage struct {
	mu      sync.Mutex
	at      positions     // guarded by mu: where they are
	members int           // guarded by mu: how many they are; -1: not known yet
	changed chan struct{} // guarded by mu: closed by the next set
}

// coverPatience is how long an indexer may take to come to a record.
const coverPatience = 30 * time.Second

func newCoverage() *coverage { return &coverage{members: -1, changed: make(chan struct{})} }

// set tells where the indexers are and how many they are.
func (c *coverage) set(at positions, members int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.members = at, members
	close(c.changed)
	c.changed = make(chan struct{})
}

// covers reports whether the indexers have been past a record. It waits while they may come to it, for the patience or
// until ctx ends.
func (c *coverage) covers(ctx context.Context, part partition, offset int64) bool {
	patience := time.NewTimer(coverPatience)
	defer patience.Stop()
	for {
		c.mu.Lock()
		passed, nobody, changed := c.at[part] > offset, c.members == 0, c.changed
		c.mu.Unlock()
		if passed || nobody {
			return passed
		}
		select {
		case <-changed:
		case <-patience.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
