package compose

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/latest"
	"github.com/viewgate/viewgate/view"
)

// Progress tells how far the view is that a Reader reads. Its methods may be called from several goroutines.
type Progress interface {
	// Index names the index that is read and that the other methods tell of; it changes when another becomes live.
	Index() string
	// Written returns how far the view holds all that was published; nil where nobody knows. A read by id that begins
	// afterwards sees it.
	Written() feed.Positions
	// Wait returns nil once Written has reached the barrier, or the context's error.
	Wait(ctx context.Context, barrier feed.Positions) error
	// Lag is the age of the newest ends of the topics that Written has reached.
	Lag() (lag time.Duration, known bool)
	// Filling reports whether the view has not yet reached the topics' ends since it was made.
	Filling() bool
	// Ends returns where the topics end, at a moment after the call.
	Ends(ctx context.Context) (feed.Positions, error)
}

// unknown is the Progress of which nothing is known.
type unknown struct{}

var errUnknown = errors.New("nobody tells how far the view is")

func (unknown) Index() string                                        { return "" }
func (unknown) Written() feed.Positions                              { return nil }
func (unknown) Lag() (lag time.Duration, known bool)                 { return 0, false }
func (unknown) Filling() bool                                        { return false }
func (unknown) Ends(context.Context) (feed.Positions, error)         { return nil, errUnknown }
func (unknown) Wait(_ context.Context, barrier feed.Positions) error { return errUnknown }

// Never is the least SearchDelay that stands for none: searches see a write after a refresh from here, if ever.
const Never = 24 * time.Hour

// horizon knows how far searches see. A read by id sees a write at once, a search after the store's next refresh, which
// the horizon can have at once: one at a time, for all who wait for it.
type horizon struct {
	store     view.Store
	progress  Progress
	delay     time.Duration // how much later a search may see a write, without a refresh from here
	refreshes latest.Answer[struct{}]

	mu    sync.Mutex
	index string         // guarded by mu: what follows is of this index
	sees  feed.Positions // guarded by mu: searches see all below
	asOf  time.Time      // guarded by mu: searches see all that was published then; zero: not known
}

func newHorizon(store view.Store, progress Progress, delay time.Duration) *horizon {
	h := &horizon{store: store, progress: progress, delay: delay}
	h.refreshes.Run = h.refreshNow
	return h
}

// standing returns how far the view is, for reads by id that begin afterwards.
func (h *horizon) standing() standing {
	s := standing{index: h.progress.Index(), written: h.progress.Written(), filling: h.progress.Filling()}
	if lag, known := h.progress.Lag(); known {
		s.lag = &lag
	}
	return s
}

// searched returns how far searches that begin afterwards see.
func (h *horizon) searched() standing {
	s := h.standing()
	h.mu.Lock()
	defer h.mu.Unlock()
	refreshed := s.index == h.index
	if h.delay > 0 && refreshed {
		s.written = h.sees
	} else if h.delay > 0 {
		s.written = nil
	}
	if s.lag != nil {
		lag := *s.lag + h.delay
		if refreshed && !h.asOf.IsZero() {
			lag = min(lag, time.Since(h.asOf))
		}
		s.lag = &lag
		if lag >= Never {
			s.lag = nil // without a refresh, there is no knowing
		}
	}
	return s
}

// refresh returns when searches see all that had been written before the call.
func (h *horizon) refresh(ctx context.Context) error {
	_, err := h.refreshes.Get(ctx)
	return err
}

var errMoved = errors.New("another index became live while the view was refreshed")

// refreshTimeout bounds a refresh, whoever waits for it.
const refreshTimeout = 10 * time.Second

// refreshNow goes on where all who waited have given up: it serves the searches after them.
func (h *horizon) refreshNow(ctx context.Context) (struct{}, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout)
	defer cancel()
	at, stood := time.Now(), h.standing()
	if err := h.store.Refresh(ctx); err != nil {
		return struct{}{}, err
	}
	if h.progress.Index() != stood.index {
		return struct{}{}, errMoved // who knows which of them was refreshed
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.index, h.sees, h.asOf = stood.index, stood.written, time.Time{}
	if stood.lag != nil {
		h.asOf = at.Add(-*stood.lag)
	}
	return struct{}{}, nil
}

// reach returns nil once searches see all below the barrier, which it waits for until waiting ends. A refresh is no
// waiting: it takes as long as it takes.
func (h *horizon) reach(ctx, waiting context.Context, barrier feed.Positions) error {
	if h.searched().written.Reach(barrier) {
		return nil
	}
	if !h.progress.Written().Reach(barrier) {
		if err := h.progress.Wait(waiting, barrier); err != nil {
			return err
		}
	}
	return h.refresh(ctx)
}

// young returns nil once searches see all that was published longer ago than this, which it waits for until waiting ends.
func (h *horizon) young(ctx, waiting context.Context, most time.Duration) error {
	pause := time.NewTicker(youngPause)
	defer pause.Stop()
	within := func(s standing) bool { return s.lag != nil && *s.lag <= most }
	for {
		if within(h.searched()) {
			return nil
		}
		if within(h.standing()) {
			if err := h.refresh(ctx); err != nil {
				return err
			}
			if within(h.searched()) {
				return nil
			}
		}
		select {
		case <-waiting.Done():
			return waiting.Err()
		case <-pause.C:
		}
	}
}

// youngPause is how often young looks again.
const youngPause = 10 * time.Millisecond
