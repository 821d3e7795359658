package feed

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrClosed is what a closed Listener's Next returns.
var ErrClosed = errors.New("the listener is closed")

// Batch is what has changed since a listener last asked: these documents, or, where that many are not remembered or
// not known, any of them.
type Batch struct {
	IDs  []string // each once, in the order of their latest changes
	Lost bool     // take everything as changed; then there are no IDs
}

// maxChanged is how many documents' changes are remembered, for all listeners together.
const maxChanged = 100_000

// changes are the documents that changed last, each with the number of its latest change. Listeners share them: a change
// costs the same whoever listens, and one document that changes often takes one place.
type changes struct {
	mu        sync.Mutex
	latest    list.List                // guarded by mu: of change, by number
	byID      map[string]*list.Element // guarded by mu: of latest
	number    uint64                   // guarded by mu: of the newest change
	lost      uint64                   // guarded by mu: changes up to this number are not all in latest
	listeners int                      // guarded by mu: without any nothing is remembered
	news      chan struct{}            // guarded by mu: closed by the next change
	awaited   bool                     // guarded by mu: somebody waits for news
}

type change struct {
	id     string
	number uint64
}

func (c *changes) init() {
	c.byID = map[string]*list.Element{}
	c.news = make(chan struct{})
}

// add says that documents have changed.
func (c *changes) add(ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(ids) == 0 || c.listeners == 0 {
		return
	}
	for _, id := range ids {
		c.number++
		if e := c.byID[id]; e != nil {
			e.Value = change{id, c.number}
			c.latest.MoveToBack(e)
			continue
		}
		c.byID[id] = c.latest.PushBack(change{id, c.number})
		if c.latest.Len() > maxChanged {
			oldest := c.latest.Remove(c.latest.Front()).(change)
			delete(c.byID, oldest.id)
			c.lost = oldest.number
		}
	}
	c.wake()
}

// lose says that any document may have changed.
func (c *changes) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	c.forget()
	c.wake()
}

// forget drops all that is remembered. The caller holds mu.
func (c *changes) forget() {
	c.lost = c.number
	c.latest.Init()
	clear(c.byID)
}

// wake ends the waits for news. The caller holds mu.
func (c *changes) wake() {
	if c.awaited {
		close(c.news)
		c.news, c.awaited = make(chan struct{}), false
	}
}

// since returns what has changed since a change, and the number of the newest; where nothing has, the channel that is
// closed when something does.
func (c *changes) since(number uint64) (batch Batch, newest uint64, news <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case number == c.number:
		c.awaited = true
		return Batch{}, number, c.news
	case number < c.lost:
		return Batch{Lost: true}, c.number, nil
	}
	for e := c.latest.Back(); e != nil && e.Value.(change).number > number; e = e.Prev() {
		batch.IDs = append(batch.IDs, e.Value.(change).id)
	}
	slices.Reverse(batch.IDs)
	return batch, c.number, nil
}

// Listener learns which documents of the followed index change. It takes them when it likes: a document that has changed
// often by then is told once, and beyond 100,000 of them it is told that it has lost count. It is for one goroutine, but
// for Close.
type Listener struct {
	changes *changes
	seen    uint64 // the number of the newest change that was taken

	close  sync.Once
	closed chan struct{}
}

// Listen returns a Listener to what changes from now on. It must be closed.
func (h *Hub) Listen() *Listener {
	c := &h.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners++
	return &Listener{changes: c, seen: c.number, closed: make(chan struct{})}
}

// Next waits until something has changed that it has not returned yet, and returns all of that. It returns ctx's error
// when that ends first, and ErrClosed.
func (l *Listener) Next(ctx context.Context) (Batch, error) {
	for {
		select {
		case <-l.closed:
			return Batch{}, ErrClosed
		default:
		}
		batch, newest, news := l.changes.since(l.seen)
		if news == nil {
			l.seen = newest
			return batch, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		case <-l.closed:
		}
	}
}

// Close ends the listening, and a Next that waits.
func (l *Listener) Close() {
	l.close.Do(func() {
		close(l.closed)
		l.changes.mu.Lock()
		defer l.changes.mu.Unlock()
		l.changes.listeners--
		if l.changes.listeners == 0 {
			l.changes.forget()
		}
	})
}

// Listeners returns how many listen.
func (h *Hub) Listeners() int {
	h.changes.mu.Lock()
	defer h.changes.mu.Unlock()
	return h.changes.listeners
}
