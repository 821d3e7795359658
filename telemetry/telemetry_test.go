package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	sampled = "00-" + traceID + "-b7ad6b7169203331-01"
	not     = "00-" + traceID + "-b7ad6b7169203331-00"
)

// inMemory returns a Tracer and where its spans end up.
func inMemory(o Options) (*Tracer, *tracetest.InMemoryExporter) {
	spans := tracetest.NewInMemoryExporter()
	sampler, err := o.sampler()
	if err != nil {
		panic(err)
	}
	return newProvider(o, sampler, trace.NewSimpleSpanProcessor(spans)).Tracer(), spans
}

// TestNilTracer: who is not traced pays nothing, and is told nothing.
func TestNilTracer(t *testing.T) {
	var tracer *Tracer
	ctx, header := t.Context(), http.Header{"Traceparent": {sampled}}
	work := func() {
		ctx, span := tracer.Request(ctx, header, "request")
		span.Text("name", "value")
		span.Number("number", 1)
		span.Fail("why")
		inner, child := tracer.Child(ctx, Client, "child")
		child.End()
		_, event := tracer.Event(inner, sampled, "event", tracer.Now())
		event.End()
		tracer.Past(inner, "past", tracer.Now(), tracer.Now())
		tracer.Carry(inner, header)
		span.End()
	}
	if n := testing.AllocsPerRun(100, work); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if diff := cmp.Diff(http.Header{"Traceparent": {sampled}}, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

// TestSpans: what a span is part of, whatever it is begun by.
func TestSpans(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		header string // the client's, and the event's
		work   func(context.Context, *Tracer)
		want   []string // name, and whose child it is
	}{
		{"a request of its own", "", func(ctx context.Context, tr *Tracer) {
			ctx, span := tr.Request(ctx, http.Header{}, "request")
			defer span.End()
			_, child := tr.Child(ctx, Internal, "child")
			child.End()
			tr.Past(ctx, "past", began, began.Add(time.Second))
		}, []string{"child of request", "past of request", "request"}},
		{"a part of a trace", sampled, func(ctx context.Context, tr *Tracer) {
			_, span := tr.Request(ctx, http.Header{"Traceparent": {sampled}}, "request")
			span.End()
		}, []string{"request of b7ad6b7169203331"}},
		{"a trace that is not recorded", not, func(ctx context.Context, tr *Tracer) {
			ctx, span := tr.Request(ctx, http.Header{"Traceparent": {not}}, "request")
			defer span.End()
			_, child := tr.Child(ctx, Internal, "child")
			child.End()
			header := http.Header{}
			if tr.Carry(ctx, header); !strings.HasSuffix(header.Get("Traceparent"), "-00") {
				t.Errorf("owners are told %v", header)
			}
		}, nil},
		{"nobody's work", "", func(ctx context.Context, tr *Tracer) {
			_, span := tr.Child(ctx, Client, "child")
			span.End()
			tr.Past(ctx, "past", began, began)
		}, nil},
		{"an event", sampled, func(ctx context.Context, tr *Tracer) {
			ctx, span := tr.Event(ctx, sampled, "event", began)
			defer span.End()
			_, child := tr.Child(Within(context.Background(), ctx), Internal, "child", ctx)
			child.End()
		}, []string{"child of event", "event of b7ad6b7169203331"}},
		{"an event that says nothing", "", func(ctx context.Context, tr *Tracer) {
			_, span := tr.Event(ctx, "", "event", began)
			span.End()
		}, nil},
		{"an event that is not recorded", not, func(ctx context.Context, tr *Tracer) {
			_, span := tr.Event(ctx, not, "event", began)
			span.End()
		}, nil},
		{"an event that says nonsense", "", func(ctx context.Context, tr *Tracer) {
			_, span := tr.Event(ctx, "00-xyz-1-01", "event", began)
			span.End()
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			tracer, spans := inMemory(Options{})
			test.work(t.Context(), tracer)
			names := map[string]string{}
			for _, s := range spans.GetSpans() {
				names[s.SpanContext.SpanID().String()] = s.Name
			}
			var got []string
			for _, s := range spans.GetSpans() {
				if test.header == sampled && s.SpanContext.TraceID().String() != traceID {
					t.Errorf("%s is of trace %s", s.Name, s.SpanContext.TraceID())
				}
				text := s.Name
				if s.Parent.SpanID().IsValid() {
					parent := s.Parent.SpanID().String()
					if names[parent] != "" {
						parent = names[parent]
					}
					text += " of " + parent
				}
				got = append(got, text)
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		})
	}
}

// TestExport: spans arrive as a collector wants them, with the headers that it wants.
func TestExport(t *testing.T) {
	got := make(chan *http.Request, 1)
	var body []byte
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		got <- r
	}))
	defer collector.Close()
	p, err := New(Options{Endpoint: collector.URL + "/", Headers: "api-key=a%20b, x = y", Service: "gateway", Version: "1.2"})
	if err != nil {
		t.Fatal(err)
	}
	tracer := p.Tracer()
	begin := time.Unix(1_700_000_000, 5)
	ctx, event := tracer.Event(t.Context(), sampled, "index Order", begin)
	event.Text("topic", "Order")
	event.Number("offset", 17)
	event.Fail("body")
	tracer.Past(ctx, "decode", begin, begin.Add(time.Millisecond), ctx)
	event.End()
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := <-got
	if r.URL.Path != "/v1/traces" || r.Header.Get("Api-Key") != "a b" || r.Header.Get("X") != "y" ||
		r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s with %v", r.URL, r.Header)
	}
	var sent struct {
		ResourceSpans []struct {
			Resource   any
			ScopeSpans []struct{ Spans []map[string]any }
		}
	}
	if err := json.Unmarshal(body, &sent); err != nil || len(sent.ResourceSpans) != 1 {
		t.Fatalf("%v in %s", err, body)
	}
	text := func(key, value string) map[string]any {
		return map[string]any{"key": key, "value": map[string]any{"stringValue": value}}
	}
	if diff := cmp.Diff(map[string]any{"attributes": []any{text("service.name", "gateway"), text("service.version", "1.2")}},
		sent.ResourceSpans[0].Resource); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
	spans := sent.ResourceSpans[0].ScopeSpans[0].Spans
	id, end := spans[1]["spanId"], spans[1]["endTimeUnixNano"]
	want := []map[string]any{
		{"traceId": traceID, "spanId": spans[0]["spanId"], "parentSpanId": id, "name": "decode", "kind": 1.0,
			"startTimeUnixNano": "1700000000000000005", "endTimeUnixNano": "1700000000001000005",
			"links": []any{map[string]any{"traceId": traceID, "spanId": id}}},
		{"traceId": traceID, "spanId": id, "parentSpanId": "b7ad6b7169203331", "name": "index Order", "kind": 5.0,
			"startTimeUnixNano": "1700000000000000005", "endTimeUnixNano": end,
			"attributes": []any{text("topic", "Order"), map[string]any{"key": "offset", "value": map[string]any{"intValue": "17"}}},
			"status":     map[string]any{"code": 2.0, "message": "body"}},
	}
	if diff := cmp.Diff(want, spans); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		name  string
		o     Options
		where string // "": nowhere
		err   string
	}{
		{"nothing", Options{Headers: "nonsense", Sampler: "nonsense"}, "", ""},
		{"endpoint", Options{Endpoint: "https://collector:4318/otlp"}, "https://collector:4318/otlp/v1/traces", ""},
		{"whole URL", Options{Endpoint: "http://a:1", TracesURL: "http://b:2/spans"}, "http://b:2/spans", ""},
		{"no URL", Options{Endpoint: "collector:4318"}, "", "--otlp-endpoint"},
		{"no traces URL", Options{TracesURL: "//x"}, "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		{"headers", Options{Endpoint: "http://a:1", Headers: "secret"}, "", "--otlp-headers is not of the form"},
		{"sampler", Options{Endpoint: "http://a:1", Sampler: "jaeger_remote"}, "", `--trace-sampler "jaeger_remote"`},
		{"part", Options{Endpoint: "http://a:1", Sampler: "traceidratio", SamplerArg: "NaN"}, "", `--trace-sampler-arg "NaN"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := New(test.o)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "secret") {
					t.Errorf("error %v, want one about %s", err, test.err)
				}
				return
			}
			where, _ := test.o.target()
			if err != nil || where != test.where || (p == nil) != (test.where == "") {
				t.Errorf("provider %v to %q, %v", p, where, err)
			}
			if err := p.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for _, name := range Samplers() {
		if _, err := (Options{Sampler: name, SamplerArg: "0.5"}).sampler(); err != nil {
			t.Error(err)
		}
	}
}

// TestFailingCollector: what a collector refuses is dropped, and told once.
func TestFailingCollector(t *testing.T) {
	collector := httptest.NewServer(http.NotFoundHandler())
	defer collector.Close()
	var log strings.Builder
	o := Options{Endpoint: collector.URL, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, span := p.Tracer().Request(t.Context(), nil, "request")
		span.End()
		if err := p.provider.ForceFlush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(log.String(), "404"); n != 1 {
		t.Errorf("told %d times: %s", n, &log)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestRedirectingCollector: spans and their headers go where they are sent, and not where that sends them.
func TestRedirectingCollector(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	collector := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer collector.Close()
	var log strings.Builder
	p, err := New(Options{Endpoint: collector.URL, Headers: "api-key=secret", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	_, span := p.Tracer().Request(t.Context(), nil, "request")
	span.End()
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := elsewhere.Load(); n != 0 || !strings.Contains(log.String(), "307") {
		t.Errorf("%d requests went elsewhere: %s", n, &log)
	}
}
