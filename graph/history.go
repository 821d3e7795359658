package graph

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// listing is what the fields that list orders are asked.
type listing struct {
	query     *string
	filter    map[string]any
	orderBy   []*model.OrderOrder
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
	defaultPage = 20
	maxPage     = 100
)

// consumerPath is the field that tells whose an order is.
const consumerPath = "consumer.consumerId"

// orderIDPath is the field that has an order's id.
const orderIDPath = "orderId"

// createdPath is the field that lists are ordered by unless asked otherwise.
const createdPath = "createdAt"

var newestFirst = []view.Sort{{Field: createdPath, Descending: true}}

// maxKeys is how many keys an order may have.
const maxKeys = 4

// history answers the fields that list orders; of one consumer where an id is given.
func (r *Resolver) history(ctx context.Context, consumerID *string, asked listing) (*model.OrderConnection, error) {
	viewer := requestOf(ctx).client.Viewer
	q, s, err := r.query(viewer, consumerID, asked)
	if err != nil {
		return nil, err
	}
	q.Within = r.limits.Search
	promise, err := r.promise(ctx, asked.freshness)
	if err != nil {
		return nil, err
	}
	shown, err := r.shown(ctx)
	if err != nil {
		return nil, err
	}
	q.Facets = shown.counting.facets
	request := compose.ListRequest{
		Freshness: promise.Freshness, Seen: promise.seen, Parts: shown.parts, History: shown.history, Shown: shown.members,
	}
	if consumerID != nil {
		request.Consumer = rawID(consumerType, *consumerID)
	}
	q, page, err := askLoosely(s, q, func(q view.Query) (compose.OrderPage, error) {
		request.Query = q
		return r.reader.SearchOrders(ctx, viewer, request)
	}, func(p compose.OrderPage) (int, bool) { return p.Total, p.Partial })
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
	r.tellSearch(ctx, s, !sameFilter(q.Match, s.exact), page.Partial)
	c, err := r.connection(viewer, q, page, shown)
	if err == nil && page.Total == 0 && q.From == nil {
		request.Query = q
		c.Meant = func(ctx context.Context) (*string, error) { return r.meant(ctx, request, s) }
	}
	return c, err
}

// shown is what is selected of a connection of orders.
type shown struct {
	parts      compose.Parts // of the orders
	history    bool
	members    *view.Members // of the documents, that the orders are shown with
	counting   counting
	cursors    bool // of the edges
	highlights bool
}

