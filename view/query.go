package view

import (
	"fmt"
	"math"
	"time"
)

// Query asks for one page of a view's documents. The zero Query asks for the first page of everything, by id.
type Query struct {
	// Words must each be found in at least one searched field, blind to case and accents except where Field.Exact. A word
	// that an analyzer splits ("take-out") must be found in all its pieces, within one field; a keyword must be the whole
	// word. A word of signs alone is found nowhere.
	Words []string
	// Filter limits the result; nil does not.
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
}

// What one query may ask for.
const (
	MaxSize    = 1000 // documents in a page, values of a facet
	MaxWords   = 64
	MaxSorts   = 8
	MaxFacets  = 16
	MaxClauses = 1024 // conditions of a filter, with each value of an In counted
)

// Relevance as a Sort's field orders by how well the words match, best first when Descending.
const Relevance = "_score"

// Sort is one key of an order. Field is a @sortable path of the mapping, or Relevance.
type Sort struct {
	Field      string
	Descending bool
}

// Position is a place in a query's order: the sort keys' values and the id of the document there. A value is a string, a
// float64 (a number, or a date in milliseconds since 1970 UTC), a bool, or nil where the document lacks the field.
type Position struct {
	Values []any  `json:"v"`
	ID     string `json:"i"`
}

// Facet asks for the Size most frequent values of a @facet field among the documents that match. Ties are ordered by
// value.
type Facet struct {
	Field string
	Size  int
}

// Bucket is a facet's value and the number of documents that have it.
type Bucket struct {
	Value string
	Count int
}

// Page is a Search's answer.
type Page struct {
	Hits []Hit
	// Total counts the documents that match. It is exact if Exact, else at least that.
	Total int
	Exact bool
	// More reports whether there are further hits in the page's direction.
	More bool
	// Facets has an entry for each Facet asked for, in the same order, most frequent first.
	Facets [][]Bucket
}

// Hit is one document of a page, with its place in the query's order.
type Hit struct {
	Document
	Position Position
	Score    float64 // in an order by Relevance how well the words match, larger is better; else 0
}

// Filter is a condition on a document: And, Or, Not, In, Range or Exists. Values are typed by the field's kind: string
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
	case len(q.Words) > MaxWords:
		return invalid("", "%d words: %d are possible", len(q.Words), MaxWords)
	case len(q.Sort) > MaxSorts:
		return invalid("", "an order of %d keys: %d are possible", len(q.Sort), MaxSorts)
	case len(q.Facets) > MaxFacets:
		return invalid("", "%d facets: %d are possible", len(q.Facets), MaxFacets)
	}
	for _, s := range q.Sort {
		if s.Field == Relevance {
			continue
		}
		if f := m.Field(s.Field); f == nil || !f.Sortable {
			return invalid(s.Field, "not a field that orders by")
		}
	}
	if q.From != nil {
		if err := q.From.check(q.Order(), m); err != nil {
			return err
		}
	}
	for _, facet := range q.Facets {
		if f := m.Field(facet.Field); f == nil || !f.Facet {
			return invalid(facet.Field, "not a field with a facet")
		}
		if facet.Size < 1 || facet.Size > MaxSize {
			return invalid(facet.Field, "a facet of %d values: 1 to %d are possible", facet.Size, MaxSize)
		}
	}
	if q.Filter == nil {
		return nil
	}
	left := MaxClauses
	return q.Filter.check(m, &left)
}

// Order returns the sort keys that the query is answered by, without the tie-break by id.
func (q *Query) Order() []Sort {
	if len(q.Sort) == 0 && len(q.Words) > 0 {
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
			ok = kind == Number || kind == Money || kind == Date
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
