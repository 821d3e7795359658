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
)

// definitions are the views that this program has: its whole wiring of one is a line here. The schema says what each looks
// like, in the type that is marked @view with its name; doc/add-a-view.md adds one.
func definitions() []definition {
	return []definition{
		orders,
	}
}

// definition is a view: what makes its documents, and who owns what is in them.
type definition struct {
	name       string // in the schema, in the names of indices, and on the command line
	projection func(map[event.Aggregate]view.Ordering) projection.Projection

	owners  []compose.Owner                               // the services that own its parts
	ask     func(*compose.Owners) verify.Owners           // about its parts
	source  *compose.Source                               // where a gateway composes a document; nil where it knows otherwise
	listing func(*compose.Owners) (groups verify.Listing) // how to find documents that the view lacks; nil: they are not
	grouped string                                        // what a group of that listing is, in the plural
}

// orders is the view of orders, which graph and compose know by its type.
var orders = definition{
	name: order.ViewName,
	projection: func(o map[event.Aggregate]view.Ordering) projection.Projection {
		return projection.NewOrders(o)
	},
	owners: []compose.Owner{compose.OrderOwner, compose.KitchenOwner, compose.DeliveryOwner, compose.AccountingOwner},
	ask:    func(o *compose.Owners) verify.Owners { return compose.OrderParts{Owners: o} },
	listing: func(o *compose.Owners) verify.Listing {
		return verify.Listing{Group: consumerOf, IDs: ordersOf(o)}
	},
	grouped: "consumers",
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

// verification completes options for comparing the view with its owners.
func (d definition) verification(owners *compose.Owners, o verify.Options) verify.Options {
	if d.listing != nil && o.Groups > 0 && owners.Configured(d.owners[0]) {
		listing := d.listing(owners)
		o.Listing = &listing
	}
	return o
}
