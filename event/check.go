package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/viewgate/viewgate/hours"
	"github.com/viewgate/viewgate/wire"
)

// The bounds of what a payload may hold, so that a document stays bounded too.
const (
	MaxText     = 4 << 10   // a text, in bytes
	MaxItems    = 1000      // line items, or other entries of a list
	MaxQuantity = 1_000_000 // of one line item
)

// checked is a payload with rules beyond the types of its fields.
type checked interface{ check(c *checker) }

// checker notes the first rule that a payload breaks.
type checker struct{ wrong string }

func (c *checker) failf(format string, args ...any) {
	if c.wrong == "" {
		c.wrong = fmt.Sprintf(format, args...)
	}
}

func (c *checker) text(field, s string) {
	if len(s) > MaxText {
		c.failf("%s has %d bytes, over %d", field, len(s), MaxText)
	}
}

// id checks an id that must be there.
func (c *checker) id(field string, id wire.ID) {
	if id == "" {
		c.failf("no %s", field)
	}
	c.optionalID(field, id)
}

func (c *checker) optionalID(field string, id wire.ID) {
	if strings.ContainsFunc(string(id), unicode.IsControl) {
		c.failf("%s has control characters", field)
	}
}

// money checks an amount that must be there. One that was read, 0.00 as well, is never the zero Money, which has no digits.
func (c *checker) money(field string, m wire.Money) {
	if m == (wire.Money{}) {
		c.failf("no %s", field)
	}
}

func (c *checker) list(field string, n int) {
	if n > MaxItems {
		c.failf("%d %s, over %d", n, field, MaxItems)
	}
}

func (c *checker) quantity(n, least int) {
	if n < least || n > MaxQuantity {
		c.failf("a quantity of %d, not %d to %d", n, least, MaxQuantity)
	}
}

func (c *checker) address(a *wire.Address) {
	if a == nil {
		return
	}
	c.text("street1", a.Street1)
	c.text("street2", a.Street2)
	c.text("city", a.City)
	c.text("state", a.State)
	c.text("zip", a.Zip)
}

// lineItems checks what the lines of orders and of tickets have in common; a ticket's have no prices.
func (c *checker) lineItems(items []wire.LineItem) {
	c.list("lineItems", len(items))
	for _, item := range items {
		c.id("menuItemId", item.MenuItemID)
		c.text("name", item.Name)
		c.quantity(item.Quantity, 1)
	}
}

func (c *checker) prices(items []wire.LineItem) {
	for _, item := range items {
		c.money("price", item.Price)
		c.money("total", item.Total)
	}
}

func (c *checker) menu(m Menu) {
	c.list("menuItems", len(m.MenuItems))
	for _, item := range m.MenuItems {
		c.id("id of a menu item", item.ID)
		c.text("name", item.Name)
		c.money("price", item.Price)
	}
}

func (p *OrderCreatedEvent) check(c *checker) {
	c.id("consumerId", p.OrderDetails.ConsumerID)
	c.id("restaurantId", p.OrderDetails.RestaurantID)
	c.money("orderTotal", p.OrderDetails.OrderTotal)
	c.lineItems(p.OrderDetails.LineItems)
	c.prices(p.OrderDetails.LineItems)
	c.address(p.DeliveryAddress)
	c.text("restaurantName", p.RestaurantName)
	c.text("consumerName", p.ConsumerName)
}

func (p *OrderRejected) check(c *checker) { c.text("reason", p.Reason) }

func (p *Revision) check(c *checker) {
	if d := p.OrderRevision.DeliveryInformation; d != nil {
		c.address(d.DeliveryAddress)
	}
	c.list("revisedOrderLineItems", len(p.OrderRevision.RevisedOrderLineItems))
	for _, item := range p.OrderRevision.RevisedOrderLineItems {
		c.id("menuItemId", item.MenuItemID)
		c.quantity(item.Quantity, 0)
	}
	c.lineItems(p.LineItems)
	c.prices(p.LineItems)
}

