package feed

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Hub is a gateway's side of the feed: it takes the news of all indices, and tells how far the one that the gateway reads
// is, and which of its documents have changed. It starts no goroutine, and reads no clock. Its methods may be called from
// several goroutines.
type Hub struct {
	changes changes
	told    atomic.Uint64 // news taken in

	mu        sync.Mutex
	followed  *index    // guarded by mu: the index that is read; its id is "" until Follow
	indices   []*index  // guarded by mu: those that news have come of, and the followed one; told last is last
	waiters   waiters   // guarded by mu
	snapshots Snapshots // guarded by mu: of the topics' ends, against the followed index
}

// index is what is known of one index.
type index struct {
	id      string
	written Positions
	filling map[Partition]bool // by partition that was ever told; once false it stays so
}

// maxIndices is how many indices' progress is remembered: the live one, one that a rebuild has made or a rollback goes
// back to, and what other versions of the program read and write meanwhile.
const maxIndices = 8

// NewHub returns a Hub that follows no index yet.
func NewHub() *Hub {
	h := &Hub{}
	h.followed = h.index("")
	h.changes.init()
	h.waiters.init()
	return h
}

var _ Publisher = (*Hub)(nil)

// Publish implements Publisher: whoever waits or listens learns of the news before it calls done and returns.
func (h *Hub) Publish(news News, done func()) {
	h.told.Add(1)
	h.mu.Lock()
	x := h.index(news.Index)
	for part, offset := range news.Written {
		if was, known := x.written[part]; !known || was < offset {
			x.written[part] = offset
			if x == h.followed {
				h.waiters.reached(part, x.written)
			}
		}
		if filling, known := x.filling[part]; !known || filling {
			x.filling[part] = news.Filling
		}
	}
	if x == h.followed {
		h.snapshots.Pass(x.written)
		h.changes.add(news.Changed) // under mu, so that no change of an index comes behind the move to another
	}
	h.mu.Unlock()
	if done != nil {
		done()
	}
}

// index returns what is known of an index as the one told last, and forgets the one told longest ago where there are too
// many. The caller holds mu.
func (h *Hub) index(id string) *index {
	i := slices.IndexFunc(h.indices, func(x *index) bool { return x.id == id })
	if i >= 0 {
		x := h.indices[i]
		h.indices = append(slices.Delete(h.indices, i, i+1), x)
		return x
	}
	if len(h.indices) >= maxIndices {
		oldest := slices.IndexFunc(h.indices, func(x *index) bool { return x != h.followed })
		h.indices = slices.Delete(h.indices, oldest, oldest+1)
	}
	x := &index{id: id, written: Positions{}, filling: map[Partition]bool{}}
	h.indices = append(h.indices, x)
	return x
}

// Follow says which index is read from now on. What has been told of it already is known at once. To listeners all has
// changed, so the reads must go to that index before Follow is called.
func (h *Hub) Follow(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.followed.id == id {
		return
	}
	h.followed = h.index(id)
	h.snapshots.Restart(h.followed.written)
	h.waiters.restart(h.followed.written)
	h.changes.lose()
}

// Index returns the id of the index that is followed, "" before Follow.
func (h *Hub) Index() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.followed.id
}

// Lose says that news have been missed: to listeners all has changed. Progress is not touched, an index never loses what
// it has.
func (h *Hub) Lose() { h.changes.lose() }

// Written returns, for each partition, the most that was ever told of the followed index. The caller may keep it.
func (h *Hub) Written() Positions {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.followed.written.Clone()
}

// Observe takes in where all partitions of the topics end, as asked for at that time.
func (h *Hub) Observe(at time.Time, ends Positions) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.snapshots.Add(at, ends)
	h.snapshots.Pass(h.followed.written)
}

// Lag returns the age of the newest of the observed ends that the followed index has passed. It is not known until
// something was told of the index and observed, and the index has passed it: before, no age would be an upper bound.
func (h *Hub) Lag(now time.Time) (age time.Duration, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.followed.written) == 0 {
		return 0, false
	}
	passed, known := h.snapshots.Passed()
	if !known {
		return 0, false
	}
	return now.Sub(passed), true
}

// Filling reports whether the followed index has, in some partition, not yet reached where the topics ended when its
// indexers began: it misses documents that are not new. An index that nothing was told of is not known to.
func (h *Hub) Filling() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, filling := range h.followed.filling {
		if filling {
			return true
		}
	}
	return false
}

// Told returns how many news the Hub has taken in, of whatever index.
func (h *Hub) Told() uint64 { return h.told.Load() }
