package elastic

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/telemetry"
)

// newSeconds returns the metric of requests, registered unless r is nil.
func newSeconds(r prometheus.Registerer) (*prometheus.HistogramVec, error) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "viewgate", Subsystem: "elasticsearch", Name: "request_seconds",
		Help:    "Time that a request to Elasticsearch took, by what it asked and what became of it.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
	}, []string{"operation", "outcome"})
	if r == nil {
		return seconds, nil
	}
	return seconds, r.Register(seconds)
}

// count counts a request that has ended with an error, nil for none, and ends its span.
func (c *client) count(ctx context.Context, operation string, begin time.Time, span *telemetry.Span, err error) {
	outcome := outcomeOf(ctx, err)
	c.seconds.WithLabelValues(operation, outcome).Observe(time.Since(begin).Seconds())
	span.Text("db.system.name", "elasticsearch")
	span.Text("db.operation.name", operation)
	if err != nil {
		span.Fail(outcome)
	}
	span.End()
}

// operationOf returns what a request asks, by the name of its type: "search", "indices_refresh".
func operationOf(request esapi.Request) string {
	name := strings.TrimSuffix(reflect.TypeOf(request).Name(), "Request")
	var words strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			words.WriteByte('_')
		}
		words.WriteRune(unicode.ToLower(r))
	}
	return words.String()
}

// outcomeOf names what became of a request, as the calls to owners do.
func outcomeOf(ctx context.Context, err error) string {
	var f *failure
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &f) && f.status == http.StatusTooManyRequests:
		return "throttled"
	case errors.As(err, &f) && f.status >= 500:
		return "failed"
	case errors.As(err, &f):
		return "refused"
	case ctx.Err() != nil: // the caller's, rather than our own timeout
		return "given up"
	case errors.Is(err, context.DeadlineExceeded):
		return "slow"
	}
	return "unreachable"
}
