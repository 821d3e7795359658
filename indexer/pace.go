package indexer

import (
	"context"
	"sync"
	"time"
)

// pace keeps the claims of a session abreast in the log's time while there is a backlog. Each topic is fetched at its own
// speed, so without it the events of an order, which are spread over topics, would come to the workers far from each
// other, and the order's document would be read and written anew for each topic.
//
// It saves work and decides nothing: a claim waits for a while only, and only one with a backlog waits or is waited for.
type pace struct {
	mu      sync.Mutex
	at      map[partition]int64 // guarded by mu: the stretch of time that each claim with a backlog is in
	slowest int64               // guarded by mu: the least of at
	moved   chan struct{}       // guarded by mu: closed when slowest changes
}

// The pace's measures.
const (
	paceStretch  = 50 * time.Millisecond  // claims are in the same stretch of the log's time or the next
	pacePatience = 300 * time.Millisecond // how long one waits for those behind, which may have nothing to give
	paceBacklog  = 512                    // how many records behind its end a claim is that has a backlog

	backlogLinger = 250 * time.Millisecond // how long a batch waits to be full while there is a backlog
)

func newPace() *pace { return &pace{at: map[partition]int64{}, moved: make(chan struct{})} }

// stretch returns the stretch that a record's time is in.
func stretch(t time.Time) int64 { return t.UnixNano() / int64(paceStretch) }

// keep says that a claim with a backlog has come to a stretch, and waits until the others have nearly come there too. It
// reports whether ctx has not ended.
func (p *pace) keep(ctx context.Context, part partition, at int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[part] = at
	p.update()
	patience := time.NewTimer(pacePatience)
	defer patience.Stop()
	for at > p.slowest+1 {
		moved := p.moved
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			p.mu.Lock()
			return false
		case <-moved:
			p.mu.Lock()
		case <-patience.C:
			p.mu.Lock()
			for other, there := range p.at { // they count again when they come to another stretch
				if there+1 < at {
					delete(p.at, other)
				}
			}
			p.update()
		}
	}
	return true
}

// leave says that a claim has no backlog.
func (p *pace) leave(part partition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.at[part]; ok {
		delete(p.at, part)
		p.update()
	}
}

// backlog reports whether any claim has a backlog.
func (p *pace) backlog() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.at) > 0
}

// update computes slowest and wakes those that wait for it; mu is held.
func (p *pace) update() {
	first, slowest := true, int64(0)
	for _, at := range p.at {
		if first || at < slowest {
			first, slowest = false, at
		}
	}
	if slowest != p.slowest {
		p.slowest = slowest
		close(p.moved)
		p.moved = make(chan struct{})
	}
}
