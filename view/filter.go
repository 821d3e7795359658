package view

import (
	"math"
	"time"
)

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

func (f And) check(m *Mapping, left *int) error { return checkAll(f, m, left) }

func (f Or) check(m *Mapping, left *int) error { return checkAll(f, m, left) }

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

func filterFields(filter Filter) (paths []string) {
	var parts []Filter
	switch f := filter.(type) {
	case And:
		parts = f
	case Or:
		parts = f
	case Not:
		parts = []Filter{f.Filter}
	case In:
		return []string{f.Field}
	case Range:
		return []string{f.Field}
	case Exists:
		return []string{f.Field}
	case Near:
		return []string{f.Field}
	case Words:
		if f.Field != "" {
			return []string{f.Field}
		}
	}
	for _, part := range parts {
		paths = append(paths, filterFields(part)...)
	}
	return paths
}
