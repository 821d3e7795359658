package graph

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/cost"
	"github.com/viewgate/viewgate/guard"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/watch"
)

// NewHandler returns the handler of the GraphQL endpoint: POST with a JSON body, GET, WebSocket and server-sent events. The
// mapping must be of the schema that the program was built with: a filter that names a field that is not indexed is an error.
func NewHandler(reader *compose.Reader, mapping *view.Mapping, options Options) (*Handler, error) {
	options.Limits, options.pace = options.Limits.WithDefaults(), options.pace.withDefaults()
	if options.TokenKey.IsZero() {
		options.TokenKey = compose.RandomTokenKey()
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.Viewer == nil {
		options.Viewer = func(context.Context, http.Header) (auth.Identity, error) { return auth.Identity{}, nil }
	}
	if options.Ready == nil {
		options.Ready = func() error { return nil }
	}
	if options.Observe == nil {
		options.Observe = func(context.Context, Observation) {}
	}
	resolver := &Resolver{
		reader: reader, mapping: mapping, tokens: options.TokenKey,
		watcher: options.Watcher, limits: options.Limits, tracer: options.Tracer,
	}
	executable := NewExecutableSchema(Config{Resolvers: resolver})
	resolver.schema = executable.Schema()
	resolver.fields = search.FieldsIn(resolver.schema, mapping)
	var err error
	if resolver.sdl, err = schema.Subgraph(); err != nil {
		return nil, err
	}
	if resolver.views, err = documentViews(resolver.schema, options.Views); err != nil {
		return nil, err
	}
	for _, err := range []error{
		checkFilter(resolver.schema, orderFilter, mapping), checkOrder(resolver.schema, "OrderOrderField", mapping),
		checkFacets(resolver.schema, orderFacets, mapping), checkFacets(resolver.schema, consumerSummary, mapping),
	} {
		if err != nil {
			return nil, err
		}
	}

	model, err := cost.New(resolver.schema)
	if err != nil {
		return nil, err
	}
	bounds := bounds{options.Limits, model, options.Logger}
	exec := executor.New(executable)
	h := &Handler{
		exec: exec, readers: readers{reader, options.Views, options.Tracer}, options: options,
		parsing:     newParsing(resolver.schema, options.Limits.Tokens, bounds.checkText),
		persistence: newPersistence(options.Persisted, options.Logger),
		checks:      []check{bounds.checkCost, resolver.checkSubscription},
		fields:      traced(options.Tracer, fieldRules(resolver.schema, model, newStructs(resolver.schema, model))),

		connected: map[Transport]*atomic.Int64{OverWebSocket: {}, OverEvents: {}}, unread: unread{most: maxUnread},
	}
	if err := h.persistence.checkList(h.parsing.read); err != nil {
		return nil, err
	}
	if options.Private {
		h.parsing.private, h.checks = true, append(h.checks, refuseSchema)
	}
	h.stopping, h.stop = context.WithCancel(context.Background())
	exec.SetErrorPresenter(presenter(options.Logger))
	exec.SetRecoverFunc(recovered)
	exec.AroundOperations(nameOperation)
	exec.AroundResponses(resolver.messages)
	exec.AroundResponses(tellCost(options.Limits.Cost))
	exec.AroundResponses(extensions(options.TokenKey, reader))
	exec.AroundResponses(capErrors(options.Limits.Errors))
	return h, nil
}

// Handler is what stands around gqlgen's executor: it reads requests and prepares their operations, gives each its own
// loaders and deadline, and writes the answers.
type Handler struct {
	exec        *executor.Executor // runs operations; it prepares none
	parsing     *parsing
	persistence *persistence
	checks      []check // of operations before they run
	fields      graphql.FieldMiddleware
	readers     readers
	options     Options

	stopping context.Context // ends when Shutdown begins
	stop     context.CancelFunc
	mu       sync.Mutex     // held to stop, and to add to streams
	streams  sync.WaitGroup // the connections that may carry subscriptions

	connected map[Transport]*atomic.Int64 // how many there are of these; the map does not change
	unread    unread
}

// Connections returns how many connections there are over a transport that may carry subscriptions: WebSockets, or answers that
// are events.
func (h *Handler) Connections(over Transport) int {
	if count := h.connected[over]; count != nil {
		return int(count.Load())
	}
	return 0
}

// Shutdown ends the connections that carry subscriptions, whose clients are told to connect again, and returns when they
// have ended, or ctx's error. New ones are refused.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.stop()
	h.mu.Unlock()
	ended := make(chan struct{})
	go func() { h.streams.Wait(); close(ended) }() // each ends within the time that a close may take
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin counts a connection that may carry subscriptions, for which guard has a place; not where the process stops. The error says
// when to come again. Whoever began it ends it.
func (h *Handler) begin(ctx context.Context, over Transport) (place *guard.Connection, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping.Err() != nil {
		return nil, &refusal{http.StatusServiceUnavailable, watch.ErrStopped}
	}
	open := h.options.Connections.Open
	if over == OverWebSocket { // whose client has said nothing yet
		open = h.options.Connections.OpenStranger
	}
	if place, err = open(guard.AddressOf(ctx)); err != nil {
		return nil, turnedAway(requestOf(ctx).header, err)
	}
	h.streams.Add(1)
	h.connected[over].Add(1)
	return place, nil
}

func (h *Handler) end(over Transport, place *guard.Connection) {
	place.Close()
	h.connected[over].Add(-1)
	h.streams.Done()
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if upgrades(r) {
		_, ctx := h.begun(r.Context(), w, r)
		h.serveSocket(ctx, w, r)
		return // each of its operations is observed, and has a span, by itself
	}
	ctx, span := h.options.Tracer.Request(r.Context(), r.Header, "GraphQL request")
	request, ctx := h.begun(ctx, w, r)
	request.span = span
	h.serve(ctx, w, r)
}

// begun returns an HTTP request that begins now, and the context that carries it. The answer names its id.
func (h *Handler) begun(ctx context.Context, w http.ResponseWriter, r *http.Request) (*request, context.Context) {
	id, given := requestIDOf(r.Header)
	if !given {
		id = newID()
	}
	request, ctx := h.newRequest(ctx, id, r.Header, auth.Identity{})
	request.tally = newTally(time.Now(), OverHTTP)
	request.header = w.Header()
	w.Header().Set("X-Request-Id", request.id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return request, ctx
}

// newRequest returns a request of a client that sent this header, and the context that carries both.
func (h *Handler) newRequest(ctx context.Context, id string, header http.Header, client auth.Identity) (*request, context.Context) {
	asked := header.Clone()
	asked.Set("X-Request-Id", id) // the one that we log is logged by owners, too
	request, ctx := newRequest(compose.WithHeaders(ctx, asked), id, client)
	request.asked = asked
	return request, ctx
}
