package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"github.com/viewgate/viewgate/telemetry"
)

// traced gives fields that are resolved, rather than read of what is there, spans. Without a tracer it changes nothing.
func traced(tracer *telemetry.Tracer, fields graphql.FieldMiddleware) graphql.FieldMiddleware {
	if tracer == nil {
		return fields
	}
	return func(ctx context.Context, next graphql.Resolver) (any, error) {
		field := graphql.GetFieldContext(ctx)
		if !field.IsResolver {
			return fields(ctx, next)
		}
		ctx, span := tracer.Child(ctx, telemetry.Internal, field.Object+"."+field.Field.Name)
		defer span.End()
		value, err := fields(ctx, next)
		if err != nil {
			is, _ := classify(ctx, err)
			span.Fail(string(is))
		}
		return value, err
	}
}

// endSpan ends the span of an operation with what there is to tell of it.
func endSpan(span *telemetry.Span, o Observation) {
	if span == nil {
		return
	}
	span.Text("graphql.operation.type", o.Kind)
	span.Text("graphql.operation.name", o.Name)
	span.Text("viewgate.operation", o.Operation)
	span.Text("viewgate.outcome", o.Outcome)
	span.Text("viewgate.request_id", o.RequestID)
	span.Text("viewgate.transport", string(o.Transport))
	span.Number("viewgate.cost", o.CostEstimated)
	if o.Status != 0 {
		span.Number("http.response.status_code", o.Status)
	}
	switch code(o.Outcome) {
	case internalServerError, upstreamUnavailable, timeout:
		span.Fail(o.Outcome)
	}
	span.End()
}
