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

// restaurant answers Query.restaurant.
func (r *Resolver) restaurant(ctx context.Context, id string, wanted *model.Freshness) (*restaurant.Restaurant, error) {
	return document[restaurant.Restaurant](ctx, r, restaurant.ViewName, rawID(restaurantType, id), wanted)
}

// restaurantOf answers Order.restaurant: what the order itself tells of it, and the rest, where that is selected, from the
// restaurants view. A rest that cannot be had is null, with an error at each of its fields.
func (r *Resolver) restaurantOf(ctx context.Context, o *order.Order) (*restaurant.Restaurant, error) {
	if o.Restaurant == nil {
		return nil, nil
	}
	known := restaurant.Restaurant{RestaurantID: o.Restaurant.RestaurantID, Name: o.Restaurant.Name}
	var rest []graphql.CollectedField
	for _, f := range graphql.CollectFieldsCtx(ctx, []string{restaurantType, "Node"}) {
		switch f.Name {
		case "__typename", "id", "restaurantId", "name":
		default:
			rest = append(rest, f)
		}
	}
	if len(rest) == 0 {
		return &known, nil
	}
	var told provenance
	full, err := documentOf[restaurant.Restaurant](ctx, restaurant.ViewName,
		compose.DocumentRequest{ID: known.RestaurantID}, &told)()
	for _, f := range rest {
		if err != nil {
			graphql.AddError(ctx, locate(ctx, err, ast.PathName(f.Alias)))
		}
	}
	if err != nil || full == nil {
		return &known, nil
	}
	full.RestaurantID, full.Name = known.RestaurantID, known.Name
	return full, nil
}
