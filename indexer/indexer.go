// Package indexer keeps views up to date: it consumes domain events from Kafka, folds them into the views' documents and
// writes these to their stores.
//
// # An event's way
//
// Each claimed partition has a goroutine (claim.go) that decodes records and hands their events to workers, by hash of
// the document that they belong to: so one goroutine of this process writes a document at a time. In a backlog the claims
// keep abreast in the log's time (pace.go), so that a document's events meet in one batch. A worker (worker.go)
// takes all that waits (queue.go), folds the events of each document into one conditional write, and sends the writes of
// all its documents as one batch. A record is done when all its events are written, or dead-lettered (package deadletter),
// and the documents told to whoever follows the views (telling.go); a partition's offset is marked up to the first record
// that is not (tracker.go).
//
// # The promise
//
// Delivery is at least once and the view's effect is that of once: a document equals the fold of its events below the
// committed offsets, whatever the duplicates and the order. Nothing here is lost to a fault: a store or a broker that
// fails delays. Other processes of the same group write the same stores; that their partitions differ makes conflicts
// rare, and the conditional write makes them harmless.
package indexer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/view"
)

// MemoryLimit is what an indexer alone in its process is to tell the garbage collector (debug.SetMemoryLimit), in bytes. What
// it holds at a time is bounded to less, and the collector otherwise lets the heap grow to twice that.
const MemoryLimit = 256 << 20

// View is one view to keep up to date.
type View struct {
	Name       string
	Projection projection.Projection
	Store      view.Store
	Index      string // the id of the store's index, by which news name it; "": there are no news of it
	Healer     Healer // tells what is missing for good; nil: nobody does
}

// Options tune an Indexer. The zero value of each field means its default.
type Options struct {
	Group        string        // consumer group; default viewgate
	Workers      int           // goroutines that fold and write, each with one batch in flight; default 4
	BatchEvents  int           // events in a batch, at most; default 4,000
	BatchBytes   int           // bytes of records with which a batch is full before it has so many events; default 5 MiB
	Linger       time.Duration // how long a batch waits for more after its first event, but in a backlog; default 5 ms
	CacheSize    int           // documents that a worker remembers; default 1,000
	BufferBytes  int64         // bytes of records taken from Kafka and not yet done, at most; default 64 MiB
	StoreTimeout time.Duration // of one attempt to read and write a batch; default 10 s, well under the rebalance timeout
	GapPatience  time.Duration // how long a missing event may take until it is in its topic, else its owner is asked; default 5 s
	DrainTimeout time.Duration // how long writes in flight may go on at a rebalance or a stop; default 5 s
	Logger       *slog.Logger  // default: discards

	// Feed, where it is set, is told which documents are written, and how far the views are. A record's offset is not
	// committed before its documents are told, so a feed that takes nothing stops the indexing.
	Feed feed.Publisher

	// Covered, where it is set, is asked about a record that belongs in the dead letter topic, and tells whether it is
	// there already: because an indexer of the same topics for another index of the view has been past it. It may wait to
	// find out. What the record leaves in the documents is the same in either case.
	Covered func(*sarama.ConsumerMessage) bool

	// Ready, where it is set, holds every attempt at a batch until it returns nil, or the error with which its context has
	// ended: who is forgotten must be known by then. What is read and folded afterwards is written within StoreTimeout.
	Ready func(context.Context) error

	// Withhold, where it is set, is asked about a record that belongs in the dead letter topic, and tells whether its value is
	// not to be copied there: it is of somebody who is forgotten. Of a document of theirs no record is.
	Withhold func(*sarama.ConsumerMessage) bool

	Registerer prometheus.Registerer
	// Tracer tells in spans what becomes of events that say which trace they are part of. Nil: there are none.
	Tracer *telemetry.Tracer
}

