package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/view/order"
)

// healer asks the owners for the parts of orders that miss events.
type healer struct{ owners *compose.Owners }

// ownerOf tells which service owns an aggregate of the order view, and which part of an order it tells.
var ownerOf = map[event.Aggregate]struct {
	owner compose.Owner
	part  order.Aggregate
}{
	event.Order:    {compose.OrderOwner, order.AggregateOrder},
	event.Ticket:   {compose.KitchenOwner, order.AggregateTicket},
	event.Delivery: {compose.DeliveryOwner, order.AggregateDelivery},
	event.Account:  {compose.AccountingOwner, order.AggregateBill},
}

// newHealer returns nil where no owner of an order's parts is configured.
func newHealer(owners *compose.Owners) indexer.Healer {
	for _, o := range ownerOf {
		if owners.Configured(o.owner) {
			return healer{owners}
		}
	}
	return nil
}

// Ask implements indexer.Healer.
func (h healer) Ask(ctx context.Context, id string, aggregates []event.Aggregate) (json.RawMessage, error) {
	var parts []order.Aggregate
	for _, a := range aggregates {
		parts = append(parts, ownerOf[a].part)
	}
	answer := h.owners.Compose(ctx, map[string]compose.Parts{id: compose.PartsOf(parts...)})[id]
	if len(answer.Order.Parts) > 0 { // what one owner told is worth having, whatever became of the others
		return answer.Order.Encode()
	}
	err := errors.New("the owners know nothing of it")
	for _, failed := range answer.Failed {
		err = failed
	}
	return nil, err
}
