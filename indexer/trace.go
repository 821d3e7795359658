package indexer

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/telemetry"
)

// trace is the span of a record whose event says which trace it is part of: from when it is taken until it is done. Few records
// have one; all methods of the nil trace do nothing.
type trace struct {
	tracer *telemetry.Tracer
	ctx    context.Context // of the span: what is done for the record is part of it
	span   *telemetry.Span
	told   atomic.Int64 // when its news were handed over, in nanoseconds since 1970; 0: not yet
}

// begin begins the trace of a record that was taken at a time, and has been decoded into these.
func (x *Indexer) begin(record event.Record, envelopes []event.Envelope, taken time.Time) *trace {
	if x.options.Tracer == nil {
		return nil
	}
	parent := ""
	for _, e := range envelopes {
		if parent == "" {
			parent = e.TraceParent
		}
	}
	for _, h := range record.Headers { // of one that could not be decoded, too
		if parent == "" && (strings.EqualFold(h.Key, "ce_traceparent") || strings.EqualFold(h.Key, "traceparent")) {
			parent = string(h.Value)
		}
	}
	ctx, span := x.options.Tracer.Event(context.Background(), parent, "index "+record.Topic, taken)
	if span == nil {
		return nil
	}
	span.Text("messaging.system", "kafka")
	span.Text("messaging.destination.name", record.Topic)
	span.Number("messaging.kafka.offset", int(record.Offset))
	t := &trace{tracer: x.options.Tracer, ctx: ctx, span: span}
	t.past("decode", taken)
	return t
}

// past tells of a part that began at a time and is over now.
func (t *trace) past(name string, begin time.Time) {
	if t != nil {
		t.tracer.Past(t.ctx, name, begin, time.Now())
	}
}

// telling says that the news of the record are handed over.
func (t *trace) telling() {
	if t != nil {
		t.told.Store(time.Now().UnixNano())
	}
}

// failed says that the record goes to the dead letter topic.
func (t *trace) failed(reason event.Reason) {
	if t != nil {
		t.span.Fail(string(reason))
	}
}

// end ends the span of a record that is done.
func (t *trace) end() {
	if t == nil {
		return
	}
	if told := t.told.Load(); told != 0 {
		t.past("tell", time.Unix(0, told))
	}
	t.span.End()
}

// traces returns those of the jobs' records.
func (x *Indexer) traces(jobs []*job) (all []*trace) {
	if x.options.Tracer == nil {
		return nil
	}
	var last *trace // the events of one record are neighbours
	for _, j := range jobs {
		for _, it := range j.items {
			if it.record != nil && it.record.trace != nil && it.record.trace != last {
				last = it.record.trace
				all = append(all, last)
			}
		}
	}
	return all
}

// maxLinks is how many records the span of a batch is linked to.
const maxLinks = 100

// batch begins the span of an attempt at a batch. It is part of what is done for the first record that has a trace, and linked
// to the others. What the store is asked is part of it.
func (x *Indexer) batch(ctx context.Context, of []*trace) (context.Context, *telemetry.Span) {
	if len(of) == 0 {
		return ctx, nil
	}
	var others []context.Context
	for _, t := range of[1:min(len(of), maxLinks)] {
		others = append(others, t.ctx)
	}
	return x.options.Tracer.Child(telemetry.Within(ctx, of[0].ctx), telemetry.Internal, "write", others...)
}
