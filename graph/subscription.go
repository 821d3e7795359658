package graph

import (
	"context"
	"errors"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/watch"
)

// subscription is a subscription under way.
type subscription struct {
	*watch.Subscription
	field *graphql.FieldContext // the root field, which gqlgen forgets once it has the channel
	parts compose.Parts         // that the messages show
	list  bool
	next  chan *order.Order // holds what the next response is to show
	err   error             // why there will be no more
}

// orderChanged answers Subscription.orderChanged.
func (r *Resolver) orderChanged(ctx context.Context, id string) (<-chan *order.Order, error) {
	raw := rawID(orderType, id)
	if raw == "" {
		return nil, badInput("id: there cannot be such an order")
	}
	return r.subscribe(ctx, false, func(ctx context.Context, viewer view.Viewer) (*watch.Subscription, error) {
		return r.watcher.Order(ctx, viewer, raw)
	})
}

// ordersChanged answers Subscription.ordersChanged.
func (r *Resolver) ordersChanged(ctx context.Context, consumerID, query *string, filter map[string]any, first *int, shown []string) (
	<-chan *order.Order, error) {
	newest := defaultPage
	if first != nil {
		newest = *first
	}
	if newest < 0 || newest > maxPage {
		return nil, badInput("first: %d; 0 to %d are possible", newest, maxPage)
	}
	if len(shown) > maxPage {
		return nil, badInput("shown: %d ids; up to %d are possible", len(shown), maxPage)
	}
	ids := make([]string, len(shown))
	for i, id := range shown {
		if ids[i] = rawID(orderType, id); ids[i] == "" {
			return nil, badInput("shown: there cannot be an order %q", id)
		}
	}
	q, s, err := r.query(requestOf(ctx).client.Viewer, consumerID, listing{query: query, filter: filter})
	if err != nil {
		return nil, err
	}
	r.tellSearch(ctx, s, false, false)
	return r.subscribe(ctx, true, func(ctx context.Context, viewer view.Viewer) (*watch.Subscription, error) {
		return r.watcher.Orders(ctx, viewer, q, newest, ids)
	})
}

// subscribe begins a subscription, for the field at ctx. Whoever runs the operation closes it.
func (r *Resolver) subscribe(ctx context.Context, list bool,
	begin func(context.Context, view.Viewer) (*watch.Subscription, error)) (<-chan *order.Order, error) {
	request := requestOf(ctx)
	reading, cancel := context.WithTimeout(ctx, r.limits.Timeout)
	defer cancel()
	began, err := begin(reading, request.client.Viewer)
	if err != nil {
		return nil, err
	}
	request.subscription = &subscription{
		Subscription: began, field: graphql.GetFieldContext(ctx), parts: selected(ctx).parts, list: list,
		next: make(chan *order.Order, 1),
	}
	return request.subscription.next, nil
}

// messages makes each response of a subscription one message. gqlgen would wait for the order itself; here is waited for
// it, so that each message has a deadline, loaders and freshness of its own.
func (r *Resolver) messages(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	operation := requestOf(ctx)
	s := operation.subscription
	if s == nil || s.err != nil {
		return next(ctx)
	}
	ctx = graphql.WithFieldContext(ctx, s.field)
	change, err := s.Next(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		s.err = err
		if errors.Is(err, watch.ErrStopped) {
			return nil
		}
		graphql.AddError(ctx, err)
		return &graphql.Response{Errors: graphql.GetErrors(ctx)}
	}
	ctx, cancel := context.WithTimeout(ctx, r.limits.Timeout)
	defer cancel()
	ctx, span := r.tracer.Child(ctx, telemetry.Internal, "GraphQL message")
	defer span.End()
	message, ctx := newRequest(ctx, operation.id, operation.client)
	message.loadWith(ctx, r.readers())
	message.tally, message.header, message.searches = operation.tally, http.Header{}, operation.searches
	message.plans = operation.plans
	message.spent = &spending{estimate: operation.spent.estimate}
	message.tally.sent()
	var told provenance
	if o := change.Order; o != nil {
		told.add(compose.FromView, compose.Satisfied, true, r.reader.Lag())
		told.show(o.OrderID, compose.VersionsOf(o, s.parts), false)
	} else {
		told.add(compose.FromView, compose.Missing, true, r.reader.Lag())
	}
	r.tell(ctx, told)
	s.next <- change.Order
	response := next(ctx)
	if s.list && response != nil {
		response.Extensions["matches"] = change.Matches // freshness has made the map
	}
	return response
}

// checkSubscription refuses a subscription that cannot be, before it begins.
func (r *Resolver) checkSubscription(_ context.Context, oc *graphql.OperationContext) *gqlerror.Error {
	switch {
	case oc.Operation.Operation != ast.Subscription:
		return nil
	case r.watcher == nil:
		return gqlerror.Wrap(badInput("there are no subscriptions here"))
	case len(graphql.CollectFields(oc, oc.Operation.SelectionSet, []string{"Subscription"})) != 1:
		return gqlerror.Wrap(badInput("a subscription has exactly one field, that is not skipped"))
	}
	return nil
}
