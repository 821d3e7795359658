package indexer

import (
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
	mu       sync.Mutex
	claims   map[partition]claimed // guarded by mu: of the present session; nil between sessions
	expected int                   // guarded by mu: how many claims there will be
	ends     []ends                // guarded by mu: snapshots that were not passed when last looked at, oldest first
	passed   time.Time             // guarded by mu: when the newest snapshot that was passed had been taken
	records  int64                 // guarded by mu: records behind the newest snapshot
}

// claimed is what progress knows of a claimed partition.
type claimed struct {
	position func() int64 // behind the last record that is done
	end      func() int64 // behind the last record that is there, as last heard of
}

// ends is where the claimed partitions ended at a time.
type ends struct {
	at  time.Time
	end map[partition]int64
}

// maxSnapshots bounds what is remembered during a long backlog; beyond it every other snapshot is forgotten.
const maxSnapshots = 1024

// begin starts a session that has so many claims; each is told by claim.
func (p *progress) begin(claims int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims, p.expected = make(map[partition]claimed, claims), claims
	p.ends, p.passed = nil, time.Time{}
}

func (p *progress) claim(part partition, c claimed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims[part] = c
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims = nil
}

// observe takes a snapshot of the ends and forgets those that are passed.
func (p *progress) observe(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.claims) < p.expected || p.claims == nil {
		return
	}
	snapshot := ends{now, make(map[partition]int64, len(p.claims))}
	positions := make(map[partition]int64, len(p.claims))
	p.records = 0
	for part, c := range p.claims {
		positions[part] = c.position()
		snapshot.end[part] = max(c.end(), positions[part])
		p.records += snapshot.end[part] - positions[part]
	}
	p.ends = append(p.ends, snapshot)
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

func (p *progress) lag(now time.Time) (records int64, age time.Duration, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.claims == nil:
		return 0, 0, false
	case !p.passed.IsZero():
		return p.records, now.Sub(p.passed), true
	case len(p.ends) > 0: // nothing passed yet in this session: at least so old
		return p.records, now.Sub(p.ends[0].at), true
	}
	return 0, 0, false
}
