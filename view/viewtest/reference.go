package viewtest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
)

// Reference is a view.Store that says what the contract means in the plainest way: it keeps documents in a map and looks
// at all of them for every question. Where a field has several values, a document is ordered by the smallest, in a descending
// order by the largest.
type Reference struct {
	mapping *view.Mapping

	mu        sync.Mutex // guards what follows
	documents map[string]stored
	written   int
}

type stored struct {
	view.Document
	decoded map[string]any
}

var _ view.Store = (*Reference)(nil)

// NewReference returns an empty store.
func NewReference(m *view.Mapping) *Reference {
	return &Reference{mapping: m, documents: map[string]stored{}}
}

// Get implements view.Store.
func (r *Reference) Get(ctx context.Context, v view.Viewer, ids []string) (map[string]view.Document, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", view.ErrUnavailable, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]view.Document{}
	for _, id := range ids {
		d, there := r.documents[id]
		if !there {
			continue
		}
		shown, visible, err := r.mapping.Show(v, d.Source)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", view.ErrUnavailable, err)
		}
		if visible {
			d.Document.Source = shown
			found[id] = d.Document
		}
	}
	return found, nil
}

// Apply implements view.Store.
func (r *Reference) Apply(ctx context.Context, writes []view.Write) []view.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	results := make([]view.Result, len(writes))
	for i, w := range writes {
		decoded, err := w.Check()
		switch {
		case ctx.Err() != nil:
			results[i].Err = fmt.Errorf("%w: %w", view.ErrRetry, ctx.Err())
		case err != nil:
			results[i].Err = fmt.Errorf("%w: %w", view.ErrRefused, err)
		case r.documents[w.ID].Revision != w.Revision:
			results[i].Err = view.ErrConflict
		default:
			r.written++
			d := view.Document{
				ID: w.ID, Revision: view.Revision(strconv.Itoa(r.written)), Hidden: w.Hidden,
				Source: slices.Clone(w.Source),
			}
			r.documents[w.ID] = stored{d, decoded}
			results[i].Revision = d.Revision
		}
	}
	return results
}

// Refresh implements view.Store.
func (r *Reference) Refresh(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", view.ErrUnavailable, err)
	}
	return nil
}

// Close implements view.Store.
func (r *Reference) Close() error { return nil }

