package compose

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// idPath is the field that has a document's id.
const idPath = "orderId"

var errScratch = errors.New("no store to match composed orders with")

// search asks the view for all but the overlaid orders, a store in memory for these, and makes one page of both: no order
// is in both, so the totals add up.
func (l *list) search(ctx context.Context) (OrderPage, error) {
	stood := l.horizon.searched()
	if len(l.overlay) == 0 {
		page, err := l.store.Search(ctx, l.viewer, l.Query)
		if err != nil {
			return OrderPage{}, err
		}
		return l.page(ctx, page, stood, FromView)
	}
	ids := make([]any, 0, len(l.overlay))
	for id := range l.overlay {
		ids = append(ids, id)
	}
	others := l.Query
	others.Filter = view.Not{Filter: view.In{Field: idPath, Values: ids}}
	if l.Filter != nil {
		others.Filter = view.And{others.Filter, l.Filter}
	}
	page, err := l.store.Search(ctx, l.viewer, others)
	if err != nil {
		return OrderPage{}, err
	}
	overlaid, err := l.match(ctx)
	if err != nil {
		return OrderPage{}, err
	}
	return l.page(ctx, merge(l.Query, page, overlaid), stood, FromBoth)
}

// match asks the list's own query of the overlaid orders alone.
func (l *list) match(ctx context.Context) (page view.Page, err error) {
	if len(l.overlay) == 0 {
		return view.Page{Exact: true, Facets: make([][]view.Bucket, len(l.Facets))}, nil
	}
	if l.options.Scratch == nil {
		return view.Page{}, errScratch
	}
	scratch, err := l.options.Scratch()
	if err != nil {
		return view.Page{}, err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	writes := make([]view.Write, 0, len(l.overlay))
	for _, id := range slices.Sorted(maps.Keys(l.overlay)) {
		source, err := l.overlay[id].Encode()
		if err != nil {
			return view.Page{}, err
		}
		writes = append(writes, view.Write{ID: id, Source: source})
	}
	for _, result := range scratch.Apply(ctx, writes) {
		if result.Err != nil {
			return view.Page{}, result.Err
		}
	}
	return scratch.Search(ctx, l.viewer, l.Query)
}

// merge makes one page of two pages of different documents, which one query gave.
func merge(q view.Query, a, b view.Page) view.Page {
	hits := slices.Concat(a.Hits, b.Hits)
	slices.SortFunc(hits, func(x, y view.Hit) int { return q.Compare(x.Position, y.Position) })
	page := view.Page{Total: a.Total + b.Total, Exact: a.Exact && b.Exact, More: a.More || b.More || len(hits) > q.Size}
	if len(hits) > q.Size {
		if q.Backward {
			hits = hits[len(hits)-q.Size:]
		} else {
			hits = hits[:q.Size]
		}
	}
	page.Hits = hits
	for i, facet := range q.Facets {
		page.Facets = append(page.Facets, mergeFacet(facet, a.Facets[i], b.Facets[i]))
	}
	return page
}

func mergeFacet(f view.Facet, a, b []view.Bucket) []view.Bucket {
	counts := map[string]int{}
	for _, bucket := range slices.Concat(a, b) {
		counts[bucket.Value] += bucket.Count
	}
	buckets := make([]view.Bucket, 0, len(counts))
	for value, n := range counts {
		buckets = append(buckets, view.Bucket{Value: value, Count: n})
	}
	slices.SortFunc(buckets, func(x, y view.Bucket) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), strings.Compare(x.Value, y.Value))
	})
	return buckets[:min(f.Size, len(buckets))]
}

// page reads the hits and says how fresh they are.
func (l *list) page(ctx context.Context, found view.Page, stood standing, source Source) (OrderPage, error) {
	page := OrderPage{
		Total: found.Total, Exact: found.Exact, More: found.More, Facets: found.Facets,
		Source: source, Lag: stood.lag, Composed: Seen{},
	}
	for _, hit := range found.Hits {
		o, err := order.Decode(hit.Source)
		if err != nil {
			return OrderPage{}, err
		}
		if _, overlaid := l.overlay[hit.ID]; overlaid {
			page.Composed[hit.ID] = VersionsOf(o, AllParts)
		}
		page.Hits = append(page.Hits, OrderHit{Order: o, Position: hit.Position, Score: hit.Score})
	}
	if len(l.overlay) > 0 {
		looksAt := l.Query.Fields()
		byRelevance := slices.ContainsFunc(l.Order(), func(s view.Sort) bool { return s.Field == view.Relevance })
		page.Approximate = byRelevance || slices.Contains(looksAt, "updatedAt")
		for i, facet := range l.Facets {
			page.Approximate = page.Approximate || len(found.Facets[i]) >= facet.Size // what was cut off may belong in it
		}
	}
	l.mend(ctx, &page)
	page.Reason, page.Kept = l.reason, l.kept
	return page, nil
}

// mend composes the degraded parts that the page shows, of which the view has lost an event. It leaves the orders where
// they stand.
func (l *list) mend(ctx context.Context, page *OrderPage) {
	wanted := map[string]Parts{}
	for _, hit := range page.Hits {
		for _, a := range l.Parts.List() {
			if p := hit.Order.Parts[a]; p != nil && p.Degraded != nil {
				wanted[hit.Order.OrderID] |= PartsOf(a)
			}
		}
	}
	if len(wanted) == 0 {
		return
	}
	l.note(Degraded)
	compositions := l.owners.Compose(ctx, wanted)
	for _, hit := range page.Hits {
		c := compositions[hit.Order.OrderID]
		if c.Order == nil {
			continue
		}
		hit.Order.Join(c.Order)
		page.Composed[hit.Order.OrderID] = VersionsOf(hit.Order, AllParts)
		page.Source = FromBoth
		for _, failed := range c.Failed {
			l.note(reasonOf(failed))
			l.kept = l.kept && l.Freshness.Mode == Eventual
		}
	}
}
