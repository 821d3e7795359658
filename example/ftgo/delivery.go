package ftgo

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/wire"
)

// The delivery's states.
const (
	deliveryPending   = "PENDING"
	deliveryScheduled = "SCHEDULED"
	deliveryPickedUp  = "PICKED_UP"
	deliveryDelivered = "DELIVERED"
	deliveryCancelled = "CANCELLED"
)

// couriers is how many couriers the example has; their ids are 1 to couriers.
const couriers = 40

// deliveries is the Delivery service: one delivery an order, with the order's id.
type deliveries struct{ resource[delivery] }

type delivery struct {
	State                 string         `json:"state"`
	Courier               wire.ID        `json:"courier,omitempty"`
	EstimatedDeliveryTime *wire.Time     `json:"estimatedDeliveryTime,omitempty"`
	Location              *wire.Location `json:"location,omitempty"`
}

// deliveryAnswer is what GET /deliveries/{id} answers. What is not known yet is missing.
type deliveryAnswer struct {
	DeliveryInfo          deliveryInfo    `json:"deliveryInfo"`
	AssignedCourier       *wire.ID        `json:"assignedCourier,omitempty"`
	CourierActions        []courierAction `json:"courierActions"` // what the courier has still to do
	EstimatedDeliveryTime *wire.Time      `json:"estimatedDeliveryTime,omitempty"`
	Location              *wire.Location  `json:"location,omitempty"`
	Version               uint64          `json:"version"`
}

type deliveryInfo struct {
	ID    wire.ID `json:"id"`
	State string  `json:"state"`
}

type courierAction struct {
	Type string `json:"type"` // PICKUP or DROPOFF
}

func newDeliveries(st *store) *deliveries {
	return &deliveries{resource[delivery]{aggregates: aggregates[delivery]{st, event.Delivery}, show: showDelivery}}
}

func showDelivery(r record[delivery]) any {
	a := deliveryAnswer{
		DeliveryInfo: deliveryInfo{ID: r.ID, State: r.State.State}, CourierActions: []courierAction{},
		EstimatedDeliveryTime: r.State.EstimatedDeliveryTime, Location: r.State.Location, Version: r.Version,
	}
	if r.State.Courier != "" {
		a.AssignedCourier = &r.State.Courier
	}
	switch r.State.State {
	case deliveryScheduled:
		a.CourierActions = []courierAction{{"PICKUP"}, {"DROPOFF"}}
	case deliveryPickedUp:
		a.CourierActions = []courierAction{{"DROPOFF"}}
	}
	return a
}

func (s *deliveries) routes(a *api) {
	a.handle("GET /deliveries", s.list)
	a.handle("GET /deliveries/{id}", s.getOne)
	// The courier's.
	a.handle("POST /deliveries/{id}/location", stepWith(s.resource, moveCourier))
	a.handle("POST /deliveries/{id}/pickup", s.step(pickUpDelivery))
	a.handle("POST /deliveries/{id}/delivered", s.step(deliver))
	// The sagas' and the kitchen's: each can be asked for again, and what has been done is not done twice.
	a.handle("PUT /deliveries/{id}", putWith(s.resource, createDelivery))
	a.handle("POST /deliveries/{id}/schedule", stepWith(s.resource, schedule))
	a.handle("POST /deliveries/{id}/cancel", s.step(cancelDelivery))
}

// list answers the deliveries of ?id=, or those in one of the states of ?state=, newest first.
func (s *deliveries) list(r *http.Request) (reply, error) {
	states := r.URL.Query()["state"]
	if len(states) == 0 {
		return s.getMany(r)
	}
	found, err := s.all(func(r *record[delivery]) bool { return slices.Contains(states, r.State.State) })
	if err != nil {
		return reply{}, err
	}
	slices.Reverse(found)
	return s.resource.list(found), nil
}

// deliveryRequest is the body of PUT /deliveries/{id}.
type deliveryRequest struct {
	PickupAddress   *wire.Address `json:"pickupAddress"`
	DeliveryAddress *wire.Address `json:"deliveryAddress"`
}

func createDelivery(e *edit[delivery], body deliveryRequest) error {
	switch {
	case e.found:
		return nil
	case body.DeliveryAddress == nil:
		return invalid("deliveryAddress is missing")
	}
	e.State.State = deliveryPending
	return e.emit(event.DeliveryCreated{
		OrderID: e.ID, PickupAddress: body.PickupAddress, DeliveryAddress: body.DeliveryAddress,
	})
}

// scheduleRequest is the body of POST /deliveries/{id}/schedule.
type scheduleRequest struct {
	ReadyBy *wire.Time `json:"readyBy"`
}

// schedule gives the delivery to a courier, who means to be there 8 to 17 minutes after the food is ready. Which one and
// how long follows from the id, so that every run is alike.
func schedule(e *edit[delivery], body scheduleRequest) error {
	switch {
	case body.ReadyBy == nil:
		return invalid("readyBy is missing")
	case e.State.State == deliveryCancelled:
		return conflict(e.State.State, "the delivery is cancelled")
	case e.State.State != deliveryPending:
		return nil
	}
	n, err := strconv.ParseUint(string(e.ID), 10, 64)
	if err != nil {
		return err
	}
	arrival := wire.At(body.ReadyBy.Add(time.Duration(8+n%10) * time.Minute))
	e.State.State = deliveryScheduled
	e.State.Courier = wire.ID(strconv.FormatUint(1+n*7%couriers, 10))
	e.State.EstimatedDeliveryTime = &arrival
	return e.emit(event.DeliveryScheduled{
		OrderID: e.ID, AssignedCourier: e.State.Courier, ReadyBy: body.ReadyBy, EstimatedDeliveryTime: &arrival,
	})
}

// moveCourier takes {latitude, longitude}.
func moveCourier(e *edit[delivery], at wire.Location) error {
	if at.Latitude < -90 || at.Latitude > 90 || at.Longitude < -180 || at.Longitude > 180 {
		return invalid("latitude is from -90 to 90, longitude from -180 to 180")
	}
	if s := e.State.State; s != deliveryScheduled && s != deliveryPickedUp {
		return conflict(s, "no courier is on the way")
	}
	e.State.Location = &at
	return e.emit(event.DeliveryLocationUpdated{OrderID: e.ID, Location: at})
}

func pickUpDelivery(e *edit[delivery]) error {
	if e.State.State != deliveryScheduled {
		return conflict(e.State.State, "the delivery must be %s", deliveryScheduled)
	}
	e.State.State = deliveryPickedUp
	return e.emit(event.DeliveryPickedUp{OrderID: e.ID})
}

func deliver(e *edit[delivery]) error {
	if e.State.State != deliveryPickedUp {
		return conflict(e.State.State, "the delivery must be %s", deliveryPickedUp)
	}
	e.State.State = deliveryDelivered
	return e.emit(event.DeliveryDelivered{OrderID: e.ID})
}

func cancelDelivery(e *edit[delivery]) error {
	switch e.State.State {
	case deliveryCancelled:
		return nil
	case deliveryPickedUp, deliveryDelivered:
		return conflict(e.State.State, "the courier has it")
	}
	e.State.State = deliveryCancelled
	return e.emit(event.DeliveryCancelled{OrderID: e.ID})
}
