package ftgo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/shopspring/decimal"
	"go.etcd.io/bbolt"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// The order's states.
const (
	orderApprovalPending = "APPROVAL_PENDING"
	orderApproved        = "APPROVED"
	orderRejected        = "REJECTED"
	orderCancelPending   = "CANCEL_PENDING"
	orderCancelled       = "CANCELLED"
	orderRevisionPending = "REVISION_PENDING"
)

const (
	firstOrder  = 1_000_000 // its id; the others follow
	maxLines    = 50        // of an order
	maxQuantity = 100       // of a line
)

// orders is the Order service. It keeps the orders and orchestrates the sagas (see saga.go).
type orders struct {
	resource[order]
	orderPeers
}

// orderPeers are the services that an order needs.
type orderPeers struct{ consumers, restaurants, kitchen, accounting, deliveries peer }

// order is what its first event told, with the lines and the total as they are now, and what has become of it.
type order struct {
	Told          event.OrderCreatedEvent `json:"told"`
	State         string                  `json:"state"`
	CreatedAt     wire.Time               `json:"createdAt"`
	PickupAddress *wire.Address           `json:"pickupAddress,omitempty"` // the restaurant's
	Proposed      *proposal               `json:"proposed,omitempty"`      // while a revision is considered
}

func (o *order) details() *event.OrderDetails { return &o.Told.OrderDetails }

// proposal is a revision and what the order would be with it.
type proposal struct {
	Number    uint64          `json:"number"` // the order's version at which it was proposed
	Changes   []quantity      `json:"changes"`
	LineItems []wire.LineItem `json:"lineItems"`
	Total     wire.Money      `json:"total"`
}

// quantity is how many of a dish are wanted.
type quantity struct {
	MenuItemID wire.ID `json:"menuItemId"`
	Quantity   int     `json:"quantity"`
}

// orderAnswer is what GET /orders/{id} answers.
type orderAnswer struct {
	OrderID         wire.ID         `json:"orderId"`
	State           string          `json:"state"`
	OrderTotal      wire.Money      `json:"orderTotal"`
	ConsumerID      wire.ID         `json:"consumerId"`
	ConsumerName    string          `json:"consumerName"`
	RestaurantID    wire.ID         `json:"restaurantId"`
	RestaurantName  string          `json:"restaurantName"`
	LineItems       []wire.LineItem `json:"lineItems"`
	DeliveryAddress *wire.Address   `json:"deliveryAddress"`
	DeliveryTime    *wire.Time      `json:"deliveryTime,omitempty"`
	CreatedAt       wire.Time       `json:"createdAt"`
	Version         uint64          `json:"version"`
}

// orderReceipt answers what changes an order: as of this version the change is seen.
type orderReceipt struct {
	OrderID wire.ID `json:"orderId"`
	Version uint64  `json:"version"`
}

func newOrders(st *store, peers orderPeers) *orders {
	return &orders{
		resource:   resource[order]{aggregates: aggregates[order]{st, event.Order}, show: showOrder},
		orderPeers: peers,
	}
}

func showOrder(r record[order]) any {
	told, details := r.State.Told, r.State.details()
	return orderAnswer{
		OrderID: r.ID, State: r.State.State, OrderTotal: details.OrderTotal,
		ConsumerID: details.ConsumerID, ConsumerName: told.ConsumerName,
		RestaurantID: details.RestaurantID, RestaurantName: told.RestaurantName,
		LineItems: details.LineItems, DeliveryAddress: told.DeliveryAddress, DeliveryTime: told.DeliveryTime,
		CreatedAt: r.State.CreatedAt, Version: r.Version,
	}
}

func (s *orders) routes(a *api) {
	a.handle("GET /orders", s.list)
	a.handle("GET /orders/{id}", s.getOne)
	a.handle("POST /orders", s.place)
	a.handle("POST /orders/{id}/cancel", receipt(s.step(requestCancel)))
	a.handle("POST /orders/{id}/revise", receipt(stepWith(s.resource, proposeRevision)))
}

// list answers the orders of ?id=, or those that fit all of ?consumerId=, ?state= (one of several) and ?since= (changed
// at that time or later), newest first.
func (s *orders) list(r *http.Request) (reply, error) {
	query := r.URL.Query()
	states, consumer, since := query["state"], query.Get("consumerId"), wire.Time{}
	if text := query.Get("since"); text != "" {
		var err error
		if since, err = wire.ParseTime(text); err != nil {
			return reply{}, invalid("since: %v", err)
		}
	}
	fits := func(r *record[order]) bool {
		return (consumer == "" || r.State.details().ConsumerID == wire.ID(consumer)) &&
			(len(states) == 0 || slices.Contains(states, r.State.State)) && !r.Changed.Before(since.Time)
	}
	var found []record[order]
	var err error
	switch {
	case consumer != "":
		found, err = s.ofConsumer(wire.ID(consumer), fits)
	case len(states) > 0 || !since.IsZero():
		found, err = s.all(fits)
	default:
		return s.getMany(r)
	}
	if err != nil {
		return reply{}, err
	}
	slices.Reverse(found)
	return s.resource.list(found), nil
}