func (p *TicketCreatedEvent) check(c *checker) {
	c.optionalID("restaurantId", p.RestaurantID)
	c.lineItems(p.LineItems)
}

func (p *TicketRevised) check(c *checker) { c.lineItems(p.LineItems) }

func (p *DeliveryCreated) check(c *checker) {
	c.id("orderId", p.OrderID)
	c.address(p.PickupAddress)
	c.address(p.DeliveryAddress)
}

func (p *DeliveryScheduled) check(c *checker) {
	c.id("orderId", p.OrderID)
	c.optionalID("assignedCourier", p.AssignedCourier)
}

func (p *DeliveryLocationUpdated) check(c *checker) { c.id("orderId", p.OrderID) }
func (p *DeliveryPickedUp) check(c *checker)        { c.id("orderId", p.OrderID) }
func (p *DeliveryDelivered) check(c *checker)       { c.id("orderId", p.OrderID) }
func (p *DeliveryCancelled) check(c *checker)       { c.id("orderId", p.OrderID) }

func (p *Authorization) check(c *checker) {
	c.id("orderId", p.OrderID)
	c.optionalID("consumerId", p.ConsumerID)
	c.money("amount", p.Amount)
}

func (p *RestaurantCreated) check(c *checker) {
	c.text("name", p.Name)
	c.address(p.Address)
	c.menu(p.Menu)
	c.list("cuisines", len(p.Cuisines))
	for _, cuisine := range p.Cuisines {
		c.text("cuisine", cuisine)
	}
	c.list("openingHours", len(p.OpeningHours))
	for _, h := range p.OpeningHours {
		if _, err := hours.On(h.Day, h.Opens, h.Closes); err != nil {
			c.failf("%v", err)
		}
	}
	if _, err := wire.Zone(p.TimeZone); err != nil {
		c.failf("%v", err)
	}
}

func (p *RestaurantMenuRevised) check(c *checker) { c.menu(p.Menu) }

func (p *ConsumerCreated) check(c *checker) {
	if p.Name != nil {
		c.text("firstName", p.Name.FirstName)
		c.text("lastName", p.Name.LastName)
	}
}

// degrees reads a location. It tells a missing degree from one that is 0: events that leave one out must not put a courier
// into the Gulf of Guinea.
type degrees struct {
	Latitude  *float64 `json:"latitude"`
	Longitude *float64 `json:"longitude"`
}

func (d degrees) location() (wire.Location, error) {
	if d.Latitude == nil || d.Longitude == nil {
		return wire.Location{}, errors.New("a location without latitude or longitude")
	}
	at := wire.Location{Latitude: *d.Latitude, Longitude: *d.Longitude}
	// JSON has no NaN and encoding/json refuses what is too large for a float64, so whatever is in range is finite.
	if at.Latitude < -90 || at.Latitude > 90 || at.Longitude < -180 || at.Longitude > 180 {
		return at, fmt.Errorf("a location at %v, %v degrees", at.Latitude, at.Longitude)
	}
	return at, nil
}

// UnmarshalJSON implements json.Unmarshaler: both degrees must be there and in range.
func (p *DeliveryLocationUpdated) UnmarshalJSON(data []byte) error {
	var read struct {
		OrderID wire.ID `json:"orderId"`
		degrees
	}
	err := json.Unmarshal(data, &read)
	if err != nil {
		return err
	}
	p.OrderID = read.OrderID
	p.Location, err = read.location()
	return err
}

// UnmarshalJSON implements json.Unmarshaler: a location must have both degrees, in range.
func (p *RestaurantCreated) UnmarshalJSON(data []byte) error {
	type plain RestaurantCreated
	read := struct {
		*plain
		Location *degrees `json:"location"`
	}{plain: (*plain)(p)}
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	if read.Location == nil {
		return nil
	}
	at, err := read.Location.location()
	p.Location = &at
	return err
}
