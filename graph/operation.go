package graph

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/watch"
)

// pace is when the transports of subscriptions lose patience. What is 0 has its default, given behind each.
type pace struct {
	begin time.Duration // how long a WebSocket client may take to introduce itself: 10 s
	ping  time.Duration // how often it is asked whether it is there, and an event stream is kept alive: 20 s
	pong  time.Duration // how long it may take to say so: 30 s
	write time.Duration // how long a message may take to be sent, which is longer than a Watcher's patience: 45 s
}

func (p pace) withDefaults() pace {
	for _, set := range []struct {
		pace *time.Duration
		to   time.Duration
	}{
		{&p.begin, 10 * time.Second}, {&p.ping, 20 * time.Second}, {&p.pong, 30 * time.Second}, {&p.write, 45 * time.Second},
	} {
		if *set.pace <= 0 {
			*set.pace = set.to
		}
	}
	return p
}

// answer is one of the answers to an operation.
type answer struct {
	*graphql.Response
	failed bool // the operation ends with it, because it cannot begin or go on
}

// operate runs an operation of a connection that carries several, and hands send its answers as execute does. The operation
// has an id of its own, and the client and the promise of the request at ctx.
func (h *Handler) operate(ctx context.Context, id string, over Transport, asked *params, send func(answer) error) error {
	of := requestOf(ctx)
	ctx, span := h.options.Tracer.Request(ctx, nil, "GraphQL request")
	request, ctx := h.newRequest(ctx, id, of.asked, of.client)
	request.span = span
	request.tally = newTally(time.Now(), over)
	request.promise, request.header = of.promise, http.Header{}
	defer h.observe(ctx, request)
	err := h.charge(ctx)
	if err == nil {
		err = h.enter(ctx)
	}
	if err != nil {
		return send(answer{h.failed(ctx, nil, gqlerror.List{gqlerror.Wrap(err)}), true})
	}
	var ready *graphql.OperationContext
	document, wrong := h.document(ctx, asked)
	if len(wrong) == 0 {
		ready, wrong = h.prepare(ctx, document, asked, false)
	}
	if len(wrong) > 0 {
		return send(answer{h.failed(ctx, ready, wrong), true})
	}
	err = h.execute(ctx, ready, send)
	if errors.Is(err, watch.ErrSlow) { // the client cannot be told
		request.tally.failed(slowConsumer)
	}
	return err
}

// execute runs an operation, which may be a subscription, and hands send its answers one after the other until there are no
// more or send fails. What is none has the deadline of Limits.Timeout. The error is send's, ctx's, or watch.ErrStopped where
// the process stops.
func (h *Handler) execute(ctx context.Context, ready *graphql.OperationContext, send func(answer) error) (err error) {
	request := requestOf(ctx)
	defer func() {
		if s := request.subscription; s != nil {
			s.Close()
		}
	}()
	defer func() {
		if value := recover(); value != nil {
			if s := request.subscription; s != nil {
				s.err = recovered(ctx, value)
			}
			err = send(answer{h.failed(ctx, ready, gqlerror.List{gqlerror.Wrap(recovered(ctx, value))}), true})
		}
	}()
	if ready.Operation.Operation != ast.Subscription {
		limited, cancel := context.WithTimeout(ctx, h.options.Limits.Timeout)
		defer cancel()
		ctx = limited
	}
	name := "GraphQL query"
	if ready.Operation.Operation == ast.Subscription {
		name = "GraphQL subscription"
	}
	ctx, span := h.options.Tracer.Child(ctx, telemetry.Internal, name)
	defer span.End()
	request.loadWith(ctx, h.readers)
	responses, ctx := h.exec.DispatchOperation(ctx, ready)
	if request.subscription != nil {
		request.settle() // it has begun
	}
	for response := responses(ctx); response != nil; response = responses(ctx) {
		ended := request.subscription != nil && request.subscription.err != nil
		if response.HasNext == nil || !*response.HasNext {
			request.settle() // whoever reads slowly is to keep nobody out
		}
		if err := send(answer{response, ended}); err != nil || ended {
			return err
		}
	}
	if s := request.subscription; s != nil && errors.Is(s.err, watch.ErrStopped) {
		return s.err
	}
	return ctx.Err()
}
