package embedded

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/blevesearch/bleve/v2/search"
	index "github.com/blevesearch/bleve_index_api"

	"github.com/viewgate/viewgate/view"
)

// checkEvery is after how many documents a search looks whether its context has ended.
const checkEvery = 1024

// collector runs through the documents that match, counts them and their facets' values, and keeps the page's.
type collector struct {
	order  *order
	from   *place // the page is behind it; nil: it is the first
	size   int    // of the page; below 0: all
	within time.Duration
	reader index.IndexReader
	best   *ranking

	columns  []string
	uses     map[string]use // by column
	counters []*counter
	sums     []float64

	total   int      // documents so far
	current place    // of the document that is being looked at
	buffers [][]byte // what its terms are in, to be used again
	err     error
}

// use tells what a column's terms are for.
type use struct {
	keys     []int // of the order
	counters []*counter
	sums     []int // of the query
}

// collected is what a search found.
type collected struct {
	total   int
	more    bool
	places  []*place // in the query's order
	counts  []view.Counts
	sums    []float64
	partial bool
}

func newCollector(m *view.Mapping, q view.Query, o *order, reader index.IndexReader) *collector {
	c := &collector{
		order: o, size: q.Size, within: q.Within, reader: reader,
		uses:    map[string]use{},
		sums:    make([]float64, len(q.Sums)),
		current: place{terms: make([][]byte, len(o.keys))},
		buffers: make([][]byte, len(o.keys)),
	}
	c.best = &ranking{compare: c.compare}
	for i := range c.buffers {
		c.buffers[i] = []byte{} // a nil term is none, an empty one is a value
	}
	if q.From != nil {
		c.from = o.place(q.From)
	}
	if q.Size != 0 {
		for i, k := range o.keys {
			if k.field != nil {
				u := c.uses[k.column]
				u.keys = append(u.keys, i)
				c.uses[k.column] = u
			}
		}
	}
	for _, f := range q.Facets {
		counts := newCounter(m, f)
		c.counters = append(c.counters, counts)
		u := c.uses[counts.column]
		u.counters = append(u.counters, counts)
		c.uses[counts.column] = u
	}
	for i, path := range q.Sums {
		u := c.uses[orderOf+path]
		u.sums = append(u.sums, i)
		c.uses[orderOf+path] = u
	}
	for column := range c.uses {
		c.columns = append(c.columns, column)
	}
	return c
}

// collect looks at every match. Its only errors are the index's and the context's.
func (c *collector) collect(ctx context.Context, matches search.Searcher) (*collected, error) {
	values, err := c.reader.DocValueReader(c.columns)
	if err != nil {
		return nil, err
	}
	run := &search.SearchContext{
		DocumentMatchPool: search.NewDocumentMatchPool(matches.DocumentMatchPoolSize()+1, 0),
		IndexReader:       c.reader,
	}
	found := &collected{}
	begun := time.Now()
	for {
		if c.total%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if c.within > 0 && time.Since(begun) > c.within {
				found.partial = true
				break
			}
		}
		match, err := matches.Next(run)
		if err != nil {
			return nil, err
		}
		if match == nil {
			break
		}
		c.total++
		clear(c.current.terms)
		if len(c.columns) > 0 {
			if err := values.VisitDocValues(match.IndexInternalID, c.visit); err != nil {
				return nil, err
			}
		}
		if c.size != 0 {
			c.current.score = match.Score
			c.current.number = match.IndexInternalID.Value()
			c.current.id = ""
			c.offer()
			if c.err != nil {
				return nil, c.err
			}
		}
		run.DocumentMatchPool.Put(match)
	}
	c.finish(found)
	return found, c.err
}

// visit takes a term of the current document. The term is the index's own, and gone after the call.
func (c *collector) visit(column string, term []byte) {
	u := c.uses[column]
	for _, counter := range u.counters {
		c.fail(counter.count(c.total, term))
	}
	for _, i := range u.sums {
		n, err := termNumber(string(term))
		c.fail(err)
		c.sums[i] += n
	}
	for _, i := range u.keys {
		k, term := c.order.keys[i], term
		if k.from != nil {
			p, err := termPlace(term)
			c.fail(err)
			term = numberTerm(view.Distance(p, *k.from))
		}
		if k.better(term, c.current.terms[i]) {
			c.buffers[i] = append(c.buffers[i][:0], term...)
			c.current.terms[i] = c.buffers[i]
		}
	}
}

// fail keeps the first error.
func (c *collector) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// offer keeps the current document if it belongs to the page, as far as is known yet, or is the one behind it.
func (c *collector) offer() {
	if c.from != nil && c.compare(c.from, &c.current) >= 0 {
		return
	}
	if c.size < 0 || len(c.best.places) <= c.size {
		kept := &place{terms: make([][]byte, len(c.current.terms))}
		kept.copy(&c.current)
		heap.Push(c.best, kept)
		return
	}
	if last := c.best.places[0]; c.compare(&c.current, last) < 0 {
		last.copy(&c.current)
		heap.Fix(c.best, 0)
	}
}

// compare compares two places in the order, and looks ids up only where they decide.
func (c *collector) compare(a, b *place) int {
	if k := c.order.compareKeys(a, b); k != 0 {
		return k
	}
	c.identify(a)
	c.identify(b)
	return c.order.compareIDs(a, b)
}

// identify finds a place's id. A failure is kept in c.err.
func (c *collector) identify(p *place) {
	if p.id != "" {
		return
	}
	var err error
	if p.id, err = c.reader.ExternalID(index.NewIndexInternalID(nil, p.number)); err != nil && c.err == nil {
		c.err = fmt.Errorf("id of a match: %w", err)
	}
}

// finish puts what was kept and counted in order.
func (c *collector) finish(found *collected) {
	places := c.best.places
	slices.SortFunc(places, c.compare)
	if c.size >= 0 && len(places) > c.size {
		found.more = c.size > 0
		places = places[:c.size]
	}
	if c.order.backward {
		slices.Reverse(places)
	}
	for _, p := range places {
		c.identify(p)
	}
	found.total, found.places, found.sums = c.total, places, c.sums
	for _, counter := range c.counters {
		found.counts = append(found.counts, counter.counts())
	}
}

// ranking is a heap of places with the last in the order on top.
type ranking struct {
	compare func(a, b *place) int
	places  []*place
}

func (r *ranking) Len() int           { return len(r.places) }
func (r *ranking) Less(i, j int) bool { return r.compare(r.places[i], r.places[j]) > 0 }
func (r *ranking) Swap(i, j int)      { r.places[i], r.places[j] = r.places[j], r.places[i] }
func (r *ranking) Push(p any)         { r.places = append(r.places, p.(*place)) }
func (r *ranking) Pop() any           { panic("embedded: a ranking never shrinks") }
