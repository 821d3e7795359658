package graph

import (
	"context"
	"errors"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// listing is what the fields that list orders are asked.
type listing struct {
	query     *string
	filter    map[string]any
	orderBy   *model.OrderOrder
	page      pageArguments
	freshness *model.Freshness
}

type pageArguments struct {
	first  *int
	after  *string
	last   *int
	before *string
}

// What a listing may ask for.
const (
	defaultPage   = 20
	maxPage       = 100
	maxQueryText  = 256 // characters
	maxQueryWords = 16
)

// consumerPath is the field that tells whose an order is.
const consumerPath = "consumer.consumerId"

// orderFields are the paths that the schema's OrderOrderField stands for.
var orderFields = map[string]string{
	"CREATED_AT": "createdAt",
	"UPDATED_AT": "updatedAt",
	"TOTAL":      "total",
	"RELEVANCE":  view.Relevance,
}

// history answers the fields that list orders; of one consumer where an id is given.
func (r *Resolver) history(ctx context.Context, consumerID *string, asked listing) (*model.OrderConnection, error) {
	viewer := requestOf(ctx).viewer
	q, err := r.query(viewer, consumerID, asked)
	if err != nil {
		return nil, err
	}
	promise, err := r.promise(ctx, asked.freshness)
	if err != nil {
		return nil, err
	}
	request := compose.ListRequest{Query: q, Freshness: promise.Freshness, Seen: promise.seen}
	if consumerID != nil {
		request.Consumer = rawID(consumerType, *consumerID)
	}
	request.Parts, request.History = listed(ctx)
	page, err := r.reader.SearchOrders(ctx, viewer, request)
	if err != nil && !errors.Is(err, compose.ErrStale) {
		return nil, err
	}
	told := provenance{token: promise.token, list: true, approximate: page.Approximate}
	told.add(page.Source, page.Reason, page.Kept, page.Lag)
	if err != nil {
		r.tell(ctx, told)
		return nil, err
	}
	for _, hit := range page.Hits {
		_, composed := page.Composed[hit.Order.OrderID]
		told.show(hit.Order.OrderID, compose.VersionsOf(hit.Order, compose.AllParts), composed)
	}
	r.tell(ctx, told)
	return connection(viewer, q, page), nil
}

// listed returns what is selected of the orders of the connection that the field at ctx answers.
func listed(ctx context.Context) (parts compose.Parts, history bool) {
	operation := graphql.GetOperationContext(ctx)
	below := func(fields []graphql.CollectedField, name string) (found []graphql.CollectedField) {
		for _, f := range fields {
			if f.Name == name {
				found = append(found, graphql.CollectFields(operation, f.Selections, []string{orderType, "OrderEdge", "Node"})...)
			}
		}
		return found
	}
	fields := graphql.CollectFieldsCtx(ctx, []string{"OrderConnection"})
	return partsOf(append(below(fields, "nodes"), below(below(fields, "edges"), "node")...))
}

// query turns what is asked into the view's terms.
func (r *Resolver) query(viewer view.Viewer, consumerID *string, asked listing) (view.Query, error) {
	var q view.Query
	var err error
	if q.Words, err = words(asked.query); err != nil {
		return q, err
	}
	if q.Filter, err = readFilter(r.schema, orderFilter, asked.filter); err != nil {
		return q, err
	}
	if consumerID != nil {
		whose := view.In{Field: consumerPath, Values: []any{rawID(consumerType, *consumerID)}}
		q.Filter = view.And{whose, q.Filter}
	}
	if q.Sort, err = sortKeys(asked.orderBy, q.Words); err != nil {
		return q, err
	}
	if err := q.Check(r.mapping); err != nil {
		return q, err
	}
	if err := asked.page.apply(viewer, &q); err != nil {
		return q, err
	}
	if invalid := (*view.InvalidError)(nil); errors.As(q.Check(r.mapping), &invalid) {
		// Without its place the query is right: the cursor is of a view that was shaped otherwise.
		return q, errCursorExpired
	}
	return q, nil
}

// words splits a query at white space.
func words(query *string) ([]string, error) {
	if query == nil {
		return nil, nil
	}
	if n := utf8.RuneCountInString(*query); n > maxQueryText {
		return nil, badInput("query: %d characters; %d are possible", n, maxQueryText)
	}
	list := strings.Fields(*query)
	if len(list) > maxQueryWords {
		return nil, badInput("query: %d words; %d are possible", len(list), maxQueryWords)
	}
	return list, nil
}

func sortKeys(by *model.OrderOrder, words []string) ([]view.Sort, error) {
	if by == nil {
		return []view.Sort{{Field: "createdAt", Descending: true}}, nil
	}
	path, known := orderFields[by.Field]
	if !known {
		return nil, badInput("orderBy.field: %.40q is none", by.Field)
	}
	if by.Direction != "ASC" && by.Direction != "DESC" {
		return nil, badInput("orderBy.direction: %.40q is none", by.Direction)
	}
	if path == view.Relevance && len(words) == 0 {
		return nil, badInput("orderBy.field: RELEVANCE needs a query with words")
	}
	return []view.Sort{{Field: path, Descending: by.Direction == "DESC"}}, nil
}

// apply puts the page into q, whose words, filter and order must be set: a cursor belongs to these.
func (p pageArguments) apply(viewer view.Viewer, q *view.Query) error {
	switch {
	case p.first != nil && p.last != nil:
		return badInput("first and last exclude each other")
	case p.after != nil && p.before != nil:
		return badInput("after and before exclude each other")
	case p.after != nil && p.last != nil:
		return badInput("after goes with first")
	case p.before != nil && p.first != nil:
		return badInput("before goes with last")
	}
	q.Size = defaultPage
	if p.first != nil {
		q.Size = *p.first
	}
	if p.last != nil {
		q.Size = *p.last
	}
	if q.Size < 1 || q.Size > maxPage {
		return badInput("a page of %d; 1 to %d are possible", q.Size, maxPage)
	}
	q.Backward = p.last != nil || p.before != nil
	cursor := p.after
	if p.before != nil {
		cursor = p.before
	}
	if cursor == nil {
		return nil
	}
	var err error
	q.From, err = view.DecodeCursor(viewer, *q, *cursor)
	return err
}

// connection is a page as the schema has it.
func connection(viewer view.Viewer, q view.Query, page compose.OrderPage) *model.OrderConnection {
	c := &model.OrderConnection{
		Edges:    make([]*model.OrderEdge, len(page.Hits)),
		Nodes:    make([]*order.Order, len(page.Hits)),
		PageInfo: &model.PageInfo{HasNextPage: page.More, HasPreviousPage: q.From != nil},
		Total:    &model.Count{Count: min(page.Total, math.MaxInt32), Precision: model.CountPrecisionAtLeast},
	}
	if q.Backward {
		c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage = q.From != nil, page.More
	}
	if page.Exact && page.Total == c.Total.Count {
		c.Total.Precision = model.CountPrecisionExact
	}
	for i, hit := range page.Hits {
		c.Nodes[i] = hit.Order
		c.Edges[i] = &model.OrderEdge{Cursor: view.EncodeCursor(viewer, q, hit.Position), Node: hit.Order}
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	return c
}
