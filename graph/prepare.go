package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/graph/scalar"
	"github.com/viewgate/viewgate/graph/variables"
)

// scalars read the schema's own scalars. _Any is read where it is used, so that a bad reference fails alone.
var scalars = variables.Scalars{
	"Version":  func(v any) error { _, err := scalar.UnmarshalVersion(v); return err },
	"Decimal":  func(v any) error { _, err := scalar.UnmarshalDecimal(v); return err },
	"DateTime": func(v any) error { _, err := scalar.UnmarshalDateTime(v); return err },
}

// check refuses an operation before it runs.
type check func(context.Context, *graphql.OperationContext) *gqlerror.Error

// prepare makes an operation ready to run, or says why it cannot run; then it is returned as far as it is known, nil where it is
// not. gqlgen's executor does this, too, but takes variables for what they are not. What is deferred of the operation is so
// only in parts.
func (h *Handler) prepare(ctx context.Context, from *parsed, asked *params, inParts bool) (
	*graphql.OperationContext, gqlerror.List) {
	document := from.document
	if inParts {
		document = from.deferring
	}
	operation := document.Operations.ForName(asked.OperationName)
	if operation == nil {
		return nil, gqlerror.List{gqlerror.Wrap(noOperation(asked.OperationName))}
	}
	values, err := variables.Coerce(h.parsing.schema, scalars, operation.VariableDefinitions, asked.Variables)
	if err != nil {
		located := gqlerror.Wrap(badInput("%w", err))
		if wrong := (*variables.Error)(nil); errors.As(err, &wrong) {
			at := operation.VariableDefinitions.ForName(wrong.Variable).Position
			located.Locations = []gqlerror.Location{{Line: at.Line, Column: at.Column}}
		}
		return nil, gqlerror.List{located}
	}
	ready := &graphql.OperationContext{
		RawQuery: from.text, OperationName: asked.OperationName, Variables: values, Extensions: asked.Extensions,
		Doc: document, Operation: operation,
		RecoverFunc: recovered, ResolverMiddleware: h.fields,
		RootResolverMiddleware: func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler { return next(ctx) },
		Stats:                  graphql.Stats{OperationStart: requestOf(ctx).tally.start},
	}
	requestOf(ctx).plans = &from.plans
	for _, check := range h.checks {
		if err := check(ctx, ready); err != nil {
			return ready, gqlerror.List{err}
		}
	}
	h.persistence.learn(asked)
	return ready, nil
}

// failed returns the answer to an operation that cannot run, which is nil where it is not known. It settles what that held.
func (h *Handler) failed(ctx context.Context, operation *graphql.OperationContext, wrong gqlerror.List) *graphql.Response {
	if operation != nil {
		ctx = graphql.WithOperationContext(ctx, operation)
	}
	requestOf(ctx).settle()
	return h.exec.DispatchError(ctx, wrong)
}

func noOperation(name string) error {
	if name == "" {
		return badInput("the document has several operations: operationName says which one to run")
	}
	return badInput("the document has no operation %.40q", name)
}
