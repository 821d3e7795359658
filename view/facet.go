package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

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

// Apart takes the query's conditions apart: those on one of these fields alone, by that field, and the others. All of them
// together are the query's, as the viewer may ask it (Mapping.Scope is not among them), and a facet of a field counts without
// the field's own. Words are never a field's own.
func (q *Query) Apart(m *Mapping, v Viewer, fields []string) (own map[string][]Filter, match, filter []Filter) {
	own = map[string][]Filter{}
	guards := m.Guards(v)
	for _, side := range []struct {
		conditions []Filter
		rest       *[]Filter
	}{{conjuncts(q.Match), &match}, {conjuncts(q.Filter), &filter}} {
		for _, c := range side.conditions {
			f := alone(c)
			if guards {
				c = m.asked(v, c) // only now: what it is asked with is no condition of its own
			}
			if f != "" && slices.Contains(fields, f) {
				own[f] = append(own[f], c)
			} else {
				*side.rest = append(*side.rest, c)
			}
		}
	}
	return own, match, filter
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
