package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// OrderPage is a page of orders from the view.
type OrderPage struct {
	Hits   []OrderHit
	Total  int // counts all that match: exactly so many if Exact, else at least
	Exact  bool
	More   bool // there are further hits in the page's direction
	Facets [][]view.Bucket
}

// OrderHit is one order of a page and its place in the query's order.
type OrderHit struct {
	Order    *order.Order
	Position view.Position
	Score    float64
}

// SearchOrders returns a page of the viewer's orders as the view's last refresh left them.
func (r *Reader) SearchOrders(ctx context.Context, v view.Viewer, q view.Query) (OrderPage, error) {
	found, err := r.store.Search(ctx, v, q)
	if err != nil {
		return OrderPage{}, fmt.Errorf("search orders: %w", err)
	}
	page := OrderPage{Total: found.Total, Exact: found.Exact, More: found.More, Facets: found.Facets}
	for _, hit := range found.Hits {
		o, err := order.Decode(hit.Source)
		if err != nil {
			return OrderPage{}, fmt.Errorf("search orders: %w", err)
		}
		page.Hits = append(page.Hits, OrderHit{Order: o, Position: hit.Position, Score: hit.Score})
	}
	return page, nil
}

// ConsumerAnswer answers one id. Consumer is nil where nobody whom the viewer may know has the id.
type ConsumerAnswer struct {
	Consumer *order.Consumer
	Source   Source
	Err      error
}

// maxSearches is how many consumers are looked for in the view at the same time.
const maxSearches = 8

// Consumers answers every id at its own index: from the newest order of theirs that the viewer may see, else, for
// support and for the consumer themselves, from the Consumer service, where one is configured.
func (r *Reader) Consumers(ctx context.Context, v view.Viewer, ids []string) []ConsumerAnswer {
	answers := make([]ConsumerAnswer, len(ids))
	var fan errgroup.Group
	fan.SetLimit(maxSearches)
	for i, id := range ids {
		fan.Go(func() error {
			answers[i] = r.consumerInView(ctx, v, id)
			return nil
		})
	}
	fan.Wait()

	var ask []string
	for i, id := range ids {
		mayKnow := v.SeesAll() || v == view.As(view.RoleConsumer, id)
		if answers[i].Consumer == nil && mayKnow && r.owners.Configured(ConsumerOwner) {
			ask = append(ask, id)
		}
	}
	told := lookUp(ctx, r.owners, ConsumerOwner, "consumers", ask, func(a consumerAnswer) (string, *order.Consumer) {
		return string(a.ConsumerID), a.consumer()
	})
	for i, id := range ids {
		if found, asked := told[id]; asked {
			answers[i] = ConsumerAnswer{Consumer: found.value, Source: FromOwners, Err: found.err}
		}
	}
	return answers
}

// newestFirst is the order in which the first order tells a consumer's present name.
var newestFirst = []view.Sort{{Field: "createdAt", Descending: true}}

// consumerInView looks for a consumer's newest order. A view that is down is an error only where it leaves nobody else
// to ask.
func (r *Reader) consumerInView(ctx context.Context, v view.Viewer, id string) ConsumerAnswer {
	page, err := r.SearchOrders(ctx, v, view.Query{
		Filter: view.In{Field: "consumer.consumerId", Values: []any{id}},
		Sort:   newestFirst,
		Size:   1,
	})
	a := ConsumerAnswer{Source: FromView, Err: err}
	if len(page.Hits) > 0 {
		a.Consumer = page.Hits[0].Order.Consumer
	}
	return a
}

// RestaurantAnswer answers one id. Restaurant is nil where the Restaurant service does not know of it.
type RestaurantAnswer struct {
	Restaurant *order.Restaurant
	Err        error
}

// Restaurants asks the Restaurant service and answers every id at its own index. Anybody may know a restaurant.
func (r *Reader) Restaurants(ctx context.Context, ids []string) []RestaurantAnswer {
	told := lookUp(ctx, r.owners, RestaurantOwner, "restaurants", ids,
		func(a restaurantAnswer) (string, *order.Restaurant) {
			return string(a.ID), &order.Restaurant{RestaurantID: string(a.ID), Name: a.Name}
		})
	answers := make([]RestaurantAnswer, len(ids))
	for i, id := range ids {
		answers[i] = RestaurantAnswer{Restaurant: told[id].value, Err: told[id].err}
	}
	return answers
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
