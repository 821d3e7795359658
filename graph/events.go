package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"
)

const eventStream = "text/event-stream"

// events is the transport of an operation as server-sent events: github.com/enisdenjo/graphql-sse, PROTOCOL.md, distinct
// connections. gqlgen's own takes no GET, so no EventSource, and writes to a response that has ended.
type events struct{ *Handler }

// accepts reports whether the client names one of the media types as one that it takes.
func accepts(r *http.Request, media ...string) bool {
	for _, header := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(header, ",") {
			named, parameters, err := mime.ParseMediaType(part)
			if q, no := strconv.ParseFloat(parameters["q"], 64); err != nil || no == nil && q == 0 {
				continue
			}
			if slices.Contains(media, named) {
				return true
			}
		}
	}
	return false
}

// Supports implements graphql.Transport.
func (events) Supports(r *http.Request) bool { return !upgrades(r) && accepts(r, eventStream) }

// Do answers a subscription with events; and any operation where the client takes nothing else.
func (t events) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	params, err := rawParams(r)
	if err != nil {
		refuse(r.Context(), w, http.StatusBadRequest, badInput("the operation cannot be read"))
		t.observe(r.Context(), requestOf(r.Context()))
		return
	}
	if accepts(r, "application/json", "application/graphql-response+json", "*/*", "application/*") {
		rc, errs := exec.CreateOperationContext(r.Context(), params)
		if len(errs) > 0 || rc.Operation.Operation != ast.Subscription {
			t.plain(w, r, exec)
			return
		}
	}
	t.stream(w, r, exec, params)
}

// rawParams reads a request whose form has been checked. Its body can be read again.
func rawParams(r *http.Request) (*graphql.RawParams, error) {
	params := &graphql.RawParams{Headers: r.Header}
	decode := func(text []byte, into any) error {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		return d.Decode(into)
	}
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return params, decode(body, params)
	}
	q := r.URL.Query()
	params.Query, params.OperationName = q.Get("query"), q.Get("operationName")
	for name, into := range map[string]*map[string]any{"variables": &params.Variables, "extensions": &params.Extensions} {
		if text := q.Get(name); text != "" {
			if err := decode([]byte(text), into); err != nil {
				return nil, err
			}
		}
	}
	return params, nil
}

// plain answers as to a client that does not take events.
func (t events) plain(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	ctx, cancel := context.WithTimeout(r.Context(), t.options.Limits.Timeout)
	defer cancel()
	request := requestOf(ctx)
	request.loadWith(ctx, t.readers)
	defer t.observe(ctx, request)
	var plain graphql.Transport = transport.GET{}
	if r.Method == http.MethodPost {
		plain = transport.POST{}
	}
	plain.Do(statusWriter{w, request}, r.WithContext(ctx), exec)
}

// stream sends the answers as events, for as long as the client's token lasts. A stream that ends without "complete" is to
// be asked for again.
func (t events) stream(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, params *graphql.RawParams) {
	ctx, cancel := requestOf(r.Context()).client.Context(r.Context())
	defer context.AfterFunc(t.stopping, cancel)()
	s := &stream{w: w, control: http.NewResponseController(w), write: t.options.pace.write}
	s.control.SetReadDeadline(time.Time{}) // the server's is for the request, and would end the stream
	w.Header().Set("Content-Type", eventStream)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back
	var running sync.WaitGroup
	running.Go(func() { s.keepAlive(ctx, t.options.pace.ping) })
	err := s.send(":\n\n") // so that the client knows at once that it is through
	if err == nil {
		err = t.operate(ctx, requestOf(ctx).id, OverEvents, exec, params, func(a answer) error {
			data, err := json.Marshal(a.Response)
			if err != nil {
				return err
			}
			return s.send("event: next\ndata: %s\n\n", data)
		})
	}
	if err == nil {
		s.send("event: complete\ndata:\n\n")
	}
	cancel()
	running.Wait()
	s.control.SetWriteDeadline(time.Time{}) // which the connection's next response would have, too
}

// stream is a response of events.
type stream struct {
	control *http.ResponseController
	write   time.Duration // how long an event may take

	mu sync.Mutex
	w  http.ResponseWriter // guarded by mu
}

func (s *stream) send(format string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.control.SetWriteDeadline(time.Now().Add(s.write)) // not every writer has one
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.control.Flush()
}

// keepAlive sends comments, so that nothing on the way takes the connection for dead, until ctx ends.
func (s *stream) keepAlive(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s.send(":\n\n") != nil {
				return
			}
		}
	}
}
