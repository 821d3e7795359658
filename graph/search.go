package graph

import (
	"context"
	"errors"
	"reflect"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
)

// searched is an entry of extensions.search: how one field's query was understood.
type searched struct {
	Path     ast.Path        `json:"path"`
	Query    string          `json:"query"` // in the language's canonical form
	Warnings []searchWarning `json:"warnings"`
	// All says that nothing of the query is left that limits what is found.
	All bool `json:"all"`
	// Loose says that words which are like those asked for, and longer ones that begin like the last, were looked for as well.
	Loose bool `json:"loose"`
	// Partial says that the time was over before all orders were looked at: there may be others, and counts are too low.
	Partial bool `json:"partial"`
}

// searchWarning says what of a query was left out, or read otherwise than it was written.
type searchWarning struct {
	Message string `json:"message"`
	Text    string `json:"text"`
	Start   int    `json:"start"` // in UTF-16 code units of the query
	End     int    `json:"end"`
}

// searching is a query as it was understood.
type searching struct {
	given    bool
	expr     search.Expr
	warnings []search.Warning
	exact    view.Filter
	loose    view.Filter // the same, with what is found besides
}

// understand reads a query of a view with these fields. None asks for nothing.
func understand(fields *search.Fields, query *string) (s searching) {
	if query == nil {
		return s
	}
	s.given = true
	s.expr, s.warnings = search.Parse(*query)
	filter, more := compile(fields, s.expr, 0)
	s.exact, s.warnings = filter, append(s.warnings, more...)
	s.loose, _ = compile(fields, s.expr, view.Typos|view.Beginning)
	return s
}

// compile returns what a search means. Global ids mean the services' own, in conditions and alone.
func compile(fields *search.Fields, expr search.Expr, loose view.Loose) (view.Filter, []search.Warning) {
	for i, word := range search.Words(expr) {
		if _, raw, ok := parseGlobalID(word.Text); ok {
			expr = search.Replace(expr, i, raw)
		}
	}
	return fields.Compile(expr, search.Options{Value: rawValue, Loose: loose})
}

// rawValue takes a global id where a service's own belongs.
func rawValue(_ *view.Field, written string) string {
	if _, raw, ok := parseGlobalID(written); ok {
		return raw
	}
	return written
}

// settle completes a query of a view: with what is searched for, and with the page. Ordered by relevance, what is found
// loosely is behind all else. Stands is what the filter is taken for in cursors; nil: the filter.
func (s searching) settle(viewer view.Viewer, m *view.Mapping, q *view.Query, page pageArguments, stands view.Filter) error {
	q.Match = s.exact
	if order := q.Order(); len(order) > 0 && order[0].Field == view.Relevance {
		q.Match = s.loose
	}
	if err := q.Check(m); err != nil {
		return err
	}
	turn := func() error {
		coded := inCursors(*q, stands)
		err := page.apply(viewer, &coded)
		q.Size, q.Backward, q.From = coded.Size, coded.Backward, coded.From
		return err
	}
	if err := turn(); errors.Is(err, view.ErrCursor) {
		exact := err // the cursor may be of what was found loosely
		if q.Match = s.loose; turn() != nil {
			return exact
		}
	} else if err != nil {
		return err
	}
	if invalid := (*view.InvalidError)(nil); errors.As(q.Check(m), &invalid) {
		return errCursorExpired // without its place the query is right: the cursor is of a view that was shaped otherwise
	}
	return nil
}

// inCursors returns the query that cursors belong to.
func inCursors(q view.Query, stands view.Filter) view.Query {
	if stands != nil {
		q.Filter = stands
	}
	return q
}

// askLoosely asks a query that was settled, and where it finds nothing, once more with what is found loosely. It returns the
// query that was answered.
func askLoosely[P any](s searching, q view.Query, ask func(view.Query) (P, error), count func(P) (total int, partial bool)) (
	view.Query, P, error) {
	page, err := ask(q)
	if err != nil {
		return q, page, err
	}
	if total, partial := count(page); total > 0 || partial || q.From != nil || sameFilter(q.Match, s.loose) {
		return q, page, nil
	}
	loose := q
	loose.Match = s.loose
	again, err := ask(loose)
	if total, _ := count(again); err != nil || total == 0 {
		return q, page, err
	}
	return loose, again, nil
}

// sameFilter reports whether two conditions are the same.
func sameFilter(a, b view.Filter) bool { return reflect.DeepEqual(a, b) }

// tellSearch adds how a query was understood to extensions.search, for the field at ctx.
func (r *Resolver) tellSearch(ctx context.Context, s searching, loose, partial bool) {
	if !s.given && !partial {
		return
	}
	told := searched{Path: graphql.GetPath(ctx), Warnings: []searchWarning{}, Loose: loose, Partial: partial}
	if s.given {
		told.All = s.exact == nil
		told.Query = s.expr.String()
	}
	for _, w := range s.warnings {
		told.Warnings = append(told.Warnings, searchWarning{w.Message, w.Place.Text, w.Place.Start, w.Place.End})
	}
	request := requestOf(ctx)
	request.mu.Lock()
	defer request.mu.Unlock()
	request.searches = append(request.searches, told)
}

// maxMeant is how many words of a query are looked for others that they may have been meant for.
const maxMeant = 4

// meant returns a query that finds something where this one found nothing: with other words in the place of those that
// are nowhere. Nil if there is none.
func (r *Resolver) meant(ctx context.Context, asked compose.ListRequest, s searching) (*string, error) {
	viewer := requestOf(ctx).client.Viewer
	better, changed := s.expr, false
	for i, word := range search.Words(s.expr) {
		if i == maxMeant {
			break
		}
		alone := view.Query{Match: view.Words{Text: word.Text}, Filter: asked.Filter}
		page, err := r.reader.SearchOrders(ctx, viewer, compose.ListRequest{Query: alone, Consumer: asked.Consumer})
		if err != nil {
			return nil, err
		}
		if page.Total > 0 {
			continue
		}
		other, err := r.resembling(ctx, viewer, word.Text)
		if err != nil {
			return nil, err
		}
		if other != "" {
			better, changed = search.Replace(better, i, other), true
		}
	}
	if !changed {
		return nil, nil
	}
	asked.Match, _ = compile(r.fields, better, 0)
	asked.Size, asked.From, asked.Facets, asked.Sort = 0, nil, nil, nil
	page, err := r.reader.SearchOrders(ctx, viewer, compose.ListRequest{Query: asked.Query, Consumer: asked.Consumer})
	if err != nil || page.Total == 0 {
		return nil, err
	}
	text := better.String()
	return &text, nil
}
