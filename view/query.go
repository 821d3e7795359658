package view

import (
	"fmt"
	"math"
	"strconv"
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

// Position is a place in a query's order: the sort keys' values and the id of the document there. A value is a string, a
// float64 (a number, a date in milliseconds since 1970 UTC, or a distance in metres), a bool, or nil where the document
// lacks the field.
type Position struct {
	Values []any  `json:"v"`
	ID     string `json:"i"`
}

// Facet asks how many of the documents that match have each value of a @facet field. It counts without the query's own
// conditions on that field (Query.Apart), so that what was chosen there does not hide what else could be.
//
// Of texts, keywords and booleans it gives the Size most frequent values, ties ordered by value. Of dates it gives the Size
// latest months, in UTC, as 2026-03. Of numbers and money it gives all ranges between ascending Bounds, each with its lower
// bound and without its upper one, in their order, as *..10, 10..20, 20..*; Size is not looked at.
type Facet struct {
	Field  string
	Size   int
	Bounds []float64
}

// RangeName returns how the range below the bound of this number is told, counted from 0; the last has no bound above.
func (facet *Facet) RangeName(i int) string {
	bound := func(i int) string {
		if i < 0 || i >= len(facet.Bounds) {
			return "*"
		}
		return strconv.FormatFloat(facet.Bounds[i], 'f', -1, 64)
	}
	return bound(i-1) + ".." + bound(i)
}

// Bucket is a facet's value and the number of documents that have it.
type Bucket struct {
	Value string
	Count int
}

// Counts answers a Facet. Others is how many further values there are.
type Counts struct {
	Buckets []Bucket
	Others  int
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

// Filter is a condition on a document: And, Or, Not, In, Range, Exists, Near or Words. Values are typed by the field's kind: string
// for text and keyword, float64 for number and money, time.Time for date, bool for boolean. A field with several values
// (in a list) satisfies In and Range if any of them does.
type Filter interface {
	// check reports the first thing that the mapping does not allow. It takes the filter's conditions off what is left
	// of MaxClauses.
	check(m *Mapping, left *int) error
}

// And holds if all hold; an empty And always does.
type And []Filter

// Or holds if any holds; an empty Or never does.
type Or []Filter

// Not holds if the other does not.
type Not struct{ Filter Filter }

// In holds if the field has one of the values. Keywords are compared blind to case and accents, Field.Exact ones as they
// are. Texts are compared whole, like keywords, and only those of which Field.Whole.
type In struct {
	Field  string
	Values []any
}

// Range holds if the field has a value within the bounds; a nil bound is open. Only numbers, money and dates have ranges.
type Range struct {
	Field            string
	GT, GTE, LT, LTE any
}

// Exists holds if the field has any value.
type Exists struct{ Field string }

// Near holds if a GEO field is within so many metres of the point, as Distance measures.
type Near struct {
	Field  string
	Point  Point
	Metres float64
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

func (facet *Facet) check(m *Mapping) error {
	f := m.Field(facet.Field)
	if f == nil || !f.Facet {
		return invalid(facet.Field, "not a field with a facet")
	}
	if f.Kind == Number || f.Kind == Money {
		if n := len(facet.Bounds); n < 1 || n > MaxBounds {
			return invalid(facet.Field, "ranges between %d bounds: 1 to %d are possible", n, MaxBounds)
		}
		for i, b := range facet.Bounds {
			if err := f.checkValue(b); err != nil {
				return err
			}
			if i > 0 && b <= facet.Bounds[i-1] {
				return invalid(facet.Field, "the bounds of its ranges do not ascend")
			}
		}
		return nil
	}
	if facet.Size < 1 || facet.Size > MaxSize {
		return invalid(facet.Field, "a facet of %d values: 1 to %d are possible", facet.Size, MaxSize)
	}
	if facet.Bounds != nil {
		return invalid(facet.Field, "a %s has no ranges", f.Kind)
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

// check reports whether the values are ones that the order's fields can have.
func (p *Position) check(order []Sort, m *Mapping) error {
	if len(p.Values) != len(order) {
		return invalid("", "a position of %d values in an order of %d keys", len(p.Values), len(order))
	}
	for i, v := range p.Values {
		kind := Number
		if order[i].Field != Relevance {
			kind = m.Field(order[i].Field).Kind
		}
		ok := v == nil
		switch v.(type) {
		case float64:
			ok = kind == Number || kind == Money || kind == Date || kind == Geo
		case string:
			ok = kind == Keyword || kind == Text
		case bool:
			ok = kind == Boolean
		}
		if !ok {
			return invalid(order[i].Field, "%v is no place in its order", v)
		}
	}
	return nil
}

func (f And) check(m *Mapping, left *int) error { return checkAll(f, m, left) }
func (f Or) check(m *Mapping, left *int) error  { return checkAll(f, m, left) }
func (f Not) check(m *Mapping, left *int) error { return checkAll([]Filter{f.Filter}, m, left) }

func checkAll(filters []Filter, m *Mapping, left *int) error {
	if err := spend(left, 1); err != nil {
		return err
	}
	for _, f := range filters {
		if f == nil {
			return invalid("", "a condition is missing")
		}
		if err := f.check(m, left); err != nil {
			return err
		}
	}
	return nil
}

func spend(left *int, n int) error {
	if *left -= n; *left < 0 {
		return invalid("", "a filter of more than %d conditions", MaxClauses)
	}
	return nil
}

func (f In) check(m *Mapping, left *int) error {
	field := m.Field(f.Field)
	if field == nil {
		return invalid(f.Field, "not an indexed field")
	}
	if field.Kind == Geo {
		return invalid(f.Field, "a place is near another or not, but never the same")
	}
	if field.Kind == Text && !field.Whole() {
		return invalid(f.Field, "a text that is indexed by its words alone cannot be compared whole")
	}
	for _, v := range f.Values {
		if err := field.checkValue(v); err != nil {
			return err
		}
	}
	return spend(left, 1+len(f.Values))
}

func (f Range) check(m *Mapping, left *int) error {
	field := m.Field(f.Field)
	if field == nil {
		return invalid(f.Field, "not an indexed field")
	}
	switch field.Kind {
	case Number, Money, Date:
	default:
		return invalid(f.Field, "a %s has no range", field.Kind)
	}
	for _, v := range []any{f.GT, f.GTE, f.LT, f.LTE} {
		if v == nil {
			continue
		}
		if err := field.checkValue(v); err != nil {
			return err
		}
	}
	return spend(left, 1)
}

func (f Exists) check(m *Mapping, left *int) error {
	if m.Field(f.Field) == nil {
		return invalid(f.Field, "not an indexed field")
	}
	return spend(left, 1)
}

func (f Near) check(m *Mapping, left *int) error {
	if field := m.Field(f.Field); field == nil || field.Kind != Geo {
		return invalid(f.Field, "not an indexed place")
	}
	if !(f.Metres >= 0 && !math.IsInf(f.Metres, 0)) {
		return invalid(f.Field, "a distance of %v metres", f.Metres)
	}
	if err := f.Point.check(f.Field); err != nil {
		return err
	}
	return spend(left, 1)
}

// checkValue reports whether v has the Go type that the field's kind compares with.
func (f *Field) checkValue(v any) error {
	var ok bool
	switch f.Kind {
	case Text, Keyword:
		_, ok = v.(string)
	case Number, Money:
		var n float64
		n, ok = v.(float64)
		ok = ok && !math.IsNaN(n) && !math.IsInf(n, 0)
	case Date:
		_, ok = v.(time.Time)
	case Boolean:
		_, ok = v.(bool)
	}
	if !ok {
		return invalid(f.Path, "%v is no value of a %s", v, f.Kind)
	}
	return nil
}
