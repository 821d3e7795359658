package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/latest"
	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/view"
)

// Owner is a service that owns data, by the name that its flag has: --<owner>-service.
type Owner string

// The owners.
const (
	OrderOwner      Owner = "order"
	KitchenOwner    Owner = "kitchen"
	DeliveryOwner   Owner = "delivery"
	AccountingOwner Owner = "accounting"
	RestaurantOwner Owner = "restaurant"
	ConsumerOwner   Owner = "consumer"
)

var allOwners = []Owner{OrderOwner, KitchenOwner, DeliveryOwner, AccountingOwner, RestaurantOwner, ConsumerOwner}

var (
	// ErrNotConfigured says that nobody told where an owner is.
	ErrNotConfigured = errors.New("service not configured")
	// ErrOwner says that an owner could not be asked, or answered what cannot be used.
	ErrOwner = errors.New("owner failed")
	// ErrOutOfTime says that the caller's time was over before an owner had its own, so that it is not to blame. It comes
	// with ErrOwner and context.DeadlineExceeded.
	ErrOutOfTime = errors.New("the operation's time was over")
)

// OwnerError tells which owner failed and how. It wraps ErrNotConfigured, or else ErrOwner and the cause, which is
// context.DeadlineExceeded where the owner was too slow.
type OwnerError struct {
	Owner  Owner
	Status int // the HTTP status, 0 where there was no answer
	Err    error
}

func (e *OwnerError) Error() string {
	if errors.Is(e.Err, ErrNotConfigured) {
		return fmt.Sprintf("no %s service is configured: set --%s-service", e.Owner, e.Owner)
	}
	return fmt.Sprintf("%s service: %s", e.Owner, describe(e.Status, e.Err))
}

func describe(status int, err error) string {
	if status != 0 && status != http.StatusOK {
		return fmt.Sprintf("status %d: %v", status, err)
	}
	return err.Error()
}

// Unwrap returns what the error is, besides an OwnerError.
func (e *OwnerError) Unwrap() []error {
	if errors.Is(e.Err, ErrNotConfigured) {
		return []error{ErrNotConfigured}
	}
	return []error{ErrOwner, e.Err}
}

// Options says where the owners are and how they are asked.
type Options struct {
	// Base URLs, such as http://127.0.0.1:8081; "" where an owner is not configured.
	Order, Kitchen, Delivery, Accounting, Restaurant, Consumer string

	// Transport makes the calls. Nil: http.DefaultTransport's settings with 32 idle connections per owner.
	Transport http.RoundTripper
	// Timeout bounds each call with its retries, within its context's deadline. 0: 2 s.
	Timeout time.Duration
	// MaxAnswer bounds an answer's body, in bytes. 0: 8 MiB.
	MaxAnswer int64
	// MaxCalls is how many calls to one owner are under way at a time, of all requests. 0: 16.
	MaxCalls int
	// Headers go with every call: "Name: value", or "owner/Name: value" to one owner. They are secret.
	Headers []string
	// Forward names headers of the client's request, as WithHeaders knows it, that go with the calls made for it.
	Forward []string
	// Registerer takes the metrics. Nil: nobody is told.
	Registerer prometheus.Registerer
	// Tracer tells of calls in spans, which owners are told to be part of. Nil: there are none, and owners are told what the
	// client tells.
	Tracer *telemetry.Tracer
}

// maxIDs is how many ids one call asks for at most.
const maxIDs = 100

// maxCalls is how many calls to one owner are under way at a time for one question, so that a large one leaves some of
// Options.MaxCalls to others.
const maxCalls = 4

// Owners asks the services that own the data. Its methods may be called from several goroutines.
type Owners struct {
	peers   map[Owner]*peer     // those that are configured
	states  map[string][]string // by the state field's path, as the schema lists them
	timeout time.Duration
	static  map[Owner]http.Header // that every call has
	forward []string              // names of the client's headers
	calls   latest.Answers[question, []json.RawMessage]
}

