package compose

import (
	"context"
	"encoding/json"

	"github.com/viewgate/viewgate/view/order"
)

// Told is what owners answered about one document of a view.
type Told struct {
	// Document has the parts that were answered and nothing else, each at its owner's version with origin view.FromOwner, in
	// the form that the view's documents have; nil where there is none.
	Document json.RawMessage
	// Failed has the parts, by name, whose owner could not be asked; each error is an *OwnerError.
	Failed map[string]error
}

// OrderParts asks the owners of an order's parts, for those who know of no view's type.
type OrderParts struct{ *Owners }

// Ask returns what the owners answer about these parts, by their names, of these orders, by order id.
func (o OrderParts) Ask(ctx context.Context, wanted map[string][]string) map[string]Told {
	parts := make(map[string]Parts, len(wanted))
	for id, names := range wanted {
		parts[id] = 0
		for _, name := range names {
			parts[id] |= PartsOf(order.Aggregate(name))
		}
	}
	all := make(map[string]Told, len(wanted))
	for id, c := range o.Compose(ctx, parts) {
		told := Told{Failed: map[string]error{}}
		for a, err := range c.Failed {
			told.Failed[string(a)] = err
		}
		if len(c.Order.Parts) > 0 {
			var err error
			if told.Document, err = c.Order.Encode(); err != nil { // it was made of what JSON can say
				for _, name := range wanted[id] {
					told.Failed[name] = err
				}
			}
		}
		all[id] = told
	}
	return all
}
