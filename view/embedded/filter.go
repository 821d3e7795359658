package embedded

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/searcher"
	index "github.com/blevesearch/bleve_index_api"

	"github.com/viewgate/viewgate/view"
)

// compiler makes the index's searchers of a query.
//
// It builds the searchers itself instead of going through the library's query types: these drop a required condition
// that cannot match where it stands beside an excluding one, which would show everything to a viewer who may see
// nothing. A searcher that is built and then given up after an error is not closed: all that it holds goes with the
// reader.
type compiler struct {
	ctx     context.Context
	reader  index.IndexReader
	mapping *view.Mapping
}

// unscoredOptions let the index combine postings as bitmaps.
var unscoredOptions = search.SearcherOptions{Score: "none"}

// conditions returns the searcher of the visible documents for which all hold and that the viewer may see. It gives each
// the score of match, if that is asked for.
func (c *compiler) conditions(v view.Viewer, match, filter []view.Filter, score bool) (search.Searcher, error) {
	var all []search.Searcher
	if score {
		for _, f := range match {
			s, err := c.scoring(f)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	} else {
		filter = slices.Concat(match, filter)
	}
	if scope := c.mapping.Scope(v); scope != nil {
		filter = append(slices.Clip(filter), scope)
	}
	if len(filter) > 0 || len(all) == 0 {
		s, err := c.and(filter)
		if err != nil {
			return nil, err
		}
		all = append(all, &scored{Searcher: s})
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return searcher.NewConjunctionSearcher(c.ctx, c.reader, all, search.SearcherOptions{})
}

// scoring returns the searcher of a condition that scores as analysis.Score says.
func (c *compiler) scoring(f view.Filter) (search.Searcher, error) {
	switch f := f.(type) {
	case view.Words:
		return c.words(f)
	case view.And:
		var all []search.Searcher
		for _, part := range f {
			s, err := c.scoring(part)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
		if len(all) > 0 {
			return searcher.NewConjunctionSearcher(c.ctx, c.reader, all, search.SearcherOptions{})
		}
	case view.Or:
		u := &union{add: true}
		for _, part := range f {
			s, err := c.scoring(part)
			if err != nil {
				return nil, err
			}
			u.searchers = append(u.searchers, s)
		}
		return u, nil
	}
	s, err := c.filter(f)
	return &scored{Searcher: s}, err
}

// filter never scores.
func (c *compiler) filter(filter view.Filter) (search.Searcher, error) {
	switch f := filter.(type) {
	case view.And:
		return c.and(f)
	case view.Or:
		var any []search.Searcher
		for _, sub := range f {
			s, err := c.filter(sub)
			if err != nil {
				return nil, err
			}
			any = append(any, s)
		}
		return c.either(any, unscoredOptions)
	case view.Not:
		return c.and(view.And{f})
	case view.In:
		return c.in(f)
	case view.Range:
		return c.within(f)
	case view.Exists:
		return c.term(fieldPaths, f.Field)
	case view.Near:
		return c.near(f)
	case view.Words:
		var any []search.Searcher
		for _, found := range c.findings(f) {
			some, err := found.searchers()
			if err != nil {
				return nil, err
			}
			any = append(any, some...)
		}
		return c.either(any, unscoredOptions)
	}
	return nil, fmt.Errorf("filter %T is not known", filter)
}

// and takes what is excluded together, off what is required.
func (c *compiler) and(filters view.And) (search.Searcher, error) {
	var required, excluded []search.Searcher
	for _, f := range filters {
		into := &required
		if not, ok := f.(view.Not); ok {
			f, into = not.Filter, &excluded
		}
		s, err := c.filter(f)
		if err != nil {
			return nil, err
		}
		*into = append(*into, s)
	}
	var all search.Searcher
	var err error
	if len(required) == 0 {
		all, err = c.everything()
	} else {
		all, err = searcher.NewConjunctionSearcher(c.ctx, c.reader, required, unscoredOptions)
	}
	if err != nil || len(excluded) == 0 {
		return all, err
	}
	none, err := c.either(excluded, unscoredOptions)
	if err != nil {
		return nil, err
	}
	return searcher.NewBooleanSearcher(c.ctx, c.reader, all, nil, none, unscoredOptions)
}

// either leaves out what finds nothing, as most fields do for a word that is misspelt: beside anything but terms the index
// does not combine postings.
func (c *compiler) either(any []search.Searcher, options search.SearcherOptions) (search.Searcher, error) {
	any = slices.DeleteFunc(any, findsNothing)
	if len(any) == 1 {
		return any[0], nil
	}
	return searcher.NewDisjunctionSearcher(c.ctx, c.reader, any, 1, options)
}

// findsNothing reports whether a searcher is known to find nothing. Counts do not tell it: combined postings have none.
func findsNothing(s search.Searcher) bool {
	_, none := s.(*searcher.MatchNoneSearcher)
	return none
}

// everything is all but the hidden documents.
func (c *compiler) everything() (search.Searcher, error) { return c.term(fieldVisible, termVisible) }

func (c *compiler) term(field, term string) (search.Searcher, error) {
	s, err := searcher.NewTermSearcher(c.ctx, c.reader, term, field, 1, unscoredOptions)
	if err == nil && s.Count() == 0 {
		return searcher.NewMatchNoneSearcher(c.reader)
	}
	return s, err
}

func (c *compiler) in(in view.In) (search.Searcher, error) {
	f := c.mapping.Field(in.Field)
	var any []search.Searcher
	for _, v := range in.Values {
		var s search.Searcher
		var err error
		if f.Whole() {
			s, err = c.term(keyOf+f.Path, key(f, v))
		} else {
			s, err = c.term(rangeOf+f.Path, string(numberTerm(numberOf(v))))
		}
		if err != nil {
			return nil, err
		}
		any = append(any, s)
	}
	return c.either(any, unscoredOptions)
}

// near looks at the places between the circle's northern and southern ends.
func (c *compiler) near(n view.Near) (search.Searcher, error) {
	const metresPerDegree = 111_000 // a little less than there are
	reach := n.Metres / metresPerDegree
	low, high, inclusive := n.Point.Latitude-reach, n.Point.Latitude+reach, true
	band, err := searcher.NewNumericRangeSearcher(c.ctx, c.reader, &low, &high, &inclusive, &inclusive, rangeOf+n.Field, 1,
		unscoredOptions)
	if err != nil {
		return nil, err
	}
	values, err := c.reader.DocValueReader([]string{placeOf + n.Field})
	if err != nil {
		return nil, err
	}
	return searcher.NewFilteringSearcher(c.ctx, band, func(_ *search.SearchContext, d *search.DocumentMatch) (within bool) {
		err := values.VisitDocValues(d.IndexInternalID, func(_ string, term []byte) {
			p, err := termPlace(term)
			within = err == nil && view.Distance(p, n.Point) <= n.Metres
		})
		return err == nil && within
	}), nil
}

// within takes the tighter of the bounds that are given on each side.
func (c *compiler) within(r view.Range) (search.Searcher, error) {
	low, high := math.Inf(-1), math.Inf(1)
	lowIn, highIn := true, true
	if r.GTE != nil {
		low = numberOf(r.GTE)
	}
	if r.GT != nil {
		if n := numberOf(r.GT); n >= low {
			low, lowIn = n, false
		}
	}
	if r.LTE != nil {
		high = numberOf(r.LTE)
	}
	if r.LT != nil {
		if n := numberOf(r.LT); n <= high {
			high, highIn = n, false
		}
	}
	return searcher.NewNumericRangeSearcher(c.ctx, c.reader, &low, &high, &lowIn, &highIn, rangeOf+r.Field, 1,
		unscoredOptions)
}
