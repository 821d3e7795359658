package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// ConsumerRequest asks for one consumer. It is comparable.
type ConsumerRequest struct {
	ID        string
	Freshness Freshness // Least is not looked at: consumers have no versions
}

// ConsumerAnswer answers one request. Consumer is nil where nobody whom the viewer may know has the id.
type ConsumerAnswer struct {
	Consumer *order.Consumer
	Source   Source
	Reason   Reason
	Kept     bool           // what Freshness promises holds
	Lag      *time.Duration // of the view; nil where nobody knows
	Err      error
}

// maxSearches is how many consumers are looked for in the view at the same time.
const maxSearches = 8

// Consumers answers every request at its own index: from the newest order of theirs that the viewer may see; and, for
// support and for the consumer themselves, from the Consumer service, where the view knows of none or is not fresh enough.
func (r *Reader) Consumers(ctx context.Context, v view.Viewer, requests []ConsumerRequest) []ConsumerAnswer {
	answers := make([]ConsumerAnswer, len(requests))
	var fan errgroup.Group
	fan.SetLimit(maxSearches)
	for i, q := range requests {
		fan.Go(func() error {
			answers[i] = r.consumerInView(ctx, v, q)
			return nil
		})
	}
	fan.Wait()

	var ask []string
	for i, q := range requests {
		if _, forgotten := r.pseudonym(q.ID); forgotten { // what the view has is all that is to be known of them
			answers[i].Kept = answers[i].Kept || answers[i].Err == nil
			continue
		}
		mayKnow := v.SeesAll() || v == view.As(view.RoleConsumer, q.ID)
		if (answers[i].Consumer == nil || !answers[i].Kept) && mayKnow && r.owners.Configured(ConsumerOwner) {
			ask = append(ask, q.ID)
		}
	}
	told := lookUp(ctx, r.owners, ConsumerOwner, "consumers", ask, func(a consumerAnswer) (string, *order.Consumer) {
		return string(a.ConsumerID), a.consumer()
	})
	for i, q := range requests {
		a := &answers[i]
		found, asked := told[q.ID]
		switch {
		case asked && found.err == nil:
			*a = ConsumerAnswer{Consumer: found.value, Source: FromOwners, Reason: a.Reason, Kept: true, Lag: a.Lag}
			if found.value == nil {
				a.Reason = Missing
			}
		case asked && a.Consumer == nil:
			*a = ConsumerAnswer{Source: FromOwners, Reason: ReasonOf(found.err), Lag: a.Lag, Err: found.err}
		case asked:
			a.Reason = Weightier(a.Reason, ReasonOf(found.err))
		}
		if a.Err == nil && !a.Kept && q.Freshness.OnStale == Fail {
			a.Consumer, a.Err = nil, fmt.Errorf("consumer %s: %w", q.ID, ErrStale)
		}
	}
	return answers
}

// newestFirst is the order in which the first order tells a consumer's present name.
var newestFirst = []view.Sort{{Field: "createdAt", Descending: true}}

// consumerInView looks for a consumer's newest order. A view that is down is an error only where it leaves nobody else
// to ask.
func (r *Reader) consumerInView(ctx context.Context, v view.Viewer, q ConsumerRequest) ConsumerAnswer {
	f := q.Freshness
	f.OnStale = Serve
	if f.owners() { // the Order service is not who is to be asked
		f = Freshness{}
	}
	page, err := r.SearchOrders(ctx, v, ListRequest{
		Query: view.Query{
			Filter: view.In{Field: consumerPath, Values: []any{q.ID}},
			Sort:   newestFirst,
			Size:   1,
		},
		Freshness: f,
	})
	a := ConsumerAnswer{Source: FromView, Reason: page.Reason, Kept: page.Kept, Lag: page.Lag, Err: err}
	if err != nil {
		a.Reason = ViewDown
	}
	if q.Freshness.owners() {
		a.Reason, a.Kept = Weightier(a.Reason, Asked), false
	}
	if len(page.Hits) > 0 {
		a.Consumer = page.Hits[0].Order.Consumer
	} else if err == nil {
		a.Reason = Weightier(a.Reason, Missing)
	}
	return a
}

// looked is what an owner says of one id: a value, nothing, or an error.
type looked[T any] struct {
	value *T
	err   error
}

// lookUp asks an owner's collection for ids, each only once, and has an entry for each of them.
func lookUp[A, T any](ctx context.Context, o *Owners, owner Owner, collection string, ids []string,
	read func(A) (id string, value *T)) map[string]looked[T] {
	var (
		all = make(map[string]looked[T], len(ids))
		mu  sync.Mutex // guards all
	)
	o.each(ctx, owner, collection, ids, func(asked []string, elements []json.RawMessage, err error) {
		mu.Lock()
		defer mu.Unlock()
		found := map[string]*T{}
		for _, element := range elements {
			var a A
			if wrong := json.Unmarshal(element, &a); wrong != nil {
				err = &OwnerError{Owner: owner, Status: http.StatusOK, Err: wrong}
				continue
			}
			id, value := read(a)
			found[id] = value
		}
		for _, id := range asked {
			if all[id] = (looked[T]{value: found[id]}); found[id] == nil {
				all[id] = looked[T]{err: err}
			}
		}
	})
	return all
}
