package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/audit"
	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/forgotten"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/verify"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/watch"
	"github.com/viewgate/viewgate/web"
)

// settings are what serve can be told.
type settings struct {
	listening
	protection
	data       string
	temporary  bool // data is a directory that need not survive the process
	tokenKey   string
	logLevel   string
	accessLog  string        // which operations are logged; see access.go
	slowQuery  time.Duration // from which on a query is slow
	tracing    telemetry.Options
	readyLag   time.Duration // beyond which the process is not ready; 0: none
	drain      time.Duration // how long it serves on when it is to stop
	auth       authSettings
	audit      auditSettings
	role       string
	group      string
	configFile string
	elastic    elastic.Options    // without URLs: the embedded store
	kafka      indexer.Connection // without brokers, in a gateway: none
	feedPrefix string             // of the feeds' topics; "": that of the names in Elasticsearch
	forgotten  string             // the topic that has who is to be forgotten; "": named by that prefix
	owners     compose.Options
	verifyRate float64 // documents a second that are compared with their owners; 0: none
	shop       *shop   // the demo's; nil: nothing can be ordered
}

// serve runs the gateway, the indexer or both until ctx ends or one of them fails.
func serve(ctx context.Context, c console, s settings) error {
	logger, err := newLogger(c.err, s.logLevel)
	if err != nil {
		return err
	}
	if s.tokenKey == "" {
		logger.Info("freshness tokens are encrypted with a key that ends with this process; set --token-key to share one")
	}
	switch {
	case s.role == roleIndexer && os.Getenv("GOMEMLIMIT") == "":
		debug.SetMemoryLimit(indexer.MemoryLimit)
	case s.role == roleGateway && os.Getenv("GOGC") == "":
		debug.SetGCPercent(gatewayGC)
	}
	s.audit.out, s.audit.key = c.out, s.tokenKey
	a, err := assemble(ctx, s, logger)
	if err != nil {
		return err
	}
	defer a.close()
	return a.run(ctx, func(addr string) {
		logger.Info("serving", s.places(s.scheme()+"://"+addr)...)
	})
}

// places are the attributes that tell what is served, and where.
func (s settings) places(at string) (told []any) {
	if s.role != roleIndexer {
		told = append(told, "graphql", at+"/graphql", "page", at+"/")
		if s.hasPlayground() {
			told = append(told, "playground", at+"/playground")
		}
	}
	return append(told, "ready", at+"/readyz", "metrics", at+"/metrics", "role", s.role)
}

// app is the parts of one process, wired.
type app struct {
	logger   *slog.Logger
	views    []*served
	watcher  *watch.Watcher // nil in an indexer, and where nobody tells what changes
	graphql  *graph.Handler // nil in an indexer
	overview *overviews     // likewise
	tokens   *auth.Verifier // nil in an indexer, and without authentication
	audit    *audit.Log     // nil where nothing is recorded
	handler  http.Handler
	server   *http.Server
	listener net.Listener

	forgotten *forgotten.Topic // nil without Kafka

	registry *prometheus.Registry  // of the metrics that do not begin anew with another index
	tracing  *telemetry.Provider   // nil: nobody traces
	stopping atomic.Bool           // it is to stop, and says that it is not ready
	drain    func(context.Context) // waits for those who send requests to hear of that
}

// assemble opens the views, wires the parts and listens. Nothing runs yet.
func assemble(ctx context.Context, s settings, logger *slog.Logger) (*app, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	a := &app{logger: logger, drain: func(ctx context.Context) {
		select {
		case <-time.After(s.drain):
		case <-ctx.Done():
		}
	}}
	if err := a.open(ctx, s); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *app) open(ctx context.Context, s settings) error {
	sources, ordering, err := readTopics(s.configFile)
	if err != nil {
		return err
	}
	s.tracing.Logger, s.tracing.Version = a.logger, version()
	if a.tracing, err = telemetry.New(s.tracing); err != nil {
		return usageError{err}
	}
	tracer := a.tracing.Tracer()
	s.owners.Tracer, s.elastic.Tracer = tracer, tracer
	registry := prometheus.NewRegistry()
	a.registry = registry
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector())
	common := shared{settings: s, ordering: ordering, registry: registry, tracer: tracer}
	orderMapping, err := orders.readMapping()
	if err != nil {
		return err
	}
	s.owners.Registerer = registry
	if common.owners, err = compose.NewOwners(orderMapping, s.owners); err != nil {
		return err
	}
	if len(s.kafka.Brokers) > 0 {
		if common.config, err = waitableKafka(ctx, s.kafka, a.logger); err != nil {
			return err
		}
		a.forgotten = forgotten.Open(s.kafka.Brokers, common.config, forgottenTopic(s.forgotten, s.elastic.Prefix), a.logger)
		common.forgotten = a.forgotten
	}
	for _, d := range definitions() {
		own := d.sourcesAmong(sources)
		if len(own) == 0 {
			a.logger.Warn("no topic is configured that the view is made of, so it is left out", "view", d.name)
			continue
		}
		mapping, err := d.readMapping()
		if err != nil {
			return err
		}
		v, err := openServed(ctx, d, mapping, own, common, a.logger)
		if err != nil {
			return err
		}
		a.views = append(a.views, v)
	}
	mux := http.NewServeMux()
	if s.role != roleIndexer {
		if err := a.routeGateway(ctx, mux, common); err != nil {
			return err
		}
	}
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		all := prometheus.Gatherers{registry}
		for _, v := range a.views {
			if x := v.indexing.Load(); x != nil {
				all = append(all, x.metrics)
			}
		}
		promhttp.HandlerFor(all, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", a.ready)
	a.register(registry)
	a.handler = mux
	if a.server, err = s.server(a.handler, a.logger); err != nil {
		return err
	}
	a.listener, err = s.listen()
	return err
}

