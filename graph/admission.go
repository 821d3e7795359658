package graph

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/guard"
)

// admission is what an operation holds of what there is for all: a place at the gate, and what its client spends on it.
type admission struct {
	clients *guard.Clients
	client  string
	leave   func() // gives back the place; nil where there is none

	mu      sync.Mutex // guards what follows
	spent   int
	settled bool
	budget  guard.Budget
}

var errNotReady error = &clientError{upstreamUnavailable, errors.New("nothing can be answered now: try again later")}

// baseCost is what a client spends on a request that is refused before it is known what it would cost.
const baseCost = 1

// whoIs finds out whose header it is. To be nobody costs, too: until somebody is known their address pays, so that who only has wrong
// tokens is turned away, in the end, before they are looked at.
func (h *Handler) whoIs(ctx context.Context, header http.Header) (auth.Identity, error) {
	address := addressOf(ctx)
	left, err := h.options.Clients.Spend(address, baseCost)
	if err != nil {
		return auth.Identity{}, turnedAway(requestOf(ctx).header, err)
	}
	client, err := h.options.Viewer(ctx, header)
	if err == nil {
		h.options.Clients.Return(address, baseCost)
	} else if left.Most > 0 {
		left.Tell(requestOf(ctx).header)
	}
	return client, err
}

// addressOf returns the client that an address is.
func addressOf(ctx context.Context) string { return "address " + guard.AddressOf(ctx) }

// charge takes from the client of the request at ctx what every request costs, before anything is read of it. The error says when to
// come again.
func (h *Handler) charge(ctx context.Context) error {
	r := requestOf(ctx)
	if h.options.Ready() != nil {
		return &refusal{http.StatusServiceUnavailable, errNotReady}
	}
	r.admission = &admission{clients: h.options.Clients, client: addressOf(ctx)}
	if r.client.Subject != "" {
		r.admission.client = "subject " + r.client.Subject
	}
	return r.spend(baseCost)
}

// enter lets the operation of the request at ctx, which is charged, begin, before its text is looked at. The error says when to come
// again.
func (h *Handler) enter(ctx context.Context) (err error) {
	r := requestOf(ctx)
	if err = h.unread.admit(); err == nil {
		r.admission.leave, err = h.options.Gate.Enter(ctx)
	}
	return turnedAway(r.header, err)
}

// turnedAway tells in the answer's header when to come again, if an error says so.
func turnedAway(h http.Header, err error) error {
	spent := (*guard.SpentError)(nil)
	switch {
	case errors.As(err, &spent):
		spent.Left.Refuse(h)
	case errors.Is(err, guard.ErrBusy), errors.Is(err, guard.ErrFull), errors.Is(err, guard.ErrClientFull):
		h.Set("Retry-After", strconv.Itoa(int(guard.RetryAfter.Seconds())))
	}
	return err
}

// spend takes a cost from what the client may spend, and tells in the answer's header what is left.
func (r *request) spend(cost int) (err error) {
	a := r.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.budget, err = a.clients.Spend(a.client, cost); err != nil {
		return turnedAway(r.header, err)
	}
	a.spent += cost
	a.tell(r.header)
	return nil
}

// tell tells what is left, where anything is counted.
func (a *admission) tell(h http.Header) {
	if a.budget.Most > 0 {
		a.budget.Tell(h)
	}
}

// settle gives back what was spent and not used, and the place. What it tells of an operation that is not subscribed to is final
// before its answer is sent; the messages of a subscription are what others do, so it is paid for when it begins.
func (r *request) settle() {
	a := r.admission
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settled {
		return
	}
	a.settled = true
	if a.leave != nil {
		a.leave()
	}
	if r.spent != nil && r.spent.kind != ast.Subscription {
		if unused := a.spent - max(int(r.spent.actual.Load()), baseCost); unused > 0 {
			a.budget = a.clients.Return(a.client, unused)
		}
	}
	a.tell(r.header)
}
