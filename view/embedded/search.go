package embedded

import (
	"context"
	"fmt"
	"maps"
	"slices"

	index "github.com/blevesearch/bleve_index_api"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
)

// Search implements view.Store. Totals are exact.
func (s *Store) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	if err := q.Check(s.mapping); err != nil {
		return view.Page{}, err
	}
	var page view.Page
	err := s.reading(ctx, func(reader index.IndexReader) (err error) {
		page, err = s.search(ctx, reader, v, q)
		return err
	})
	if err != nil {
		return view.Page{}, s.unavailable(fmt.Errorf("search: %w", err))
	}
	return page, nil
}

// reading calls do with the index as it is now, when it is its turn.
func (s *Store) reading(ctx context.Context, do func(index.IndexReader) error) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.mu.RUnlock()
	select {
	case s.searching <- struct{}{}:
		defer func() { <-s.searching }()
	case <-ctx.Done():
		return ctx.Err()
	}
	reader, err := s.index.Reader()
	if err != nil {
		return err
	}
	defer reader.Close()
	return do(reader)
}

func (s *Store) search(ctx context.Context, reader index.IndexReader, v view.Viewer, q view.Query) (view.Page, error) {
	var fields []string
	for _, f := range q.Facets {
		fields = append(fields, f.Field)
	}
	own, match, filter := q.Apart(s.mapping, v, fields)
	without := func(field string) (conditions []view.Filter) { // the filter but the conditions on this field
		conditions = filter
		for _, other := range slices.Sorted(maps.Keys(own)) {
			if other != field {
				conditions = slices.Concat(conditions, own[other])
			}
		}
		return conditions
	}
	counts := make([]view.Counts, len(q.Facets))
	partial := false
	page := q
	page.Facets = nil
	var main []int // the facets that count the page's own matches
	for i, f := range q.Facets {
		shown := s.mapping.Shown(v, f.Field)
		if own[f.Field] == nil && shown == nil {
			main, page.Facets = append(main, i), append(page.Facets, f)
			continue
		}
		alone, conditions := view.Query{Facets: []view.Facet{f}, Within: q.Within}, without(f.Field)
		if shown != nil {
			conditions = append(slices.Clip(conditions), shown)
		}
		found, err := s.collect(ctx, reader, v, alone, match, conditions)
		if err != nil {
			return view.Page{}, err
		}
		counts[i], partial = found.counts[0], partial || found.partial
	}
	found, err := s.collect(ctx, reader, v, page, match, without(""))
	if err != nil {
		return view.Page{}, err
	}
	for n, i := range main {
		counts[i] = found.counts[n]
	}
	partial = partial || found.partial
	answer := view.Page{
		Total: found.total, Exact: !partial, More: found.more, Facets: counts, Sums: found.sums, Partial: partial,
	}
	answer.Hits, err = s.hits(reader, v, newOrder(s.mapping, q), found.places)
	return answer, err
}

// collect runs a query, the conditions of which are given apart.
func (s *Store) collect(ctx context.Context, reader index.IndexReader, v view.Viewer, q view.Query,
	match, filter []view.Filter) (*collected, error) {

	c := &compiler{ctx: ctx, reader: reader, mapping: s.mapping}
	score := slices.ContainsFunc(q.Order(), func(s view.Sort) bool { return s.Field == view.Relevance })
	matches, err := c.conditions(v, match, filter, score)
	if err != nil {
		return nil, err
	}
	defer matches.Close()
	return newCollector(s.mapping, q, newOrder(s.mapping, q), reader).collect(ctx, matches)
}

// hits reads the documents at these places, as the viewer may see them.
func (s *Store) hits(reader index.IndexReader, v view.Viewer, o *order, places []*place) ([]view.Hit, error) {
	var hits []view.Hit
	for _, place := range places {
		r, err := fetch(reader, place.id)
		if err != nil {
			return nil, err
		}
		if r == nil {
			return nil, fmt.Errorf("document %q: found, but not there", place.id)
		}
		position, err := o.position(place)
		if err != nil {
			return nil, err
		}
		d := s.document(place.id, r)
		if d.Source, err = s.mapping.Redact(v, d.Source); err != nil {
			return nil, err
		}
		hits = append(hits, view.Hit{Document: d, Position: position, Score: place.score})
	}
	return hits, nil
}

// Scan implements view.Store. All places are kept in memory.
func (s *Store) Scan(ctx context.Context, v view.Viewer, q view.Query, each func(view.Page) error) error {
	if err := q.CheckScan(s.mapping); err != nil {
		return err
	}
	var failed error
	err := s.reading(ctx, func(reader index.IndexReader) error {
		size := q.Size
		q.Size = -1
		_, match, filter := q.Apart(s.mapping, v, nil)
		found, err := s.collect(ctx, reader, v, q, match, filter)
		if err != nil {
			return err
		}
		o := newOrder(s.mapping, q)
		for left := found.places; ; {
			n := min(size, len(left))
			page := view.Page{Total: found.total, Exact: true, More: len(left) > n}
			if page.Hits, err = s.hits(reader, v, o, left[:n]); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if failed = each(page); failed != nil || !page.More {
				return nil
			}
			left = left[n:]
		}
	})
	if err != nil {
		return s.unavailable(fmt.Errorf("scan: %w", err))
	}
	return failed
}

// Values implements view.Store. Who may see everything is answered from the index's dictionary, and others from all their
// documents.
func (s *Store) Values(ctx context.Context, v view.Viewer, q view.ValueQuery) ([]view.Bucket, error) {
	if err := q.Check(s.mapping); err != nil {
		return nil, err
	}
	like := analysis.NewLike(q.Like)
	var buckets []view.Bucket
	err := s.reading(ctx, func(reader index.IndexReader) (err error) {
		if v.SeesAll() {
			buckets, err = s.fitting(ctx, reader, like, q)
			return err
		}
		every := view.Query{Facets: []view.Facet{{Field: q.Field, Size: view.MaxSize}}}
		var conditions []view.Filter
		if shown := s.mapping.Shown(v, q.Field); shown != nil {
			conditions = []view.Filter{shown}
		}
		found, err := s.collect(ctx, reader, v, every, nil, conditions)
		if err != nil {
			return err
		}
		for _, b := range found.counts[0].Buckets {
			if like.Fits(b.Value) {
				buckets = append(buckets, b)
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.unavailable(fmt.Errorf("values: %w", err))
	}
	slices.SortFunc(buckets, byFrequency)
	return slices.Clip(buckets[:min(q.Size, len(buckets))]), nil
}

// fitting returns the values of the index's dictionary that look like it. The dictionary counts documents that were
// replaced until their segments are merged, so the values that are frequent there are counted anew.
func (s *Store) fitting(ctx context.Context, reader index.IndexReader, like *analysis.Like, q view.ValueQuery) ([]view.Bucket, error) {
	const spare = 100 // values that may fall behind
	column := valueOf + q.Field
	var buckets []view.Bucket
	c := &compiler{ctx: ctx, reader: reader, mapping: s.mapping}
	err := c.dictionary(column, "", func(value string, documents uint64) bool {
		if like.Fits(value) {
			buckets = append(buckets, view.Bucket{Value: value, Count: int(documents)})
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(buckets, byFrequency)
	buckets = buckets[:min(len(buckets), q.Size+spare)]
	for i := range buckets {
		having, err := reader.TermFieldReader(ctx, []byte(buckets[i].Value), column, false, false, false)
		if err != nil {
			return nil, err
		}
		buckets[i].Count = int(having.Count())
		if err := having.Close(); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(buckets, func(b view.Bucket) bool { return b.Count == 0 }), nil
}
