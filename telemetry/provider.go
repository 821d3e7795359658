package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// Options say where spans go, in the values of OpenTelemetry's environment variables. Without an Endpoint there are none.
type Options struct {
	Endpoint   string // of a collector that takes OTLP over HTTP: http://collector:4318
	TracesURL  string // the same with the path for spans; it beats Endpoint
	Headers    string // name=value, with commas between them, values percent-encoded; they may be secret
	Service    string // the name of this service
	Version    string // of it
	Sampler    string // one of Samplers; "": parentbased_always_on
	SamplerArg string // the part of traces that are recorded, 0 to 1, by a sampler that takes one; "": 1
	Logger     *slog.Logger
}

// Samplers are the values of Options.Sampler.
func Samplers() []string {
	return []string{
		"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
	}
}

// exportTimeout is how long a batch of spans may take to be sent.
const exportTimeout = 10 * time.Second

// Provider is where a process's spans go.
type Provider struct{ provider *trace.TracerProvider }

// New returns a provider, nil where there is no endpoint. It sends nothing yet.
func New(o Options) (*Provider, error) {
	target, err := o.target()
	if target == "" || err != nil {
		return nil, err
	}
	header, err := o.header()
	if err != nil {
		return nil, err
	}
	sampler, err := o.sampler()
	if err != nil {
		return nil, err
	}
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	to := &exporter{url: target, header: header, client: newClient(), logger: logger}
	return newProvider(o, sampler, trace.NewBatchSpanProcessor(to)), nil
}

// newClient returns a client that goes nowhere else than it is sent: the headers may be secret.
func newClient() *http.Client {
	return &http.Client{
		Timeout: exportTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func newProvider(o Options, sampler trace.Sampler, p trace.SpanProcessor) *Provider {
	return &Provider{trace.NewTracerProvider(trace.WithSpanProcessor(p), trace.WithSampler(sampler),
		trace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", o.Service), attribute.String("service.version", o.Version))))}
}

// Tracer returns a Tracer whose spans go to the provider; nil from a nil one.
func (p *Provider) Tracer() *Tracer {
	if p == nil {
		return nil
	}
	return NewTracer(p.provider)
}

// Close sends what there is and returns when that is done, or ctx has ended.
func (p *Provider) Close(ctx context.Context) error {
	if p == nil {
		return nil
	}
	return p.provider.Shutdown(ctx)
}

// target returns the URL that spans are sent to, "" for none.
func (o Options) target() (string, error) {
	text, name := o.TracesURL, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	if text == "" {
		text, name = o.Endpoint, "--otlp-endpoint"
	}
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%s is not of the form http://host:4318 or https://host:4318", name) // it may hold a password
	}
	if o.TracesURL == "" {
		u = u.JoinPath("v1/traces")
	}
	return u.String(), nil
}

func (o Options) header() (http.Header, error) {
	header := http.Header{}
	for pair := range strings.SplitSeq(o.Headers, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, text, found := strings.Cut(pair, "=")
		decoded, err := url.PathUnescape(strings.TrimSpace(text))
		if name = strings.TrimSpace(name); !found || name == "" || err != nil {
			return nil, errors.New("--otlp-headers is not of the form name=value,name=value")
		}
		header.Set(name, decoded)
	}
	return header, nil
}

func (o Options) sampler() (trace.Sampler, error) {
	part := 1.0
	if o.SamplerArg != "" {
		var err error
		if part, err = strconv.ParseFloat(o.SamplerArg, 64); err != nil || !(part >= 0 && part <= 1) {
			return nil, fmt.Errorf("--trace-sampler-arg %q: not a number from 0 to 1", o.SamplerArg)
		}
	}
	switch o.Sampler {
	case "always_on":
		return trace.AlwaysSample(), nil
	case "always_off":
		return trace.NeverSample(), nil
	case "traceidratio":
		return trace.TraceIDRatioBased(part), nil
	case "", "parentbased_always_on":
		return trace.ParentBased(trace.AlwaysSample()), nil
	case "parentbased_always_off":
		return trace.ParentBased(trace.NeverSample()), nil
	case "parentbased_traceidratio":
		return trace.ParentBased(trace.TraceIDRatioBased(part)), nil
	}
	return nil, fmt.Errorf("--trace-sampler %q: none of %s", o.Sampler, strings.Join(Samplers(), ", "))
}
