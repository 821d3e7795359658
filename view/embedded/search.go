package embedded

import (
	"context"
	"fmt"

	"github.com/viewgate/viewgate/view"
)

// Search implements view.Store. Totals are exact. A relevance depends on all documents of the index, so an order by it
// moves when documents are written between two pages; other orders do not.
func (s *Store) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	if err := q.Check(s.mapping); err != nil {
		return view.Page{}, err
	}
	if err := s.begin(ctx); err != nil {
		return view.Page{}, err
	}
	defer s.mu.RUnlock()
	select {
	case s.searching <- struct{}{}:
		defer func() { <-s.searching }()
	case <-ctx.Done():
		return view.Page{}, s.unavailable(ctx.Err())
	}
	page, err := s.search(ctx, v, q)
	if err != nil {
		return view.Page{}, s.unavailable(fmt.Errorf("search: %w", err))
	}
	return page, nil
}

func (s *Store) search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	reader, err := s.index.Reader()
	if err != nil {
		return view.Page{}, err
	}
	defer reader.Close()
	c := &compiler{ctx: ctx, reader: reader, mapping: s.mapping}
	matches, err := c.query(v, q)
	if err != nil {
		return view.Page{}, err
	}
	defer matches.Close()
	o := newOrder(s.mapping, q)
	found, err := newCollector(q, o, reader).collect(ctx, matches)
	if err != nil {
		return view.Page{}, err
	}

	page := view.Page{Total: found.total, Exact: true, More: found.more, Facets: found.facets}
	for _, place := range found.places {
		r, err := fetch(reader, place.id)
		if err != nil {
			return view.Page{}, err
		}
		if r == nil {
			return view.Page{}, fmt.Errorf("document %q: found, but not there", place.id)
		}
		position, err := o.position(place)
		if err != nil {
			return view.Page{}, err
		}
		page.Hits = append(page.Hits, view.Hit{
			Document: s.document(place.id, r), Position: position, Score: place.score,
		})
	}
	return page, nil
}
