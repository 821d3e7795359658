package event

import (
	"encoding/json"
	"maps"
	"slices"
)

// root is the package that all classes of food to go are in.
const root = "net.chrisrichardson.ftgo."

// The packages of a service that hold its events and its aggregate.
const (
	apiEvents = "api.events"
	domain    = "domain"
)

// family is what is known of an aggregate: the service that owns it, and its types of events by their short names.
type family struct {
	service string
	types   map[string]eventType
}

// eventType is where the type's class is, within the service's package, and how its payload is made.
type eventType struct {
	pkg string
	new func() any
}

func in[T any](pkg string) eventType { return eventType{pkg, func() any { return new(T) }} }

// families is the registry: a new type of event is a struct in payload.go, its rules in check.go and a line here.
var families = map[Aggregate]family{
	Order: {"orderservice", map[string]eventType{
		"OrderCreatedEvent":     in[OrderCreatedEvent](apiEvents),
		"OrderAuthorized":       in[OrderAuthorized](apiEvents),
		"OrderRejected":         in[OrderRejected](apiEvents),
		"OrderCancelRequested":  in[OrderCancelRequested](domain),
		"OrderCancelUndone":     in[OrderCancelUndone](domain),
		"OrderCancelled":        in[OrderCancelled](apiEvents),
		"OrderRevisionProposed": in[OrderRevisionProposed](domain),
		"OrderRevised":          in[OrderRevised](domain),
		"OrderRevisionRejected": in[OrderRevisionRejected](domain),
	}},
	Ticket: {"kitchenservice", map[string]eventType{
		"TicketCreatedEvent":              in[TicketCreatedEvent](apiEvents),
		"TicketAcceptedEvent":             in[TicketAcceptedEvent](apiEvents),
		"TicketPreparationStartedEvent":   in[TicketPreparationStartedEvent](domain),
		"TicketPreparationCompletedEvent": in[TicketPreparationCompletedEvent](domain),
		"TicketPickedUpEvent":             in[TicketPickedUpEvent](domain),
		"TicketCancelled":                 in[TicketCancelled](apiEvents),
		"TicketRevised":                   in[TicketRevised](domain),
	}},
	Delivery: {"deliveryservice", map[string]eventType{
		"DeliveryCreated":         in[DeliveryCreated](domain),
		"DeliveryScheduled":       in[DeliveryScheduled](domain),
		"DeliveryLocationUpdated": in[DeliveryLocationUpdated](domain),
		"DeliveryPickedUp":        in[DeliveryPickedUp](domain),
		"DeliveryDelivered":       in[DeliveryDelivered](domain),
		"DeliveryCancelled":       in[DeliveryCancelled](domain),
	}},
	Account: {"accountingservice", map[string]eventType{
		"AccountAuthorizedEvent":     in[AccountAuthorizedEvent](domain),
		"AccountAuthorizationFailed": in[AccountAuthorizationFailed](domain),
		"AuthorizationReversed":      in[AuthorizationReversed](domain),
		"AuthorizationRevised":       in[AuthorizationRevised](domain),
	}},
	Restaurant: {"restaurantservice", map[string]eventType{
		"RestaurantCreated":     in[RestaurantCreated](domain),
		"RestaurantMenuRevised": in[RestaurantMenuRevised](domain),
	}},
	Consumer: {"consumerservice", map[string]eventType{
		"ConsumerCreated": in[ConsumerCreated](domain),
	}},
}

// TypeName returns the name of an event's type on the wire, its class: the package that food to go has it in, or, for a
// type that is not known, the package of the aggregate.
func TypeName(a Aggregate, short string) string {
	f := families[a]
	pkg := domain
	if t, ok := f.types[short]; ok {
		pkg = t.pkg
	}
	return root + f.service + "." + pkg + "." + short
}

// TopicOf returns the topic of an aggregate's events: the aggregate's class.
func TopicOf(a Aggregate) string { return root + families[a].service + "." + domain + "." + string(a) }

// DefaultSources returns the topics of food to go, each in whatever format its records have, ordered by aggregate.
func DefaultSources() []Source {
	var sources []Source
	for _, a := range slices.Sorted(maps.Keys(families)) {
		sources = append(sources, Source{Topic: TopicOf(a), Aggregate: a, Format: Auto})
	}
	return sources
}

// ParsePayload returns the typed form of an event's body: a pointer to one of this package's structs. It returns nil for a
// type that the aggregate does not have, and for a body that does not fit its type, which the Data of an Envelope always
// does.
//
// A body fits where it is an object, its fields have the right types, and what the type must have is there: an order's
// consumerId, restaurantId and orderTotal, a delivery's and a bill's orderId, a bill's amount, a location's both degrees.
// Ids have 1 to 128 bytes without control characters. A text has at most MaxText bytes, a list at most MaxItems entries.
// A quantity is 1 to MaxQuantity; in a proposed revision it may be 0, which takes the item off.
func ParsePayload(a Aggregate, typ string, data json.RawMessage) any {
	payload, err := parse(a, typ, data)
	if err != nil {
		return nil
	}
	return payload
}

// parse is ParsePayload with the reason why a body does not fit. A body of an unknown type must be JSON all the same.
func parse(a Aggregate, typ string, data []byte) (any, error) {
	t, ok := families[a].types[typ]
	if !ok {
		if !json.Valid(data) {
			return nil, failf(ReasonBody, "the body of %s is not JSON", typ)
		}
		return nil, nil
	}
	if firstByte(data) != '{' {
		return nil, failf(ReasonBody, "the body of %s is no JSON object", typ)
	}
	payload := t.new()
	if err := json.Unmarshal(data, payload); err != nil {
		return nil, failf(ReasonBody, "the body of %s: %v", typ, err)
	}
	if p, ok := payload.(checked); ok {
		var c checker
		if p.check(&c); c.wrong != "" {
			return nil, failf(ReasonBody, "the body of %s: %s", typ, c.wrong)
		}
	}
	return payload, nil
}
