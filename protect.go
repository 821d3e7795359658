package main

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/graph/persisted"
	"github.com/viewgate/viewgate/guard"
	"github.com/viewgate/viewgate/web"
)

// protection is how a gateway protects itself from its clients. doc/limits.md explains it.
type protection struct {
	limits graph.Limits

	operations  int           // at a time; 0: operationsPerCore for each
	queue       int           // that wait for others to end; 0: as many as operations
	wait        time.Duration // how long they do
	connections int           // that last: WebSockets, streams of events
	perClient   int           // of those

	rate    float64  // cost in a second for each client; 0: none is counted
	burst   int      // cost that a client may have at once
	proxies []string // networks of those whose X-Forwarded-For is believed
	origins []string // whose pages may ask

	documents       string // where the persisted documents are; "": there are none
	persistedOnly   bool
	persistedReport bool

	production    bool
	introspection string // auto, on, off
	playground    bool   // in production, too
	allowNoAuth   bool   // likewise
}

// Defaults that depend on the machine, and those of production.
const (
	operationsPerCore = 64
	productionRate    = 1_000
)

// Whether introspection is answered.
const (
	introspectionAuto = "auto" // not in production
	introspectionOn   = "on"
	introspectionOff  = "off"
)

// check reports what does not go together, as a usageError.
func (p protection) check(mode string) error {
	if _, err := guard.ParseProxies(p.proxies); err != nil {
		return usageError{fmt.Errorf("--trusted-proxies: %w", err)}
	}
	if _, err := guard.ParseOrigins(p.origins); err != nil {
		return usageError{fmt.Errorf("--cors-origins: %w", err)}
	}
	switch p.introspection {
	case "", introspectionAuto, introspectionOn, introspectionOff:
	default:
		return usageError{fmt.Errorf("--introspection %q: not one of auto, on, off", p.introspection)}
	}
	switch {
	case p.documents == "" && (p.persistedOnly || p.persistedReport):
		return usageError{errors.New("--persisted-only and --persisted-report: of which documents? Set --persisted-documents")}
	case p.persistedOnly && p.persistedReport:
		return usageError{errors.New("--persisted-only refuses what --persisted-report answers and logs: set one of them")}
	case !(p.rate >= 0): // which NaN is not either
		return usageError{fmt.Errorf("--rate-limit %g: a number from 0 is needed; 0 is no limit", p.rate)}
	case p.limits.Timeout < 0 || p.limits.Search < 0 || p.wait < 0:
		return usageError{errors.New("--operation-timeout, --search-timeout and --max-wait are above 0")}
	case p.production && mode == authNone && !p.allowNoAuth:
		return usageError{errors.New("--production with --auth none: everybody would see every order. Set --auth jwt, or, where " +
			"that is meant, --allow-no-auth")}
	}
	return nil
}

// private reports whether nobody is told the schema.
func (p protection) private() bool {
	return p.introspection == introspectionOff || p.production && p.introspection != introspectionOn
}

// hasPlayground reports whether the playground is served.
func (p protection) hasPlayground() bool { return !p.production || p.playground }

// persisted reads the documents that clients are known to send, the order search page among them. The settings have been checked.
func (p protection) persisted() (graph.Persisted, error) {
	if p.documents == "" {
		return graph.Persisted{}, nil
	}
	list, err := persisted.Read(p.documents)
	if err != nil {
		return graph.Persisted{}, fmt.Errorf("--persisted-documents: %w", err)
	}
	own, err := persisted.Parse("the order search page", web.Operations())
	if err == nil {
		list, err = persisted.Join(list, own)
	}
	if err != nil {
		return graph.Persisted{}, fmt.Errorf("--persisted-documents: %w", err)
	}
	return graph.Persisted{List: list, Only: p.persistedOnly, Report: p.persistedReport}, nil
}

// options sets what the handler of GraphQL does of it. The settings have been checked.
func (p protection) options(o *graph.Options) {
	places := p.operations
	if places <= 0 {
		places = operationsPerCore * runtime.GOMAXPROCS(0)
	}
	queue := p.queue
	if queue <= 0 {
		queue = places
	}
	o.Limits, o.Private, o.Origins = p.limits, p.private(), p.origins
	o.Gate = guard.NewGate(places, queue, p.wait)
	o.Connections = guard.NewConnections(p.connections, p.perClient)
	if p.rate > 0 {
		o.Clients = guard.NewClients(p.rate, p.burst)
	}
}

// route serves GraphQL, and the pages for people.
func (p protection) route(mux *http.ServeMux, graphql http.Handler, pages web.Options) {
	if p.production {
		graphql = guard.Preflight(graphql)
	}
	mux.Handle("/graphql", p.guarded(graphql))
	pages.Playground, pages.Private = p.hasPlayground(), p.private() || p.persistedOnly
	mux.Handle("/", web.Handler(pages))
}

// guarded puts before a handler what keeps clients apart that must not be mixed up: pages of other origins, proxies and whom they
// speak for.
func (p protection) guarded(h http.Handler) http.Handler {
	h = guard.CrossOrigin(p.origins, h)
	proxies, _ := guard.ParseProxies(p.proxies) // checked
	return guard.Headers(guard.Addresses(proxies, guard.Traces(proxies, h)))
}
