package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

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

var (
	// ErrNotConfigured says that nobody told where an owner is.
	ErrNotConfigured = errors.New("service not configured")
	// ErrOwner says that an owner could not be asked, or answered what cannot be used.
	ErrOwner = errors.New("owner failed")
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
	if e.Status != 0 && e.Status != http.StatusOK {
		return fmt.Sprintf("%s service: status %d: %v", e.Owner, e.Status, e.Err)
	}
	return fmt.Sprintf("%s service: %v", e.Owner, e.Err)
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
	// Timeout bounds each call, within its context's deadline. 0: 2 s.
	Timeout time.Duration
	// MaxAnswer bounds an answer's body, in bytes. 0: 8 MiB.
	MaxAnswer int64
}

// maxIDs is how many ids one call asks for at most.
const maxIDs = 100

// maxCalls is how many calls to one owner are under way at a time for one question.
const maxCalls = 4

// Owners asks the services that own the data. Its methods may be called from several goroutines.
type Owners struct {
	base    map[Owner]*url.URL
	states  map[string][]string // by the state field's path, as the schema lists them
	client  *http.Client
	timeout time.Duration
	limit   int64
}

// NewOwners returns the owners at the URLs in the options. The mapping tells which states there are: an answer with
// another one is not used. A URL that is none is an error.
func NewOwners(m *view.Mapping, options Options) (*Owners, error) {
	o := &Owners{
		base:    map[Owner]*url.URL{},
		states:  map[string][]string{},
		timeout: options.Timeout,
		limit:   options.MaxAnswer,
	}
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
		o.base[owner] = base
	}
	for _, f := range m.Fields {
		if f.Enum != nil {
			o.states[f.Path] = f.Enum
		}
	}
	if o.timeout <= 0 {
		o.timeout = 2 * time.Second
	}
	if o.limit <= 0 {
		o.limit = 8 << 20
	}
	transport := options.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxIdleConnsPerHost = 32
		transport = own
	}
	o.client = &http.Client{
		Transport: transport,
		// An owner that redirects is misconfigured; following would send the ids to who knows where.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return o, nil
}

// Configured reports whether it is known where the owner is.
func (o *Owners) Configured(owner Owner) bool { return o.base[owner] != nil }

// fetch asks an owner's collection for what a query names, and returns the elements of its answer. Ids that the owner
// does not know are left out.
func (o *Owners) fetch(ctx context.Context, owner Owner, collection string, query url.Values) ([]json.RawMessage, error) {
	fail := func(status int, err error) ([]json.RawMessage, error) {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err // without the URL, which is nobody's business
		}
		return nil, &OwnerError{Owner: owner, Status: status, Err: err}
	}
	base := o.base[owner]
	if base == nil {
		return fail(0, ErrNotConfigured)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	target := base.JoinPath(collection)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return fail(0, err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := o.client.Do(request)
	if err != nil {
		return fail(0, err)
	}
	defer response.Body.Close()
	status := response.StatusCode
	if !isJSON(response.Header.Get("Content-Type")) {
		return fail(status, fmt.Errorf("answered %.60q, not JSON", response.Header.Get("Content-Type")))
	}
	if status == http.StatusNotFound && len(query["id"]) == 1 {
		return nil, nil // the one that was asked for is not known
	}
	if status != http.StatusOK {
		return fail(status, errors.New("refused"))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, o.limit+1))
	if err != nil {
		return fail(status, fmt.Errorf("answer broke off: %w", err))
	}
	if int64(len(body)) > o.limit {
		return fail(status, fmt.Errorf("answer of more than %d bytes", o.limit))
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(body, &elements); err != nil {
		return fail(status, fmt.Errorf("answer is no JSON array: %w", err))
	}
	if elements == nil {
		return fail(status, errors.New("answer is null, not an array"))
	}
	return elements, nil
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
