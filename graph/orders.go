package graph

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/view/order"
)

// order answers Query.order.
func (r *Resolver) order(ctx context.Context, id string, wanted *model.Freshness) (*order.Order, error) {
	promise, err := r.promise(wanted)
	if err != nil {
		return nil, err
	}
	raw := rawID(orderType, id)
	if raw == "" {
		return nil, nil
	}
	promise.Least = promise.seen[raw]
	told := provenance{token: promise.token}
	o, err := r.orderOf(ctx, compose.Request{ID: raw, Freshness: promise.Freshness}, &told)()
	r.tell(ctx, told)
	return o, err
}

// promise is a Freshness argument, read.
type promise struct {
	compose.Freshness              // without Least, which depends on the order
	token             compose.Seen // what its token says
	seen              compose.Seen // that and what was seen besides
}

// What a Freshness argument may hold.
const (
	maxWait = 5 * time.Second
	maxSeen = 100
)

func (r *Resolver) promise(wanted *model.Freshness) (promise, error) {
	p := promise{seen: compose.Seen{}}
	if wanted == nil {
		return p, nil
	}
	p.Mode, p.OnStale = wanted.Mode, wanted.OnStale
	p.Wait = time.Duration(wanted.WaitMs) * time.Millisecond
	if p.Wait < 0 || p.Wait > maxWait {
		return p, badInput("freshness.waitMs: %d; 0 to %d are possible", wanted.WaitMs, maxWait.Milliseconds())
	}
	if len(wanted.Seen) > maxSeen {
		return p, badInput("freshness.seen: %d versions; %d are possible", len(wanted.Seen), maxSeen)
	}
	if wanted.Token != nil {
		var err error
		if p.token, err = r.tokens.Open(*wanted.Token); err != nil {
			return p, badInput("freshness.token: %w", err)
		}
		p.seen.Merge(p.token)
	}
	for _, s := range wanted.Seen {
		if compose.PartsOf(s.Aggregate) == 0 {
			return p, badInput("freshness.seen: %.40q is no aggregate", s.Aggregate)
		}
		var v compose.Versions
		v.Raise(s.Aggregate, s.Version)
		p.seen.Merge(compose.Seen{rawID(orderType, s.ID): v})
	}
	return p, nil
}

// orderOf begins to load an order with the parts that are selected of the field at ctx, or of its element at an index. It
// adds the errors of parts that could not be asked and adds where the answer came from to told, when it is waited for.
func (r *Resolver) orderOf(ctx context.Context, q compose.Request, told *provenance,
	index ...ast.PathElement) func() (*order.Order, error) {
	selected := graphql.CollectFieldsCtx(ctx, []string{orderType, "Node"})
	q.Parts, q.History = partsOf(selected)
	load := requestOf(ctx).orders.Load(ctx, q)
	return func() (*order.Order, error) {
		answer, err := load()
		if err != nil {
			return nil, err
		}
		told.add(answer.Source, answer.Reason, answer.Kept && answer.Err == nil)
		if answer.Err != nil || answer.Order == nil {
			return nil, answer.Err
		}
		told.show(q.ID, answer.Versions)
		for _, f := range selected {
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
