package ftgo

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/viewgate/viewgate/event"
)

// The Order service's tasks.
const (
	createOrder taskKind = "create-order"
	cancelOrder taskKind = "cancel-order"
	reviseOrder taskKind = "revise-order"
)

// sagaStep is a request to another service.
type sagaStep struct {
	do      request
	undo    *request // what undoes it, where there is something to undo
	settled bool     // the saga's outcome is decided before it: a refusal changes nothing
}

// request is a request of a saga. It can be sent again: the services do not do twice what they have done.
type request struct {
	to     peer
	method string
	path   string
	body   any
}

func (r request) send(ctx context.Context) error {
	return r.to.call(ctx, r.method, r.path, r.body, nil)
}

// runSaga takes the steps one after the other. Where a service refuses one, the steps before it are undone, last first,
// and the refusal is returned. Any other failure is an error: the saga then begins again, which is why its progress need
// not be kept.
func runSaga(ctx context.Context, steps []sagaStep) (*refusal, error) {
	for i, s := range steps {
		err := s.do.send(ctx)
		no := refused(err)
		if err != nil && no == nil {
			return nil, err
		}
		if no == nil || s.settled {
			continue
		}
		for j := i - 1; j >= 0; j-- {
			undo := steps[j].undo
			if undo == nil {
				continue
			}
			// What cannot be undone any more was never done, or has gone on without us.
			if err := undo.send(ctx); err != nil && refused(err) == nil {
				return nil, err
			}
		}
		return no, nil
	}
	return nil, nil
}

// perform runs the saga that a task stands for, then brings its outcome into the order.
func (s *orders) perform(ctx context.Context, t task) error {
	r, err := s.one(t.ID)
	if err != nil {
		return fmt.Errorf("order %s: %w", t.ID, err)
	}
	var steps []sagaStep
	var outcome func(*edit[order], *refusal) error
	switch t.Kind {
	case createOrder:
		steps, outcome = s.creation(r), created
	case cancelOrder:
		steps, outcome = s.cancellation(r), cancelled
	case reviseOrder:
		steps, outcome = s.revision(r), decided
	default:
		return fmt.Errorf("order %s: unknown task %s", t.ID, t.Kind)
	}
	no, err := runSaga(ctx, steps)
	if err != nil {
		return fmt.Errorf("order %s: %w", t.ID, err)
	}
	_, err = s.change(t.ID, func(e *edit[order]) error {
		if err := e.done(t); err != nil {
			return err
		}
		return outcome(e, no)
	})
	return err
}

// creation: the ticket is made, the card authorized, the ticket confirmed, a delivery made. The consumer was checked
// before there was an order.
func (s *orders) creation(r record[order]) []sagaStep {
	ticket, bill, delivery := "/tickets/"+string(r.ID), "/bills/"+string(r.ID), "/deliveries/"+string(r.ID)
	details := r.State.details()
	return []sagaStep{
		{
			do: request{s.kitchen, http.MethodPut, ticket,
				ticketRequest{RestaurantID: details.RestaurantID, LineItems: details.LineItems}},
			undo: &request{s.kitchen, http.MethodDelete, ticket, nil},
		},
		{
			do: request{s.accounting, http.MethodPut, bill,
				authorizeRequest{ConsumerID: details.ConsumerID, Amount: details.OrderTotal}},
			undo: &request{s.accounting, http.MethodPost, bill + "/reverse", nil},
		},
		{do: request{s.kitchen, http.MethodPost, ticket + "/confirm", nil}},
		{
			do: request{s.deliveries, http.MethodPut, delivery,
				deliveryRequest{PickupAddress: r.State.PickupAddress, DeliveryAddress: r.State.Told.DeliveryAddress}},
		},
	}
}

func created(e *edit[order], no *refusal) error {
	if no != nil {
		e.State.State = orderRejected
		return e.emit(event.OrderRejected{Reason: no.Message})
	}
	e.State.State = orderApproved
	return e.emit(event.OrderAuthorized{})
}

// cancellation: the kitchen decides. A courier who has the food all the same brings it.
func (s *orders) cancellation(r record[order]) []sagaStep {
	return []sagaStep{
		{do: request{s.kitchen, http.MethodPost, "/tickets/" + string(r.ID) + "/cancel", nil}},
		{do: request{s.accounting, http.MethodPost, "/bills/" + string(r.ID) + "/reverse", nil}, settled: true},
		{do: request{s.deliveries, http.MethodPost, "/deliveries/" + string(r.ID) + "/cancel", nil}, settled: true},
	}
}

func cancelled(e *edit[order], no *refusal) error {
	if no != nil {
		e.State.State = orderApproved
		return e.emit(event.OrderCancelUndone{})
	}
	e.State.State = orderCancelled
	return e.emit(event.OrderCancelled{})
}

// revision: the kitchen holds the ticket for it, the card is authorized for the new total, and the kitchen takes it.
func (s *orders) revision(r record[order]) []sagaStep {
	number := "/revisions/" + strconv.FormatUint(r.State.Proposed.Number, 10)
	ticket, bill := "/tickets/"+string(r.ID)+number, "/bills/"+string(r.ID)+number
	return []sagaStep{
		{
			do:   request{s.kitchen, http.MethodPut, ticket, ticketRevision{LineItems: r.State.Proposed.LineItems}},
			undo: &request{s.kitchen, http.MethodDelete, ticket, nil},
		},
		{do: request{s.accounting, http.MethodPut, bill, revisionRequest{Amount: r.State.Proposed.Total}}},
		{do: request{s.kitchen, http.MethodPost, ticket + "/confirm", nil}},
	}
}

func decided(e *edit[order], no *refusal) error {
	p := e.State.Proposed
	said := revisionBody(e.State)
	e.State.State, e.State.Proposed = orderApproved, nil
	if no != nil {
		return e.emit(event.OrderRevisionRejected{})
	}
	said.LineItems = p.LineItems
	e.State.details().LineItems, e.State.details().OrderTotal = p.LineItems, p.Total
	return e.emit(event.OrderRevised{Revision: said})
}
