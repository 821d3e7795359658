package compose

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// idPath is the field that has a document's id.
const idPath = "orderId"

var errScratch = errors.New("no store to match composed orders with")

// search answers the list. Orders of the page of which the view misses an event are composed, and the search is made once
// more with them: they may match no longer, or stand elsewhere.
func (l *list) search(ctx context.Context) (OrderPage, error) {
	page, err := l.searchOnce(ctx)
	if err == nil && l.mend(ctx, page) {
		page, err = l.searchOnce(ctx)
	}
	needed := l.needed()
	for _, hit := range page.Hits {
		if parts, why := l.lacking(hit.Order, needed); parts != 0 {
			l.failing(why)
		}
	}
	page.Reason, page.Kept = l.reason, l.kept
	return page, err
}

// searchOnce asks the view for all but the overlaid orders, a store in memory for these, and makes one page of both: no
// order is in both, so the totals add up.
func (l *list) searchOnce(ctx context.Context) (OrderPage, error) {
	stood := l.horizon.searched()
	if len(l.overlay) == 0 {
		page, err := l.store.Search(ctx, l.viewer, l.Query)
		if err != nil {
			return OrderPage{}, err
		}
		return l.page(page, stood, FromView)
	}
	source := FromView
	ids := make([]any, 0, len(l.overlay))
	for id, o := range l.overlay {
		ids = append(ids, id)
		if o != nil {
			source = FromBoth
		}
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
	return l.page(merge(l.mapping, l.Query, page, overlaid), stood, source)
}

// match asks the list's own query of the overlaid orders alone.
func (l *list) match(ctx context.Context) (page view.Page, err error) {
	if len(l.overlay) == 0 {
		return view.Page{Exact: true, Facets: view.NoCounts(l.Query), Sums: make([]float64, len(l.Sums))}, nil
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
		if l.overlay[id] == nil {
			continue
		}
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
func merge(m *view.Mapping, q view.Query, a, b view.Page) view.Page {
	hits := slices.Concat(a.Hits, b.Hits)
	slices.SortFunc(hits, func(x, y view.Hit) int { return q.Compare(x.Position, y.Position) })
	page := view.Page{
		Total: a.Total + b.Total, Exact: a.Exact && b.Exact, More: a.More || b.More || len(hits) > q.Size,
		Partial: a.Partial || b.Partial,
	}
	if len(hits) > q.Size {
		if q.Backward {
			hits = hits[len(hits)-q.Size:]
		} else {
			hits = hits[:q.Size]
		}
	}
	page.Hits = hits
	for i, facet := range q.Facets {
		page.Facets = append(page.Facets, facet.Merge(m, a.Facets[i], b.Facets[i]))
	}
	for i := range q.Sums {
		page.Sums = append(page.Sums, a.Sums[i]+b.Sums[i])
	}
	return page
}

// page reads the hits and says how fresh they are.
func (l *list) page(found view.Page, stood standing, source Source) (OrderPage, error) {
	page := OrderPage{
		Total: found.Total, Exact: found.Exact, More: found.More, Facets: found.Facets, Sums: found.Sums, Partial: found.Partial,
		Source: source, Lag: stood.lag, Composed: Seen{},
	}
	for _, hit := range found.Hits {
		o, err := decode(hit.Source, l.Shown)
		if err != nil {
			return OrderPage{}, err
		}
		if _, overlaid := l.overlay[hit.ID]; overlaid {
			page.Composed[hit.ID] = VersionsOf(o, AllParts)
		}
		page.Hits = append(page.Hits, OrderHit{Order: o, Source: hit.Source, Position: hit.Position, Score: hit.Score})
	}
	if source != FromView {
		looksAt := l.Query.Fields()
		page.Approximate = slices.Contains(looksAt, "updatedAt")
		for i := range l.Facets {
			page.Approximate = page.Approximate || found.Facets[i].Others > 0 // what was cut off may belong in it
		}
	}
	if page.Partial {
		l.failing(Unfinished)
	}
	page.Reason, page.Kept = l.reason, l.kept
	return page, nil
}

// lacking returns the needed parts of an order of which the view misses an event: for good, or, where the view as a whole
// is to be new enough, for now.
func (l *list) lacking(o *order.Order, needed Parts) (parts Parts, why Reason) {
	why = Behind
	promised := l.Freshness.rests() || l.Freshness.owners()
	for _, a := range needed.List() {
		p := o.Parts[a]
		if p == nil || p.Degraded == nil && (!promised || len(p.Waiting) == 0) {
			continue
		}
		if parts |= PartsOf(a); p.Degraded != nil {
			why = Degraded
		}
	}
	return parts, why
}

// failing says what is wrong with an order of the page, which breaks the promise, if there is one.
func (l *list) failing(why Reason) {
	l.note(why)
	l.kept = l.kept && l.eventual()
}

// mend composes what the page's orders lack, and reports whether it overlaid any.
func (l *list) mend(ctx context.Context, page OrderPage) (overlaid bool) {
	wanted, needed := map[string]Parts{}, l.needed()
	for _, hit := range page.Hits {
		_, done := l.overlay[hit.Order.OrderID]
		if parts, why := l.lacking(hit.Order, needed); parts != 0 && !done {
			wanted[hit.Order.OrderID] = parts
			l.note(why)
		}
	}
	if len(wanted) == 0 {
		return false
	}
	compositions := l.owners.Compose(ctx, wanted)
	for _, hit := range page.Hits {
		c := compositions[hit.Order.OrderID]
		if c.Order == nil {
			continue
		}
		for _, failed := range c.Failed {
			l.failing(ReasonOf(failed))
		}
		if len(c.Order.Parts) > 0 {
			if l.History {
				l.failing(Behind) // the latest events are not in the timeline
			}
			o, err := order.Decode(hit.Source) // all of it
			if err != nil {
				l.failing(ViewDown)
				continue
			}
			l.join(o, c.Order)
			l.lay(o)
			overlaid = true
		}
	}
	return overlaid
}
