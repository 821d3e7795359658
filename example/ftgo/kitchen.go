package ftgo

import (
	"context"
	"net/http"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// The ticket's states.
const (
	ticketCreatePending      = "CREATE_PENDING"
	ticketAwaitingAcceptance = "AWAITING_ACCEPTANCE"
	ticketAccepted           = "ACCEPTED"
	ticketPreparing          = "PREPARING"
	ticketReadyForPickup     = "READY_FOR_PICKUP"
	ticketPickedUp           = "PICKED_UP"
	ticketCancelled          = "CANCELLED"
	ticketRevisionPending    = "REVISION_PENDING" // told in refusals only: the state goes on being the last event's
)

// kitchen is the Kitchen service: one ticket an order, with the order's id.
type kitchen struct {
	resource[ticket]
	deliveries peer
}

type ticket struct {
	State              string          `json:"state"`
	RestaurantID       wire.ID         `json:"restaurantId"`
	LineItems          []wire.LineItem `json:"lineItems"`
	ReadyBy            *wire.Time      `json:"readyBy,omitempty"`
	AcceptTime         *wire.Time      `json:"acceptTime,omitempty"`
	PreparingTime      *wire.Time      `json:"preparingTime,omitempty"`
	ReadyForPickupTime *wire.Time      `json:"readyForPickupTime,omitempty"`
	PickedUpTime       *wire.Time      `json:"pickedUpTime,omitempty"`
	Proposed           *ticketRevision `json:"proposed,omitempty"` // a revision that the order is considering
	Revision           uint64          `json:"revision,omitempty"` // the last one made
}

type ticketRevision struct {
	Number    uint64          `json:"number"`
	LineItems []wire.LineItem `json:"lineItems"`
}

// ticketAnswer is what GET /tickets/{id} answers. A time is missing until its step has happened.
type ticketAnswer struct {
	TicketID           wire.ID    `json:"ticketId"`
	State              string     `json:"state"`
	ReadyBy            *wire.Time `json:"readyBy,omitempty"`
	AcceptTime         *wire.Time `json:"acceptTime,omitempty"`
	PreparingTime      *wire.Time `json:"preparingTime,omitempty"`
	ReadyForPickupTime *wire.Time `json:"readyForPickupTime,omitempty"`
	PickedUpTime       *wire.Time `json:"pickedUpTime,omitempty"`
	Version            uint64     `json:"version"`
}

func newKitchen(st *store, deliveries peer) *kitchen {
	return &kitchen{
		resource: resource[ticket]{
			aggregates: aggregates[ticket]{st, event.Ticket},
			show: func(r record[ticket]) any {
				t := r.State
				return ticketAnswer{
					TicketID: r.ID, State: t.State, ReadyBy: t.ReadyBy, AcceptTime: t.AcceptTime, PreparingTime: t.PreparingTime,
					ReadyForPickupTime: t.ReadyForPickupTime, PickedUpTime: t.PickedUpTime, Version: r.Version,
				}
			},
		},
		deliveries: deliveries,
	}
}

func (s *kitchen) routes(a *api) {
	a.handle("GET /tickets", s.getMany)
	a.handle("GET /tickets/{id}", s.getOne)
	// The cook's and the courier's.
	a.handle("POST /tickets/{id}/accept", stepWith(s.resource, accept))
	a.handle("POST /tickets/{id}/preparing", s.step(startPreparing))
	a.handle("POST /tickets/{id}/ready", s.step(finishPreparing))
	a.handle("POST /tickets/{id}/pickup", s.step(pickUpTicket))
	// The sagas': each can be asked for again, and what has been done is not done twice.
	a.handle("PUT /tickets/{id}", putWith(s.resource, createTicket))
	a.handle("DELETE /tickets/{id}", s.dropTicket)
	a.handle("POST /tickets/{id}/confirm", s.step(confirmTicket))
	a.handle("POST /tickets/{id}/cancel", s.step(cancelTicket))
	a.handle("PUT /tickets/{id}/revisions/{revision}", s.propose)
	a.handle("POST /tickets/{id}/revisions/{revision}/confirm", s.revision(confirmRevision))
	a.handle("DELETE /tickets/{id}/revisions/{revision}", s.revision(dropRevision))
}

// ticketRequest is the body of PUT /tickets/{id}.
type ticketRequest struct {
	RestaurantID wire.ID         `json:"restaurantId"`
	LineItems    []wire.LineItem `json:"lineItems"`
}

// createTicket makes a ticket that nobody sees until it is confirmed: it has no event and no version.
func createTicket(e *edit[ticket], body ticketRequest) error {
	if !e.found {
		e.State = ticket{State: ticketCreatePending, RestaurantID: body.RestaurantID, LineItems: body.LineItems}
	}
	return nil
}

// dropTicket forgets a ticket that was not confirmed, and cancels one that was.
func (s *kitchen) dropTicket(r *http.Request) (reply, error) {
	_, err := s.put(pathID(r), func(e *edit[ticket]) error {
		if !e.found || e.State.State == ticketCreatePending {
			e.drop = true
			return nil
		}
		return cancelTicket(e)
	})
	return reply{body: struct{}{}}, err
}

func confirmTicket(e *edit[ticket]) error {
	switch e.State.State {
	case ticketCreatePending:
		e.State.State = ticketAwaitingAcceptance
		return e.emit(event.TicketCreatedEvent{RestaurantID: e.State.RestaurantID, LineItems: e.State.LineItems})
	case ticketCancelled:
		return conflict(e.State.State, "the ticket is cancelled")
	}
	return nil
}

// acceptRequest is the body of POST /tickets/{id}/accept.
type acceptRequest struct {
	ReadyBy *wire.Time `json:"readyBy"`
}

// accept takes the order on and has a courier sent.
func accept(e *edit[ticket], body acceptRequest) error {
	if body.ReadyBy == nil || body.ReadyBy.Year() > 9000 { // so far that a time after it may have no text
		return invalid("readyBy is missing or too late")
	}
	if err := allow(e, ticketAwaitingAcceptance); err != nil {
		return err
	}
	e.State.State, e.State.ReadyBy, e.State.AcceptTime = ticketAccepted, body.ReadyBy, &e.at
	if err := e.promise(scheduleDelivery, e.ID); err != nil {
		return err
	}
	return e.emit(event.TicketAcceptedEvent{ReadyBy: body.ReadyBy})
}

func startPreparing(e *edit[ticket]) error {
	if err := allow(e, ticketAccepted); err != nil {
		return err
	}
	e.State.State, e.State.PreparingTime = ticketPreparing, &e.at
	return e.emit(event.TicketPreparationStartedEvent{})
}

func finishPreparing(e *edit[ticket]) error {
	if err := allow(e, ticketPreparing); err != nil {
		return err
	}
	e.State.State, e.State.ReadyForPickupTime = ticketReadyForPickup, &e.at
	return e.emit(event.TicketPreparationCompletedEvent{})
}

func pickUpTicket(e *edit[ticket]) error {
	if err := allow(e, ticketReadyForPickup); err != nil {
		return err
	}
	e.State.State, e.State.PickedUpTime = ticketPickedUp, &e.at
	return e.emit(event.TicketPickedUpEvent{})
}

// allow refuses a step from any state but one, and while a revision is considered. A ticket that is not confirmed is
// not there.
func allow(e *edit[ticket], from string) error {
	switch {
	case e.State.State == ticketCreatePending:
		return errNotFound
	case e.State.State != from:
		return conflict(e.State.State, "the ticket must be %s", from)
	case e.State.Proposed != nil:
		return conflict(ticketRevisionPending, "the order is being revised")
	}
	return nil
}

// changeable refuses what can no longer be done once the food is being made.
func changeable(e *edit[ticket]) error {
	switch e.State.State {
	case ticketAwaitingAcceptance, ticketAccepted:
		return nil
	}
	return conflict(e.State.State, "the kitchen has begun")
}

func cancelTicket(e *edit[ticket]) error {
	if e.State.State == ticketCancelled {
		return nil
	}
	if err := changeable(e); err != nil {
		return err
	}
	e.State.State, e.State.Proposed = ticketCancelled, nil
	return e.emit(event.TicketCancelled{})
}

// propose keeps a revision until the order has made up its mind; meanwhile the kitchen does not begin.
func (s *kitchen) propose(r *http.Request) (reply, error) {
	number, err := revisionNumber(r)
	if err != nil {
		return reply{}, err
	}
	return stepWith(s.resource, func(e *edit[ticket], body ticketRevision) error {
		if e.State.Revision >= number {
			return nil
		}
		if err := changeable(e); err != nil {
			return err
		}
		e.State.Proposed = &ticketRevision{Number: number, LineItems: body.LineItems}
		return nil
	})(r)
}

// revision answers a request about one revision.
func (s *kitchen) revision(fn func(*edit[ticket], uint64) error) func(*http.Request) (reply, error) {
	return func(r *http.Request) (reply, error) {
		number, err := revisionNumber(r)
		if err != nil {
			return reply{}, err
		}
		return s.step(func(e *edit[ticket]) error { return fn(e, number) })(r)
	}
}

func confirmRevision(e *edit[ticket], number uint64) error {
	if e.State.Revision >= number {
		return nil
	}
	if e.State.Proposed == nil || e.State.Proposed.Number != number {
		return conflict(e.State.State, "revision %d was not proposed", number)
	}
	e.State.LineItems, e.State.Revision, e.State.Proposed = e.State.Proposed.LineItems, number, nil
	return e.emit(event.TicketRevised{LineItems: e.State.LineItems})
}

func dropRevision(e *edit[ticket], number uint64) error {
	if e.State.Proposed != nil && e.State.Proposed.Number == number {
		e.State.Proposed = nil
	}
	return nil
}

// scheduleDelivery is the kitchen's task: to tell the Delivery service when a ticket is ready.
const scheduleDelivery taskKind = "schedule-delivery"

// perform tells the Delivery service. The delivery may not be there yet, as the kitchen can accept a ticket before the
// order's saga has come to it: that is an error, so the task is tried again.
func (s *kitchen) perform(ctx context.Context, t task) error {
	accepted, err := s.one(t.ID)
	if err != nil {
		return err
	}
	if accepted.State.State != ticketCancelled {
		err = s.deliveries.call(ctx, http.MethodPost, "/deliveries/"+string(t.ID)+"/schedule",
			scheduleRequest{ReadyBy: accepted.State.ReadyBy}, nil)
		if no := refused(err); no != nil && no.Status == http.StatusConflict {
			err = nil // cancelled in the meantime
		}
	}
	if err != nil {
		return err
	}
	return s.update(func(c *commit) error { return c.done(t) })
}