// NewOwners returns the owners at the URLs in the options. The mapping tells which states there are: an answer with
// another one is not used. A URL that is none is an error.
func NewOwners(m *view.Mapping, options Options) (*Owners, error) {
	o := &Owners{peers: map[Owner]*peer{}, states: map[string][]string{}, timeout: options.Timeout}
	o.calls.Run = o.ask
	var err error
	if o.static, err = parseHeaders(options.Headers); err != nil {
		return nil, err
	}
	if o.forward, err = parseForward(options.Forward, o.static); err != nil {
		return nil, err
	}
	if o.timeout <= 0 {
		o.timeout = 2 * time.Second
	}
	if options.MaxAnswer <= 0 {
		options.MaxAnswer = 8 << 20
	}
	if options.MaxCalls <= 0 {
		options.MaxCalls = 16
	}
	client := newClient(options.Transport)
	for owner, text := range map[Owner]string{
		OrderOwner: options.Order, KitchenOwner: options.Kitchen, DeliveryOwner: options.Delivery,
		AccountingOwner: options.Accounting, RestaurantOwner: options.Restaurant, ConsumerOwner: options.Consumer,
	} {
		if text == "" {
			continue
		}
		base, err := url.Parse(text)
		if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" {
			return nil, fmt.Errorf("--%s-service: %q is no URL such as http://127.0.0.1:8081", owner, text)
		}
		o.peers[owner] = &peer{
			owner: owner, base: base, client: client, limit: options.MaxAnswer, tracer: options.Tracer,
			slots: make(chan struct{}, options.MaxCalls), breaker: &breaker{}, budget: newBudget(time.Now()),
		}
	}
	for _, f := range m.Fields {
		if f.Enum != nil {
			o.states[f.Path] = f.Enum
		}
	}
	metrics, err := newMetrics(options.Registerer, o.peers)
	if err != nil {
		return nil, fmt.Errorf("owners' metrics: %w", err)
	}
	for _, p := range o.peers {
		p.metrics = metrics
	}
	return o, nil
}

func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxIdleConnsPerHost = 32
		transport = own
	}
	return &http.Client{
		Transport: transport,
		// An owner that redirects is misconfigured; following would send the ids to who knows where.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Configured reports whether it is known where the owner is.
func (o *Owners) Configured(owner Owner) bool { return o.peers[owner] != nil }

// question is what is asked of an owner. Equal questions that wait at the same time are asked once.
type question struct {
	owner       Owner
	collection  string
	query       string // encoded
	one         bool   // it asks for one id, so 404 answers it
	credentials string
}

// fetch asks an owner's collection for what a query names, and returns the elements of its answer, which are not to be
// changed: they may be others', too. Ids that the owner does not know are left out. The answer is as new as the owner was
// at some moment after the call of fetch.
func (o *Owners) fetch(ctx context.Context, owner Owner, collection string, query url.Values) ([]json.RawMessage, error) {
	if !o.Configured(owner) {
		return nil, &OwnerError{Owner: owner, Err: ErrNotConfigured}
	}
	ctx, cancel := inTime(ctx)
	defer cancel()
	elements, err := o.calls.Get(ctx, question{
		owner: owner, collection: collection, query: query.Encode(), one: len(query["id"]) == 1,
		credentials: o.credentials(ctx),
	})
	if err != nil && !errors.As(err, new(*OwnerError)) { // the context's, whoever else still waits
		err = &OwnerError{Owner: owner, Err: ended(err).err}
	}
	return elements, err
}

// inTime leaves a part of the context's deadline to those who tell the answer: a tenth of what is left, reserve at most.
// So a call ends after Options.Timeout or at that earlier deadline, whichever comes first, with its retries and whatever it
// waits for; and an operation whose owner does not answer still has time to show the rest and say so.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline.Add(-min(max(time.Until(deadline), 0)/10, reserve)))
}

const reserve = 100 * time.Millisecond

// ask answers a question for all who share it.
func (o *Owners) ask(ctx context.Context, q question) ([]json.RawMessage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, slowError(o.timeout))
	defer cancel()
	return o.peers[q.owner].fetch(ctx, q, o.header(ctx, q.owner))
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

// checkState reports whether state is one that the schema's enum at path lists.
func (o *Owners) checkState(path, state string) error {
	if !slices.Contains(o.states[path], state) {
		return fmt.Errorf("unknown %s %.40q", path, state)
	}
	return nil
}
