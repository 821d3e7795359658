package embedded

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/viewgate/viewgate/view"
)

// counter counts the documents that have each value of a facet.
type counter struct {
	view.Facet
	kind    view.Kind
	column  string // the index field that has its values
	tallies map[string]*tally
	ranges  []tally // between Bounds
	months  map[int]*tally
}

// tally is how many documents have a value, and the last that was counted: a document has one vote.
type tally struct {
	documents int
	last      int
}

func (t *tally) add(document int) {
	if t.last != document {
		t.documents, t.last = t.documents+1, document
	}
}

func newCounter(m *view.Mapping, f view.Facet) *counter {
	c := &counter{Facet: f, kind: m.Field(f.Field).Kind, column: orderOf + f.Field}
	switch c.kind {
	case view.Date:
		c.months = map[int]*tally{}
	case view.Number, view.Money:
		c.ranges = make([]tally, len(f.Bounds)+1)
	default:
		c.column, c.tallies = valueOf+f.Field, map[string]*tally{}
	}
	return c
}

// count counts a document's term. Documents are numbered from 1.
func (c *counter) count(document int, term []byte) error {
	if c.tallies != nil {
		t := c.tallies[string(term)]
		if t == nil {
			t = &tally{}
			c.tallies[string(term)] = t
		}
		t.add(document)
		return nil
	}
	n, err := termNumber(string(term))
	if err != nil {
		return err
	}
	if c.ranges != nil {
		c.ranges[sort.Search(len(c.Bounds), func(i int) bool { return n < c.Bounds[i] })].add(document)
		return nil
	}
	at := time.UnixMilli(int64(n)).UTC()
	month := at.Year()*12 + int(at.Month()) - 1
	t := c.months[month]
	if t == nil {
		t = &tally{}
		c.months[month] = t
	}
	t.add(document)
	return nil
}

// counts returns what was counted, in the facet's order.
func (c *counter) counts() view.Counts {
	var all []view.Bucket
	switch {
	case c.ranges != nil:
		for i := range c.ranges {
			all = append(all, view.Bucket{Value: c.RangeName(i), Count: c.ranges[i].documents})
		}
		return view.Counts{Buckets: all}
	case c.months != nil:
		for month, t := range c.months {
			name := time.Date(month/12, time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
			all = append(all, view.Bucket{Value: name, Count: t.documents})
		}
		slices.SortFunc(all, func(a, b view.Bucket) int { return strings.Compare(b.Value, a.Value) })
	default:
		for value, t := range c.tallies {
			all = append(all, view.Bucket{Value: value, Count: t.documents})
		}
		slices.SortFunc(all, byFrequency)
	}
	n := min(c.Size, len(all))
	return view.Counts{Buckets: slices.Clip(all[:n]), Others: len(all) - n}
}

func byFrequency(a, b view.Bucket) int {
	return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
}
