package view

import (
	"cmp"
	"slices"
	"strings"
)

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

// Apart takes the query's conditions apart: those on one of these fields alone, by that field, and the others. All of them
// together are the query's, and a facet of a field counts without the field's own. Words are never a field's own.
func (q *Query) Apart(fields []string) (own map[string][]Filter, match, filter []Filter) {
	own = map[string][]Filter{}
	for _, side := range []struct {
		conditions []Filter
		rest       *[]Filter
	}{{conjuncts(q.Match), &match}, {conjuncts(q.Filter), &filter}} {
		for _, c := range side.conditions {
			if f := alone(c); f != "" && slices.Contains(fields, f) {
				own[f] = append(own[f], c)
			} else {
				*side.rest = append(*side.rest, c)
			}
		}
	}
	return own, match, filter
}

// NoCounts returns the counts of q's facets where nothing matches.
func NoCounts(q Query) []Counts {
	counts := make([]Counts, len(q.Facets))
	for i, f := range q.Facets {
		for j := range f.Bounds {
			if j == 0 {
				counts[i].Buckets = append(counts[i].Buckets, Bucket{Value: f.RangeName(0)})
			}
			counts[i].Buckets = append(counts[i].Buckets, Bucket{Value: f.RangeName(j + 1)})
		}
	}
	return counts
}

// Merge returns the counts of two sets of documents together.
func (facet *Facet) Merge(m *Mapping, a, b Counts) Counts {
	counts := map[string]int{}
	var all []Bucket
	for _, bucket := range slices.Concat(a.Buckets, b.Buckets) {
		if _, there := counts[bucket.Value]; !there {
			all = append(all, bucket)
		}
		counts[bucket.Value] += bucket.Count
	}
	for i := range all {
		all[i].Count = counts[all[i].Value]
	}
	switch m.Field(facet.Field).Kind {
	case Number, Money: // both have all ranges, in their order
		return Counts{Buckets: all}
	case Date:
		slices.SortFunc(all, func(x, y Bucket) int { return strings.Compare(y.Value, x.Value) })
	default:
		slices.SortFunc(all, func(x, y Bucket) int {
			return cmp.Or(cmp.Compare(y.Count, x.Count), strings.Compare(x.Value, y.Value))
		})
	}
	n := min(facet.Size, len(all))
	return Counts{Buckets: all[:n], Others: max(len(all)-n, a.Others, b.Others)}
}

// conjuncts returns conditions that must all hold where f does.
func conjuncts(f Filter) (list []Filter) {
	all, is := f.(And)
	switch {
	case f == nil:
	case !is:
		list = []Filter{f}
	default:
		for _, c := range all {
			list = append(list, conjuncts(c)...)
		}
	}
	return list
}

// alone returns the only field that a condition looks at, "" where there are several or words.
func alone(f Filter) string {
	if scores(f) {
		return ""
	}
	fields := filterFields(f)
	for _, other := range fields {
		if other != fields[0] {
			return ""
		}
	}
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
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
