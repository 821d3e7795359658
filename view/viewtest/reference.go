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
)

// Reference is a view.Store that says what the contract means in the plainest way: it keeps documents in a map and looks
// at all of them for every question. Its relevance is the sum of the weights of the fields in which words are found;
// other stores have their own. Where a field has several values, a document is ordered by the smallest, in a descending
// order by the largest.
//
// It takes words for runs of letters, digits and marks, which agrees with Unicode's word boundaries except around signs
// that join words, as in "don't" and "3.14".
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
		if d, ok := r.documents[id]; ok && r.mapping.Visible(v, d.decoded) {
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
	scope := r.mapping.Scope(v)
	byRelevance := slices.ContainsFunc(q.Order(), func(s view.Sort) bool { return s.Field == view.Relevance })
	var hits []view.Hit
	var decoded []map[string]any
	for _, d := range r.documents {
		score, found := r.words(q.Words, d.decoded)
		if d.Hidden || !found || scope != nil && !r.holds(scope, d.decoded) ||
			q.Filter != nil && !r.holds(q.Filter, d.decoded) {
			continue
		}
		hit := view.Hit{Document: d.Document}
		if byRelevance {
			hit.Score = score
		}
		hit.Position = view.Position{Values: r.sortValues(q, hit, d.decoded), ID: d.ID}
		hits = append(hits, hit)
		decoded = append(decoded, d.decoded)
	}
	page := view.Page{Total: len(hits), Exact: true}
	for _, f := range q.Facets {
		page.Facets = append(page.Facets, r.facet(f, decoded))
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

// words reports whether each word is found, and how much that counts.
func (r *Reference) words(words []string, source map[string]any) (score float64, found bool) {
	for _, word := range words {
		foundWord := false
		for i := range r.mapping.Fields {
			if f := &r.mapping.Fields[i]; f.Weight > 0 && hasWord(f, source, word) {
				foundWord = true
				score += f.Weight
			}
		}
		if !foundWord {
			return 0, false
		}
	}
	return score, true
}

func hasWord(f *view.Field, source map[string]any, word string) bool {
	pieces := map[string]bool{}
	for _, piece := range split(word) {
		pieces[piece] = true
	}
	looked := len(pieces) > 0
	for _, v := range f.Values(source) {
		if f.Kind == view.Keyword {
			if compared(f, v) == compared(f, word) {
				return true
			}
			continue
		}
		for _, have := range split(v.(string)) {
			delete(pieces, have)
		}
	}
	return f.Kind == view.Text && looked && len(pieces) == 0
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
		for _, v := range f.Values(source) {
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
func (r *Reference) facet(facet view.Facet, documents []map[string]any) []view.Bucket {
	counts := map[string]int{}
	for _, source := range documents {
		seen := map[string]bool{}
		for _, v := range r.mapping.Field(facet.Field).Values(source) {
			if s := fmt.Sprint(v); !seen[s] {
				seen[s] = true
				counts[s]++
			}
		}
	}
	buckets := []view.Bucket{}
	for value, n := range counts {
		buckets = append(buckets, view.Bucket{Value: value, Count: n})
	}
	slices.SortFunc(buckets, func(a, b view.Bucket) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return buckets[:min(facet.Size, len(buckets))]
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

func split(s string) []string {
	return strings.FieldsFunc(fold(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
}
