package indexer

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// partition names a partition of a topic.
type partition struct {
	topic  string
	number int32
}

// progress compares what is done with the topics' ends. Its clock is the caller's.
type progress struct {
	mu        sync.Mutex
	positions map[partition]func() int64 // guarded by mu: behind the last record done, by claim; nil between sessions
	expected  int                        // guarded by mu: how many claims there will be
	whole     bool                       // guarded by mu: the claims are all partitions of the topics
	ends      []ends                     // guarded by mu: snapshots not passed when last looked at, oldest first
	passed    time.Time                  // guarded by mu: when the newest snapshot that was passed had been asked for
	records   int64                      // guarded by mu: records behind the newest snapshot
}

// ends is where the claimed partitions ended at a time or later.
type ends struct {
	at  time.Time
	end map[partition]int64
}

// maxSnapshots bounds what is remembered during a long backlog; beyond it every other snapshot is forgotten.
const maxSnapshots = 1024

// begin starts a session that has so many claims; each is told by claim. Whole says that they are all there is.
func (p *progress) begin(claims int, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.positions, p.expected, p.whole = make(map[partition]func() int64, claims), claims, whole
	p.ends, p.passed = nil, time.Time{}
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

// observe takes in where the claims ended, as asked for at a time, and forgets the snapshots that are passed.
func (p *progress) observe(at time.Time, end map[partition]int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.positions == nil || len(p.positions) < p.expected {
		return
	}
	positions := make(map[partition]int64, len(p.positions))
	p.records = 0
	for part, position := range p.positions {
		positions[part] = position()
		p.records += max(0, end[part]-positions[part])
	}
	p.ends = append(p.ends, ends{at, end})
	n := 0
	for n < len(p.ends) && p.ends[n].passedBy(positions) {
		p.passed = p.ends[n].at
		n++
	}
	p.ends = p.ends[n:]
	if len(p.ends) > maxSnapshots {
		kept := p.ends[:0]
		for i := 0; i < len(p.ends); i += 2 {
			kept = append(kept, p.ends[i])
		}
		p.ends = kept
	}
}

func (e ends) passedBy(positions map[partition]int64) bool {
	for part, end := range e.end {
		if positions[part] < end {
			return false
		}
	}
	return true
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
	lag = Lag{Records: p.records, Whole: p.whole}
	switch {
	case len(p.positions) == 0:
		return Lag{}, false
	case !p.passed.IsZero():
		lag.Age = now.Sub(p.passed)
	case len(p.ends) > 0: // nothing passed yet in this session: at least so old
		lag.Age = now.Sub(p.ends[0].at)
	default:
		return Lag{}, false
	}
	return lag, true
}
