package graph

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/view"
)

// Observation is what there is to tell of one operation when it has ended: for metrics, the access log and an audit. It has
// neither the query's text nor its variables, which may name people.
type Observation struct {
	// RequestID is the one that the answer and the owners were told. Operations of a WebSocket connection have the
	// connection's, with their number behind it.
	RequestID string
	// Transport is how it came.
	Transport Transport
	// Kind is "query" or "subscription"; "" where it never ran.
	Kind string
	// Operation is the root field, "several" for more than one, "invalid" where it never ran: so there are few.
	Operation string
	// Name is what the client calls the operation, cut to 64 bytes. Clients make as many names as they like.
	Name string
	// Viewer is who asked.
	Viewer view.Viewer
	// Subject is who that is, as auth.Identity tells it; "" where nobody is known.
	Subject string
	// Outcome is "ok", or the code of the first error.
	Outcome string
	// Status is that of the HTTP answer; 0 for operations over WebSocket, and where the answer is a stream of events.
	Status int
	// Took is how long it ran; a subscription, from its beginning to its end.
	Took time.Duration
	// CostEstimated and CostActual are what the operation was taken to cost before it ran, and what it did cost.
	CostEstimated, CostActual int
	// Sources counts the fields that told where they came from, by what they told.
	Sources map[compose.Source]int
	// Shown are the orders and consumers that the answer showed, such as "Order:1", in order; 1,000 at most, and ShownOthers
	// counts those beyond, one anew each time that it is shown: in the messages of a subscription that may be often. Of orders whose parts alone are shown through facets and totals nothing is told.
	Shown       []string
	ShownOthers int
	// Errors counts the errors by their codes, those among them that the answer has no room for.
	Errors map[string]int
	// Messages is how many a subscription sent.
	Messages int
}

// Transport is how an operation comes to a handler.
type Transport string

// The transports.
const (
	OverHTTP      Transport = "http"
	OverWebSocket Transport = "websocket"
	OverEvents    Transport = "events"
)

// What an Observation tells at most.
const (
	maxName  = 64
	maxShown = 1000
)

// tally is what is counted of an operation while it runs; of a subscription, over all of its messages.
type tally struct {
	transport Transport
	start     time.Time

	mu          sync.Mutex // guards what follows: fields are resolved at the same time
	observation Observation
	shown       map[string]bool
}

func newTally(start time.Time, transport Transport) *tally {
	return &tally{transport: transport, start: start, observation: Observation{Operation: "invalid", Outcome: "ok"}}
}

// failed counts an error. The first one is the outcome.
func (t *tally) failed(is code) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.observation.Outcome == "ok" {
		t.observation.Outcome = string(is)
	}
	if t.observation.Errors == nil {
		t.observation.Errors = map[string]int{}
	}
	t.observation.Errors[string(is)]++
}

// tells counts a field that told where it came from, and what it showed.
func (t *tally) tells(source compose.Source, shown []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.observation.Sources == nil {
		t.observation.Sources, t.shown = map[compose.Source]int{}, map[string]bool{}
	}
	t.observation.Sources[source]++
	for _, id := range shown {
		switch {
		case t.shown[id]:
		case len(t.shown) < maxShown:
			t.shown[id] = true
		default:
			t.observation.ShownOthers++
		}
	}
}

// estimated notes what an operation is taken to cost.
func (t *tally) estimated(cost int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.observation.CostEstimated = cost
}

// spent counts what a response did cost.
func (t *tally) spent(cost int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.observation.CostActual += cost
}

// sent counts a message of a subscription.
func (t *tally) sent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.observation.Messages++
}

// answered notes the status of an HTTP answer; the first one is it.
func (t *tally) answered(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.observation.Status == 0 {
		t.observation.Status = status
	}
}

// observe settles what the operation of a request held, and tells how it ended.
func (h *Handler) observe(ctx context.Context, r *request) {
	r.settle()
	t := r.tally
	t.mu.Lock()
	o := t.observation
	o.Sources, o.Errors = maps.Clone(o.Sources), maps.Clone(o.Errors)
	o.Shown = slices.Sorted(maps.Keys(t.shown))
	t.mu.Unlock()
	o.RequestID, o.Transport, o.Took = r.id, t.transport, time.Since(t.start)
	o.Viewer, o.Subject = r.client.Viewer, r.client.Subject
	h.options.Observe(ctx, o)
	endSpan(r.span, o)
}

// nameOperation notes what an operation asks, in words of which there are few: metrics must not grow with its name.
func nameOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	asked := graphql.GetOperationContext(ctx)
	name := "several"
	roots := graphql.CollectFields(asked, asked.Operation.SelectionSet, []string{"Query", "Subscription"})
	if len(roots) == 1 {
		name = roots[0].Name
	}
	requestOf(ctx).sole = len(roots) == 1
	t := requestOf(ctx).tally
	t.mu.Lock()
	t.observation.Operation, t.observation.Kind = name, string(asked.Operation.Operation)
	t.observation.Name = asked.Operation.Name[:min(len(asked.Operation.Name), maxName)]
	t.mu.Unlock()
	return next(ctx)
}

// maxRequestID is the longest id of a request that a client may choose.
const maxRequestID = 64

// requestIDOf returns the id that the client has given its request; not ok where there is none that could be logged.
func requestIDOf(client http.Header) (id string, ok bool) {
	id = client.Get("X-Request-Id")
	if id == "" || len(id) > maxRequestID {
		return "", false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return "", false
		}
	}
	return id, true
}
