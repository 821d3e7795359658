package graph

import (
	"context"
	"math"
	"strconv"

	"github.com/99designs/gqlgen/graphql"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

const consumerSummary = "ConsumerSummary"

// unpaid are the statuses of orders that cost nobody anything.
var unpaid = []any{
	string(order.StatusRejected), string(order.StatusCancelled), string(order.StatusPaymentFailed),
}

// summary answers Consumer.summary from two searches: of all orders, and of those that were paid for.
func (r *Resolver) summary(ctx context.Context, consumerID string) (*model.ConsumerSummary, error) {
	viewer := requestOf(ctx).client.Viewer
	var counting counting
	err := counting.add(graphql.GetOperationContext(ctx), r.schema, consumerSummary, graphql.GetFieldContext(ctx).Field)
	if err != nil {
		return nil, err
	}
	whose := view.In{Field: consumerPath, Values: []any{consumerID}}
	all, err := r.reader.SearchOrders(ctx, viewer, compose.ListRequest{
		Query: view.Query{Filter: whose, Sort: newestFirst, Size: 1, Facets: counting.facets}, Consumer: consumerID,
		Parts: compose.AllParts, History: true,
	})
	if err != nil {
		return nil, err
	}
	paid, err := r.reader.SearchOrders(ctx, viewer, compose.ListRequest{
		Query: view.Query{
			Filter: view.And{whose, view.Not{Filter: view.In{Field: "status", Values: unpaid}}},
			Sort:   newestFirst, Size: 1, Sums: []string{"total"},
		},
		Consumer: consumerID,
	})
	if err != nil {
		return nil, err
	}
	s := &model.ConsumerSummary{Orders: countOf(all.Total, all.Exact), Counted: counting.counted(r.fields, all.Facets)}
	if len(all.Hits) > 0 {
		s.LastOrder = all.Hits[0].Order
	}
	if len(paid.Hits) > 0 && paid.Hits[0].Order.Total != nil {
		s.Spent = &order.Money{Amount: exactSum(paid.Sums[0]), Currency: paid.Hits[0].Order.Total.Currency}
	}
	return s, nil
}

// exactSum returns a sum of amounts as a decimal. The stores add up floating-point numbers; of amounts with up to six digits
// behind the point, below a thousand million together, rounding gives the exact sum back.
func exactSum(sum float64) string {
	digits := 2
	for digits < 6 && math.Abs(sum*math.Pow10(digits)-math.Round(sum*math.Pow10(digits))) > 1e-5 {
		digits++
	}
	return strconv.FormatFloat(sum, 'f', digits, 64)
}
