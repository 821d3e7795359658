package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/cost"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
)

// cachedQueries is how many parsed queries are kept. The token limit keeps each below a megabyte.
const cachedQueries = 250

// NewHandler returns the handler of the GraphQL endpoint: POST with a JSON body, GET, WebSocket and server-sent events. The
// mapping must be of the schema that the program was built with: a filter that names a field that is not indexed is an error.
func NewHandler(reader *compose.Reader, mapping *view.Mapping, options Options) (*Handler, error) {
	options.Limits, options.pace = options.Limits.withDefaults(), options.pace.withDefaults()
	if options.TokenKey.IsZero() {
		options.TokenKey = compose.RandomTokenKey()
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.Viewer == nil {
		options.Viewer = func(context.Context, http.Header) (auth.Identity, error) { return auth.Identity{}, nil }
	}
	if options.Observe == nil {
		options.Observe = func(context.Context, Observation) {}
	}
	resolver := &Resolver{
		reader: reader, mapping: mapping, fields: search.FieldsOf(mapping), tokens: options.TokenKey,
		watcher: options.Watcher, limits: options.Limits,
	}
	executable := NewExecutableSchema(Config{Resolvers: resolver})
	resolver.schema = executable.Schema()
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

	model, err := cost.New(executable.Schema())
	if err != nil {
		return nil, err
	}

	server := handler.New(executable)
	h := &Handler{server: server, readers: readers{reader, options.Views}, options: options}
	h.connected = map[Transport]*atomic.Int64{OverWebSocket: {}, OverEvents: {}}
	h.stopping, h.stop = context.WithCancel(context.Background())
	server.AddTransport(sockets{h})
	server.AddTransport(events{h})
	server.AddTransport(transport.POST{})
	server.AddTransport(transport.GET{})
	validated := lru.New[*ast.QueryDocument](cachedQueries)
	server.SetQueryCache(validated)
	server.SetParserTokenLimit(options.Limits.Tokens)
	server.SetErrorPresenter(presenter(options.Logger))
	server.SetRecoverFunc(recovered)
	server.Use(extension.Introspection{})
	server.Use(bounds{options.Limits, model, validated, options.Logger})
	server.Use(subscribable{resolver})
	server.AroundOperations(nameOperation)
	server.AroundFields(fieldRules(executable.Schema(), model))
	server.AroundResponses(resolver.messages)
	server.AroundResponses(tellCost(options.Limits.Cost))
	server.AroundResponses(extensions(options.TokenKey, reader))
	server.AroundResponses(capErrors(options.Limits.Errors))
	return h, nil
}

// Handler is what stands around gqlgen's server: it gives every request its own loaders and deadline, and refuses what
// is no GraphQL request before the server sees it.
type Handler struct {
	server  http.Handler
	readers readers
	options Options

	stopping context.Context // ends when Shutdown begins
	stop     context.CancelFunc
	mu       sync.Mutex     // held to stop, and to add to streams
	streams  sync.WaitGroup // the connections that may carry subscriptions

	connected map[Transport]*atomic.Int64 // how many there are of these; the map does not change
}

// Connections returns how many connections there are over a transport that may carry subscriptions: WebSockets, or requests
// that accept events.
func (h *Handler) Connections(over Transport) int {
	if count := h.connected[over]; count != nil {
		return int(count.Load())
	}
	return 0
}

func overOf(r *http.Request) Transport {
	if upgrades(r) {
		return OverWebSocket
	}
	return OverEvents
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

// begin counts a connection that may carry subscriptions; not where the process stops.
func (h *Handler) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping.Err() != nil {
		return false
	}
	h.streams.Add(1)
	return true
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	ctx := r.Context()
	streams := sockets{}.Supports(r) || events{}.Supports(r)
	switch {
	case streams && !h.begin():
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case streams:
		defer h.streams.Done()
		count := h.connected[overOf(r)]
		count.Add(1)
		defer count.Add(-1)
	default:
		limited, cancel := context.WithTimeout(ctx, h.options.Limits.Timeout)
		defer cancel()
		ctx = limited
	}
	var client auth.Identity
	var err error
	if !upgrades(r) { // there connection_init says who it is
		client, err = h.options.Viewer(ctx, r.Header)
	}
	id, given := requestIDOf(r.Header)
	if !given {
		id = newID()
	}
	request, ctx := h.newRequest(ctx, id, r.Header, client)
	request.tally = newTally(start, OverHTTP)
	request.header, request.streams = w.Header(), streams
	w.Header().Set("X-Request-Id", request.id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	status := deny(w, err)
	if err == nil {
		status, err = h.check(r)
	}
	if err == nil {
		status = http.StatusBadRequest
		request.promise, err = promiseOf(r.Header, h.options.TokenKey)
	}
	switch {
	case err != nil:
		refuse(ctx, w, status, err)
	case streams:
		h.server.ServeHTTP(w, r.WithContext(ctx))
		return // each of its operations is observed by itself
	default:
		h.server.ServeHTTP(statusWriter{w, request}, r.WithContext(ctx))
	}
	h.observe(ctx, request)
}

// newRequest returns a request of a client that sent this header, and the context that carries both.
func (h *Handler) newRequest(ctx context.Context, id string, header http.Header, client auth.Identity) (*request, context.Context) {
	asked := header.Clone()
	asked.Set("X-Request-Id", id) // the one that we log is logged by owners, too
	request, ctx := newRequest(compose.WithHeaders(ctx, asked), id, h.readers, client)
	request.asked = asked
	return request, ctx
}

// statusWriter puts the status of a refusal in the place of the one that gqlgen has for all of them, and notes it.
type statusWriter struct {
	http.ResponseWriter
	request *request
}

func (w statusWriter) WriteHeader(status int) {
	if w.request.status != 0 {
		status = w.request.status
	}
	w.request.tally.answered(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w statusWriter) Write(data []byte) (int, error) {
	w.request.tally.answered(http.StatusOK) // unless there was a status before
	return w.ResponseWriter.Write(data)
}

// check reads the request as far as it must be of the right form. The status is that of the refusal.
func (h *Handler) check(r *http.Request) (status int, err error) {
	switch r.Method {
	case http.MethodGet:
		if len(r.URL.RawQuery) > h.options.Limits.Body {
			return http.StatusRequestURITooLong, badInput("the query string is longer than %d bytes", h.options.Limits.Body)
		}
		q := r.URL.Query()
		for _, name := range []string{"variables", "extensions"} {
			if text := q.Get(name); text != "" && !isObject([]byte(text)) {
				return http.StatusBadRequest, badInput("%s is no JSON object", name)
			}
		}
		return 0, nil
	case http.MethodPost:
		return h.checkBody(r)
	}
	return http.StatusMethodNotAllowed, badInput("%s is not possible here: GET and POST are", r.Method)
}

func (h *Handler) checkBody(r *http.Request) (status int, err error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return http.StatusUnsupportedMediaType, badInput("the body must be application/json")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(h.options.Limits.Body)+1))
	if err != nil {
		return http.StatusBadRequest, badInput("the body broke off")
	}
	if len(body) > h.options.Limits.Body {
		return http.StatusRequestEntityTooLarge, badInput("the body is larger than %d bytes", h.options.Limits.Body)
	}
	if !isObject(body) {
		return http.StatusBadRequest, badInput("the body is no JSON object with a query")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return 0, nil
}

// isObject reports whether text is one JSON object whose members have the types that a GraphQL request's have.
func isObject(text []byte) bool {
	var request struct {
		Query         *string        `json:"query"`
		OperationName *string        `json:"operationName"`
		Variables     map[string]any `json:"variables"`
		Extensions    map[string]any `json:"extensions"`
	}
	return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && json.Unmarshal(text, &request) == nil
}

// deny returns the status of a request that is refused for who asks, and says by which scheme it may ask again.
func deny(w http.ResponseWriter, err error) (status int) {
	switch {
	case errors.Is(err, auth.ErrNoToken):
		w.Header().Set("WWW-Authenticate", "Bearer")
		return http.StatusUnauthorized
	case errors.Is(err, auth.ErrUnauthenticated):
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return http.StatusUnauthorized
	case errors.Is(err, auth.ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, auth.ErrUnavailable):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// refuse answers a request that never becomes an operation.
func refuse(ctx context.Context, w http.ResponseWriter, status int, err error) {
	is, message := classify(ctx, err)
	requestOf(ctx).tally.failed(is)
	requestOf(ctx).tally.answered(status)
	answer, err := json.Marshal(graphql.Response{Errors: gqlerror.List{{
		Message:    message,
		Extensions: map[string]any{"code": is},
	}}})
	if err != nil {
		panic(errors.Join(errors.New("graph: refusal"), err)) // strings only
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, POST")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(answer)
}
