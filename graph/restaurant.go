package graph

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/hours"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/restaurant"
)

// restaurant answers Query.restaurant.
func (r *Resolver) restaurant(ctx context.Context, id string, wanted *model.Freshness) (*restaurant.Restaurant, error) {
	return document[restaurant.Restaurant](ctx, r, restaurant.ViewName, rawID(restaurantType, id), wanted)
}

// knownRestaurant is what an order itself tells of its restaurant; nil where it tells nothing.
func knownRestaurant(o *order.Order) *restaurant.Restaurant {
	if o.Restaurant == nil {
		return nil
	}
	return &restaurant.Restaurant{RestaurantID: o.Restaurant.RestaurantID, Name: o.Restaurant.Name}
}

// restaurantOf answers Order.restaurant: what the order itself tells of it, and the rest, where that is selected, from the
// restaurants view. A rest that cannot be had is null, with an error at each of its fields.
func (r *Resolver) restaurantOf(ctx context.Context, o *order.Order) (*restaurant.Restaurant, error) {
	known := knownRestaurant(o)
	if known == nil {
		return nil, nil
	}
	var rest []graphql.CollectedField
	for _, f := range graphql.CollectFieldsCtx(ctx, []string{restaurantType, "Node"}) {
		switch f.Name {
		case "__typename", "id", "restaurantId", "name":
		default:
			rest = append(rest, f)
		}
	}
	if len(rest) == 0 {
		return known, nil
	}
	var told provenance
	full, err := documentOf[restaurant.Restaurant](ctx, restaurant.ViewName,
		compose.DocumentRequest{ID: known.RestaurantID}, &told)()
	if err != nil {
		for _, f := range rest {
			graphql.AddError(ctx, locate(ctx, err, ast.PathName(f.Alias)))
		}
	}
	if err != nil || full == nil {
		return known, nil
	}
	full.RestaurantID, full.Name = known.RestaurantID, known.Name
	return full, nil
}

// availability is what Query.availableRestaurants is asked.
type availability struct {
	near     *model.Point
	withinKm *float64
	openAt   *time.Time
	query    *string
	cuisine  []string
	page     pageArguments
}

const (
	maxKm       = 20_040 // half of the way around the Earth, and a little more
	maxCuisines = 50
	maxZones    = view.MaxSize // there are fewer on Earth
)

// availableRestaurants answers Query.availableRestaurants.
func (r *Resolver) availableRestaurants(ctx context.Context, asked availability) (*model.RestaurantConnection, error) {
	list := documentListing{query: asked.query, page: asked.page}
	var where view.And
	if n := len(asked.cuisine); n > maxCuisines {
		return nil, badInput("cuisine: %d of them; %d are possible", n, maxCuisines)
	} else if asked.cuisine != nil {
		one := view.In{Field: "cuisines"}
		for _, c := range asked.cuisine {
			one.Values = append(one.Values, c)
		}
		where = append(where, one)
	}
	switch {
	case asked.near != nil:
		from := view.Point(*asked.near)
		list.sort = []view.Sort{{Field: "location", From: &from}}
		if asked.withinKm == nil {
			break
		}
		if !(*asked.withinKm > 0 && *asked.withinKm <= maxKm) {
			return nil, badInput("withinKm: %v; more than 0 and up to %d are possible", *asked.withinKm, maxKm)
		}
		where = append(where, view.Near{Field: "location", Point: from, Metres: *asked.withinKm * 1000})
	case asked.withinKm != nil:
		return nil, badInput("withinKm needs near")
	case asked.query == nil:
		list.sort = []view.Sort{{Field: "name"}}
	}
	list.filter = where
	if asked.openAt != nil {
		zones, err := r.zones(ctx)
		if err != nil {
			return nil, err
		}
		// Cursors belong to the question: a restaurant in another zone that comes between two pages changes the filter.
		list.stands = append(slices.Clone(where), view.In{Field: "open", Values: []any{asked.openAt.UTC().Format(time.RFC3339)}})
		list.filter = append(where, openIn(zones, *asked.openAt))
	}
	page, err := listDocuments[restaurant.Restaurant](ctx, r, restaurant.ViewName, list)
	if err != nil {
		return nil, err
	}
	c := &model.RestaurantConnection{
		Nodes: page.nodes, PageInfo: page.info, Total: page.total, Facets: page.facets, Edges: make([]*model.RestaurantEdge, len(page.nodes)),
	}
	for i, node := range page.nodes {
		c.Edges[i] = &model.RestaurantEdge{Cursor: page.cursors[i], Node: node}
		if metres, ok := page.hits[i].Position.Values[0].(float64); ok && asked.near != nil {
			km := metres / 1000
			c.Edges[i].DistanceKm = &km
		}
	}
	return c, nil
}

// zones returns the time zones that there are restaurants in.
func (r *Resolver) zones(ctx context.Context) (names []string, err error) {
	v, ok := r.views[restaurant.ViewName]
	if !ok {
		return nil, nil // who lists them says so
	}
	page, err := v.Search(ctx, requestOf(ctx).client.Viewer, view.Query{Facets: []view.Facet{{Field: "timeZone", Size: maxZones}}})
	if err != nil {
		return nil, err
	}
	for _, b := range page.Facets[0].Buckets {
		names = append(names, b.Value)
	}
	return names, nil
}

// openIn returns the condition that a restaurant is open at a time. In each time zone it is another minute of the week by
// the clock, also between zones that are alike in winter; zones in which it is the same share a condition.
func openIn(zones []string, at time.Time) view.Filter {
	byMinute := map[int][]any{}
	for _, name := range zones {
		if zone, err := time.LoadLocation(name); err == nil {
			minute := hours.MinuteOf(at.In(zone))
			byMinute[minute] = append(byMinute[minute], name)
		}
	}
	open := view.Or{}
	for _, minute := range slices.Sorted(maps.Keys(byMinute)) {
		around := view.In{Field: "open"}
		for _, block := range hours.Around(minute) {
			around.Values = append(around.Values, block)
		}
		open = append(open, view.And{view.In{Field: "timeZone", Values: byMinute[minute]}, around})
	}
	return open
}
