package graph

import (
	"reflect"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/cost"
	"github.com/viewgate/viewgate/graph/scalar"
	"github.com/viewgate/viewgate/graph/structs"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/restaurant"
)

// newStructs returns what writes the fields of documents that need no resolver.
func newStructs(schema *ast.Schema, model *cost.Model) *structs.Writer {
	resolved := resolvedFields()
	return structs.New(schema, structs.Options{
		Resolved: func(typeName, field string) bool { return resolved[strings.ToLower(typeName+"."+field)] },
		Computed: map[string]structs.Computed{
			"Order.id": computed(func(o *order.Order) string { return globalID(orderType, o.OrderID) }),
			"Order.restaurant": computed(func(o *order.Order) *restaurant.Restaurant { return knownRestaurant(o) },
				"id", "restaurantId", "name"),
			"Consumer.id":   computed(func(c *order.Consumer) string { return globalID(consumerType, c.ConsumerID) }),
			"Restaurant.id": computed(func(r *restaurant.Restaurant) string { return globalID(restaurantType, r.RestaurantID) }),
		},
		Counted: func(f *ast.FieldDefinition) bool { return !model.Free(f) },
		Scalars: map[string]structs.Scalar{
			"Version":  structs.ScalarOf(scalar.MarshalVersion),
			"Decimal":  structs.ScalarOf(scalar.MarshalDecimal),
			"DateTime": structs.ScalarOf(scalar.MarshalDateTime),
		},
		Empty: empty,
	})
}

// computed makes a field of a function. Only these fields of its value may be selected, where any are named.
func computed[S, T any](of func(*S) T, only ...string) structs.Computed {
	return structs.Computed{Of: func(from any) any { return of(from.(*S)) }, Type: reflect.TypeFor[T](), Only: only}
}

// resolvedFields are the fields that have a resolver, as type.field in lower case: the generated interfaces have a method for
// each type that has any, and these one for each field.
func resolvedFields() map[string]bool {
	fields := map[string]bool{}
	types := reflect.TypeFor[ResolverRoot]()
	for i := range types.NumMethod() {
		of := types.Method(i)
		for j := range of.Type.Out(0).NumMethod() {
			fields[strings.ToLower(of.Name+"."+of.Type.Out(0).Method(j).Name)] = true
		}
	}
	return fields
}

// empty reports whether a value is null where it may be: the document has none.
func empty(value any) bool { return value == "" || value == view.Version(0) }
