package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/forgotten"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/rebuild"
	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/verify"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/embedded"
)

// served is one view in a process that serves it. Each has an index, a consumer group and a feed of its own, and moves to
// another index by itself; they share the owners, the HTTP server and the process.
type served struct {
	definition
	mapping *view.Mapping
	sources []event.Source // that it is made of
	logger  *slog.Logger

	store    view.Store               // what queries read
	elastic  *elastic.Store           // the same; nil where the store is embedded
	indexing atomic.Pointer[indexing] // nil in a gateway

	maxLag     time.Duration          // beyond which the process is not ready; 0: none
	superseded atomic.Pointer[string] // the index of another schema that is live; nil: there is none

	newIndexing func(context.Context, view.Index) (*indexing, error) // nil in a gateway
	feeds       feeds
	people      view.Forgotten // who is to be forgotten
	sweeper     *sweeper       // nil where others sweep, or nothing is personal
}

// shared is what the views of a process have in common.
type shared struct {
	settings
	config   *sarama.Config // nil: there is no Kafka
	ordering map[event.Aggregate]view.Ordering
	owners   *compose.Owners
	registry *prometheus.Registry
	tracer   *telemetry.Tracer // nil: nobody traces

	forgotten *forgotten.Topic // nil: there is no Kafka
}

// people returns who is to be forgotten. Without Kafka nobody tells, but for the documents of whom has been.
func (s shared) people() view.Forgotten {
	if s.forgotten == nil {
		return &forgotten.List{}
	}
	return s.forgotten.List()
}

// openServed opens a view as the process's role needs it. Nothing runs yet.
func openServed(ctx context.Context, d definition, mapping *view.Mapping, sources []event.Source, s shared, logger *slog.Logger) (
	*served, error) {

	v := &served{definition: d, mapping: mapping, sources: sources, maxLag: s.readyLag, logger: logger.With("view", d.name)}
	v.people = s.people()
	s.elastic.Registerer = labelled(d.name, s.registry)
	target, err := v.openStore(ctx, s.settings)
	if err != nil {
		return nil, err
	}
	if err := v.wire(ctx, s, target); err != nil {
		return nil, errors.Join(err, v.store.Close())
	}
	return v, nil
}

// openStore opens the view that queries read, and returns the index that an indexer writes. In Elasticsearch it is the one
// that is live now, for both, until follow gives them another.
func (v *served) openStore(ctx context.Context, s settings) (view.Index, error) {
	if len(s.elastic.URLs) > 0 {
		store, err := elastic.Open(ctx, v.mapping, s.elastic)
		if err != nil {
			return nil, err
		}
		store.Stay(store.Index())
		v.store, v.elastic = store, store
		return store.Pinned(), nil
	}
	var store *embedded.Store
	var err error
	if s.temporary {
		store, err = embedded.OpenTemp(v.mapping, embedded.Options{})
	} else {
		store, err = embedded.Open(viewDir(s.data, v.mapping), v.mapping, embedded.Options{})
	}
	if err != nil {
		return nil, err
	}
	v.store = store
	return store, nil
}

// viewDir returns the directory of a view's embedded store.
func viewDir(data string, m *view.Mapping) string { return filepath.Join(data, "view", m.View) }

// wire prepares the feed and, in an indexer, the indexing.
func (v *served) wire(ctx context.Context, s shared, target view.Index) error {
	if err := v.openFeeds(ctx, s.settings, s.config, target); err != nil {
		return err
	}
	v.feeds.register(labelled(v.name, s.registry))
	v.register(labelled(v.name, s.registry))
	if s.role == roleGateway {
		return nil
	}
	if v.elastic == nil && v.mapping.Subject() != nil {
		var err error
		if v.sweeper, err = newSweeper(v, s); err != nil {
			return err
		}
	}
	v.newIndexing = func(ctx context.Context, target view.Index) (*indexing, error) { return v.index(ctx, s, target) }
	first, err := v.newIndexing(ctx, target)
	if err != nil {
		return err
	}
	v.indexing.Store(first)
	return nil
}

// register adds what there is to know of the view as the process reads it.
func (v *served) register(r prometheus.Registerer) {
	if v.elastic == nil {
		return
	}
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "viewgate", Name: "search_delay_seconds",
		Help: "How much later a search may see a write than a read by id does; Inf: there is no bound.",
	}, func() float64 {
		if delay, ok := v.elastic.SearchDelay(); ok {
			return delay.Seconds()
		}
		return math.Inf(1)
	}))
}

// labelled returns a registerer whose metrics have the view's name as a label.
func labelled(name string, r prometheus.Registerer) prometheus.Registerer {
	return prometheus.WrapRegistererWith(prometheus.Labels{"view": name}, r)
}

// index returns an indexer of an index of the view, which compares it with its owners, too, if that is asked for.
func (v *served) index(ctx context.Context, s shared, target view.Index) (*indexing, error) {
	id, err := target.ID(ctx)
	if err != nil {
		return nil, err
	}
	x := &indexing{metrics: prometheus.NewRegistry()}
	p := v.forgetting(s.ordering, v.mapping, v.people)
	x.Indexer, err = indexer.New(s.kafka.Brokers, s.config, v.sources, []indexer.View{{
		Name: v.name, Projection: p, Store: target, Index: id, Healer: v.healer(s.owners, p),
	}}, indexer.Options{
		Group: rebuild.Group(s.group, id), Feed: v.feeds.publisher, Logger: v.logger, Registerer: x.metrics,
		Tracer: s.tracer,
		Ready:  s.forgotten.Current, Withhold: withholding(v.mapping, v.people),
	})
	if err == nil && s.verifyRate > 0 && v.owned(s.owners) {
		x.checked = verify.New(target, p, v.ask(s.owners), v.verification(s.owners, verify.Options{
			Logger: v.logger, Registerer: labelled(v.name, x.metrics), Passed: passedBy(x.Indexer),
			Groups: 5, // of a hundred documents each
		}))
		x.watch = func(ctx context.Context) error { return x.checked.Watch(ctx, target, s.verifyRate) }
	}
	return x, err
}

// reading returns what a reader of the view is to know of it.
func (v *served) reading() compose.ReaderOptions {
	o := compose.ReaderOptions{Forgotten: v.people}
	if v.feeds.log != nil {
		o.Progress = progress{v.feeds.hub, v.feeds.log}
	}
	if v.elastic != nil {
		var ok bool
		if o.SearchDelay, ok = v.elastic.SearchDelay(); !ok {
			o.SearchDelay = compose.Never
		}
	}
	return o
}

// close closes what openServed opened.
func (v *served) close() {
	if err := v.feeds.close(); err != nil {
		v.logger.Error("close the feed", "error", err)
	}
	if err := v.store.Close(); err != nil {
		v.logger.Error("close the view", "error", err)
	}
}
