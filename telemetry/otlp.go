package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
)

// exporter sends spans to a collector as OTLP over HTTP, in its JSON form (opentelemetry.io/docs/specs/otlp, 1.x), which
// collectors take wherever they take the binary one. OpenTelemetry's own exporter for HTTP brings all of gRPC with it, for names
// of messages alone: three times the program's packages to build.
//
// What cannot be sent is dropped, with a line in the log when that begins: tracing must never hold up what it traces.
type exporter struct {
	url    string
	header http.Header
	client *http.Client
	logger *slog.Logger

	failing atomic.Bool
}

// ExportSpans implements trace.SpanExporter.
func (e *exporter) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	err := e.send(ctx, spans)
	switch {
	case err == nil:
		e.failing.Store(false)
	case !e.failing.Swap(true):
		e.logger.Warn("spans cannot be sent, and are dropped until they can", "error", err)
	}
	return nil // the SDK would print it
}

// Shutdown implements trace.SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

func (e *exporter) send(ctx context.Context, spans []trace.ReadOnlySpan) error {
	body, err := json.Marshal(encode(spans))
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = e.header.Clone()
	request.Header.Set("Content-Type", "application/json")
	response, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the collector answers %s", response.Status)
	}
	return nil
}

// The messages of OTLP, as far as they are used. 64-bit numbers are strings in its JSON form, ids are hexadecimal.
type (
	exportRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   origin       `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	origin struct {
		Attributes []keyValue `json:"attributes"`
	}
	scopeSpans struct {
		Scope struct {
			Name string `json:"name"`
		} `json:"scope"`
		Spans []told `json:"spans"`
	}
	told struct {
		TraceID    string     `json:"traceId"`
		SpanID     string     `json:"spanId"`
		ParentID   string     `json:"parentSpanId,omitempty"`
		TraceState string     `json:"traceState,omitempty"`
		Name       string     `json:"name"`
		Kind       int        `json:"kind"`
		Begin      string     `json:"startTimeUnixNano"`
		End        string     `json:"endTimeUnixNano"`
		Attributes []keyValue `json:"attributes,omitempty"`
		Links      []link     `json:"links,omitempty"`
		Status     *status    `json:"status,omitempty"`
	}
	link struct {
		TraceID string `json:"traceId"`
		SpanID  string `json:"spanId"`
	}
	status struct {
		Code    int    `json:"code"`
		Message string `json:"message,omitempty"`
	}
	keyValue struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		Text   *string `json:"stringValue,omitempty"`
		Number *string `json:"intValue,omitempty"`
	}
)

// statusError is OTLP's STATUS_CODE_ERROR.
const statusError = 2

// encode returns spans of one process, which have one resource and one scope: ours.
func encode(spans []trace.ReadOnlySpan) exportRequest {
	var of resourceSpans
	var scope scopeSpans
	for _, s := range spans {
		of.Resource.Attributes = attributes(s.Resource().Attributes())
		scope.Scope.Name = s.InstrumentationScope().Name
		own := told{
			TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(),
			TraceState: s.SpanContext().TraceState().String(), Name: s.Name(), Kind: int(s.SpanKind()),
			Begin: nanoseconds(s.StartTime()), End: nanoseconds(s.EndTime()), Attributes: attributes(s.Attributes()),
		}
		if parent := s.Parent(); parent.SpanID().IsValid() {
			own.ParentID = parent.SpanID().String()
		}
		for _, l := range s.Links() {
			own.Links = append(own.Links, link{l.SpanContext.TraceID().String(), l.SpanContext.SpanID().String()})
		}
		if s.Status().Code == codes.Error {
			own.Status = &status{statusError, s.Status().Description}
		}
		scope.Spans = append(scope.Spans, own)
	}
	of.ScopeSpans = []scopeSpans{scope}
	return exportRequest{[]resourceSpans{of}}
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// attributes are texts and whole numbers; what the environment adds to the resource are texts.
func attributes(all []attribute.KeyValue) []keyValue {
	var list []keyValue
	for _, a := range all {
		text := a.Value.Emit()
		if a.Value.Type() == attribute.INT64 {
			list = append(list, keyValue{string(a.Key), value{Number: &text}})
			continue
		}
		list = append(list, keyValue{string(a.Key), value{Text: &text}})
	}
	return list
}
