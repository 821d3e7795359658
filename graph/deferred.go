package graph

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// defers reports whether anything of a document has @defer.
func defers(document *ast.QueryDocument) bool {
	found := false
	eachFragment(document, func(directives *ast.DirectiveList) {
		found = found || directives.ForName("defer") != nil
	})
	return found
}

// stripDefer takes @defer from a document: who cannot have an answer in parts has it in one.
func stripDefer(document *ast.QueryDocument) {
	eachFragment(document, func(directives *ast.DirectiveList) {
		*directives = slices.DeleteFunc(*directives, func(d *ast.Directive) bool { return d.Name == "defer" })
	})
}

// eachFragment calls f with the directives of each use of a fragment.
func eachFragment(document *ast.QueryDocument, f func(*ast.DirectiveList)) {
	var walk func(ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		for _, s := range set {
			switch s := s.(type) {
			case *ast.Field:
				walk(s.SelectionSet)
			case *ast.InlineFragment:
				f(&s.Directives)
				walk(s.SelectionSet)
			case *ast.FragmentSpread:
				f(&s.Directives)
			}
		}
	}
	for _, operation := range document.Operations {
		walk(operation.SelectionSet)
	}
	for _, fragment := range document.Fragments {
		walk(fragment.SelectionSet)
	}
}

// later stands in the generated code where a field is deferred. It writes what is not JSON, for withoutLater.
var later = graphql.WriterFunc(func(w io.Writer) { w.Write([]byte{deferredMark}) })

const deferredMark = 0

// withoutLater takes the members of objects out of data that are deferred.
func withoutLater(data []byte) []byte {
	at := bytes.IndexByte(data, deferredMark)
	if at < 0 {
		return data
	}
	kept := make([]byte, 0, len(data))
	for ; at >= 0; at = bytes.IndexByte(data, deferredMark) {
		name := bytes.LastIndexByte(data[:at-len(`":`)], '"') // which is a GraphQL name, without escapes
		kept = append(kept, data[:name]...)
		data = data[at+1:]
		if last := len(kept) - 1; kept[last] == ',' {
			kept = kept[:last]
		} else {
			data = bytes.TrimPrefix(data, []byte(","))
		}
	}
	return append(kept, data...)
}

// nextDeferred stands in the generated code where it waits for what is deferred. It reports false where ctx ends first.
func nextDeferred(ctx context.Context, results <-chan graphql.DeferredResult) (graphql.DeferredResult, bool) {
	select {
	case result := <-results:
		return result, true
	case <-ctx.Done():
		return graphql.DeferredResult{}, false
	}
}
