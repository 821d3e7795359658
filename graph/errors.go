package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/scalar"
	"github.com/viewgate/viewgate/guard"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/watch"
)

// code is an error's extensions.code. Clients decide by it; messages are for people.
type code string

const (
	badUserInput        code = "BAD_USER_INPUT"
	unauthenticated     code = "UNAUTHENTICATED"
	forbidden           code = "FORBIDDEN"
	queryTooComplex     code = "QUERY_TOO_COMPLEX"
	notPersisted        code = "PERSISTED_QUERY_NOT_FOUND" // Apollo's word: the client sends the text, too
	notListed           code = "QUERY_NOT_IN_SAFELIST"
	cursorExpired       code = "CURSOR_EXPIRED"
	notFound            code = "NOT_FOUND" // of references by other subgraphs alone: a look-up of an unknown id is null
	staleView           code = "STALE_VIEW"
	upstreamUnavailable code = "UPSTREAM_UNAVAILABLE"
	timeout             code = "TIMEOUT"
	cancelled           code = "CANCELLED" // by the client, which is gone: it stands in logs and metrics alone
	rateLimited         code = "RATE_LIMITED"
	overloaded          code = "OVERLOADED"
	slowConsumer        code = "SLOW_CONSUMER"
	internalServerError code = "INTERNAL_SERVER_ERROR"
)

const givenUp = "the operation was given up"

// table tells what errors of other packages are to a client; the first that an error is counts. An empty message means
// the error's own text.
var table = []struct {
	is      error
	code    code
	message string
}{
	{view.ErrCursor, badUserInput, ""},
	{auth.ErrUnauthenticated, unauthenticated, ""},
	{auth.ErrForbidden, forbidden, ""},
	{auth.ErrUnavailable, upstreamUnavailable, auth.ErrUnavailable.Error()},
	{compose.ErrStale, staleView, compose.ErrStale.Error()},
	{view.ErrUnavailable, upstreamUnavailable, "the view cannot be read now"},
	{errNoView, upstreamUnavailable, ""},
	{compose.ErrNotConfigured, upstreamUnavailable, ""},
	{compose.ErrOwner, upstreamUnavailable, ""},
	{guard.ErrBusy, overloaded, ""},
	{guard.ErrFull, overloaded, ""},
	{guard.ErrClientFull, rateLimited, ""},
	{watch.ErrFull, rateLimited, ""},
	{watch.ErrStopped, upstreamUnavailable, ""},
	{watch.ErrSlow, slowConsumer, ""},
	{context.DeadlineExceeded, timeout, "the operation took too long"},
	{context.Canceled, cancelled, givenUp},
}

// clientError is an error whose text is meant for the client.
type clientError struct {
	code code
	err  error
}

