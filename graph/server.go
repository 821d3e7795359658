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
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/view"
)

// cachedQueries is how many parsed queries are kept. The token limit keeps each below a megabyte.
const cachedQueries = 250

// NewHandler returns the handler of the GraphQL endpoint: POST with a JSON body, and GET. The mapping must be of the
// schema that the program was built with: a filter that names a field that is not indexed is an error.
func NewHandler(reader *compose.Reader, mapping *view.Mapping, options Options) (http.Handler, error) {
	options.Limits = options.Limits.withDefaults()
	if options.TokenKey.IsZero() {
		options.TokenKey = compose.RandomTokenKey()
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.Viewer == nil {
		options.Viewer = func(*http.Request) view.Viewer { return view.Viewer{} }
	}
	if options.Observe == nil {
		options.Observe = func(string, string, time.Duration) {}
	}
	resolver := &Resolver{reader: reader, mapping: mapping, tokens: options.TokenKey}
	executable := NewExecutableSchema(Config{Resolvers: resolver})
	resolver.schema = executable.Schema()
	if err := checkFilter(resolver.schema, orderFilter, mapping); err != nil {
		return nil, err
	}

	server := handler.New(executable)
	server.AddTransport(transport.POST{})
	server.AddTransport(transport.GET{})
	server.SetQueryCache(lru.New[*ast.QueryDocument](cachedQueries))
	server.SetParserTokenLimit(options.Limits.Tokens)
	server.SetErrorPresenter(presenter(options.Logger))
	server.SetRecoverFunc(recovered)
	server.Use(extension.Introspection{})
	server.Use(options.Limits)
	server.AroundOperations(nameOperation)
	server.AroundFields(leafRules(executable.Schema()))
	server.AroundResponses(freshness(options.TokenKey))
	server.AroundResponses(capErrors(options.Limits.Errors))
	return &endpoint{server: server, reader: reader, options: options}, nil
}

// endpoint is what stands around gqlgen's server: it gives every request its own loaders and deadline, and refuses what
// is no GraphQL request before the server sees it.
type endpoint struct {
	server  http.Handler
	reader  *compose.Reader
	options Options
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), e.options.Limits.Timeout)
	defer cancel()
	asked := r.Header.Clone()
	request, ctx := newRequest(compose.WithHeaders(ctx, asked), e.reader, e.options.Viewer(r))
	asked.Set("X-Request-Id", request.id) // owners log our id, not one that a client chose
	request.header = w.Header()
	w.Header().Set("X-Request-Id", request.id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	status, err := e.check(r)
	if err == nil {
		status = http.StatusBadRequest
		request.promise, err = promiseOf(r.Header, e.options.TokenKey)
	}
	if err != nil {
		refuse(ctx, w, status, err)
		request.outcome = string(badUserInput)
	} else {
		e.server.ServeHTTP(w, r.WithContext(ctx))
	}
	request.mu.Lock()
	operation, outcome := request.operation, request.outcome
	request.mu.Unlock()
	e.options.Observe(operation, outcome, time.Since(start))
}

// check reads the request as far as it must be of the right form. The status is that of the refusal.
func (e *endpoint) check(r *http.Request) (status int, err error) {
	switch r.Method {
	case http.MethodGet:
		if len(r.URL.RawQuery) > e.options.Limits.Body {
			return http.StatusRequestURITooLong, badInput("the query string is longer than %d bytes", e.options.Limits.Body)
		}
		q := r.URL.Query()
		for _, name := range []string{"variables", "extensions"} {
			if text := q.Get(name); text != "" && !isObject([]byte(text)) {
				return http.StatusBadRequest, badInput("%s is no JSON object", name)
			}
		}
		return 0, nil
	case http.MethodPost:
		return e.checkBody(r)
	}
	return http.StatusMethodNotAllowed, badInput("%s is not possible here: GET and POST are", r.Method)
}

func (e *endpoint) checkBody(r *http.Request) (status int, err error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return http.StatusUnsupportedMediaType, badInput("the body must be application/json")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(e.options.Limits.Body)+1))
	if err != nil {
		return http.StatusBadRequest, badInput("the body broke off")
	}
	if len(body) > e.options.Limits.Body {
		return http.StatusRequestEntityTooLarge, badInput("the body is larger than %d bytes", e.options.Limits.Body)
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

// refuse answers a request that never becomes an operation.
func refuse(ctx context.Context, w http.ResponseWriter, status int, err error) {
	is, message := classify(ctx, err)
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

// nameOperation notes what an operation asks, in words of which there are few: metrics must not grow with its name.
func nameOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	name := "several"
	roots := graphql.CollectFields(graphql.GetOperationContext(ctx), graphql.GetOperationContext(ctx).Operation.SelectionSet,
		[]string{"Query"})
	if len(roots) == 1 {
		name = roots[0].Name
	}
	request := requestOf(ctx)
	request.mu.Lock()
	request.operation = name
	request.mu.Unlock()
	return next(ctx)
}
