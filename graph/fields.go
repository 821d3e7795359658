package graph

import (
	"context"
	"fmt"
	"reflect"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/view"
)

// leafRules returns a field middleware with what the generated code does not do for the view's documents: a nullable
// field whose Go value is empty ("", version 0) is null, and what is no value of its enum is an error rather than shown.
func leafRules(schema *ast.Schema) graphql.FieldMiddleware {
	return func(ctx context.Context, next graphql.Resolver) (any, error) {
		value, err := next(ctx)
		if err != nil || value == nil {
			return value, err
		}
		field := graphql.GetFieldContext(ctx).Field
		t := field.Definition.Type
		if !t.NonNull && (value == "" || value == view.Version(0)) {
			return nil, nil
		}
		if def := schema.Types[t.NamedType]; def != nil && def.Kind == ast.Enum {
			if text := reflect.ValueOf(value).String(); def.EnumValues.ForName(text) == nil {
				return nil, fmt.Errorf("%q is no %s", text, def.Name)
			}
		}
		return value, nil
	}
}
