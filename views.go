package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/verify"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/restaurant"
)

// definitions are the views that this program has: its whole wiring of one is an entry here. The schema says what each looks
// like, in the type that is marked @view with its name. doc/add-a-view.md adds one.
func definitions() []definition {
	return []definition{
		orders,
		ofOneOwner(restaurant.ViewName, projection.NewRestaurants, compose.RestaurantOwner, "restaurants", restaurant.Answered).listed(),
	}
}

// ordering is what the topics of aggregates promise of their versions.
type ordering = map[event.Aggregate]view.Ordering

// definition is a view: what makes its documents, and who owns what is in them.
type definition struct {
	name       string // in the schema, in the names of indices, and on the command line
	projection func(ordering) projection.Projection

	owners  []compose.Owner                       // the services that own its parts
	ask     func(*compose.Owners) verify.Owners   // about its parts
	listing func(*compose.Owners) *verify.Listing // how documents are found that the view lacks; nil: they are not
	asked   func(groups int) string               // what that listing was asked for, to people

	// collection is where a gateway composes its documents from; nil for the view of orders, which compose and graph know.
	collection *compose.Collection
}

// ofOneOwner returns a view whose documents each have one part, of the aggregate that its projection reads. Answered reads
// what its owner answers about one of them: an element of GET /<collection>?id=.
func ofOneOwner[D view.SingleDocument](name string, make func(ordering) projection.Projection, owner compose.Owner,
	collection string, answered func(json.RawMessage) (D, view.Version, error)) definition {

	part := projection.PartName(make(nil).Aggregates()[0])
	from := compose.NewCollection(owner, collection, part, answered)
	return definition{
		name: name, projection: make, collection: &from, owners: []compose.Owner{owner},
		ask: func(o *compose.Owners) verify.Owners { return compose.CollectionParts{Owners: o, From: from} },
	}
}

// listed says that GET /<collection> without ids answers all there are, so that documents are found which the view lacks.
func (d definition) listed() definition {
	d.asked = func(int) string { return "all " + d.name }
	d.listing = func(o *compose.Owners) *verify.Listing {
		return &verify.Listing{
			Group: func(json.RawMessage) string { return string(d.owners[0]) },
			IDs: func(ctx context.Context, _ string) ([]string, error) {
				return compose.CollectionParts{Owners: o, From: *d.collection}.IDs(ctx)
			},
		}
	}
	return d
}

// orders is the view of orders, which compose, watch and graph know by its type.
var orders = definition{
	name:       order.ViewName,
	projection: func(o ordering) projection.Projection { return projection.NewOrders(o) },
	owners:     []compose.Owner{compose.OrderOwner, compose.KitchenOwner, compose.DeliveryOwner, compose.AccountingOwner},
	ask:        func(o *compose.Owners) verify.Owners { return compose.OrderParts{Owners: o} },
	listing: func(o *compose.Owners) *verify.Listing {
		if !o.Configured(compose.OrderOwner) {
			return nil
		}
		return &verify.Listing{Group: consumerOf, IDs: ordersOf(o)}
	},
	asked: func(groups int) string { return fmt.Sprintf("the orders of %d consumers", groups) },
}

// consumerOf returns who ordered an order, "" where that is not known.
func consumerOf(document json.RawMessage) string {
	o, err := order.Decode(document)
	if err != nil || o.Consumer == nil {
		return ""
	}
	return o.Consumer.ConsumerID
}

// ordersOf returns how to ask for a consumer's orders.
func ordersOf(owners *compose.Owners) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, consumerID string) ([]string, error) {
		told, err := owners.RecentOrders(ctx, consumerID, time.Time{})
		var ids []string
		for _, c := range told {
			ids = append(ids, c.Order.OrderID)
		}
		return ids, err
	}
}

// viewNamed returns the view with a name that came from the command line.
func viewNamed(name string) (definition, error) {
	for _, d := range definitions() {
		if d.name == name {
			return d, nil
		}
	}
	return definition{}, usageError{fmt.Errorf("VIEW %q is not one of %s", name, strings.Join(viewNames(), ", "))}
}

func viewNames() (names []string) {
	for _, d := range definitions() {
		names = append(names, d.name)
	}
	return names
}

// allOwners are the services that own parts of any view, each once.
func allOwners() (owners []compose.Owner) {
	for _, d := range definitions() {
		for _, o := range d.owners {
			if !slices.Contains(owners, o) {
				owners = append(owners, o)
			}
		}
	}
	return owners
}

// owned reports whether it is known where any of the view's owners is.
func (d definition) owned(owners *compose.Owners) bool {
	return slices.ContainsFunc(d.owners, owners.Configured)
}

// readMapping returns the view's mapping, as the schema says.
func (d definition) readMapping() (*view.Mapping, error) {
	sdl, err := schema.Load()
	if err != nil {
		return nil, err
	}
	return view.MappingOf(sdl, d.name)
}

// sourcesAmong returns those of the sources that the view is made of.
func (d definition) sourcesAmong(all []event.Source) (own []event.Source) {
	aggregates := d.projection(nil).Aggregates()
	for _, s := range all {
		if slices.Contains(aggregates, s.Aggregate) {
			own = append(own, s)
		}
	}
	return own
}

// verification completes options for comparing the view with its owners. It asks no groups where Options.Groups is 0.
func (d definition) verification(owners *compose.Owners, o verify.Options) verify.Options {
	if d.listing != nil && o.Groups > 0 {
		o.Listing = d.listing(owners)
	}
	return o
}
