// Package watch tells subscribers how orders change. One Watcher serves all of them: it learns which documents of the view
// have changed, reads these once, and hands them out to whoever follows them, by id or by a query.
//
// A subscriber begins with what the view holds. It is registered first and reads then, so there is no gap: a change that
// the reading missed comes after it, and one that the reading has seen is known by its versions and not sent again.
//
// Whether a document matches a query is asked of the view's own store: the documents of a batch are put into one in memory,
// and each distinct query is asked of it once, for its viewer, however many follow it.
package watch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
)

// Listener tells which documents of the view change, as *feed.Listener does. It is used by one goroutine.
type Listener interface {
	// Next waits until something has changed that it has not returned yet, and returns all of that. It returns ctx's error
	// when that ends first.
	Next(ctx context.Context) (feed.Batch, error)
	// Close ends the listening.
	Close()
}

var (
	// ErrSlow is what a subscription ends with that did not take what there was for it.
	ErrSlow = errors.New("the subscriber does not take what there is for it: subscribe again")
	// ErrFull says that there are as many subscriptions as may be.
	ErrFull = errors.New("there are as many subscriptions as may be: try again later")
	// ErrStopped is what subscriptions end with when the Watcher does.
	ErrStopped = errors.New("the server stops: subscribe again")
	// ErrClosed is what a subscription's Next returns after its Close.
	ErrClosed = errors.New("the subscription is closed")
)

// Options are what a Watcher can be told.
type Options struct {
	// Refresh returns when searches see all that had been written before the call; many may wait for one. Nil: the store's.
	Refresh func(context.Context) error
	// Most is how many subscriptions there may be at once. 0: 50,000.
	Most int
	// MostPending is how many orders may wait for a subscriber to take them. 0: 1,000.
	MostPending int
	// Patience is how long a subscriber may leave what there is for it. 0: 30 s.
	Patience time.Duration
	// Logger tells of reads that fail. Nil: slog.Default.
	Logger *slog.Logger
	// Registerer takes the metrics. Nil: there are none.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults(store view.Store) Options {
	if o.Refresh == nil {
		o.Refresh = store.Refresh
	}
	if o.Most <= 0 {
		o.Most = 50_000
	}
	if o.MostPending <= 0 {
		o.MostPending = 1000
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Watcher hands changes out. Its methods may be called from several goroutines.
type Watcher struct {
	store   view.Store
	mapping *view.Mapping
	empty   func() (view.Store, error)
	listen  func() Listener
	options Options
	metrics *metrics
	swept   time.Time // Run's: when it last looked for slow subscribers

	// A subscription's own mutex is locked while mu is held, never the other way about.
	mu     sync.Mutex
	orders map[string][]*Subscription // guarded by mu: by the id of the order that they follow
	lists  map[view.Viewer]lists      // guarded by mu: by whom they are for
	count  int                        // guarded by mu: of all subscriptions
	number uint64                     // guarded by mu: of the reading of documents that began last
	ended  bool                       // guarded by mu: Run has returned
}

// New returns a Watcher of the view in the store. Empty opens an empty store in memory, of the same mapping, in which changed
// documents are matched. Subscribers learn of changes while Run runs.
func New(store view.Store, mapping *view.Mapping, empty func() (view.Store, error), listen func() Listener,
	o Options) *Watcher {
	w := &Watcher{
		store: store, mapping: mapping, empty: empty, listen: listen, options: o.withDefaults(store),
		orders: map[string][]*Subscription{}, lists: map[view.Viewer]lists{},
	}
	w.metrics = newMetrics(o.Registerer, w)
	return w
}

// Subscriptions returns how many there are.
func (w *Watcher) Subscriptions() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// How Run goes on where the view cannot be read.
const (
	firstPause = 100 * time.Millisecond
	mostPause  = 5 * time.Second
)

// Run hands changes out until ctx ends. Then it ends all subscriptions, with ErrStopped, and returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	listener := w.listen()
	defer listener.Close()
	defer w.end()
	batch := feed.Batch{Lost: true} // for whoever subscribed before
	for pause := firstPause; ; {
		start := time.Now()
		err := w.handOut(ctx, batch)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			w.options.Logger.WarnContext(ctx, "cannot read what has changed for subscribers; trying again", "error", err)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil
			}
			pause = min(2*pause, mostPause)
			continue // with the same batch: what has been handed out already is not sent again
		}
		pause = firstPause
		w.metrics.seconds.Observe(time.Since(start).Seconds())
		if batch, err = w.next(ctx, listener); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if batch.Lost {
			w.metrics.lost.Inc()
		}
	}
}

// next returns the next batch, and drops whoever is slow, now and then.
func (w *Watcher) next(ctx context.Context, listener Listener) (feed.Batch, error) {
	for {
		now := time.Now()
		if now.Sub(w.swept) >= w.options.Patience/4 {
			w.dropSlow(now)
			w.swept = now
		}
		waiting, cancel := context.WithDeadline(ctx, w.swept.Add(w.options.Patience/4))
		batch, err := listener.Next(waiting)
		cancel()
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return batch, err
		}
	}
}

// all calls f for every subscription. The caller holds mu.
func (w *Watcher) all(f func(*Subscription)) {
	for _, subscribers := range w.orders {
		for _, s := range subscribers {
			f(s)
		}
	}
	for _, ofViewer := range w.lists {
		for _, l := range ofViewer {
			for _, s := range l.subscribers {
				f(s)
			}
		}
	}
}

func (w *Watcher) dropSlow(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all(func(s *Subscription) { s.check(now) })
}

func (w *Watcher) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.all(func(s *Subscription) { s.fail(ErrStopped) })
}
