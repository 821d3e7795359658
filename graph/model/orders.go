package model

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"

	"github.com/viewgate/viewgate/view/order"
)

// OrderConnection is a page of orders.
type OrderConnection struct {
	Edges    []*OrderEdge
	Nodes    []*order.Order
	PageInfo *PageInfo
	Total    *Count
	Counted  Counted // the facets that are selected

	// Meant tells what the query should perhaps have been; nil where something was found.
	Meant func(context.Context) (*string, error)
}

// DidYouMean answers the field.
func (c *OrderConnection) DidYouMean(ctx context.Context) (*string, error) {
	if c.Meant == nil {
		return nil, nil
	}
	return c.Meant(ctx)
}

// Facets answers the field.
func (c *OrderConnection) Facets() *Facets { return &Facets{c.Counted} }

// Counted has the facets that are selected, which were counted together: see FacetKey.
type Counted map[string]*Facet

// FacetKey names a facet by the aliases of the field that it is selected at and of the one around it.
func FacetKey(around, alias string) string { return around + "." + alias }

// At returns the facet that is selected at ctx.
func (c Counted) At(ctx context.Context) (*Facet, error) {
	field := graphql.GetFieldContext(ctx)
	facet := c[FacetKey(field.Parent.Field.Alias, field.Field.Alias)]
	if facet == nil {
		return nil, fmt.Errorf("facet %s is selected, and was not counted", field.Path())
	}
	return facet, nil
}

// Facets answers the facets of any view from what was counted.
type Facets struct{ Counted }

// ConsumerSummary is what a consumer's orders come to.
type ConsumerSummary struct {
	Orders    *Count
	Spent     *order.Money
	LastOrder *order.Order
	Counted   Counted
}