// ofConsumer returns a consumer's orders that keep wants, by ascending id.
func (s *orders) ofConsumer(consumer wire.ID, keep func(*record[order]) bool) ([]record[order], error) {
	prefix, ok := key(consumer)
	if !ok {
		return nil, nil
	}
	var ids []wire.ID
	err := s.db.View(func(tx *bbolt.Tx) error {
		scanPrefix(tx.Bucket(indexBucket), prefix, func(v []byte) { ids = append(ids, wire.ID(v)) })
		return nil
	})
	if err != nil {
		return nil, err
	}
	found, err := s.get(ids)
	return slices.DeleteFunc(found, func(r record[order]) bool { return !keep(&r) }), err
}

// placeRequest is the body of POST /orders.
type placeRequest struct {
	ConsumerID      wire.ID       `json:"consumerId"`
	RestaurantID    wire.ID       `json:"restaurantId"`
	DeliveryAddress *wire.Address `json:"deliveryAddress"`
	DeliveryTime    *wire.Time    `json:"deliveryTime"`
	LineItems       []quantity    `json:"lineItems"`
}

// place takes an order on and answers at once; whether it is approved, its saga finds out.
func (s *orders) place(r *http.Request) (reply, error) {
	body, err := decode[placeRequest](r)
	if err != nil {
		return reply{}, err
	}
	var who consumerAnswer
	if err := ask(r.Context(), s.consumers, "consumer", "/consumers/", body.ConsumerID, &who); err != nil {
		return reply{}, err
	}
	var where restaurantAnswer
	if err := ask(r.Context(), s.restaurants, "restaurant", "/restaurants/", body.RestaurantID, &where); err != nil {
		return reply{}, err
	}
	created, err := draft(body, who, where)
	if err != nil {
		return reply{}, err
	}
	made, err := s.add(firstOrder, func(e *edit[order]) error {
		e.State = order{
			Told: created, State: orderApprovalPending, CreatedAt: e.at, PickupAddress: where.Address,
		}
		by, ok := key(who.ConsumerID)
		id, ok2 := key(e.ID)
		if !ok || !ok2 {
			return fmt.Errorf("order %s of consumer %s: an id is no number", e.ID, who.ConsumerID)
		}
		return errors.Join(
			e.tx.Bucket(indexBucket).Put(append(by, id...), []byte(e.ID)),
			e.promise(createOrder, e.ID),
			e.emit(created),
		)
	})
	if err != nil {
		return reply{}, err
	}
	return reply{
		status: http.StatusCreated, version: made.Version, location: "/orders/" + string(made.ID),
		body: orderReceipt{OrderID: made.ID, Version: made.Version},
	}, nil
}

// ask gets what another service knows of an id that a customer has sent.
func ask(ctx context.Context, p peer, what, path string, id wire.ID, out any) error {
	if _, ok := key(id); !ok {
		return invalid("unknown %s", what)
	}
	err := p.call(ctx, http.MethodGet, path+string(id), nil, out)
	if refused(err) != nil {
		return invalid("unknown %s %s", what, id)
	}
	return err
}

// draft makes the order of what was asked for, at the restaurant's prices.
func draft(body placeRequest, who consumerAnswer, where restaurantAnswer) (event.OrderCreatedEvent, error) {
	switch a := body.DeliveryAddress; {
	case a == nil || a.Street1 == "" || a.City == "":
		return event.OrderCreatedEvent{}, invalid("deliveryAddress needs a street1 and a city")
	case len(body.LineItems) == 0 || len(body.LineItems) > maxLines:
		return event.OrderCreatedEvent{}, invalid("an order has 1 to %d lines", maxLines)
	}
	menu := map[wire.ID]event.MenuItem{}
	for _, item := range where.Menu.MenuItems {
		menu[item.ID] = item
	}
	var lines []wire.LineItem
	for _, wanted := range body.LineItems {
		item, ok := menu[wanted.MenuItemID]
		switch {
		case !ok:
			return event.OrderCreatedEvent{}, invalid("unknown menu item %s", wanted.MenuItemID)
		case wanted.Quantity < 1 || wanted.Quantity > maxQuantity:
			return event.OrderCreatedEvent{}, invalid("a quantity is from 1 to %d", maxQuantity)
		case slices.ContainsFunc(lines, func(l wire.LineItem) bool { return l.MenuItemID == item.ID }):
			return event.OrderCreatedEvent{}, invalid("menu item %s is there twice", item.ID)
		}
		lines = append(lines, line(item.ID, item.Name, item.Price, wanted.Quantity))
	}
	return event.OrderCreatedEvent{
		OrderDetails: event.OrderDetails{
			LineItems: lines, OrderTotal: total(lines), RestaurantID: where.ID, ConsumerID: who.ConsumerID,
		},
		DeliveryAddress: body.DeliveryAddress, DeliveryTime: body.DeliveryTime, RestaurantName: where.Name,
		ConsumerName: who.Name.FirstName + " " + who.Name.LastName,
	}, nil
}

