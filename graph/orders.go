package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/view/order"
)

// order answers Query.order.
func (r *Resolver) order(ctx context.Context, id string, wanted *model.Freshness) (*order.Order, error) {
	promise, err := r.promise(ctx, wanted)
	if err != nil {
		return nil, err
	}
	raw := rawID(orderType, id)
	if raw == "" {
		return nil, nil
	}
	told := provenance{token: promise.token}
	request, s, q := requestOf(ctx), selected(ctx), compose.Request{ID: raw, Freshness: promise.of(raw)}
	if request.sole { // nothing else can want an order yet, so there is no batch to wait for
		prime(ctx, request.orders, []string{raw}, func(string) compose.Request { return s.of(q) },
			func(ctx context.Context, requests []compose.Request) []compose.Answer {
				return r.reader.ReadOrders(ctx, request.client.Viewer, requests)
			})
	}
	o, err := orderOf(ctx, s, q, &told)()
	r.tell(ctx, told)
	return o, err
}

// selection is what is selected of an order.
type selection struct {
	fields  []graphql.CollectedField
	parts   compose.Parts // that the fields are drawn from
	history bool          // the timeline is among them
}

// selected returns what is selected of the order, or of each order, that the field at ctx answers.
func selected(ctx context.Context) selection {
	s := selection{fields: graphql.CollectFieldsCtx(ctx, []string{orderType, "Node", "_Entity"})}
	s.parts, s.history = partsOf(s.fields)
	return s
}

// of completes a request with what is selected.
func (s selection) of(q compose.Request) compose.Request {
	q.Parts, q.History = s.parts, s.history
	if !s.history {
		q.Shown = order.WithoutTimeline()
	}
	return q
}

// orderOf begins to load an order with what is selected of it, for the field at ctx or its element at an index. When it is
// waited for, it adds the errors of parts that could not be asked, and adds to told where the answer came from.
func orderOf(ctx context.Context, s selection, q compose.Request, told *provenance,
	index ...ast.PathElement) func() (*order.Order, error) {
	load := requestOf(ctx).orders.Load(ctx, s.of(q))
	return func() (*order.Order, error) {
		answer, err := load()
		if err != nil {
			return nil, err
		}
		told.add(answer.Source, answer.Reason, answer.Kept && answer.Err == nil, answer.Lag)
		if answer.Err != nil || answer.Order == nil {
			return nil, answer.Err
		}
		told.show(q.ID, answer.Versions, answer.Source != compose.FromView)
		if answer.Source != compose.FromView || len(answer.Failed) > 0 {
			told.parts = append(told.parts, partNotes(q.ID, s.parts, answer)...)
		}
		for _, f := range s.fields {
			a, isPart := partFields[f.Name]
			if failed := answer.Failed[a]; isPart && failed != nil && lacks(answer.Order, a) {
				graphql.AddError(ctx, locate(ctx, failed, append(index, ast.PathName(f.Alias))...))
			}
		}
		return answer.Order, nil
	}
}

// partFields are the fields that are null where their part cannot be had.
var partFields = map[string]order.Aggregate{
	"ticket":   order.AggregateTicket,
	"delivery": order.AggregateDelivery,
	"bill":     order.AggregateBill,
}

func lacks(o *order.Order, a order.Aggregate) bool {
	switch a {
	case order.AggregateTicket:
		return o.Ticket == nil
	case order.AggregateDelivery:
		return o.Delivery == nil
	case order.AggregateBill:
		return o.Bill == nil
	}
	return false
}

// partsOf returns the parts that fields of Order are drawn from, and whether the timeline is among these.
func partsOf(selected []graphql.CollectedField) (parts compose.Parts, history bool) {
	for _, f := range selected {
		a, isPart := partFields[f.Name]
		switch {
		case isPart:
			parts |= compose.PartsOf(a)
		case f.Name == "id" || f.Name == "orderId" || f.Name == "__typename":
		case f.Name == "status":
			parts = compose.AllParts
		case f.Name == "timeline" || f.Name == "updatedAt":
			parts, history = compose.AllParts, true
		default:
			parts |= compose.PartsOf(order.AggregateOrder)
		}
	}
	return parts, history
}
