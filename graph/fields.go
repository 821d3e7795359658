package graph

import (
	"context"
	"fmt"
	"reflect"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/cost"
	"github.com/viewgate/viewgate/view"
)

// fieldRules returns a field middleware with what the generated code does not do for the view's documents: a nullable
// field whose Go value is empty ("", version 0) is null, and what is no value of its enum is an error rather than shown. What
// costs anything is counted.
func fieldRules(schema *ast.Schema, model *cost.Model) graphql.FieldMiddleware {
	return func(ctx context.Context, next graphql.Resolver) (any, error) {
		value, err := next(ctx)
		field := graphql.GetFieldContext(ctx).Field
		if !model.Free(field.Definition) { // most are
			if s := requestOf(ctx).spent; s != nil {
				s.spend(field.Field, value)
			}
		}
		if err != nil || value == nil {
			return value, err
		}
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