func line(id wire.ID, name string, price wire.Money, n int) wire.LineItem {
	return wire.LineItem{
		MenuItemID: id, Name: name, Quantity: n, Price: price,
		Total: wire.Money{Decimal: price.Mul(decimal.NewFromInt(int64(n)))},
	}
}

func total(lines []wire.LineItem) wire.Money {
	var sum decimal.Decimal
	for _, l := range lines {
		sum = sum.Add(l.Total.Decimal)
	}
	return wire.Money{Decimal: sum}
}

// receipt answers 202 and the order's new version where the change has begun.
func receipt(change func(*http.Request) (reply, error)) func(*http.Request) (reply, error) {
	return func(r *http.Request) (reply, error) {
		answer, err := change(r)
		if err != nil {
			return reply{}, err
		}
		answer.status = http.StatusAccepted
		answer.body = orderReceipt{OrderID: pathID(r), Version: answer.version}
		return answer, nil
	}
}

// onlyApproved refuses what begins while something else is considered, or after the end.
func onlyApproved(e *edit[order]) error {
	if e.State.State != orderApproved {
		return conflict(e.State.State, "the order must be %s", orderApproved)
	}
	return nil
}

// requestCancel begins the cancel-order saga.
func requestCancel(e *edit[order]) error {
	if err := onlyApproved(e); err != nil {
		return err
	}
	e.State.State = orderCancelPending
	return errors.Join(e.promise(cancelOrder, e.ID), e.emit(event.OrderCancelRequested{}))
}

// reviseRequest is the body of POST /orders/{id}/revise. Lines that it does not name stay; a quantity of 0 takes one out.
type reviseRequest struct {
	RevisedOrderLineItems []quantity `json:"revisedOrderLineItems"`
}

// proposeRevision begins the revise-order saga.
func proposeRevision(e *edit[order], body reviseRequest) error {
	if err := onlyApproved(e); err != nil {
		return err
	}
	lines, err := revised(e.State.details().LineItems, body.RevisedOrderLineItems)
	if err != nil {
		return err
	}
	e.State.State = orderRevisionPending
	e.State.Proposed = &proposal{
		Number: e.Version + 1, Changes: body.RevisedOrderLineItems, LineItems: lines, Total: total(lines),
	}
	return errors.Join(
		e.promise(reviseOrder, e.ID),
		e.emit(event.OrderRevisionProposed{Revision: revisionBody(e.State)}),
	)
}

// revised returns an order's lines with other quantities.
func revised(lines []wire.LineItem, changes []quantity) ([]wire.LineItem, error) {
	if len(changes) == 0 {
		return nil, invalid("revisedOrderLineItems is missing")
	}
	wanted := map[wire.ID]int{}
	for _, c := range changes {
		if c.Quantity < 0 || c.Quantity > maxQuantity {
			return nil, invalid("a quantity is from 0 to %d", maxQuantity)
		}
		if _, twice := wanted[c.MenuItemID]; twice {
			return nil, invalid("menu item %s is there twice", c.MenuItemID)
		}
		wanted[c.MenuItemID] = c.Quantity
	}
	var result []wire.LineItem
	for _, l := range lines {
		n, changed := wanted[l.MenuItemID]
		delete(wanted, l.MenuItemID)
		switch {
		case !changed:
			result = append(result, l)
		case n > 0:
			result = append(result, line(l.MenuItemID, l.Name, l.Price, n))
		}
	}
	for id := range wanted {
		return nil, invalid("menu item %s is not in the order", id)
	}
	if len(result) == 0 {
		return nil, invalid("nothing would be left: cancel the order")
	}
	return result, nil
}

// revisionBody returns what the events say of the proposal; OrderRevised also has the lines.
func revisionBody(o order) event.Revision {
	current := o.details().OrderTotal
	r := event.Revision{CurrentOrderTotal: &current, NewOrderTotal: &o.Proposed.Total}
	for _, c := range o.Proposed.Changes {
		r.OrderRevision.RevisedOrderLineItems = append(r.OrderRevision.RevisedOrderLineItems, c)
	}
	return r
}
