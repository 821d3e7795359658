package view

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Query asks for one page of a view's documents. The zero Query asks for the first page of everything, by id.
type Query struct {
	// Match is what the documents are searched for: its Words give each its score, and are what Highlight shows. Nil asks
	// for nothing.
	Match Filter
	// Filter limits the result; nil does not. A Words in it has no score.
	Filter Filter
	// Sort orders the result; ties are broken by id, ascending. Documents without the field come last, in either
	// direction; one with several values stands by its smallest, descending by its largest. Empty means by relevance
	// where there are words, else by id alone.
	Sort []Sort
	// Size is the number of documents in the page: 0 to MaxSize, where 0 asks for totals and facets only.
	Size int
	// From is where the page begins: behind it (before it, if Backward), nil for the first (last) page.
	From *Position
	// Backward asks for the page that ends before From. The hits come in the query's order all the same.
	Backward bool
	// Facets asks for counts of a field's values.
	Facets []Facet
	// Sums asks for the sum of the values of @sortable NUMBER or MONEY fields over the documents that match.
	Sums []string
	// Within is how long the store may look for hits: it then answers with what it has, as a Partial page. 0: until the
	// context ends, which is an error.
	Within time.Duration
}

// What one query may ask for.
const (
	MaxSize    = 1000 // documents in a page, values of a facet
	MaxSorts   = 8
	MaxFacets  = 16
	MaxSums    = 16
	MaxBounds  = 32   // of a facet's ranges
	MaxClauses = 1024 // conditions of Match or of Filter; each value of an In and each word of a Words counts, the latter wordCost
)

// wordCost is how many conditions a word counts as: it is looked for in several fields and forms.
const wordCost = 16

// Relevance as a Sort's field orders by how well the words match, best first when Descending.
const Relevance = "_score"

// Sort is one key of an order. Field is a @sortable path of the mapping, or Relevance. A GEO field orders by the distance
// From a point, ascending; others have none.
type Sort struct {
	Field      string
	Descending bool
	From       *Point
}

// Point is a point on Earth, in degrees (WGS 84): north and east are positive.
type Point struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// Page is a Search's answer.
type Page struct {
	Hits []Hit
	// Total counts the documents that match. It is exact if Exact, else at least that.
	Total int
	Exact bool
	// More reports whether there are further hits in the page's direction.
	More bool
	// Facets has an entry for each Facet asked for, in the same order.
	Facets []Counts
	// Sums has an entry for each of the query's, in the same order.
	Sums []float64
	// Partial reports whether the time was over before all documents were looked at: there may be other and better hits,
	// and totals, facets and sums count too few.
	Partial bool
}

// Hit is one document of a page, with its place in the query's order.
type Hit struct {
	Document
	Position Position
	Score    float64 // in an order by Relevance how well Match is met, as Score tells; else 0
}

// InvalidError says what is wrong with a query, in words for the person who wrote it.
type InvalidError struct {
	Field  string // the field at fault, where it is one
	Reason string
}

func (e *InvalidError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + ": " + e.Reason
}

func invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// Check reports the first thing in q that the mapping does not allow, as an *InvalidError. Stores call it first.
func (q *Query) Check(m *Mapping) error {
	if q.Size < 0 || q.Size > MaxSize {
		return invalid("", "a page of %d: 0 to %d are possible", q.Size, MaxSize)
	}
	switch {
	case len(q.Sort) > MaxSorts:
		return invalid("", "an order of %d keys: %d are possible", len(q.Sort), MaxSorts)
	case len(q.Facets) > MaxFacets:
		return invalid("", "%d facets: %d are possible", len(q.Facets), MaxFacets)
	case len(q.Sums) > MaxSums:
		return invalid("", "%d sums: %d are possible", len(q.Sums), MaxSums)
	case q.Within < 0:
		return invalid("", "a time of %s", q.Within)
	}
	for _, s := range q.Sort {
		if err := s.check(m); err != nil {
			return err
		}
	}
	if q.From != nil {
		if err := q.From.check(q.Order(), m); err != nil {
			return err
		}
	}
	for _, facet := range q.Facets {
		if err := facet.check(m); err != nil {
			return err
		}
	}
	for _, path := range q.Sums {
		if f := m.Field(path); f == nil || !f.Sortable || f.Kind != Number && f.Kind != Money {
			return invalid(path, "not a number that can be summed up")
		}
	}
	for _, f := range []Filter{q.Match, q.Filter} {
		if left := MaxClauses; f != nil {
			if err := f.check(m, &left); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Sort) check(m *Mapping) error {
	if s.Field == Relevance {
		return nil
	}
	f := m.Field(s.Field)
	switch {
	case f == nil || !f.Sortable:
		return invalid(s.Field, "not a field that orders by")
	case f.Kind != Geo && s.From != nil:
		return invalid(s.Field, "a %s has no distance", f.Kind)
	case f.Kind == Geo && s.From == nil:
		return invalid(s.Field, "it orders by the distance from a point, and there is none")
	case f.Kind == Geo && s.Descending:
		return invalid(s.Field, "the nearest comes first, not last")
	case f.Kind == Geo:
		return s.From.check(s.Field)
	}
	return nil
}

func (p *Point) check(field string) error {
	if !(math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180) {
		return invalid(field, "no point on Earth: latitudes are -90 to 90, longitudes -180 to 180")
	}
	return nil
}

// Order returns the sort keys that the query is answered by, without the tie-break by id.
func (q *Query) Order() []Sort {
	if len(q.Sort) == 0 && scores(q.Match) {
		return []Sort{{Field: Relevance, Descending: true}}
	}
	return q.Sort
}

// Fields returns the paths that the query's conditions, order, facets and sums look at, each once. A Words of no field looks
// at all that have a weight, which are not among them.
func (q *Query) Fields() []string {
	var paths []string
	for _, s := range q.Order() {
		if s.Field != Relevance {
			paths = append(paths, s.Field)
		}
	}
	for _, f := range q.Facets {
		paths = append(paths, f.Field)
	}
	paths = append(paths, q.Sums...)
	paths = append(paths, filterFields(q.Match)...)
	paths = append(paths, filterFields(q.Filter)...)
	slices.Sort(paths)
	return slices.Compact(paths)
}
