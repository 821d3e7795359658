package compose

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/wire"
)

// The owners' answers as they write them, and what they become: the same values, in the same form, as the projection
// writes from the events. A pointer is a field that may be null or missing.

var errNoDetails = errors.New("answer without consumerId, restaurantId, orderTotal or createdAt")

type orderAnswer struct {
	OrderID         wire.ID         `json:"orderId"`
	Version         view.Version    `json:"version"`
	State           string          `json:"state"`
	OrderTotal      *wire.Money     `json:"orderTotal"`
	ConsumerID      *wire.ID        `json:"consumerId"`
	ConsumerName    string          `json:"consumerName"`
	RestaurantID    *wire.ID        `json:"restaurantId"`
	RestaurantName  string          `json:"restaurantName"`
	LineItems       []wire.LineItem `json:"lineItems"`
	DeliveryAddress *wire.Address   `json:"deliveryAddress"`
	DeliveryTime    *wire.Time      `json:"deliveryTime"`
	CreatedAt       *wire.Time      `json:"createdAt"`
}

type ticketAnswer struct {
	TicketID           wire.ID      `json:"ticketId"`
	Version            view.Version `json:"version"`
	State              string       `json:"state"`
	ReadyBy            *wire.Time   `json:"readyBy"`
	AcceptTime         *wire.Time   `json:"acceptTime"`
	PreparingTime      *wire.Time   `json:"preparingTime"`
	ReadyForPickupTime *wire.Time   `json:"readyForPickupTime"`
	PickedUpTime       *wire.Time   `json:"pickedUpTime"`
}

type deliveryAnswer struct {
	DeliveryInfo struct {
		ID    wire.ID `json:"id"`
		State string  `json:"state"`
	} `json:"deliveryInfo"`
	Version               view.Version   `json:"version"`
	AssignedCourier       *wire.ID       `json:"assignedCourier"`
	EstimatedDeliveryTime *wire.Time     `json:"estimatedDeliveryTime"`
	Location              *wire.Location `json:"location"`
}

type billAnswer struct {
	OrderID wire.ID      `json:"orderId"`
	Version view.Version `json:"version"`
	State   string       `json:"state"`
	Amount  *wire.Money  `json:"amount"`
}

type consumerAnswer struct {
	ConsumerID wire.ID `json:"consumerId"`
	Name       *struct {
		FirstName string `json:"firstName"`
		LastName  string `json:"lastName"`
	} `json:"name"`
}

// answered is one element of an owner's answer. apply puts it into an order; where the element cannot be used, err says
// why and only this id fails.
type answered struct {
	id      string
	version view.Version
	apply   func(*order.Order)
	err     error
}

// source is where a part is asked for.
type source struct {
	owner      Owner
	collection string
	read       func(*Owners, json.RawMessage) answered
	id         func(named) wire.ID
}

// named is an element as far as its id goes, for when the rest cannot be read.
type named struct {
	OrderID      wire.ID `json:"orderId"`
	TicketID     wire.ID `json:"ticketId"`
	DeliveryInfo struct {
		ID wire.ID `json:"id"`
	} `json:"deliveryInfo"`
}

func (n named) orderID() wire.ID    { return n.OrderID }
func (n named) ticketID() wire.ID   { return n.TicketID }
func (n named) deliveryID() wire.ID { return n.DeliveryInfo.ID }

var sources = map[order.Aggregate]source{
	order.AggregateOrder:    {OrderOwner, "orders", (*Owners).readOrder, named.orderID},
	order.AggregateTicket:   {KitchenOwner, "tickets", (*Owners).readTicket, named.ticketID},
	order.AggregateDelivery: {DeliveryOwner, "deliveries", (*Owners).readDelivery, named.deliveryID},
	order.AggregateBill:     {AccountingOwner, "bills", (*Owners).readBill, named.orderID},
}

func (o *Owners) readOrder(element json.RawMessage) answered {
	var a orderAnswer
	err := json.Unmarshal(element, &a)
	if err == nil && a.Version > 0 {
		err = o.checkState("state", a.State)
		if a.ConsumerID == nil || a.RestaurantID == nil || a.OrderTotal == nil || a.CreatedAt == nil {
			err = errNoDetails
		}
		for _, item := range a.LineItems {
			if item.Quantity < 0 || item.Quantity > math.MaxInt32 {
				err = fmt.Errorf("a quantity of %d", item.Quantity)
			}
		}
	}
	return answered{string(a.OrderID), a.Version, func(to *order.Order) { to.Details = a.details() }, err}
}

func (a *orderAnswer) details() order.Details {
	return order.Details{
		Version:      a.Version,
		State:        order.State(a.State),
		CreatedAt:    a.CreatedAt.Time,
		DeliveryTime: moment(a.DeliveryTime),
		Total:        order.NewMoney(*a.OrderTotal),
		Consumer:     &order.Consumer{ConsumerID: string(*a.ConsumerID), Name: a.ConsumerName},
		Restaurant:   &order.Restaurant{RestaurantID: string(*a.RestaurantID), Name: a.RestaurantName},
		LineItems:    order.NewLineItems(a.LineItems),

		DeliveryAddress: order.NewAddress(a.DeliveryAddress),
	}
}

func (o *Owners) readTicket(element json.RawMessage) answered {
	var a ticketAnswer
	err := json.Unmarshal(element, &a)
	if err == nil && a.Version > 0 {
		err = o.checkState("ticket.state", a.State)
	}
	return answered{string(a.TicketID), a.Version, func(to *order.Order) {
		to.Ticket = &order.Ticket{
			Version:            a.Version,
			State:              order.TicketState(a.State),
			ReadyBy:            moment(a.ReadyBy),
			AcceptTime:         moment(a.AcceptTime),
			PreparingTime:      moment(a.PreparingTime),
			ReadyForPickupTime: moment(a.ReadyForPickupTime),
			PickedUpTime:       moment(a.PickedUpTime),
		}
	}, err}
}

func (o *Owners) readDelivery(element json.RawMessage) answered {
	var a deliveryAnswer
	err := json.Unmarshal(element, &a)
	if err == nil && a.Version > 0 {
		err = o.checkState("delivery.state", a.DeliveryInfo.State)
	}
	return answered{string(a.DeliveryInfo.ID), a.Version, func(to *order.Order) {
		to.Delivery = &order.Delivery{
			Version:               a.Version,
			State:                 order.DeliveryState(a.DeliveryInfo.State),
			EstimatedDeliveryTime: moment(a.EstimatedDeliveryTime),
		}
		if a.AssignedCourier != nil {
			to.Delivery.CourierID = string(*a.AssignedCourier)
		}
		if a.Location != nil {
			location := order.Location(*a.Location)
			to.Delivery.Location = &location
		}
	}, err}
}

func (o *Owners) readBill(element json.RawMessage) answered {
	var a billAnswer
	err := json.Unmarshal(element, &a)
	if err == nil && a.Version > 0 {
		err = o.checkState("bill.state", a.State)
	}
	return answered{string(a.OrderID), a.Version, func(to *order.Order) {
		to.Bill = &order.Bill{Version: a.Version, State: order.BillState(a.State)}
		if a.Amount != nil {
			to.Bill.Amount = order.NewMoney(*a.Amount)
		}
	}, err}
}

func (a *consumerAnswer) consumer() *order.Consumer {
	c := &order.Consumer{ConsumerID: string(a.ConsumerID)}
	if a.Name != nil {
		c.Name = strings.TrimSpace(a.Name.FirstName + " " + a.Name.LastName)
	}
	return c
}

func moment(t *wire.Time) *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}
