package graph

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"github.com/graph-gophers/dataloader/v7"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/structs"
	"github.com/viewgate/viewgate/telemetry"
)

// request is what belongs to one HTTP request, or one operation of a connection, or one message of a subscription: who
// asks, what has been loaded for it, and what there is to tell about the answer.
type request struct {
	id     string
	client auth.Identity

	promise promise     // what the headers ask of every field
	asked   http.Header // the client's, with the request's id
	header  http.Header // of the answer

	sole         bool           // the operation has one field at its root
	plans        *structs.Plans // of the operation's document; nil: all is resolved
	subscription *subscription  // nil in what is none

	orders    *dataloader.Loader[compose.Request, compose.Answer]
	consumers *dataloader.Loader[compose.ConsumerRequest, compose.ConsumerAnswer]
	documents map[string]*documentLoader // by the name of their view

	admission *admission // nil before it is admitted

	span  *telemetry.Span
	spent *spending // nil where nothing is known of what the operation costs
	tally *tally    // a message's is that of its subscription

	mu       sync.Mutex // guards what follows: fields are resolved at the same time
	notes    []note
	searches []searched
	showing  showing         // of all of them
	alone    *string         // the token of a note that is the only one so far; nil where there is none, or several
	warned   map[string]bool // what has been logged
}

// warns reports whether this is to be logged: a list of a thousand references fails by one cause, which is told once.
func (r *request) warns(message string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.warned[message] {
		return false
	}
	if r.warned == nil {
		r.warned = map[string]bool{}
	}
	r.warned[message] = true
	return true
}

type requestKey struct{}

// newRequest returns a request and the context that carries it. It loads nothing before loadWith.
func newRequest(ctx context.Context, id string, client auth.Identity) (*request, context.Context) {
	r := &request{id: id, client: client}
	return r, context.WithValue(ctx, requestKey{}, r)
}

// loadWith makes loaders that have loaded nothing, and run with this context.
func (r *request) loadWith(ctx context.Context, from readers) {
	r.orders = newLoader(ctx, from.tracer, "load orders", func(ctx context.Context, requests []compose.Request) []compose.Answer {
		return from.orders.ReadOrders(ctx, r.client.Viewer, requests)
	})
	r.consumers = newLoader(ctx, from.tracer, "load consumers", func(ctx context.Context, requests []compose.ConsumerRequest) []compose.ConsumerAnswer {
		return from.orders.Consumers(ctx, r.client.Viewer, requests)
	})
	r.documents = documentLoaders(ctx, r.client.Viewer, from)
}

// newID returns a random id of a request.
func newID() string {
	id := make([]byte, 8)
	rand.Read(id) // never fails: it ends the process instead
	return hex.EncodeToString(id)
}

func requestOf(ctx context.Context) *request { return ctx.Value(requestKey{}).(*request) }

const (
	loadWait = 250 * time.Microsecond // how long a batch waits for more keys
	loadMost = 100                    // how many keys it takes
)

// newLoader returns a loader whose batches are read with the request's context: the loader itself would use that of the
// field that came first.
func newLoader[K comparable, V any](ctx context.Context, tracer *telemetry.Tracer, name string,
	read func(context.Context, []K) []V) *dataloader.Loader[K, V] {
	batch := func(_ context.Context, keys []K) (results []*dataloader.Result[V]) {
		ctx, span := tracer.Child(ctx, telemetry.Internal, name)
		defer span.End()
		span.Number("viewgate.batch.size", len(keys))
		results = make([]*dataloader.Result[V], len(keys))
		defer func() {
			if value := recover(); value != nil { // the loader would print it
				for i := range results {
					results[i] = &dataloader.Result[V]{Error: recovered(ctx, value)}
				}
			}
		}()
		for i, value := range read(ctx, keys) {
			results[i] = &dataloader.Result[V]{Data: value}
		}
		return results
	}
	return dataloader.NewBatchedLoader(batch,
		dataloader.WithWait[K, V](loadWait), dataloader.WithBatchCapacity[K, V](loadMost),
		dataloader.WithInputCapacity[K, V](loadMost))
}
