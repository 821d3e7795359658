// Package graph answers GraphQL over HTTP from a compose.Reader.
//
// The schema is in schema/; gqlgen.yml says how it is bound. Generated are generated.go, model/models.go and the
// signatures in *.resolvers.go, whose bodies only call what the other files have: orders.go and history.go read orders,
// documents.go what all other views have in common and restaurant.go what is restaurants' own, lookups.go the rest,
// entities.go what other subgraphs refer to, filter.go reads filters, promise.go what freshness is asked for. http.go is the
// HTTP side; parse.go reads and keeps documents, persist.go those that clients name; prepare.go makes operations of them,
// limits.go refuses those that cost too much, operation.go runs them; respond.go, parts.go, events.go and socket.go write the
// answers. errors.go tells clients what went wrong, freshness.go how fresh the answer is. subscription.go makes messages of what
// package watch tells; deferred.go is what @defer needs beside gqlgen.
package graph

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/guard"
	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/watch"
)

// Options are what a handler can be told. The zero Options answer nobody anything: the zero Viewer sees no order.
type Options struct {
	// Viewer tells who asks, by the headers of an HTTP request, or of a WebSocket's handshake with what its connection_init
	// says of "Authorization" in the place of that header. An error refuses the request, and should be one of package auth's.
	// Nil: the zero Identity, which sees nothing.
	Viewer func(ctx context.Context, client http.Header) (auth.Identity, error)
	// Watcher is what subscriptions follow. Nil: there are none.
	Watcher *watch.Watcher
	// Views are the views besides that of orders, by name: those whose documents each have one part. What is asked of one
	// that is not here is an error.
	Views map[string]*compose.Documents
	// TokenKey signs freshness tokens. Zero: a random key, good for one process.
	TokenKey compose.TokenKey
	// Logger takes what clients are not told. Nil: slog.Default.
	Logger *slog.Logger
	// Observe is called once for each operation, when it has ended, over whatever transport; also for what never becomes one.
	// The context is the operation's, and may have ended. Calls may be concurrent. Nil: nobody is told.
	Observe func(context.Context, Observation)
	// Persisted is which documents are taken.
	Persisted Persisted
	// Ready reports why no operation may begin now, as where it could not be recorded: all are refused then. The error is for
	// whoever looks after the process, who is told of it elsewhere; clients are told to come again. Nil: they always may.
	Ready func() error
	// Tracer tells of operations in spans. Nil: there are none.
	Tracer *telemetry.Tracer
	// Limits bound what one request may cost.
	Limits Limits
	// Gate bounds how many operations run at a time, over all transports; of subscriptions only their beginning counts.
	// Nil: no bound.
	Gate *guard.Gate
	// Connections bound the WebSockets and the streams of events, by the client's address as package guard tells it. Nil: no
	// bound.
	Connections *guard.Connections
	// Clients bound what each client may cost in a time: by the subject of its identity, else by its address as package guard
	// tells it. Nil: no bound.
	Clients *guard.Clients
	// Origins are those whose pages may open a WebSocket, beside the server's own.
	Origins guard.Origins
	// Private tells nobody the schema: there is no introspection, no _service, and errors do not say what could have been meant.
	Private bool

	pace pace // of the transports; tests have their own
}

// Limits bound what one request may cost. What is 0 has its default, given behind each.
type Limits struct {
	Body       int // bytes of a POST's body, or of a GET's query string: 100 KiB
	Nesting    int // lists and objects within each other, of a body and of a value in a query: 50
	Tokens     int // tokens of a query's text: 2,000
	RootFields int // fields of Query: 20
	Depth      int // fields within fields, but for introspection: 15
	Fields     int // fields, those of fragments counted wherever they are used: 2,000
	Aliases    int // aliased fields, likewise: 30
	Directives int // directives in a query's text: 50
	Cost       int // what an operation may cost, as the schema's @cost and @listSize say: 10,000
	Errors     int // errors in a response: 20
	Operations int // under way on a WebSocket connection, subscriptions among them: 100

	Search  time.Duration // of a search, which then answers with what it has found: 5 s
	Timeout time.Duration // of a whole operation, or of a subscription's message: 10 s

	// ReportCost answers what may cost more than Cost all the same, and logs it: to find out what Cost should be.
	ReportCost bool
}

// WithDefaults returns the limits, each that is 0 or less with its default.
func (l Limits) WithDefaults() Limits {
	for _, set := range []struct {
		limit *int
		to    int
	}{
		{&l.Body, 100 << 10}, {&l.Nesting, 50}, {&l.Tokens, 2000}, {&l.RootFields, 20}, {&l.Depth, 15}, {&l.Fields, 2000},
		{&l.Aliases, 30}, {&l.Directives, 50}, {&l.Cost, 10_000}, {&l.Errors, 20}, {&l.Operations, 100},
	} {
		if *set.limit <= 0 {
			*set.limit = set.to
		}
	}
	if l.Search <= 0 {
		l.Search = 5 * time.Second
	}
	if l.Timeout <= 0 {
		l.Timeout = 10 * time.Second
	}
	return l
}
