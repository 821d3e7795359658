package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/graph-gophers/dataloader/v7"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/model"
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
}

// documentLoader loads documents of one view.
type documentLoader = dataloader.Loader[compose.DocumentRequest, compose.DocumentAnswer]

// documentLoaders returns a loader for each view.
func documentLoaders(ctx context.Context, viewer view.Viewer, views map[string]*compose.Documents) map[string]*documentLoader {
	loaders := make(map[string]*documentLoader, len(views))
	for name, documents := range views {
		loaders[name] = newLoader(ctx, func(ctx context.Context, requests []compose.DocumentRequest) []compose.DocumentAnswer {
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

// documentPage is a page of documents, in the pieces that a connection is made of.
type documentPage[T any] struct {
	nodes   []*T
	cursors []string
	hits    []view.Hit
	info    *model.PageInfo
	total   *model.Count
	facets  []view.Counts
}

// listDocuments answers a field that lists documents of a view, by a query that has all but the page.
func listDocuments[T any](ctx context.Context, r *Resolver, name string, q view.Query, page pageArguments) (
	*documentPage[T], error) {

	documents := r.views[name]
	if documents == nil {
		return nil, fmt.Errorf("%s: %w", name, errNoView)
	}
	viewer := requestOf(ctx).viewer
	if err := q.Check(documents.Mapping()); err != nil {
		return nil, err
	}
	if err := page.apply(viewer, &q); err != nil {
		return nil, err
	}
	if invalid := (*view.InvalidError)(nil); errors.As(q.Check(documents.Mapping()), &invalid) {
		return nil, errCursorExpired // without its place the query is right
	}
	found, err := documents.Search(ctx, viewer, q)
	if err != nil {
		return nil, err
	}
	told := provenance{list: true}
	told.add(compose.FromView, compose.Satisfied, true, found.Lag)
	r.tell(ctx, told)
	return pageOf[T](viewer, q, found.Page)
}

func pageOf[T any](viewer view.Viewer, q view.Query, page view.Page) (*documentPage[T], error) {
	p := &documentPage[T]{
		hits: page.Hits, facets: page.Facets,
		info:  &model.PageInfo{HasNextPage: page.More, HasPreviousPage: q.From != nil},
		total: &model.Count{Count: min(page.Total, math.MaxInt32), Precision: model.CountPrecisionAtLeast},
	}
	if q.Backward {
		p.info.HasNextPage, p.info.HasPreviousPage = q.From != nil, page.More
	}
	if page.Exact && page.Total == p.total.Count {
		p.total.Precision = model.CountPrecisionExact
	}
	for _, hit := range page.Hits {
		node, err := decode[T](hit.Source)
		if err != nil {
			return nil, err
		}
		p.nodes = append(p.nodes, node)
		p.cursors = append(p.cursors, view.EncodeCursor(viewer, q, hit.Position))
	}
	if n := len(p.cursors); n > 0 {
		p.info.StartCursor, p.info.EndCursor = &p.cursors[0], &p.cursors[n-1]
	}
	return p, nil
}