// gatewayGC is Go's GOGC for a gateway: what it keeps is small, some tens of megabytes, and what each answer leaves behind is
// much, so that collecting it a quarter as often costs little memory and saves a tenth of the time.
const gatewayGC = 400

// The roles that a process can have.
const (
	roleAll     = "all"
	roleGateway = "gateway"
	roleIndexer = "indexer"
)

// check reports what of the settings does not go together, as a usageError.
func (s settings) check() error {
	if err := s.listening.check(); err != nil {
		return err
	}
	switch s.role {
	case roleAll, roleGateway, roleIndexer:
	default:
		return usageError{fmt.Errorf("--role %q: not one of all, gateway, indexer", s.role)}
	}
	switch {
	case len(s.elastic.URLs) == 0 && s.role != roleAll:
		return usageError{fmt.Errorf(
			"--role %s needs --elasticsearch: the embedded store belongs to the one process that does both", s.role)}
	case len(s.elastic.URLs) == 0 && s.data == "":
		return usageError{errors.New(
			"nowhere to keep the view: set --elasticsearch to its address, or --data to a directory")}
	case s.role == roleGateway && s.verifyRate != 0:
		return usageError{errors.New("--verify-rate goes with an indexer: --role indexer or all")}
	case s.verifyRate != 0 && !(s.verifyRate > 0 && s.verifyRate <= verify.MaxRate):
		return usageError{fmt.Errorf("--verify-rate %g: 0 to %d documents a second are possible", s.verifyRate, verify.MaxRate)}
	case s.verifyRate != 0 && s.owners.Order+s.owners.Kitchen+s.owners.Delivery+s.owners.Accounting+s.owners.Restaurant == "":
		return usageError{errors.New("--verify-rate: whom to compare with? Set --order-service and the others")}
	case s.role != roleGateway && len(s.kafka.Brokers) == 0:
		return usageError{errors.New("--kafka names no broker")}
	case s.role == roleIndexer:
		return nil // which nobody asks
	}
	return errors.Join(s.auth.check(), s.audit.check(), s.protection.check(s.auth.mode))
}

// routeGateway adds what a gateway serves: GraphQL, and the pages for people.
func (a *app) routeGateway(ctx context.Context, mux *http.ServeMux, s shared) (err error) {
	at := slices.IndexFunc(a.views, func(v *served) bool { return v.name == orders.name })
	if at < 0 {
		return errors.New("--config: a gateway needs the view of orders, and no topic is configured that it is made of")
	}
	v := a.views[at]
	tokens := compose.RandomTokenKey()
	if s.tokenKey != "" {
		if tokens, err = compose.NewTokenKey([]byte(s.tokenKey)); err != nil {
			return fmt.Errorf("--token-key: %w", err)
		}
	}
	access, err := newAccessLog(a.logger, s.accessLog, s.slowQuery)
	if err != nil {
		return err
	}
	if a.audit, err = s.audit.open(a.logger); err != nil {
		return err
	}
	metrics := newOperationMetrics(s.registry)
	o := graph.Options{
		Views:    map[string]*compose.Documents{},
		TokenKey: tokens,
		Logger:   a.logger,
		Tracer:   s.tracer,
		Observe: func(ctx context.Context, o graph.Observation) {
			metrics.observe(o)
			access.write(ctx, o)
			s.audit.record(a.audit, o, time.Now())
		},
	}
	if a.audit != nil {
		o.Ready = a.audit.Ready
	}
	if o.Viewer, a.tokens, err = s.auth.authenticate(ctx, a.logger); err != nil {
		return err
	}
	if o.Persisted, err = s.persisted(); err != nil {
		return err
	}
	if s.persistedOnly && s.hasPlayground() {
		a.logger.Warn("what the playground asks is refused by --persisted-only (QUERY_NOT_IN_SAFELIST), its examples too, where it is not " +
			"among --persisted-documents")
	}
	empty := func() (view.Store, error) { return embedded.OpenMemory(v.mapping) }
	reading := v.reading()
	reading.Scratch = empty
	reader := compose.NewReader(v.store, v.mapping, s.owners, reading)
	if v.feeds.log != nil {
		a.watcher = watch.New(v.store, v.mapping, empty, func() watch.Listener { return v.feeds.hub.Listen() }, watch.Options{
			Refresh: reader.Refresh, Logger: a.logger, Registerer: s.registry,
		})
		o.Watcher = a.watcher
	}
	for _, other := range a.views {
		if other.collection != nil {
			o.Views[other.name] = compose.NewDocuments(other.store, other.mapping, s.owners, *other.collection, other.reading())
		}
	}
	s.protection.options(&o)
	if a.graphql, err = graph.NewHandler(reader, v.mapping, o); err != nil {
		return err
	}
	metrics.watch(s.registry, a.graphql)
	watchGate(s.registry, o.Gate)
	s.protection.route(mux, a.graphql, web.Options{Auth: s.auth.mode, Demo: s.shop != nil, Version: version()})
	a.overview = newOverviews(a.views, s)
	mux.Handle("GET /views", s.protection.guarded(a.graphql.Beside(overviewOperation, a.overview.serve)))
	if s.shop != nil {
		s.shop.route(mux, a.graphql, s.protection.guarded)
	}
	if s.auth.demo != nil {
		mux.HandleFunc("GET /demo/token", s.auth.demoToken)
	}
	return nil
}

