package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/web"
)

// settings are what serve can be told.
type settings struct {
	addr          string
	data          string
	temporary     bool // data is a directory that need not survive the process
	tokenKey      string
	logLevel      string
	role          string
	group         string
	configFile    string
	elasticsearch string
	kafka         indexer.Connection
	owners        compose.Options
}

// serve runs the gateway, the indexer or both until ctx ends or one of them fails.
func serve(ctx context.Context, c console, s settings) error {
	logger, err := newLogger(c.err, s.logLevel)
	if err != nil {
		return err
	}
	if s.tokenKey == "" {
		logger.Info("freshness tokens are signed with a key that ends with this process; set --token-key to share one")
	}
	logger.Warn("there is no authentication: everybody who reaches the address sees every order", "addr", s.addr)
	a, err := assemble(ctx, s, logger)
	if err != nil {
		return err
	}
	defer a.close()
	return a.run(ctx, func(addr string) {
		logger.Info("serving", "graphql", "http://"+addr+"/graphql", "playground", "http://"+addr+"/playground",
			"ready", "http://"+addr+"/readyz", "metrics", "http://"+addr+"/metrics", "role", s.role)
	})
}

// app is the parts of one process, wired.
type app struct {
	logger  *slog.Logger
	store   view.Store       // what queries read
	indexer *indexer.Indexer // nil in a gateway
	handler http.Handler
	server  net.Listener
}

// assemble opens the view, wires the parts and listens. Nothing runs yet.
func assemble(ctx context.Context, s settings, logger *slog.Logger) (*app, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	sources, ordering, err := readTopics(s.configFile)
	if err != nil {
		return nil, err
	}
	sdl, err := schema.Load()
	if err != nil {
		return nil, err
	}
	mapping, err := view.MappingOf(sdl, order.ViewName)
	if err != nil {
		return nil, err
	}
	a := &app{logger: logger}
	var target view.Store // what the indexer writes
	if a.store, target, err = openStore(ctx, s, mapping); err != nil {
		return nil, err
	}
	owners, err := compose.NewOwners(mapping, s.owners)
	if err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	if s.role != roleGateway {
		views := []indexer.View{{
			Name: order.ViewName, Projection: projection.NewOrders(ordering), Store: target, Healer: newHealer(owners),
		}}
		config, err := waitableKafka(ctx, s.kafka, logger)
		if err == nil {
			a.indexer, err = indexer.New(s.kafka.Brokers, config, sources, views,
				indexer.Options{Group: s.group, Logger: logger, Registerer: registry})
		}
		if err != nil {
			return nil, errors.Join(err, a.store.Close())
		}
	}
	if s.role != roleIndexer {
		if err := a.routeGateway(mux, s, mapping, owners, registry); err != nil {
			return nil, errors.Join(err, a.store.Close())
		}
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", a.ready)
	a.handler = mux
	if a.server, err = net.Listen("tcp", s.addr); err != nil {
		return nil, errors.Join(fmt.Errorf("--addr: %w", err), a.store.Close())
	}
	return a, nil
}

// The roles that a process can have.
const (
	roleAll     = "all"
	roleGateway = "gateway"
	roleIndexer = "indexer"
)

// check reports what of the settings does not go together.
func (s settings) check() error {
	switch s.role {
	case roleAll, roleGateway, roleIndexer:
	default:
		return fmt.Errorf("--role %q: not one of all, gateway, indexer", s.role)
	}
	switch {
	case s.elasticsearch == "" && s.role != roleAll:
		return fmt.Errorf("--role %s needs --elasticsearch: the embedded store belongs to the one process that does both", s.role)
	case s.elasticsearch == "" && s.data == "":
		return errors.New("nowhere to keep the view: set --elasticsearch to its address, or --data to a directory")
	case s.role != roleGateway && len(s.kafka.Brokers) == 0:
		return errors.New("--kafka names no broker")
	}
	return nil
}

// openStore opens the view: what queries read and what the indexer writes. In Elasticsearch these are the read alias and
// the index that it stands for now, so that an indexer goes on with its own index when the alias moves.
func openStore(ctx context.Context, s settings, m *view.Mapping) (reads, writes view.Store, err error) {
	if s.elasticsearch != "" {
		store, err := elastic.Open(ctx, m, elastic.Options{URLs: splitList(s.elasticsearch)})
		if err != nil {
			return nil, nil, err
		}
		return store, store.Pinned(), nil
	}
	var store *embedded.Store
	if s.temporary {
		store, err = embedded.OpenTemp(m, embedded.Options{})
	} else {
		store, err = embedded.Open(filepath.Join(s.data, "view", m.View), m, embedded.Options{})
	}
	if err != nil {
		return nil, nil, err
	}
	return store, store, nil
}

// routeGateway adds what a gateway serves: GraphQL, the playground and the start page.
func (a *app) routeGateway(
	mux *http.ServeMux, s settings, m *view.Mapping, owners *compose.Owners, registry *prometheus.Registry,
) (err error) {
	tokens := compose.RandomTokenKey()
	if s.tokenKey != "" {
		if tokens, err = compose.NewTokenKey([]byte(s.tokenKey)); err != nil {
			return fmt.Errorf("--token-key: %w", err)
		}
	}
	latency := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "viewgate", Name: "query_seconds", Help: "Time to answer an operation, by its root field and outcome.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
	}, []string{"operation", "outcome"})
	registry.MustRegister(latency)
	o := graph.Options{
		Viewer:   func(*http.Request) view.Viewer { return view.Support() },
		TokenKey: tokens,
		Logger:   a.logger,
		Observe: func(operation, outcome string, took time.Duration) {
			latency.WithLabelValues(operation, outcome).Observe(took.Seconds())
		},
	}
	if a.indexer != nil {
		o.Lag = lag{a.indexer}
	}
	handler, err := graph.NewHandler(compose.NewReader(a.store, m, owners, compose.ReaderOptions{}), m, o)
	if err != nil {
		return err
	}
	mux.Handle("/graphql", handler)
	mux.Handle("/", web.Handler())
	return nil
}

