package graph

import (
	"context"
	"fmt"
	"reflect"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/cost"
	"github.com/viewgate/viewgate/graph/structs"
)

// fieldRules returns a field middleware with what the generated code does not do for the view's documents: a nullable
// field whose Go value is empty ("", version 0) is null, and what is no value of its enum is an error rather than shown. What
// costs anything is counted. Where all that is selected below a field needs no resolver it is written at once, so that the
// generated code has nothing left to do.
func fieldRules(schema *ast.Schema, model *cost.Model, writer *structs.Writer) graphql.FieldMiddleware {
	return func(ctx context.Context, next graphql.Resolver) (any, error) {
		value, err := next(ctx)
		field, request := graphql.GetFieldContext(ctx).Field, requestOf(ctx)
		if request.spent != nil && !model.Free(field.Definition) { // most are
			request.spent.spend(field.Field, value)
		}
		if err != nil || value == nil {
			return value, err
		}
		t := field.Definition.Type
		if !t.NonNull && empty(value) {
			return nil, nil
		}
		if len(field.Selections) > 0 {
			if request.plans == nil {
				return value, nil
			}
			written, counts, ok := writer.Write(request.plans, field, value)
			if !ok {
				return value, nil
			}
			if request.spent != nil {
				for _, c := range counts {
					request.spent.spend(c.Field, c.Value)
				}
			}
			return written, nil
		}
		if def := schema.Types[t.NamedType]; def != nil && def.Kind == ast.Enum {
			if text := reflect.ValueOf(value).String(); def.EnumValues.ForName(text) == nil {
				return nil, fmt.Errorf("%q is no %s", text, def.Name)
			}
		}
		return value, nil
	}
}