// run serves and indexes until ctx ends or a part fails, then stops all of it within the shutdown timeout. When ctx ends it
// first says that it is not ready, and goes on while it drains, so that no request meets a closed door. It calls started with
// the address once that answers.
func (a *app) run(ctx context.Context, started func(addr string)) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	asked := ctx
	group, ctx := errgroup.WithContext(working)
	group.Go(func() error {
		select {
		case <-asked.Done():
			a.stopping.Store(true)
			a.drain(ctx)
			stop()
		case <-ctx.Done(): // a part has failed
		}
		return nil
	})
	group.Go(func() error { return serveHTTP(a.server, a.listener) })
	group.Go(func() error {
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if err := a.stopServing(stopping); err != nil {
			return errors.Join(fmt.Errorf("stop HTTP: %w", err), a.server.Close())
		}
		return nil
	})
	if a.watcher != nil {
		group.Go(func() error { return a.watcher.Run(ctx) })
	}
	if a.tokens != nil {
		group.Go(func() error { a.tokens.Run(ctx); return nil })
	}
	if a.forgotten != nil {
		group.Go(func() error { a.forgotten.Follow(ctx); return nil })
	}
	for _, v := range a.views {
		group.Go(func() error { v.feeds.hear(ctx); return nil })
		if v.sweeper != nil {
			group.Go(func() error { return v.sweeper.run(ctx) })
		}
		group.Go(func() error { return v.feeds.whileTelling(ctx, v.follow) })
	}
	started(readable(a.listener.Addr().String()))
	stopped := make(chan error, 1)
	go func() { stopped <- group.Wait() }()
	<-ctx.Done()
	var err error
	select {
	case err = <-stopped:
	case <-time.After(shutdownTimeout + time.Second): // a broker that does not answer can hold up its client for longer
		err = errors.New("not everything stopped in time; what was not committed will be consumed again")
	}
	return errors.Join(err, a.closeAudit())
}

// stopServing lets requests finish, and ends the connections that carry subscriptions.
func (a *app) stopServing(ctx context.Context) error {
	var ending errgroup.Group
	if a.graphql != nil {
		ending.Go(func() error { return a.graphql.Shutdown(ctx) })
	}
	ending.Go(func() error { return a.server.Shutdown(ctx) })
	return ending.Wait()
}

// closeAudit writes what is recorded, when nobody is answered any more.
func (a *app) closeAudit() error {
	if a.audit == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), auditTimeout)
	defer cancel()
	return a.audit.Close(ctx)
}

// flushTimeout is how long a process that ends may send what it has to tell.
const flushTimeout = 2 * time.Second

// close closes what assemble opened.
func (a *app) close() {
	if a.listener != nil {
		a.listener.Close()
	}
	if a.overview != nil {
		if err := a.overview.close(); err != nil {
			a.logger.Error("end the count of dead letters", "error", err)
		}
	}
	for _, v := range a.views {
		v.close()
	}
	flushing, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := a.tracing.Close(flushing); err != nil {
		a.logger.Warn("not all spans are sent", "error", err)
	}
}

// dataDir returns the directory data, made if need be, or a temporary one where data is empty; remove removes the latter.
func dataDir(data string) (dir string, temporary bool, remove func(), err error) {
	if data != "" {
		return data, false, func() {}, os.MkdirAll(data, 0o755)
	}
	dir, err = os.MkdirTemp("", "viewgate-demo-*")
	return dir, true, func() { os.RemoveAll(dir) }, err
}