// lag tells the gateway what the indexer in the same process knows.
type lag struct{ *indexer.Indexer }

func (l lag) Lag(context.Context) (time.Duration, bool) {
	_, age, known := l.Indexer.Lag()
	return age, known
}

// run serves and indexes until ctx ends or a part fails, then stops all of it within the shutdown timeout. It calls
// started with the address once that answers.
func (a *app) run(ctx context.Context, started func(addr string)) error {
	server := &http.Server{
		Handler: a.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(a.logger.Handler(), slog.LevelWarn),
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(a.server); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if err := server.Shutdown(stopping); err != nil {
			return errors.Join(fmt.Errorf("stop HTTP: %w", err), server.Close())
		}
		return nil
	})
	if a.indexer != nil {
		group.Go(func() error { return a.indexer.Run(ctx) })
	}
	started(readable(a.server.Addr().String()))
	return group.Wait()
}

// close closes what assemble opened.
func (a *app) close() {
	a.server.Close()
	if err := a.store.Close(); err != nil {
		a.logger.Error("close the view", "error", err)
	}
}

// readable makes an address that listens everywhere one that a person can open.
func readable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// readiness is the answer of /readyz.
type readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"` // "ok", or what is wrong
}

// ready answers 200 where the process does its work, else 503, and says what is wrong.
func (a *app) ready(w http.ResponseWriter, r *http.Request) {
	answer := readiness{Ready: true, Checks: map[string]string{"view": "ok"}}
	wrong := func(what, why string) { answer.Ready, answer.Checks[what] = false, why }
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if _, err := a.store.Search(ctx, view.Support(), view.Query{}); err != nil {
		wrong("view", err.Error())
	}
	if a.indexer != nil {
		answer.Checks["indexer"] = "ok"
		if _, _, known := a.indexer.Lag(); !known {
			wrong("indexer", "no partitions are claimed: Kafka is not reached, or other indexers of the group have them all")
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		a.logger.Debug("readyz", "error", err)
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
