package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/graph/media"
	"github.com/viewgate/viewgate/guard"
)

// exchange is one HTTP request and its response, as github.com/graphql/graphql-over-http wants them.
type exchange struct {
	*Handler
	w       http.ResponseWriter
	r       *http.Request
	request *request
	accept  media.Accept
	form    media.Type // of a single answer; "" where the client takes none
}

// refusal is an error that has a status of its own.
type refusal struct {
	status int
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refused returns an error that a client is told with this status.
func refused(status int, format string, args ...any) error {
	return &refusal{status, badInput(format, args...)}
}

// serve answers the request at ctx.
func (h *Handler) serve(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	e := &exchange{Handler: h, w: w, r: r, request: requestOf(ctx), accept: media.AcceptOf(r.Header)}
	e.form, _ = e.accept.Best(media.JSON, media.Response)
	defer h.observe(ctx, e.request)
	defer func() {
		if value := recover(); value != nil {
			e.refuse(ctx, gqlerror.Wrap(recovered(ctx, value)))
		}
	}()
	if err := e.identify(ctx); err != nil {
		e.refuse(ctx, err)
		return
	}
	if err := e.charge(ctx); err != nil {
		e.refuse(ctx, err)
		return
	}
	if _, takes := e.accept.Best(media.JSON, media.Response, media.Parts, media.Events); !takes {
		e.refuse(ctx, e.unacceptable())
		return
	}
	asked, err := e.read()
	if err == nil {
		e.request.promise, err = promiseOf(r.Header, h.options.TokenKey)
	}
	if err == nil {
		err = e.enter(ctx)
	}
	if err != nil {
		e.refuse(ctx, err)
		return
	}
	e.answer(ctx, asked)
}

// identify finds out who asks. The error says how the request may come again.
func (e *exchange) identify(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, e.options.Limits.Timeout)
	defer cancel()
	e.request.client, err = e.whoIs(ctx, e.r.Header)
	return e.unidentified(err)
}

// unidentified returns an error of package auth with its status, and what else keeps a client out as it is.
func (e *exchange) unidentified(err error) error {
	if err == nil || errors.As(err, new(*guard.SpentError)) {
		return err
	}
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, auth.ErrNoToken):
		e.w.Header().Set("WWW-Authenticate", "Bearer")
		status = http.StatusUnauthorized
	case errors.Is(err, auth.ErrUnauthenticated):
		e.w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		status = http.StatusUnauthorized
	case errors.Is(err, auth.ErrForbidden):
		status = http.StatusForbidden
	case errors.Is(err, auth.ErrUnavailable):
		status = http.StatusServiceUnavailable
	}
	return &refusal{status, err}
}

// answer answers what is asked, in the form that suits it and the client.
func (e *exchange) answer(ctx context.Context, asked *params) {
	document, wrong := e.document(ctx, asked)
	kind := ast.Query
	if document != nil {
		if operation := document.operation(asked.OperationName); operation != nil {
			kind = operation.Operation
		}
	}
	_, events := e.accept.Best(media.Events)
	switch {
	case kind == ast.Mutation && e.r.Method == http.MethodGet:
		e.refuse(ctx, refused(http.StatusMethodNotAllowed, "a mutation is sent by POST"))
		return
	case kind == ast.Subscription && !events:
		status := http.StatusNotAcceptable
		if e.r.Method == http.MethodGet {
			status = http.StatusMethodNotAllowed
		}
		e.refuse(ctx, refused(status, "a subscription is answered over WebSocket (%s), or as server-sent events to whoever "+
			"accepts %s", socketProtocol, media.Events))
		return
	}
	inParts := false
	if document != nil && document.deferring != nil {
		best, _ := e.accept.Best(media.JSON, media.Response, media.Parts)
		inParts = best == media.Parts
	}
	var ready *graphql.OperationContext
	if len(wrong) == 0 {
		ready, wrong = e.prepare(ctx, document, asked, inParts)
	}
	switch {
	case len(wrong) == 0 && inParts:
		e.parts(ctx, ready)
	case len(wrong) == 0 && kind == ast.Subscription, e.form == "" && events:
		e.stream(ctx, ready, wrong)
	case e.form == "" && len(wrong) == 0:
		e.refuse(ctx, e.unacceptable())
	case len(wrong) > 0:
		if e.form == "" { // what is wrong is more use than that it is told in another form: the status says so, too
			e.form = media.Response
		}
		e.respond(e.failed(ctx, ready, wrong))
	default:
		e.execute(ctx, ready, func(a answer) error { e.respond(a.Response); return nil })
	}
}

func (e *exchange) unacceptable() error {
	return refused(http.StatusNotAcceptable, "an answer is %s or %s, which the request does not accept", media.Response, media.JSON)
}

// params are what a client asks.
type params struct {
	Query         string         `json:"query"`
	DocumentID    string         `json:"documentId"` // in the place of the query: of a persisted document
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
	Extensions    map[string]any `json:"extensions"`

	learn string // the hash of the query, to be known by
}

// read reads the request. The error says nothing of what the body holds.
func (e *exchange) read() (*params, error) {
	var asked *params
	var err error
	switch e.r.Method {
	case http.MethodGet:
		asked, err = e.readURL()
	case http.MethodPost:
		asked, err = e.readBody()
	default:
		return nil, refused(http.StatusMethodNotAllowed, "%.20s is not possible here: GET and POST are", e.r.Method)
	}
	if err == nil && !asked.named() {
		err = badInput("there is no operation: query holds its text")
	}
	return asked, err
}

