package event

import "github.com/viewgate/viewgate/wire"

// The typed payloads, one for each event of food to go, named as the event is. Fields that the original services do not
// send are pointers or may be empty; the comments say so with "may be missing". What is personal is tagged so, for Erase.

// OrderCreatedEvent begins an order.
type OrderCreatedEvent struct {
	OrderDetails    OrderDetails  `json:"orderDetails"`
	DeliveryAddress *wire.Address `json:"deliveryAddress" personal:"erase"`
	DeliveryTime    *wire.Time    `json:"deliveryTime"` // may be missing
	RestaurantName  string        `json:"restaurantName"`
	ConsumerName    string        `json:"consumerName" personal:"erase"` // may be missing
}

// OrderDetails is what was ordered by whom where.
type OrderDetails struct {
	LineItems    []wire.LineItem `json:"lineItems"`
	OrderTotal   wire.Money      `json:"orderTotal"`
	RestaurantID wire.ID         `json:"restaurantId"`
	ConsumerID   wire.ID         `json:"consumerId" personal:"replace"`
}

// OrderAuthorized approves the order.
type OrderAuthorized struct{}

// OrderRejected ends the create-order saga without an order.
type OrderRejected struct {
	Reason string `json:"reason" personal:"erase"` // may be missing
}

// OrderCancelRequested begins the cancel-order saga.
type OrderCancelRequested struct{}

// OrderCancelUndone ends it with the order as it was.
type OrderCancelUndone struct{}

// OrderCancelled ends it with the order cancelled.
type OrderCancelled struct{}

// OrderRevisionProposed begins the revise-order saga.
type OrderRevisionProposed struct{ Revision }

// OrderRevised ends it with the revision made.
type OrderRevised struct{ Revision }

// OrderRevisionRejected ends it with the order as it was.
type OrderRevisionRejected struct{}

// Revision is what a revision changes.
type Revision struct {
	OrderRevision struct {
		DeliveryInformation *struct {
			DeliveryTime    *wire.Time    `json:"deliveryTime"`
			DeliveryAddress *wire.Address `json:"deliveryAddress" personal:"erase"`
		} `json:"deliveryInformation"`
		RevisedOrderLineItems []struct {
			MenuItemID wire.ID `json:"menuItemId"`
			Quantity   int     `json:"quantity"`
		} `json:"revisedOrderLineItems"`
	} `json:"orderRevision"`
	CurrentOrderTotal *wire.Money     `json:"currentOrderTotal"` // may be missing
	NewOrderTotal     *wire.Money     `json:"newOrderTotal"`     // may be missing
	LineItems         []wire.LineItem `json:"lineItems"`         // may be missing
}

// TicketCreatedEvent makes a ticket wait for the restaurant.
type TicketCreatedEvent struct {
	RestaurantID wire.ID         `json:"restaurantId"` // may be missing
	LineItems    []wire.LineItem `json:"lineItems"`    // may be missing
}

// TicketAcceptedEvent says that the restaurant will make it.
type TicketAcceptedEvent struct {
	ReadyBy *wire.Time `json:"readyBy"`
}

// TicketPreparationStartedEvent says that it is being made.
type TicketPreparationStartedEvent struct{}

// TicketPreparationCompletedEvent says that it waits for its courier.
type TicketPreparationCompletedEvent struct{}

// TicketPickedUpEvent says that the courier took it.
type TicketPickedUpEvent struct{}

// TicketCancelled ends the ticket.
type TicketCancelled struct{}

// TicketRevised changes its items.
type TicketRevised struct {
	LineItems []wire.LineItem `json:"lineItems"` // may be missing
}

// DeliveryCreated begins a delivery.
type DeliveryCreated struct {
	OrderID         wire.ID       `json:"orderId"`
	PickupAddress   *wire.Address `json:"pickupAddress"`
	DeliveryAddress *wire.Address `json:"deliveryAddress" personal:"erase"`
}

// DeliveryScheduled gives it to a courier.
type DeliveryScheduled struct {
	OrderID               wire.ID    `json:"orderId"`
	AssignedCourier       wire.ID    `json:"assignedCourier"`
	ReadyBy               *wire.Time `json:"readyBy"`
	EstimatedDeliveryTime *wire.Time `json:"estimatedDeliveryTime"`
}

// DeliveryLocationUpdated tells where the courier is.
type DeliveryLocationUpdated struct {
	OrderID       wire.ID `json:"orderId"`
	wire.Location `personal:"erase"`
}

// DeliveryPickedUp says that the courier has it.
type DeliveryPickedUp struct {
	OrderID wire.ID `json:"orderId"`
}

// DeliveryDelivered says that the customer has it.
type DeliveryDelivered struct {
	OrderID wire.ID `json:"orderId"`
}

// DeliveryCancelled ends the delivery.
type DeliveryCancelled struct {
	OrderID wire.ID `json:"orderId"`
}

// Authorization is the body of all four of the accounting's events.
type Authorization struct {
	OrderID    wire.ID    `json:"orderId"`
	ConsumerID wire.ID    `json:"consumerId" personal:"replace"`
	Amount     wire.Money `json:"amount"`
}

// AccountAuthorizedEvent says that the card was accepted.
type AccountAuthorizedEvent struct{ Authorization }

// AccountAuthorizationFailed says that it was refused.
type AccountAuthorizationFailed struct{ Authorization }

// AuthorizationReversed gives the amount back.
type AuthorizationReversed struct{ Authorization }

// AuthorizationRevised authorizes another amount.
type AuthorizationRevised struct{ Authorization }

// RestaurantCreated opens a restaurant.
type RestaurantCreated struct {
	Name         string         `json:"name"`
	Address      *wire.Address  `json:"address"`
	Menu         Menu           `json:"menu"`
	Location     *wire.Location `json:"location"`     // may be missing
	Cuisines     []string       `json:"cuisines"`     // may be missing
	OpeningHours []OpeningHours `json:"openingHours"` // may be missing
	TimeZone     string         `json:"timeZone"`     // of the opening hours, by its IANA name; may be missing: UTC
}

// RestaurantMenuRevised changes its menu.
type RestaurantMenuRevised struct {
	Menu Menu `json:"menu"`
}

// Menu is what can be ordered.
type Menu struct {
	MenuItems []MenuItem `json:"menuItems"`
}

// MenuItem is one dish of a menu.
type MenuItem struct {
	ID    wire.ID    `json:"id"`
	Name  string     `json:"name"`
	Price wire.Money `json:"price"`
}

// OpeningHours is a time of a day of the week at which the restaurant is open, by its own clock.
type OpeningHours struct {
	Day    string `json:"day"`    // MONDAY to SUNDAY
	Opens  string `json:"opens"`  // HH:MM
	Closes string `json:"closes"` // HH:MM, up to 24:00; on the next day, where that is not later than it opens
}

// ConsumerCreated begins a consumer.
type ConsumerCreated struct {
	Name *PersonName `json:"name" personal:"erase"` // may be missing
}

// PersonName is a person's name.
type PersonName struct {
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
}
