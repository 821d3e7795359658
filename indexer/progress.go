package indexer

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/viewgate/viewgate/feed"
)

// partition names a partition of a topic.
type partition = feed.Partition

// progress compares what is done with the topics' ends. Its clock is the caller's.
type progress struct {
	mu        sync.Mutex
	positions map[partition]func() int64 // guarded by mu: behind the last record done, by claim; nil between sessions
	expected  int                        // guarded by mu: how many claims there will be
	whole     bool                       // guarded by mu: the claims are all partitions of the topics
	snapshots feed.Snapshots             // guarded by mu: of this session's claims
	records   int64                      // guarded by mu: records behind the newest snapshot
}

// begin starts a session that has so many claims; each is told by claim. Whole says that they are all there is.
func (p *progress) begin(claims int, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.positions, p.expected, p.whole = make(map[partition]func() int64, claims), claims, whole
	p.snapshots = feed.Snapshots{}
}

// claim says that a claim has begun, and how to ask for its position.
func (p *progress) claim(part partition, position func() int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.positions[part] = position
}

// end ends a session.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.positions = nil
}

// claims returns the partitions of the session, none until all have begun.
func (p *progress) claims() []partition {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.positions) < p.expected {
		return nil
	}
	return slices.Collect(maps.Keys(p.positions))
}

// written returns how far the claims are that have begun.
func (p *progress) written() feed.Positions {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now()
}

// now is written. The caller holds mu.
func (p *progress) now() feed.Positions {
	positions := make(feed.Positions, len(p.positions))
	for part, position := range p.positions {
		positions[part] = position()
	}
	return positions
}

// observe takes in where the claims ended, as asked for at a time.
func (p *progress) observe(at time.Time, ends feed.Positions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.positions == nil || len(p.positions) < p.expected {
		return
	}
	positions := p.now()
	p.records = 0
	for part, position := range positions {
		p.records += max(0, ends[part]-position)
	}
	p.snapshots.Add(at, ends)
	p.snapshots.Pass(positions)
}

// passed returns the newest time of which it is known that what the claims had by then is done; the zero time where none is.
func (p *progress) passed() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, _ := p.snapshots.Passed()
	return at
}

// Lag is how far the views are behind the partitions that an indexer has claimed.
type Lag struct {
	Records int64         // taken in by Kafka and not indexed
	Age     time.Duration // of the newest end of these partitions that the views have passed
	Whole   bool          // these are all partitions there are, so that it is the views' own lag
}

func (p *progress) lag(now time.Time) (lag Lag, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.positions) == 0 {
		return Lag{}, false
	}
	at, known := p.snapshots.Passed()
	if !known { // nothing passed yet in this session: at least so old
		at, known = p.snapshots.Oldest()
	}
	if !known {
		return Lag{}, false
	}
	return Lag{Records: p.records, Age: now.Sub(at), Whole: p.whole}, true
}