// Search implements view.Store.
func (r *Reference) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	if err := q.Check(r.mapping); err != nil {
		return view.Page{}, err
	}
	if err := ctx.Err(); err != nil {
		return view.Page{}, fmt.Errorf("%w: %w", view.ErrUnavailable, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, matches, filters := q.Apart(r.mapping, v, nil)
	if scope := r.mapping.Scope(v); scope != nil {
		filters = append(filters, scope)
	}
	byRelevance := slices.ContainsFunc(q.Order(), func(s view.Sort) bool { return s.Field == view.Relevance })
	var hits []view.Hit
	var decoded []map[string]any
	for _, d := range r.documents {
		score, found := r.score(view.And(matches), d.decoded)
		if d.Hidden || !found || !r.holds(view.And(filters), d.decoded) {
			continue
		}
		hit := view.Hit{Document: d.Document}
		var err error
		if hit.Source, err = r.mapping.Redact(v, d.Source); err != nil {
			return view.Page{}, fmt.Errorf("%w: %w", view.ErrUnavailable, err)
		}
		if byRelevance {
			hit.Score = score
		}
		hit.Position = view.Position{Values: r.sortValues(q, hit, d.decoded), ID: d.ID}
		hits = append(hits, hit)
		decoded = append(decoded, d.decoded)
	}
	page := view.Page{Total: len(hits), Exact: true}
	for _, f := range q.Facets {
		page.Facets = append(page.Facets, r.facet(f, r.matching(v, q, f.Field)))
	}
	for _, path := range q.Sums {
		sum := 0.0
		for _, source := range decoded {
			for _, n := range r.mapping.Field(path).Values(source) {
				sum += n.(float64)
			}
		}
		page.Sums = append(page.Sums, sum)
	}
	compare := func(a, b view.Position) int { return comparePositions(q, a, b) }
	slices.SortFunc(hits, func(a, b view.Hit) int { return compare(a.Position, b.Position) })
	if q.From != nil {
		hits = slices.DeleteFunc(hits, func(h view.Hit) bool {
			c := compare(h.Position, *q.From)
			return c == 0 || c < 0 != q.Backward
		})
	}
	page.More = len(hits) > q.Size && q.Size > 0
	n := min(q.Size, len(hits))
	if q.Backward {
		page.Hits = hits[len(hits)-n:]
	} else {
		page.Hits = hits[:n]
	}
	return page, nil
}

// score tells whether what is searched for is found, and how much that counts.
func (r *Reference) score(match view.Filter, source map[string]any) (score float64, found bool) {
	return analysis.Score(r.mapping, match, source, func(f view.Filter) bool { return r.holds(f, source) })
}

// matching returns the documents that match a query but for its conditions on one field, and in which the viewer sees that.
func (r *Reference) matching(v view.Viewer, q view.Query, but string) (found []map[string]any) {
	_, match, filter := q.Apart(r.mapping, v, []string{but})
	if scope := r.mapping.Scope(v); scope != nil {
		filter = append(filter, scope)
	}
	if shown := r.mapping.Shown(v, but); shown != nil {
		filter = append(filter, shown)
	}
	for _, d := range r.documents {
		if !d.Hidden && r.holds(view.And(match), d.decoded) && r.holds(view.And(filter), d.decoded) {
			found = append(found, d.decoded)
		}
	}
	return found
}

// holds evaluates a filter that was checked.
func (r *Reference) holds(filter view.Filter, source map[string]any) bool {
	switch f := filter.(type) {
	case view.And:
		for _, sub := range f {
			if !r.holds(sub, source) {
				return false
			}
		}
		return true
	case view.Or:
		for _, sub := range f {
			if r.holds(sub, source) {
				return true
			}
		}
		return false
	case view.Not:
		return !r.holds(f.Filter, source)
	case view.In:
		field := r.mapping.Field(f.Field)
		return slices.ContainsFunc(field.Values(source), func(have any) bool {
			return slices.ContainsFunc(f.Values, func(want any) bool {
				return compared(field, have) == compared(field, want)
			})
		})
	case view.Range:
		field := r.mapping.Field(f.Field)
		bound := func(v any, without float64) float64 {
			if v == nil {
				return without
			}
			return compared(field, v).(float64)
		}
		return slices.ContainsFunc(field.Values(source), func(v any) bool {
			n := compared(field, v).(float64)
			return n > bound(f.GT, math.Inf(-1)) && n >= bound(f.GTE, math.Inf(-1)) &&
				n < bound(f.LT, math.Inf(1)) && n <= bound(f.LTE, math.Inf(1))
		})
	case view.Near:
		for _, p := range r.mapping.Field(f.Field).Values(source)[:min(1, len(r.mapping.Field(f.Field).Values(source)))] {
			return view.Distance(p.(view.Point), f.Point) <= f.Metres
		}
		return false
	case view.Words:
		_, found := r.score(f, source)
		return found
	case view.Exists:
		return len(r.mapping.Field(f.Field).Values(source)) > 0
	}
	panic(fmt.Sprintf("viewtest: filter %T", filter))
}

// sortValues returns what a document is ordered by.
func (r *Reference) sortValues(q view.Query, hit view.Hit, source map[string]any) []any {
	values := []any{}
	for _, s := range q.Order() {
		if s.Field == view.Relevance {
			values = append(values, hit.Score)
			continue
		}
		f := r.mapping.Field(s.Field)
		var best any
		for i, v := range f.Values(source) {
			if p, is := v.(view.Point); is {
				if i > 0 {
					break
				}
				v = view.Distance(p, *s.From)
			}
			v = compared(f, v)
			if best == nil || compareValues(v, best) < 0 != s.Descending {
				best = v
			}
		}
		values = append(values, best)
	}
	return values
}

// facet counts documents by value.
func (r *Reference) facet(facet view.Facet, documents []map[string]any) view.Counts {
	counts := map[string]int{}
	for i := range facet.Bounds {
		counts[facet.RangeName(i)], counts[facet.RangeName(i+1)] = 0, 0
	}
	for _, source := range documents {
		seen := map[string]bool{}
		for _, v := range r.mapping.Field(facet.Field).Values(source) {
			name := fmt.Sprint(v)
			switch v := v.(type) {
			case time.Time:
				name = v.UTC().Format("2006-01")
			case float64:
				i := 0
				for i < len(facet.Bounds) && facet.Bounds[i] <= v {
					i++
				}
				name = facet.RangeName(i)
			}
			if !seen[name] {
				seen[name] = true
				counts[name]++
			}
		}
	}
	buckets := []view.Bucket{}
	for value, n := range counts {
		buckets = append(buckets, view.Bucket{Value: value, Count: n})
	}
	slices.SortFunc(buckets, byFrequency)
	switch r.mapping.Field(facet.Field).Kind {
	case view.Date:
		slices.SortFunc(buckets, func(a, b view.Bucket) int { return strings.Compare(b.Value, a.Value) })
	case view.Number, view.Money:
		place := func(b view.Bucket) int {
			for i := range facet.Bounds {
				if facet.RangeName(i) == b.Value {
					return i
				}
			}
			return len(facet.Bounds)
		}
		slices.SortFunc(buckets, func(a, b view.Bucket) int { return cmp.Compare(place(a), place(b)) })
		return view.Counts{Buckets: buckets}
	}
	n := min(facet.Size, len(buckets))
	return view.Counts{Buckets: buckets[:n], Others: len(buckets) - n}
}

func byFrequency(a, b view.Bucket) int {
	return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
}

// Scan implements view.Store.
func (r *Reference) Scan(ctx context.Context, v view.Viewer, q view.Query, each func(view.Page) error) error {
	if err := q.CheckScan(r.mapping); err != nil {
		return err
	}
	size := q.Size
	q.Size = view.MaxSize
	all, err := r.Search(ctx, v, q)
	if err != nil {
		return err
	}
	for from := 0; ; from += size {
		page := all
		page.Hits = all.Hits[from:min(from+size, len(all.Hits))]
		page.More = from+size < len(all.Hits)
		if err := each(page); err != nil || !page.More {
			return err
		}
	}
}

// Values implements view.Store.
func (r *Reference) Values(_ context.Context, v view.Viewer, q view.ValueQuery) ([]view.Bucket, error) {
	if err := q.Check(r.mapping); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	like := analysis.NewLike(q.Like)
	all := r.facet(view.Facet{Field: q.Field, Size: view.MaxSize}, r.matching(v, view.Query{}, q.Field))
	fit := slices.DeleteFunc(all.Buckets, func(b view.Bucket) bool { return !like.Fits(b.Value) })
	return fit[:min(q.Size, len(fit))], nil
}

// comparePositions is the query's order: missing values last, ties by id.
func comparePositions(q view.Query, a, b view.Position) int {
	for i, s := range q.Order() {
		x, y := a.Values[i], b.Values[i]
		switch {
		case x == nil && y == nil:
			continue
		case x == nil:
			return 1
		case y == nil:
			return -1
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

// compareValues compares two values of one field, as compared returns them.
func compareValues(a, b any) int {
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case float64:
		return cmp.Compare(a, b.(float64))
	case bool:
		switch {
		case a == b.(bool):
			return 0
		case a:
			return 1
		}
		return -1
	}
	panic(fmt.Sprintf("viewtest: value %T", a))
}

// compared returns a value as others of its field are compared with it: a string, a float64 or a bool.
func compared(f *view.Field, v any) any {
	switch v := v.(type) {
	case string:
		if f.Exact() {
			return v
		}
		return fold(v)
	case time.Time:
		return float64(v.UnixMilli())
	}
	return v
}

func fold(s string) string {
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
	return strings.ToLower(bare)
}