func (e *clientError) Error() string { return e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

func badInput(format string, args ...any) error {
	return &clientError{badUserInput, fmt.Errorf(format, args...)}
}

func tooComplex(format string, args ...any) error {
	return &clientError{queryTooComplex, fmt.Errorf(format, args...)}
}

func limited(format string, args ...any) error {
	return &clientError{rateLimited, fmt.Errorf(format, args...)}
}

func missing(format string, args ...any) error {
	return &clientError{notFound, fmt.Errorf(format, args...)}
}

// What Apollo's clients know by its message.
var errNotPersisted error = &clientError{notPersisted, errors.New("PersistedQueryNotFound")}

var errNotListed error = &clientError{
	notListed, errors.New("only persisted documents are answered here, and this is none of them"),
}

var errCursorExpired error = &clientError{
	cursorExpired, errors.New("the cursor is of a former shape of the view: begin again"),
}

// panicError is a panic of a resolver.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func recovered(_ context.Context, value any) error { return &panicError{value, debug.Stack()} }

// classify returns what a client is told of an error: its code and a message.
func classify(ctx context.Context, err error) (code, string) {
	if own := (*clientError)(nil); errors.As(err, &own) {
		return own.code, own.Error()
	}
	if value := (*scalar.Error)(nil); errors.As(err, &value) {
		return badUserInput, value.Error()
	}
	if invalid := (*view.InvalidError)(nil); errors.As(err, &invalid) {
		return badUserInput, invalid.Error()
	}
	if spent := (*guard.SpentError)(nil); errors.As(err, &spent) {
		return rateLimited, spent.Error()
	}
	if located := (*gqlerror.Error)(nil); errors.As(err, &located) && located.Unwrap() != nil {
		err = located.Unwrap() // whose text does not begin with the place, which the response has beside it
	}
	for _, row := range table {
		if !errors.Is(err, row.is) {
			continue
		}
		if row.code == upstreamUnavailable { // where there was no more time, whoever was asked last is not to blame
			switch {
			case errors.Is(ctx.Err(), context.Canceled):
				return cancelled, givenUp
			case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, compose.ErrOutOfTime):
				return timeout, "the operation took too long"
			}
		}
		switch owner := (*compose.OwnerError)(nil); {
		case row.message != "":
			return row.code, row.message
		case row.is == compose.ErrOwner && errors.As(err, &owner):
			return row.code, fmt.Sprintf("the %s service cannot be asked now", owner.Owner)
		case errors.As(err, &owner):
			return row.code, owner.Error()
		}
		return row.code, err.Error()
	}
	return internalServerError, "internal error"
}

// presenter turns errors into what clients are told, and logs what they are not.
func presenter(logger *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		shown := *graphql.DefaultErrorPresenter(ctx, err)
		request := requestOf(ctx)
		var is code
		switch shown.Extensions["code"] {
		case errcode.ParseFailed, errcode.ValidationFailed:
			is = badUserInput // the library's own words, about the query
		default:
			is, shown.Message = classify(ctx, err)
		}
		shown.Message = cut(shown.Message)
		shown.Extensions = map[string]any{"code": is}
		switch is {
		case internalServerError:
			shown.Extensions["requestId"] = request.id
			attributes := []any{"request", request.id, "path", shown.Path.String(), "err", err}
			if p := (*panicError)(nil); errors.As(err, &p) {
				attributes = append(attributes, "stack", string(p.stack))
			}
			logger.ErrorContext(ctx, "query failed", attributes...)
		case upstreamUnavailable:
			if request.warns(shown.Message) {
				logger.WarnContext(ctx, "query lacks an upstream", "request", request.id, "path", shown.Path.String(), "err", err)
			}
		}
		request.tally.failed(is)
		return &shown
	}
}

// maxMessage is how long an error's message may be, in bytes: the library's own quote what they are about.
const maxMessage = 500

func cut(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage], "") + "…"
}

// locate returns err at a place below the field at ctx.
func locate(ctx context.Context, err error, below ...ast.PathElement) error {
	path := append(append(ast.Path{}, graphql.GetPath(ctx)...), below...)
	return graphql.AddFieldLocationToError(ctx, gqlerror.WrapPath(path, err))
}

// capErrors cuts a response's errors to the limit, and tells how many it cut. An element of nodes or _entities that is null
// keeps its error: their number is bounded by their own limits.
func capErrors(limit int) graphql.ResponseMiddleware {
	return func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		response := next(ctx)
		if response == nil || len(response.Errors) <= limit {
			return response
		}
		others := 0
		kept := slices.DeleteFunc(slices.Clone(response.Errors), func(err *gqlerror.Error) bool {
			if len(err.Path) == 2 {
				if _, isElement := err.Path[1].(ast.PathIndex); isElement {
					return false
				}
			}
			others++
			return others > limit
		})
		if others <= limit {
			return response
		}
		if response.Extensions == nil {
			response.Extensions = map[string]any{}
		}
		response.Extensions["errorsOmitted"] = others - limit
		response.Errors = kept
		return response
	}
}