// shown returns what is selected of the connection that the field at ctx answers.
func (r *Resolver) shown(ctx context.Context) (s shown, err error) {
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
	edges := below(fields, "edges")
	nodes := append(below(fields, "nodes"), below(edges, "node")...)
	s.parts, s.history = partsOf(nodes)
	names := make([]string, len(nodes)) // which are the members' names, too
	for i, f := range nodes {
		names[i] = f.Name
	}
	s.members = order.MembersFor(names)
	for _, f := range edges {
		s.cursors, s.highlights = s.cursors || f.Name == "cursor", s.highlights || f.Name == "highlights"
	}
	for _, f := range fields {
		if f.Name == "facets" {
			if err := s.counting.add(operation, r.schema, orderFacets, f); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// orderFacets is the type whose fields are facets of orders.
const orderFacets = "OrderFacets"

// query turns what is asked into the view's terms, and tells how the query's text was understood.
func (r *Resolver) query(viewer view.Viewer, consumerID *string, asked listing) (view.Query, searching, error) {
	var q view.Query
	s := understand(r.fields, asked.query)
	var err error
	if q.Filter, err = readFilter(r.schema, orderFilter, asked.filter); err != nil {
		return q, s, err
	}
	if consumerID != nil {
		whose := view.In{Field: consumerPath, Values: []any{rawID(consumerType, *consumerID)}}
		q.Filter = view.And{whose, q.Filter}
	}
	if q.Sort, err = r.sortKeys(asked.orderBy, s); err != nil {
		return q, s, err
	}
	return q, s, s.settle(viewer, r.mapping, &q, asked.page, nil)
}

// sortKeys returns what is ordered by. What is equally relevant is ordered by age, unless asked otherwise.
func (r *Resolver) sortKeys(by []*model.OrderOrder, s searching) ([]view.Sort, error) {
	if len(by) == 0 {
		return newestFirst, nil
	}
	if len(by) > maxKeys {
		return nil, badInput("orderBy: %d keys; %d are possible", len(by), maxKeys)
	}
	var keys []view.Sort
	for _, key := range by {
		value := r.schema.Types["OrderOrderField"].EnumValues.ForName(key.Field)
		if value == nil {
			return nil, badInput("orderBy.field: %.40q is none", key.Field)
		}
		if key.Direction != "ASC" && key.Direction != "DESC" {
			return nil, badInput("orderBy.direction: %.40q is none", key.Direction)
		}
		k := view.Sort{Field: sortedBy(value), Descending: key.Direction == "DESC"}
		if k.Field == view.Relevance && !s.given {
			return nil, badInput("orderBy.field: %s needs a query", key.Field)
		}
		keys = append(keys, k)
	}
	if len(keys) == 1 && keys[0].Field == view.Relevance {
		keys = append(keys, newestFirst...)
	}
	return keys, nil
}

// sortedBy returns the path that an enum's value orders by.
func sortedBy(value *ast.EnumValueDefinition) string {
	if d := value.Directives.ForName("sorts"); d != nil {
		if field := d.Arguments.ForName("field"); field != nil {
			return field.Value.Raw
		}
	}
	return view.Relevance
}

// checkOrder reports the first value of an enum that orders by what is not sortable.
func checkOrder(schema *ast.Schema, enum string, mapping *view.Mapping) error {
	for _, value := range schema.Types[enum].EnumValues {
		if path := sortedBy(value); path != view.Relevance && (mapping.Field(path) == nil || !mapping.Field(path).Sortable) {
			return fmt.Errorf("schema: %s.%s: @sorts names what is not @sortable", enum, value.Name)
		}
	}
	return nil
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
func (r *Resolver) connection(viewer view.Viewer, q view.Query, page compose.OrderPage, s shown) (*model.OrderConnection, error) {
	c := &model.OrderConnection{
		Edges:    make([]*model.OrderEdge, len(page.Hits)),
		Nodes:    make([]*order.Order, len(page.Hits)),
		PageInfo: pageInfo(q, page.More),
		Total:    countOf(page.Total, page.Exact),
		Counted:  s.counting.counted(r.fields, page.Facets),
	}
	byRelevance := slices.ContainsFunc(q.Order(), func(s view.Sort) bool { return s.Field == view.Relevance })
	for i, hit := range page.Hits {
		c.Nodes[i] = hit.Order
		edge := &model.OrderEdge{Node: hit.Order, Highlights: []*model.Highlight{}}
		if s.cursors || i == 0 || i == len(page.Hits)-1 { // the page's info has the first and the last
			edge.Cursor = view.EncodeCursor(viewer, q, hit.Position)
		}
		if byRelevance {
			edge.Score = &hit.Score
		}
		if s.highlights {
			var err error
			if edge.Highlights, err = highlights(r.mapping, q.Match, hit.Source); err != nil {
				return nil, err
			}
		}
		c.Edges[i] = edge
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	return c, nil
}

// pageInfo tells where a page stands in its list, but for its cursors.
func pageInfo(q view.Query, more bool) *model.PageInfo {
	if q.Backward {
		return &model.PageInfo{HasNextPage: q.From != nil, HasPreviousPage: more}
	}
	return &model.PageInfo{HasNextPage: more, HasPreviousPage: q.From != nil}
}

// countOf returns a page's total as the schema has it.
func countOf(total int, exact bool) *model.Count {
	c := &model.Count{Count: min(total, math.MaxInt32), Precision: model.CountPrecisionAtLeast}
	if exact && total == c.Count {
		c.Precision = model.CountPrecisionExact
	}
	return c
}
