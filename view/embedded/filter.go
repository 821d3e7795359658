package embedded

import (
	"context"
	"fmt"
	"math"

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

// query returns the searcher of the documents that match q and that the viewer may see. It scores by how well the words
// match if the query's order needs that.
func (c *compiler) query(v view.Viewer, q view.Query) (search.Searcher, error) {
	options := unscoredOptions
	if ordersByRelevance(q) {
		options = search.SearcherOptions{}
	}
	var all []search.Searcher
	for _, word := range q.Words {
		s, err := c.word(word, options)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	for _, filter := range []view.Filter{q.Filter, c.mapping.Scope(v)} {
		if filter == nil {
			continue
		}
		s, err := c.filter(filter)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return c.everything()
	}
	return searcher.NewConjunctionSearcher(c.ctx, c.reader, all, options)
}

func ordersByRelevance(q view.Query) bool {
	for _, s := range q.Order() {
		if s.Field == view.Relevance {
			return true
		}
	}
	return false
}

// word finds a word of a query in any of the searched fields: all its pieces in a text, or the whole as a keyword.
func (c *compiler) word(word string, options search.SearcherOptions) (search.Searcher, error) {
	pieces := words(word)
	var any []search.Searcher
	for i := range c.mapping.Fields {
		f := &c.mapping.Fields[i]
		if f.Weight == 0 {
			continue
		}
		terms, field := pieces, wordsOf+f.Path
		if f.Kind == view.Keyword {
			terms, field = []string{key(f, word)}, keyOf+f.Path
		}
		var all []search.Searcher
		for _, term := range terms {
			s, err := searcher.NewTermSearcher(c.ctx, c.reader, term, field, f.Weight, options)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
		switch len(all) {
		case 0:
		case 1:
			any = append(any, all[0])
		default:
			s, err := searcher.NewConjunctionSearcher(c.ctx, c.reader, all, options)
			if err != nil {
				return nil, err
			}
			any = append(any, s)
		}
	}
	return c.either(any, options)
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

func (c *compiler) either(any []search.Searcher, options search.SearcherOptions) (search.Searcher, error) {
	return searcher.NewDisjunctionSearcher(c.ctx, c.reader, any, 1, options)
}

// everything is all but the hidden documents.
func (c *compiler) everything() (search.Searcher, error) { return c.term(fieldVisible, termVisible) }

func (c *compiler) term(field, term string) (search.Searcher, error) {
	return searcher.NewTermSearcher(c.ctx, c.reader, term, field, 1, unscoredOptions)
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
			s, err = c.term(rangeOf+f.Path, string(numberTerm(number(v))))
		}
		if err != nil {
			return nil, err
		}
		any = append(any, s)
	}
	return c.either(any, unscoredOptions)
}

// within takes the tighter of the bounds that are given on each side.
func (c *compiler) within(r view.Range) (search.Searcher, error) {
	low, high := math.Inf(-1), math.Inf(1)
	lowIn, highIn := true, true
	if r.GTE != nil {
		low = number(r.GTE)
	}
	if r.GT != nil {
		if n := number(r.GT); n >= low {
			low, lowIn = n, false
		}
	}
	if r.LTE != nil {
		high = number(r.LTE)
	}
	if r.LT != nil {
		if n := number(r.LT); n <= high {
			high, highIn = n, false
		}
	}
	return searcher.NewNumericRangeSearcher(c.ctx, c.reader, &low, &high, &lowIn, &highIn, rangeOf+r.Field, 1,
		unscoredOptions)
}
