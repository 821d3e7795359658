package graph

import (
	"context"
	"slices"
	"strings"

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

// understand reads a query of orders. None asks for nothing.
func (r *Resolver) understand(query *string) searching { return understand(r.fields, query) }

// understand reads a query of a view with these fields.
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

// tellSearch adds how a query was understood to extensions.search, for the field at ctx.
func (r *Resolver) tellSearch(ctx context.Context, s searching, loose, partial bool) {
	if !s.given && !partial {
		return
	}
	told := searched{Path: graphql.GetPath(ctx), Warnings: []searchWarning{}, Loose: loose, Partial: partial}
	if s.given {
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

// searches puts what was told into a response's extensions.
func searches(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if response == nil {
		return nil
	}
	request := requestOf(ctx)
	request.mu.Lock()
	defer request.mu.Unlock()
	if len(request.searches) == 0 {
		return response
	}
	slices.SortFunc(request.searches, func(a, b searched) int { return strings.Compare(a.Path.String(), b.Path.String()) })
	extend(response, "search", request.searches)
	return response
}

// searchOrders asks a query; where it finds nothing, once more with what is found loosely. It returns the query that was
// answered.
func (r *Resolver) searchOrders(ctx context.Context, asked compose.ListRequest, s searching) (
	compose.ListRequest, compose.OrderPage, error) {
	viewer := requestOf(ctx).viewer
	page, err := r.reader.SearchOrders(ctx, viewer, asked)
	if err != nil || page.Total > 0 || page.Partial || sameFilter(asked.Match, s.loose) || asked.From != nil {
		return asked, page, err
	}
	loose := asked
	loose.Match = s.loose
	again, err := r.reader.SearchOrders(ctx, viewer, loose)
	if err != nil || again.Total == 0 {
		return asked, page, err
	}
	return loose, again, nil
}

// maxMeant is how many words of a query are looked for others that they may have been meant for.
const maxMeant = 4

// meant returns a query that finds something where this one found nothing: with other words in the place of those that
// are nowhere. Nil if there is none.
func (r *Resolver) meant(ctx context.Context, asked compose.ListRequest, s searching) (*string, error) {
	viewer := requestOf(ctx).viewer
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
