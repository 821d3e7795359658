package compose

import (
	"context"
	"fmt"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
)

type headersKey struct{}

// WithHeaders returns a context with the header of a client's request. Calls made with it forward what Options.Forward
// names, and X-Request-Id, traceparent and tracestate. The header must not change while there are calls.
func WithHeaders(ctx context.Context, client http.Header) context.Context {
	return context.WithValue(ctx, headersKey{}, client)
}

// tracing are the headers that are forwarded in any case. A call that serves several requests has those of the first.
var tracing = []string{"X-Request-Id", "Traceparent", "Tracestate"}

// ownHeaders belong to a call itself or to its connection, so nobody else can set them.
var ownHeaders = []string{
	"Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Type", "Expect", "Host", "If-Match",
	"If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Keep-Alive", "Proxy-Authorization",
	"Proxy-Connection", "Range", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"X-Request-Id", "Traceparent", "Tracestate",
}

var (
	headerName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // RFC 9110, 5.6.2
	headerValue = regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]+$`)
)

// parseHeaders reads "Name: value", for all owners, or "owner/Name: value". Errors do not show values: they are secret.
func parseHeaders(lines []string) (map[Owner]http.Header, error) {
	all := map[Owner]http.Header{}
	for i, line := range lines {
		name, value, found := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		owners := allOwners
		if owner, rest, one := strings.Cut(name, "/"); one {
			if !slices.Contains(owners, Owner(owner)) {
				return nil, fmt.Errorf("--owner-header, number %d: there is no such owner", i+1)
			}
			owners, name = []Owner{Owner(owner)}, rest
		}
		if !found || !headerName.MatchString(name) || !headerValue.MatchString(value) {
			return nil, fmt.Errorf("--owner-header, number %d: not of the form NAME: VALUE or OWNER/NAME: VALUE", i+1)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if slices.Contains(ownHeaders, name) {
			return nil, fmt.Errorf("--owner-header: %s is not to be set", name)
		}
		for _, owner := range owners {
			if all[owner] == nil {
				all[owner] = http.Header{}
			}
			all[owner].Add(name, value)
		}
	}
	return all, nil
}

// parseForward returns the names of headers in canonical form, in order and each once. One that is in static is an error:
// nobody could tell which counts.
func parseForward(names []string, static map[Owner]http.Header) ([]string, error) {
	var forward []string
	for _, name := range names {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if !headerName.MatchString(name) || slices.Contains(ownHeaders, canonical) {
			return nil, fmt.Errorf("--forward-header: %.40q is not to be forwarded", name)
		}
		for owner := range static {
			if static[owner][canonical] != nil {
				return nil, fmt.Errorf("--forward-header: %s is set by --owner-header", canonical)
			}
		}
		forward = append(forward, canonical)
	}
	slices.Sort(forward)
	return slices.Compact(forward), nil
}

// credentials returns what a call with the context would forward by configuration, as text that is equal only where that
// is: calls that differ in it may have different answers.
func (o *Owners) credentials(ctx context.Context) string {
	client, _ := ctx.Value(headersKey{}).(http.Header)
	var text strings.Builder
	for _, name := range o.forward {
		fmt.Fprintf(&text, "%q", client[name])
	}
	return text.String()
}

// header returns the header of a call to an owner.
func (o *Owners) header(ctx context.Context, owner Owner) http.Header {
	client, _ := ctx.Value(headersKey{}).(http.Header)
	header := http.Header{"Accept": {"application/json"}}
	for name, values := range o.static[owner] {
		header[name] = values
	}
	for _, name := range slices.Concat(o.forward, tracing) {
		if values := client[name]; values != nil {
			header[name] = values
		}
	}
	return header
}