func (o Options) withDefaults() Options {
	setDefault(&o.Group, "viewgate")
	setDefault(&o.Workers, 4)
	setDefault(&o.BatchEvents, 4000)
	setDefault(&o.BatchBytes, 5<<20)
	setDefault(&o.Linger, 5*time.Millisecond)
	setDefault(&o.CacheSize, 1000)
	setDefault(&o.BufferBytes, 64<<20)
	setDefault(&o.StoreTimeout, 10*time.Second)
	setDefault(&o.GapPatience, 5*time.Second)
	setDefault(&o.DrainTimeout, 5*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Indexer keeps views up to date.
type Indexer struct {
	brokers []string
	config  *sarama.Config
	topics  []string
	sources []event.Source
	decoder *event.Decoder
	views   []View
	feeds   map[event.Aggregate][]int // the views, by index, that an aggregate's events go to
	options Options
	metrics *metrics

	progress progress
	gaps     gaps
	inFlight atomic.Int64 // records taken in this session that are not done

	mu    sync.Mutex
	fatal error // guarded by mu: what made a session end the run
}

// New returns an indexer of the sources that the views are made of; other sources are left alone. The configuration is
// that of NewConfig, changed at will where security and naming are concerned.
func New(brokers []string, config *sarama.Config, sources []event.Source, views []View, o Options) (*Indexer, error) {
	x := &Indexer{
		brokers: brokers, config: config, views: views, options: o.withDefaults(),
		feeds: map[event.Aggregate][]int{},
	}
	for i, v := range views {
		for _, a := range v.Projection.Aggregates() {
			x.feeds[a] = append(x.feeds[a], i)
		}
	}
	for _, s := range sources {
		if len(x.feeds[s.Aggregate]) > 0 {
			x.sources = append(x.sources, s)
			x.topics = append(x.topics, s.Topic)
		}
	}
	for a, fed := range x.feeds {
		if !x.hasSource(a) {
			return nil, fmt.Errorf("view %s is made of %s events, but no topic is configured to carry them",
				views[fed[0]].Name, a)
		}
	}
	decoder, err := event.NewDecoder(x.sources)
	if err != nil {
		return nil, err
	}
	x.decoder = decoder
	x.metrics = newMetrics(x.options.Registerer, x)
	return x, nil
}

func (x *Indexer) hasSource(a event.Aggregate) bool {
	for _, s := range x.sources {
		if s.Aggregate == a {
			return true
		}
	}
	return false
}

// Run consumes until ctx ends, then returns nil when all its writes are done or abandoned and what is done is
// committed. It returns an error, having stopped, where going on would lose events: a dead letter that Kafka
// refuses, a stored document that cannot be read, events that the broker has deleted before they were consumed. A broker
// that cannot be reached is waited for.
func (x *Indexer) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := x.consume(ctx, cancel)
		if fatal := x.failure(); fatal != nil {
			return fatal
		}
		if ctx.Err() != nil {
			return nil
		}
		x.options.Logger.Warn("consuming stopped; trying again", "error", err, "brokers", x.brokers)
		if !retry.Wait(ctx, retry.Backoff(attempt, 30*time.Second)) {
			return nil
		}
	}
}

// consume joins the group and consumes until ctx ends or an error needs the connections to be made anew.
func (x *Indexer) consume(ctx context.Context, cancel func()) error {
	own := *x.config
	client, err := sarama.NewClient(x.brokers, &own)
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	if err := x.prepareTopics(client); err != nil {
		return err
	}
	letters, err := deadletter.NewWriter(x.brokers, x.config)
	if err != nil {
		return err
	}
	defer letters.Close()
	group, err := sarama.NewConsumerGroupFromClient(x.options.Group, client)
	if err != nil {
		return fmt.Errorf("consumer group %s: %w", x.options.Group, err)
	}

	errorsDone := make(chan struct{})
	go func() {
		defer close(errorsDone)
		for err := range group.Errors() {
			if errors.Is(err, sarama.ErrOffsetOutOfRange) {
				x.fail(fmt.Errorf("events were deleted from Kafka before they were consumed, so the views miss them: "+
					"rebuild the views, or reset the group's offsets to go on without them: %w", err), cancel)
				continue
			}
			x.options.Logger.Warn("consumer", "error", err)
		}
	}()
	defer func() { <-errorsDone }()
	defer group.Close()

	watch, err := sarama.NewClient(x.brokers, x.config) // connections of its own: on the group's a request waits for fetches
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer watch.Close()
	handler := &handler{indexer: x, client: client, watch: watch, letters: letters, stop: cancel}
	for ctx.Err() == nil {
		if err := group.Consume(ctx, x.topics, handler); err != nil {
			return fmt.Errorf("consume: %w", err)
		}
	}
	return nil
}

// fail records why the run must end, and ends it.
func (x *Indexer) fail(err error, stop func()) {
	x.mu.Lock()
	if x.fatal == nil {
		x.fatal = err
	}
	x.mu.Unlock()
	stop()
}

func (x *Indexer) failure() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.fatal
}

// Lag tells how far the views are behind, as far as this process consumes the topics. It is not known until partitions are
// claimed, nor where other processes of the group have them all.
func (x *Indexer) Lag() (lag Lag, known bool) { return x.progress.lag(time.Now()) }
