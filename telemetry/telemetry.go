// Package telemetry tells in spans, as OpenTelemetry has them, what was done for a request or an event, and sends them to a
// collector. It is all that knows OpenTelemetry: whoever is traced has a Tracer, and the context says whose work it does.
//
// Spans name no person: they have neither queries, variables and ids of documents, nor addresses.
package telemetry

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Kind is what a span is of.
type Kind = trace.SpanKind

// The kinds.
const (
	Internal = trace.SpanKindInternal // work of this process
	Server   = trace.SpanKindServer   // a request to it
	Client   = trace.SpanKindClient   // a request of its own
	Consumer = trace.SpanKindConsumer // a record that it takes from a topic
)

// Tracer begins spans. The nil Tracer begins none, and costs nothing: its methods return what they are given, and nil Spans.
type Tracer struct{ tracer trace.Tracer }

// NewTracer returns a Tracer whose spans go to a provider.
func NewTracer(p trace.TracerProvider) *Tracer {
	return &Tracer{p.Tracer("github.com/viewgate/viewgate")}
}

// Span is what is under way. All methods of the nil Span, of what nobody looks at, do nothing.
type Span struct{ span trace.Span }

var propagator propagation.TraceContext

// Now returns the time, for a span that may begin later; the zero time from the nil Tracer.
func (t *Tracer) Now() time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.Now()
}

// Request begins the span of a request, whose header may say what it is part of, and returns a context for its work.
func (t *Tracer) Request(ctx context.Context, header http.Header, name string) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.begin(propagator.Extract(ctx, propagation.HeaderCarrier(header)), name, trace.WithSpanKind(Server))
}

// Event begins the span of an event that says in W3C's form which trace it is part of, as of a time, and returns a context for
// its work. An event that says nothing, or that its trace is not recorded, has none: there are too many for traces of their own.
func (t *Tracer) Event(ctx context.Context, parent, name string, at time.Time) (context.Context, *Span) {
	if t == nil || parent == "" {
		return ctx, nil
	}
	remote := propagator.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
	if !trace.SpanContextFromContext(remote).IsSampled() {
		return ctx, nil
	}
	return t.begin(remote, name, trace.WithSpanKind(Consumer), trace.WithTimestamp(at))
}

// Child begins the span of a part of what is done at ctx, and returns a context for that. Where nobody looks at that, there is
// no span. Links are contexts of other work that it is done for, too.
func (t *Tracer) Child(ctx context.Context, kind Kind, name string, links ...context.Context) (context.Context, *Span) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nil
	}
	return t.begin(ctx, name, trace.WithSpanKind(kind), linked(links))
}

// Past tells of a part of what is done at ctx that is over.
func (t *Tracer) Past(ctx context.Context, name string, begin, end time.Time, links ...context.Context) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	_, span := t.tracer.Start(ctx, name, trace.WithTimestamp(begin), linked(links))
	span.End(trace.WithTimestamp(end))
}

// Within returns ctx as part of what is done at another context.
func Within(ctx, of context.Context) context.Context {
	return trace.ContextWithSpan(ctx, trace.SpanFromContext(of))
}

func linked(all []context.Context) trace.SpanStartOption {
	links := make([]trace.Link, len(all))
	for i, ctx := range all {
		links[i] = trace.LinkFromContext(ctx)
	}
	return trace.WithLinks(links...)
}

func (t *Tracer) begin(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, *Span) {
	ctx, span := t.tracer.Start(ctx, name, options...)
	if !span.IsRecording() {
		return ctx, nil
	}
	return ctx, &Span{span}
}

// Carry puts into a header what the work at ctx is part of, for whoever the request goes to.
func (t *Tracer) Carry(ctx context.Context, header http.Header) {
	if t != nil {
		propagator.Inject(ctx, propagation.HeaderCarrier(header))
	}
}

// Text says something of what is done, by OpenTelemetry's names where it has them.
func (s *Span) Text(name, value string) {
	if s != nil && value != "" {
		s.span.SetAttributes(attribute.String(name, value))
	}
}

// Number is Text for a number.
func (s *Span) Number(name string, value int) {
	if s != nil {
		s.span.SetAttributes(attribute.Int(name, value))
	}
}

// Fail says that it failed, in a word.
func (s *Span) Fail(why string) {
	if s != nil {
		s.span.SetStatus(codes.Error, why)
	}
}

// End ends the span.
func (s *Span) End() {
	if s != nil {
		s.span.End()
	}
}
