package view

import (
	"cmp"
	"slices"
	"strings"
)

// Fields returns the paths that the query's filter, order and facets look at, each once. Words look at all that have a
// weight, which are not among them.
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
	paths = append(paths, filterFields(q.Filter)...)
	slices.Sort(paths)
	return slices.Compact(paths)
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
	}
	for _, part := range parts {
		paths = append(paths, filterFields(part)...)
	}
	return paths
}

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
