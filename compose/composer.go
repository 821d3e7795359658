package compose

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// Composition is what the owners answered about one order.
type Composition struct {
	// Order has the parts that were answered, each at its owner's version with origin view.FromOwner; never nil. A part
	// that its owner does not know, or has at version 0, is not there.
	Order *order.Order
	// Failed has the parts whose owner could not be asked; each error is an *OwnerError.
	Failed map[order.Aggregate]error
}

// Compose asks the owners for these parts of these orders, by order id: each owner once for up to 100 ids, all at the
// same time. It answers every id that was asked for. A failing owner fails its own part only.
func (o *Owners) Compose(ctx context.Context, wanted map[string]Parts) map[string]Composition {
	if len(wanted) == 0 { // as where the view is fresh enough
		return map[string]Composition{}
	}
	var (
		all = make(map[string]Composition, len(wanted))
		ids = map[order.Aggregate][]string{}
		mu  sync.Mutex // guards what is in all
	)
	for id, parts := range wanted {
		all[id] = Composition{Order: order.New(id), Failed: map[order.Aggregate]error{}}
		for _, a := range parts.List() {
			ids[a] = append(ids[a], id)
		}
	}
	var fan errgroup.Group
	for _, a := range order.Aggregates {
		fan.Go(func() error {
			from := sources[a]
			o.each(ctx, from.owner, from.collection, ids[a], func(asked []string, elements []json.RawMessage, err error) {
				mu.Lock()
				defer mu.Unlock()
				o.take(all, a, asked, elements, err)
			})
			return nil
		})
	}
	fan.Wait()
	for _, c := range all {
		c.Order.Derive()
	}
	return all
}

// each asks an owner for ids, maxIDs at a time, and hands every call's answer to take, from several goroutines.
func (o *Owners) each(ctx context.Context, owner Owner, collection string, ids []string,
	take func(asked []string, elements []json.RawMessage, err error)) {
	var calls errgroup.Group
	calls.SetLimit(maxCalls)
	ids = slices.Compact(slices.Sorted(slices.Values(ids))) // equal questions are equal on the wire
	for asked := range slices.Chunk(ids, maxIDs) {
		calls.Go(func() error {
			elements, err := o.fetch(ctx, owner, collection, url.Values{"id": asked})
			take(asked, elements, err)
			return nil
		})
	}
	calls.Wait()
}

// errNoVersion fails one id's part.
var errNoVersion = errors.New("answer without a version")

// errUnnamed fails a whole call: without ids nobody knows whom the answer is about.
var errUnnamed = errors.New("answer with an element without an id")

// take puts one call's answer into the compositions of the ids that it asked for. What was not asked for is ignored.
func (o *Owners) take(all map[string]Composition, a order.Aggregate,
	asked []string, elements []json.RawMessage, err error) {
	owner := sources[a].owner
	read := make([]answered, 0, len(elements))
	for _, element := range elements {
		one := sources[a].read(o, element)
		if one.err != nil {
			var n named
			_ = json.Unmarshal(element, &n) // what it could read is enough
			one.id = string(sources[a].id(n))
		}
		if one.id == "" {
			err = &OwnerError{Owner: owner, Status: http.StatusOK, Err: errors.Join(errUnnamed, one.err)}
		}
		read = append(read, one)
	}
	if err != nil {
		for _, id := range asked {
			all[id].Failed[a] = err
		}
		return
	}
	for _, one := range read {
		if !slices.Contains(asked, one.id) {
			continue
		}
		c := all[one.id]
		switch {
		case one.err != nil:
			c.Failed[a] = &OwnerError{Owner: owner, Status: http.StatusOK, Err: one.err}
		case one.version == 0: // nothing tells whether it is newer than what the view has
			c.Failed[a] = &OwnerError{Owner: owner, Status: http.StatusOK, Err: errNoVersion}
		default:
			*c.Order.Part(a) = view.Part{Version: one.version, Origin: view.FromOwner}
			one.apply(c.Order)
		}
	}
}

// RecentOrders asks the Order service for a consumer's orders that have changed since a time, the zero time for all of
// them. Each Composition has the order part alone; one that cannot be used has its error in Failed. They come as the
// service lists them: newest first.
func (o *Owners) RecentOrders(ctx context.Context, consumerID string, since time.Time) ([]Composition, error) {
	query := url.Values{"consumerId": {consumerID}}
	if !since.IsZero() {
		query.Set("since", since.UTC().Format(time.RFC3339Nano))
	}
	elements, err := o.fetch(ctx, OrderOwner, "orders", query)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(elements))
	all := make(map[string]Composition, len(elements))
	for _, element := range elements {
		var n named
		_ = json.Unmarshal(element, &n) // what it could read is enough
		id := string(n.OrderID)
		if id == "" {
			return nil, &OwnerError{Owner: OrderOwner, Status: http.StatusOK, Err: errUnnamed}
		}
		ids = append(ids, id)
		all[id] = Composition{Order: order.New(id), Failed: map[order.Aggregate]error{}}
	}
	o.take(all, order.AggregateOrder, ids, elements, nil)
	list := make([]Composition, len(ids))
	for i, id := range ids {
		list[i] = all[id]
		list[i].Order.Derive()
	}
	return list, nil
}
