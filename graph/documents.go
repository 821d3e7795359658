package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/graph-gophers/dataloader/v7"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/view"
)

// What the views have in common whose documents each have one part: a view's fields load one with documentOf, and list them
// with listDocuments, by their Go type.

// errNoView says that a view is not among those of this gateway.
var errNoView = errors.New("the view is not kept here")

// readers are what loaders read.
type readers struct {
	orders *compose.Reader
	views  map[string]*compose.Documents // by the view's name
	tracer *telemetry.Tracer
}

// readers returns what the loaders of a message read.
func (r *Resolver) readers() readers {
	views := make(map[string]*compose.Documents, len(r.views))
	for name, v := range r.views {
		views[name] = v.Documents
	}
	return readers{r.reader, views, r.tracer}
}

// documentLoader loads documents of one view.
type documentLoader = dataloader.Loader[compose.DocumentRequest, compose.DocumentAnswer]

// documentLoaders returns a loader for each view.
func documentLoaders(ctx context.Context, viewer view.Viewer, from readers) map[string]*documentLoader {
	loaders := make(map[string]*documentLoader, len(from.views))
	for name, documents := range from.views {
		loaders[name] = newLoader(ctx, from.tracer, "load documents", func(ctx context.Context, requests []compose.DocumentRequest) []compose.DocumentAnswer {
			return documents.Read(ctx, viewer, requests)
		})
	}
	return loaders
}

// documentOf begins to load a document of the view with this name, and no document for the id "". When it is waited for, it
// adds to told where the answer came from.
func documentOf[T any](ctx context.Context, name string, q compose.DocumentRequest, told *provenance) func() (*T, error) {
	if q.ID == "" {
		return func() (*T, error) { return nil, nil }
	}
	loader := requestOf(ctx).documents[name]
	if loader == nil {
		return func() (*T, error) { return nil, fmt.Errorf("%s: %w", name, errNoView) }
	}
	load := loader.Load(ctx, q)
	return func() (*T, error) {
		answer, err := load()
		if err != nil {
			return nil, err
		}
		told.add(answer.Source, answer.Reason, answer.Kept && answer.Err == nil, answer.Lag)
		if answer.Err != nil || answer.Document == nil {
			return nil, answer.Err
		}
		return decode[T](answer.Document)
	}
}

func decode[T any](document json.RawMessage) (*T, error) {
	value := new(T)
	if err := json.Unmarshal(document, value); err != nil {
		return nil, fmt.Errorf("document of a view: %w", err)
	}
	return value, nil
}

// document answers a field that shows one document.
func document[T any](ctx context.Context, r *Resolver, name, id string, wanted *model.Freshness) (*T, error) {
	promise, err := r.promise(ctx, wanted)
	if err != nil {
		return nil, err
	}
	told := provenance{token: promise.token}
	value, err := documentOf[T](ctx, name, compose.DocumentRequest{ID: id, Freshness: promise.Freshness}, &told)()
	r.tell(ctx, told)
	return value, err
}

// documentView is a view, as fields that list its documents know it.
type documentView struct {
	*compose.Documents
	fields *search.Fields
}

// documentViews returns the views, having checked what the schema says of each: of a type X the filters of XFilter, the
// facets of XFacets and the orders of XOrderField, where there are such.
func documentViews(schema *ast.Schema, views map[string]*compose.Documents) (map[string]documentView, error) {
	all := make(map[string]documentView, len(views))
	for name, documents := range views {
		m := documents.Mapping()
		for suffix, check := range map[string]func(*ast.Schema, string, *view.Mapping) error{
			"Filter": checkFilter, "Facets": checkFacets, "OrderField": checkOrder,
		} {
			if schema.Types[m.Type+suffix] == nil {
				continue
			}
			if err := check(schema, m.Type+suffix, m); err != nil {
				return nil, err
			}
		}
		all[name] = documentView{documents, search.FieldsIn(schema, m)}
	}
	return all, nil
}

// documentListing is what a field is asked that lists documents of a view, whose type is X.
type documentListing struct {
	query  *string        // in the search language
	where  map[string]any // an XFilter
	filter view.Filter    // what must hold besides; nil: nothing
	sort   []view.Sort    // nil: by relevance where there is a query, else by the ids
	page   pageArguments
	// stands is what the filter is taken for in cursors, where it depends on more than what was asked; nil: the filter.
	stands view.Filter
}

// documentPage is a page of documents, in the pieces that a connection is made of.
type documentPage[T any] struct {
	nodes   []*T
	cursors []string
	hits    []view.Hit
	info    *model.PageInfo
	total   *model.Count
	facets  *model.Facets
}

// listDocuments answers a field that lists documents of the view with this name. Where nothing is found it looks once more,
// for words that are like those of the query.
func listDocuments[T any](ctx context.Context, r *Resolver, name string, asked documentListing) (*documentPage[T], error) {
	v, ok := r.views[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, errNoView)
	}
	viewer := requestOf(ctx).client.Viewer
	s := understand(v.fields, asked.query)
	q := view.Query{Filter: asked.filter, Sort: asked.sort, Within: r.limits.Search}
	if asked.where != nil {
		where, err := readFilter(r.schema, v.Mapping().Type+"Filter", asked.where)
		if err != nil {
			return nil, err
		}
		q.Filter = where
		if asked.filter != nil {
			q.Filter = view.And{where, asked.filter}
		}
	}
	if err := s.settle(viewer, v.Mapping(), &q, asked.page, asked.stands); err != nil {
		return nil, err
	}
	counting, err := r.countingOf(ctx, v.Mapping().Type)
	if err != nil {
		return nil, err
	}
	q.Facets = counting.facets
	q, found, err := askLoosely(s, q, func(q view.Query) (compose.DocumentPage, error) { return v.Search(ctx, viewer, q) },
		func(p compose.DocumentPage) (int, bool) { return p.Total, p.Partial })
	if err != nil {
		return nil, err
	}
	told := provenance{list: true}
	told.add(compose.FromView, found.Reason, true, found.Lag)
	r.tell(ctx, told)
	r.tellSearch(ctx, s, !sameFilter(q.Match, s.exact), found.Partial)
	p := &documentPage[T]{hits: found.Hits, facets: &model.Facets{Counted: counting.counted(v.fields, found.Facets)}}
	return p, p.fill(viewer, inCursors(q, asked.stands), found.Page)
}

// countingOf returns the facets that are selected of the connection that the field at ctx answers, of a type X: the fields of
// XFacets.
func (r *Resolver) countingOf(ctx context.Context, typeName string) (c counting, err error) {
	for _, f := range graphql.CollectFieldsCtx(ctx, []string{typeName + "Connection"}) {
		if f.Name == "facets" {
			if err := c.add(graphql.GetOperationContext(ctx), r.schema, typeName+"Facets", f); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// fill sets what a connection tells of a page.
func (p *documentPage[T]) fill(viewer view.Viewer, coded view.Query, page view.Page) error {
	p.info = pageInfo(coded, page.More)
	p.total = countOf(page.Total, page.Exact)
	for _, hit := range page.Hits {
		node, err := decode[T](hit.Source)
		if err != nil {
			return err
		}
		p.nodes = append(p.nodes, node)
		p.cursors = append(p.cursors, view.EncodeCursor(viewer, coded, hit.Position))
	}
	if n := len(p.cursors); n > 0 {
		p.info.StartCursor, p.info.EndCursor = &p.cursors[0], &p.cursors[n-1]
	}
	return nil
}
