package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/view/order"
)

// consumer answers Query.consumer.
func (r *Resolver) consumer(ctx context.Context, id string) (*order.Consumer, error) {
	var told provenance
	c, err := consumerOf(ctx, rawID(consumerType, id), &told)()
	r.tell(ctx, told)
	return c, err
}

// consumerOf begins to load a consumer, "" for none.
func consumerOf(ctx context.Context, id string, told *provenance) func() (*order.Consumer, error) {
	if id == "" {
		return func() (*order.Consumer, error) { return nil, nil }
	}
	load := requestOf(ctx).consumers.Load(ctx, id)
	return func() (*order.Consumer, error) {
		answer, err := load()
		if err != nil {
			return nil, err
		}
		told.look(answer.Source, answer.Consumer != nil, answer.Err)
		return answer.Consumer, answer.Err
	}
}

// restaurant answers Query.restaurant.
func (r *Resolver) restaurant(ctx context.Context, id string) (*order.Restaurant, error) {
	var told provenance
	c, err := restaurantOf(ctx, rawID(restaurantType, id), &told)()
	r.tell(ctx, told)
	return c, err
}

// restaurantOf begins to load a restaurant, "" for none.
func restaurantOf(ctx context.Context, id string, told *provenance) func() (*order.Restaurant, error) {
	if id == "" {
		return func() (*order.Restaurant, error) { return nil, nil }
	}
	load := requestOf(ctx).restaurants.Load(ctx, id)
	return func() (*order.Restaurant, error) {
		answer, err := load()
		if err != nil {
			return nil, err
		}
		told.look(compose.FromOwners, answer.Restaurant != nil, answer.Err)
		return answer.Restaurant, answer.Err
	}
}

// look says where a consumer or a restaurant was looked up, and whether it was found.
func (p *provenance) look(source compose.Source, found bool, err error) {
	switch {
	case err != nil && source == compose.FromView:
		p.add(source, compose.ViewDown, false)
	case err != nil:
		p.add(source, compose.OwnerDown, false)
	case !found:
		p.add(source, compose.Missing, true)
	case source == compose.FromView:
		p.add(source, compose.Satisfied, true)
	default:
		p.add(source, compose.Asked, true)
	}
}

// maxNodes is how many ids Query.nodes takes.
const maxNodes = 100

// nodes answers Query.nodes: all of them are loaded together, and one that fails is null with an error at its index.
func (r *Resolver) nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	if len(ids) > maxNodes {
		return nil, badInput("nodes: %d ids; %d are possible", len(ids), maxNodes)
	}
	var told provenance
	orders := selected(ctx)
	loads := make([]func() (model.Node, error), len(ids))
	for i, id := range ids {
		loads[i] = nodeOf(ctx, orders, id, &told, ast.PathIndex(i))
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
	var told provenance
	node, err := nodeOf(ctx, selected(ctx), id, &told)()
	r.tell(ctx, told)
	return node, err
}

// nodeOf begins to load whatever has a global id, for the field at ctx or its element at an index. An id that is none of
// ours is of nothing.
func nodeOf(ctx context.Context, orders selection, id string, told *provenance,
	index ...ast.PathElement) func() (model.Node, error) {
	typeName, raw, _ := parseGlobalID(id)
	switch typeName {
	case orderType:
		return untyped(orderOf(ctx, orders, compose.Request{ID: raw}, told, index...))
	case consumerType:
		return untyped(consumerOf(ctx, raw, told))
	case restaurantType:
		return untyped(restaurantOf(ctx, raw, told))
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