func (e *exchange) readURL() (*params, error) {
	if len(e.r.URL.RawQuery) > e.options.Limits.Body {
		return nil, refused(http.StatusRequestURITooLong, "the query string is longer than %d bytes", e.options.Limits.Body)
	}
	q, err := url.ParseQuery(e.r.URL.RawQuery)
	if err != nil {
		return nil, badInput("the query string cannot be read")
	}
	asked := &params{Query: q.Get("query"), DocumentID: q.Get("documentId"), OperationName: q.Get("operationName")}
	for _, object := range []struct {
		name string
		into *map[string]any
	}{{"variables", &asked.Variables}, {"extensions", &asked.Extensions}} {
		text := q.Get(object.name)
		if err := checkNesting([]byte(text), e.options.Limits.Nesting); err != nil {
			return nil, badInput("%s %w", object.name, err)
		}
		if text != "" && decodeJSON([]byte(text), object.into) != nil {
			return nil, badInput("%s is no JSON object", object.name)
		}
	}
	return asked, nil
}

func (e *exchange) readBody() (*params, error) {
	contentType := e.r.Header.Get("Content-Type")
	if contentType != "application/json" {
		name, parameters, err := mime.ParseMediaType(contentType)
		charset := parameters["charset"]
		if err != nil || name != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
			return nil, refused(http.StatusUnsupportedMediaType, "the body must be application/json, in UTF-8")
		}
	}
	if encoding := e.r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, refused(http.StatusUnsupportedMediaType, "the body must not be compressed")
	}
	most := e.options.Limits.Body
	tooLarge := refused(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", most)
	if e.r.ContentLength > int64(most) {
		return nil, tooLarge
	}
	var body bytes.Buffer
	body.Grow(int(max(e.r.ContentLength, 0)) + bytes.MinRead)
	if _, err := body.ReadFrom(io.LimitReader(e.r.Body, int64(most)+1)); err != nil {
		return nil, badInput("the body broke off")
	}
	if body.Len() > most {
		return nil, tooLarge
	}
	asked, err := readParams(body.Bytes(), e.options.Limits.Nesting)
	if err != nil {
		return nil, badInput("the body %w", err)
	}
	return asked, nil
}

// readParams reads what a client asks from JSON with no more levels of lists and objects than so many. The error says nothing of
// what that holds.
func readParams(text []byte, levels int) (*params, error) {
	if err := checkNesting(text, levels); err != nil {
		return nil, err
	}
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) > 0 && text[0] == '[' {
		return nil, errors.New("is a list: batches are not possible, send operations one by one")
	}
	var asked params
	if len(text) == 0 || text[0] != '{' {
		return nil, errors.New("is no JSON object with a query")
	}
	err := decodeJSON(text, &asked)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return nil, errors.New("has a member of the wrong type: query, documentId and operationName are strings, variables and extensions objects")
	}
	if err != nil {
		return nil, errors.New("is no JSON object with a query")
	}
	return &asked, nil
}

// decodeJSON reads exactly one JSON value. Its numbers remain as they are written.
func decodeJSON(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is something behind the value")
	}
	return nil
}

// refuse answers a request that never becomes an operation.
func (e *exchange) refuse(ctx context.Context, err error) {
	is, message := classify(ctx, err)
	e.request.tally.failed(is)
	status := http.StatusBadRequest
	if own := (*refusal)(nil); errors.As(err, &own) {
		status = own.status
	} else if of, isSet := statuses[is]; isSet {
		status = of
	}
	form := e.form
	if form == "" {
		form = media.JSON
	}
	if status == http.StatusMethodNotAllowed {
		e.w.Header().Set("Allow", "GET, POST")
		if e.r.Method == http.MethodGet {
			e.w.Header().Set("Allow", "POST")
		}
	}
	e.write(status, form, &graphql.Response{Errors: gqlerror.List{{
		Message: message, Extensions: map[string]any{"code": is},
	}}})
}

// statuses are those of errors in whatever form.
var statuses = map[code]int{
	notPersisted:        http.StatusOK, // Apollo's protocol: some clients look at nothing else's body
	rateLimited:         http.StatusTooManyRequests,
	overloaded:          http.StatusServiceUnavailable,
	internalServerError: http.StatusInternalServerError,
}

// respond answers an operation, be it that it never ran. Then the status is 200 in application/json, as clients expect it
// who take any other for a fault on the way, and 400 in the form that says so itself.
func (e *exchange) respond(response *graphql.Response) {
	status := http.StatusOK
	if response.Data == nil {
		if e.form == media.Response {
			status = http.StatusBadRequest
		}
		for _, err := range response.Errors {
			if is, _ := err.Extensions["code"].(code); statuses[is] != 0 {
				status = statuses[is]
			}
		}
	}
	e.write(status, e.form, response)
}

func (e *exchange) write(status int, form media.Type, response *graphql.Response) {
	e.request.tally.answered(status)
	e.request.settle()
	body, err := appendResponse(nil, response)
	if err != nil {
		panic(err) // of values that are ours
	}
	e.w.Header().Set("Content-Type", string(form)+"; charset=utf-8")
	e.w.Header().Add("Vary", "Accept")
	defer e.unread.add(len(body))()
	e.w.Header().Set("Content-Length", strconv.Itoa(len(body))) // so that it is not sent in chunks
	e.w.WriteHeader(status)
	e.w.Write(body)
}
