package graph

import (
	"context"
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

func (e *exchange) parts(ctx context.Context, ready *graphql.OperationContext) {
}
