package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/reading"
)

var errClosed = errors.New("store is closed")

// client sends requests and understands what is common to the answers.
type client struct {
	transport esapi.Transport
	http      http.RoundTripper
	timeout   time.Duration
	where     []string // the URLs, without passwords
	seconds   *prometheus.HistogramVec
	tracer    *telemetry.Tracer

	mu     sync.RWMutex // held for reading during every request; guards closed
	closed bool
}

// String tells which Elasticsearch it is, for errors.
func (c *client) String() string { return "elasticsearch at " + strings.Join(c.where, ", ") }

// close returns when no request is under way.
func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if t, ok := c.http.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// failure is an answer of another status than 2xx.
type failure struct {
	status int
	kind   string // Elasticsearch's name of the error; empty if the answer was not in Elasticsearch's form
	reason string
}

func (f *failure) Error() string {
	text := fmt.Sprintf("status %d", f.status)
	if f.kind != "" {
		text += ": " + f.kind + ": " + f.reason
	}
	return text
}

// temporary reports whether the same request may succeed later, or after somebody has mended the cluster, rather than
// being wrong in itself. Missing privileges, and an index that is missing or closed, say nothing against a document.
func (f *failure) temporary() bool {
	return f.status != http.StatusBadRequest || f.kind == "" || f.kind == "index_closed_exception"
}

// cause is how Elasticsearch tells what went wrong.
type cause struct {
	Type     string  `json:"type"`
	Reason   string  `json:"reason"`
	Root     []cause `json:"root_cause"`
	CausedBy *cause  `json:"caused_by"`
}

// text joins the reasons down to the innermost, which is where it stands what to do. It is for people and bounded: a
// reason may quote a document.
func (c *cause) text() string {
	const most = 500
	text := c.Reason
	for inner := c.CausedBy; inner != nil; inner = inner.CausedBy {
		if !strings.Contains(text, inner.Reason) {
			text += ": " + inner.Reason
		}
	}
	if len(c.Root) > 0 && !strings.Contains(text, c.Root[0].Reason) {
		text += ": " + c.Root[0].Reason
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// do sends a request and decodes a 2xx answer into answer. The header is nil if there was no answer at all. Another
// status is a *failure; whatever else goes wrong (no connection, too slow, cut short, not JSON) is another error, and
// leaves open whether the request was carried out.
func (c *client) do(ctx context.Context, request esapi.Request, answer any) (header http.Header, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return nil, errClosed
	}
	operation := operationOf(request)
	caller, begin := ctx, time.Now()
	ctx, span := c.tracer.Child(ctx, telemetry.Client, operation)
	defer func() { c.count(caller, operation, begin, span, err) }()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	response, err := request.Do(ctx, c.transport)
	if err != nil {
		return nil, fmt.Errorf("%s does not answer: %w", c, err)
	}
	defer response.Body.Close()
	body, err := readAll(response.Body)
	if err != nil {
		return response.Header, fmt.Errorf("%s: answer cut short: %w", c, err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		f := &failure{status: response.StatusCode}
		var told struct {
			Error cause `json:"error"`
		}
		if json.Unmarshal(body, &told) == nil && told.Error.Type != "" {
			f.kind, f.reason = told.Error.Type, told.Error.text()
		}
		return response.Header, fmt.Errorf("%s: %w", c, f)
	}
	if answer == nil {
		return response.Header, nil
	}
	if err := reading.Read(body, answer); err != nil {
		return response.Header, fmt.Errorf("%s: answer is not what Elasticsearch sends: %w", c, err)
	}
	return response.Header, nil
}

// readers are buffers that answers have been read into.
var readers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// mostKept is the size of the largest buffer that is used again, which takes a page of large documents.
const mostKept = 1 << 20

// readAll reads an answer to its end. Elasticsearch does not say how long a large one is, so it is read into a buffer that was
// long enough before.
func readAll(body io.Reader) ([]byte, error) {
	buffer := readers.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= mostKept {
			buffer.Reset()
			readers.Put(buffer)
		}
	}()
	_, err := buffer.ReadFrom(body)
	return bytes.Clone(buffer.Bytes()), err
}

// read is do for the methods of view.Store that read: where reading again later may succeed, the error is
// view.ErrUnavailable.
func (s *Store) read(ctx context.Context, op string, request esapi.Request, answer any) error {
	_, err := s.client.do(ctx, request, answer)
	var f *failure
	if errors.As(err, &f) && !f.temporary() {
		return fmt.Errorf("view %s: %s: %w", s.mapping.View, op, err)
	}
	if err != nil {
		return s.unavailable(op, err)
	}
	return nil
}

func (s *Store) unavailable(op string, err error) error {
	return fmt.Errorf("view %s: %s: %w: %w", s.mapping.View, op, view.ErrUnavailable, err)
}
