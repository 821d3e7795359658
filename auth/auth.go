// Package auth tells who asks: it turns a request's access token into the view.Viewer that every read takes.
package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/viewgate/viewgate/view"
)

// Identity is who asks. The zero Identity sees nothing.
type Identity struct {
	Viewer view.Viewer
	// Subject is who it is, as whoever issued the token calls them, for the audit log; "" where nobody is known.
	Subject string
	// Until is when the identity ends, and with it all that goes on in its name. Zero: it does not.
	Until time.Time
}

// Anybody returns the identity of somebody of whom nothing is known, and who sees what is public.
func Anybody() Identity { return Identity{Viewer: view.Anybody()} }

// Everybody returns what takes everybody for one viewer, whatever they show: a process without authentication.
func Everybody(viewer view.Viewer) func(context.Context, http.Header) (Identity, error) {
	return func(context.Context, http.Header) (Identity, error) { return Identity{Viewer: viewer}, nil }
}

// Context returns a context that ends with the identity, if not before.
func (i Identity) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	if i.Until.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, i.Until)
}

// Why a request is not answered. Errors that wrap them say more, in words for whoever asks.
var (
	// ErrUnauthenticated says that there is no token, or that it proves nothing: another one may.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrNoToken is an ErrUnauthenticated: there is no token at all.
	ErrNoToken = fmt.Errorf("%w: there is no token", ErrUnauthenticated)
	// ErrForbidden says that the token is good, and gives its owner nothing here.
	ErrForbidden = errors.New("forbidden")
	// ErrUnavailable says that a token cannot be checked now, because the keys to do so cannot be had.
	ErrUnavailable = errors.New("tokens cannot be checked now")
)
