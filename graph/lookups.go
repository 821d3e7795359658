package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/restaurant"
)

// consumer answers Query.consumer.
func (r *Resolver) consumer(ctx context.Context, id string, wanted *model.Freshness) (*order.Consumer, error) {
	promise, err := r.promise(ctx, wanted)
	if err != nil {
		return nil, err
	}
	told := provenance{token: promise.token}
	c, err := consumerOf(ctx, compose.ConsumerRequest{
		ID: rawID(consumerType, id), Freshness: promise.Freshness,
	}, &told)()
	r.tell(ctx, told)
	return c, err
}

// consumerOf begins to load a consumer, "" for none.
func consumerOf(ctx context.Context, q compose.ConsumerRequest, told *provenance) func() (*order.Consumer, error) {
	if q.ID == "" {
		return func() (*order.Consumer, error) { return nil, nil }
	}
	load := requestOf(ctx).consumers.Load(ctx, q)
	return func() (*order.Consumer, error) {
		answer, err := load()
		if err != nil {
			return nil, err
		}
		told.add(answer.Source, answer.Reason, answer.Kept && answer.Err == nil, answer.Lag)
		if answer.Consumer != nil {
			told.things = append(told.things, consumerType+":"+q.ID)
		}
		return answer.Consumer, answer.Err
	}
}

// maxNodes is how many ids Query.nodes takes.
const maxNodes = 100

// nodes answers Query.nodes: all of them are loaded together, and one that fails is null with an error at its index.
func (r *Resolver) nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	if len(ids) > maxNodes {
		return nil, badInput("nodes: %d ids; %d are possible", len(ids), maxNodes)
	}
	promise := requestOf(ctx).promise
	told := provenance{token: promise.token}
	orders := selected(ctx)
	loads := make([]func() (model.Node, error), len(ids))
	for i, id := range ids {
		loads[i] = nodeOf(ctx, promise, orders, id, &told, ast.PathIndex(i))
	}
	nodes := make([]model.Node, len(ids))
	for i, load := range loads {
		node, err := load()
		if err != nil {
			graphql.AddError(ctx, locate(ctx, err, ast.PathIndex(i)))
			continue
		}
		nodes[i] = node
	}
	r.tell(ctx, told)
	return nodes, nil
}

// node answers Query.node.
func (r *Resolver) node(ctx context.Context, id string) (model.Node, error) {
	promise := requestOf(ctx).promise
	told := provenance{token: promise.token}
	node, err := nodeOf(ctx, promise, selected(ctx), id, &told)()
	r.tell(ctx, told)
	return node, err
}

// nodeOf begins to load whatever has a global id, for the field at ctx or its element at an index. An id that is none of
// ours is of nothing.
func nodeOf(ctx context.Context, p promise, orders selection, id string, told *provenance,
	index ...ast.PathElement) func() (model.Node, error) {
	typeName, raw, _ := parseGlobalID(id)
	switch typeName {
	case orderType:
		return untyped(orderOf(ctx, orders, compose.Request{ID: raw, Freshness: p.of(raw)}, told, index...))
	case consumerType:
		return untyped(consumerOf(ctx, compose.ConsumerRequest{ID: raw, Freshness: p.Freshness}, told))
	case restaurantType:
		return untyped(documentOf[restaurant.Restaurant](ctx, restaurant.ViewName,
			compose.DocumentRequest{ID: raw, Freshness: p.Freshness}, told))
	}
	return func() (model.Node, error) { return nil, nil }
}

// untyped makes a load's result a Node, nil without one: a nil pointer in an interface would not be null.
func untyped[T any](load func() (*T, error)) func() (model.Node, error) {
	return func() (model.Node, error) {
		value, err := load()
		if value == nil || err != nil {
			return nil, err
		}
		return value, nil
	}
}
