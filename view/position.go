package view

import (
	"cmp"
	"strings"
)

// Compare tells which of two positions comes first in the query's order: negative for a, positive for b, 0 for the same.
// Places that lack a value come last, ties are broken by id.
func (q *Query) Compare(a, b Position) int {
	for i, s := range q.Order() {
		x, y := a.Values[i], b.Values[i]
		if x == nil || y == nil {
			if x != nil {
				return -1
			}
			if y != nil {
				return 1
			}
			continue
		}
		if c := compareValues(x, y); c != 0 {
			if s.Descending {
				return -c
			}
			return c
		}
	}
	return strings.Compare(a.ID, b.ID)
}

// compareValues compares two values of one key, which are of one kind.
func compareValues(a, b any) int {
	switch a := a.(type) {
	case string:
		b, _ := b.(string)
		return strings.Compare(a, b)
	case float64:
		b, _ := b.(float64)
		return cmp.Compare(a, b)
	case bool:
		if b, _ := b.(bool); a != b {
			if a {
				return 1
			}
			return -1
		}
	}
	return 0
}

// Position is a place in a query's order: the sort keys' values and the id of the document there. A value is a string, a
// float64 (a number, a date in milliseconds since 1970 UTC, or a distance in metres), a bool, or nil where the document
// lacks the field.
type Position struct {
	Values []any  `json:"v"`
	ID     string `json:"i"`
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
