// Package order is the order view's document: what is known of an order, gathered from four aggregates, each a part with
// a version of its own.
//
// The same type is written by the projection, filled from the owners' answers by composition, and bound to the GraphQL
// type Order field by field, so that an order looks the same whichever way it came.
package order

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/viewgate/viewgate/view"
)

// ViewName is the view's name in the schema and in index names.
const ViewName = "orders"

// Currency is the currency of every amount: the example's events and answers name none.
const Currency = "USD"

// Aggregate is a kind of aggregate that an order's parts come from.
type Aggregate string

// The four aggregates, as the schema's enum names them.
const (
	AggregateOrder    Aggregate = "ORDER"
	AggregateTicket   Aggregate = "TICKET"
	AggregateDelivery Aggregate = "DELIVERY"
	AggregateBill     Aggregate = "BILL"
)

// Aggregates lists them in the order in which they are shown.
var Aggregates = []Aggregate{AggregateOrder, AggregateTicket, AggregateDelivery, AggregateBill}

// Order is the document. The embedded Details are the order part; Ticket, Delivery and Bill are nil until their part
// has begun.
type Order struct {
	OrderID string `json:"orderId"`
	Details
	Ticket   *Ticket   `json:"ticket,omitempty"`
	Delivery *Delivery `json:"delivery,omitempty"`
	Bill     *Bill     `json:"bill,omitempty"`

	Status    Status    `json:"status,omitempty"`   // derived from the parts by Derive
	UpdatedAt time.Time `json:"updatedAt,omitzero"` // the latest entry of the timeline, or CreatedAt
	Timeline  []Entry   `json:"timeline,omitempty"`

	Parts map[Aggregate]*view.Part `json:"parts,omitempty"`
}

// Details is the order part.
type Details struct {
	Version         view.Version `json:"version,omitempty"`
	State           State        `json:"state,omitempty"`
	CreatedAt       time.Time    `json:"createdAt,omitzero"`
	DeliveryTime    *time.Time   `json:"deliveryTime,omitempty"`
	Total           *Money       `json:"total,omitempty"`
	Consumer        *Consumer    `json:"consumer,omitempty"`
	Restaurant      *Restaurant  `json:"restaurant,omitempty"`
	LineItems       []LineItem   `json:"lineItems,omitempty"`
	DeliveryAddress *Address     `json:"deliveryAddress,omitempty"`
}

// Money is an exact amount: Amount is a decimal in canonical form.
type Money struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// Consumer is who ordered. Name is empty where no event told it.
type Consumer struct {
	ConsumerID string `json:"consumerId"`
	Name       string `json:"name,omitempty"`
}

// Restaurant is where it was ordered.
type Restaurant struct {
	RestaurantID string `json:"restaurantId"`
	Name         string `json:"name,omitempty"`
}

// LineItem is one line of the order.
type LineItem struct {
	MenuItemID string `json:"menuItemId"`
	Name       string `json:"name"`
	Quantity   int    `json:"quantity"`
	Price      Money  `json:"price"`
	Total      Money  `json:"total"`
}

// Address is where it is delivered to.
type Address struct {
	Street1 string `json:"street1"`
	Street2 string `json:"street2,omitempty"`
	City    string `json:"city"`
	State   string `json:"state"`
	Zip     string `json:"zip"`
}

// Ticket is the kitchen's part. A time is nil until its step has happened.
type Ticket struct {
	Version            view.Version `json:"version,omitempty"`
	State              TicketState  `json:"state"`
	ReadyBy            *time.Time   `json:"readyBy,omitempty"`
	AcceptTime         *time.Time   `json:"acceptTime,omitempty"`
	PreparingTime      *time.Time   `json:"preparingTime,omitempty"`
	ReadyForPickupTime *time.Time   `json:"readyForPickupTime,omitempty"`
	PickedUpTime       *time.Time   `json:"pickedUpTime,omitempty"`
}

// Delivery is the courier's part.
type Delivery struct {
	Version               view.Version  `json:"version,omitempty"`
	State                 DeliveryState `json:"state"`
	CourierID             string        `json:"courierId,omitempty"`
	EstimatedDeliveryTime *time.Time    `json:"estimatedDeliveryTime,omitempty"`
	Location              *Location     `json:"location,omitempty"`
}

// Location is a point in degrees (WGS 84).
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// Bill is the accounting's part.
type Bill struct {
	Version view.Version `json:"version,omitempty"`
	State   BillState    `json:"state"`
	Amount  *Money       `json:"amount,omitempty"`
}

// Entry says that an event happened. Version is 0 and ID set where the event has no version.
type Entry struct {
	Type      string       `json:"type"`
	At        time.Time    `json:"at"`
	Aggregate Aggregate    `json:"aggregate"`
	Version   view.Version `json:"version,omitempty"`
	ID        string       `json:"id,omitempty"`
}

// New returns an order of which nothing but the id is known.
func New(id string) *Order { return &Order{OrderID: id} }

var errNoID = errors.New("order document without an orderId")

// Decode reads a document as a store gives it back.
func Decode(source json.RawMessage) (*Order, error) {
	o := &Order{}
	if err := view.DecodeDocument(source, o); err != nil {
		return nil, fmt.Errorf("order document: %w", err)
	}
	if o.OrderID == "" {
		return nil, errNoID
	}
	return o, nil
}

// DecodeMembers is Decode of these members of the document's root alone.
func DecodeMembers(source json.RawMessage, members *view.Members) (*Order, error) {
	o := &Order{}
	if err := view.DecodeMembers(source, members, o); err != nil {
		return nil, fmt.Errorf("order document: %w", err)
	}
	if o.OrderID == "" {
		return nil, errNoID
	}
	return o, nil
}

// large are the members that a document is mostly made of, and that are not needed unless they are shown.
var large = []string{"bill", "delivery", "deliveryAddress", "lineItems", "ticket", "timeline"}

// WithoutTimeline returns the members but for the timeline, from which updatedAt alone follows.
var WithoutTimeline = sync.OnceValue(func() *view.Members { return view.MembersWithout[Order]([]string{"timeline"}) })

// MembersFor returns the members that an order is shown with, by the names of what is shown.
func MembersFor(shown []string) *view.Members {
	return view.MembersWithout[Order](slices.DeleteFunc(slices.Clone(large), func(name string) bool {
		return slices.Contains(shown, name)
	}))
}

// Encode derives what is derived and returns the document's JSON: equal bytes for equal documents.
func (o *Order) Encode() (json.RawMessage, error) {
	o.Derive()
	source, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("order %s: %w", o.OrderID, err)
	}
	return source, nil
}

// Part returns the part of an aggregate, to be changed in place.
func (o *Order) Part(a Aggregate) *view.Part {
	p := o.Parts[a]
	if p == nil {
		p = &view.Part{}
		if o.Parts == nil {
			o.Parts = map[Aggregate]*view.Part{}
		}
		o.Parts[a] = p
	}
	return p
}

// Hidden reports whether the order part is missing: nothing has told what was ordered by whom.
func (o *Order) Hidden() bool { return o.Consumer == nil }

// Record adds an entry to the timeline, a set ordered by time. An entry that is there already is not added again.
func (o *Order) Record(e Entry) {
	if e.Version > 0 {
		e.ID = ""
	}
	same := func(x Entry) bool {
		return x.Aggregate == e.Aggregate && x.Version == e.Version && x.ID == e.ID &&
			(e.Version > 0 || e.ID != "" || x == e)
	}
	if slices.ContainsFunc(o.Timeline, same) {
		return
	}
	at, _ := slices.BinarySearchFunc(o.Timeline, e, compareEntries)
	o.Timeline = slices.Insert(o.Timeline, at, e)
}

func compareEntries(a, b Entry) int {
	return cmp.Or(a.At.Compare(b.At),
		cmp.Compare(slices.Index(Aggregates, a.Aggregate), slices.Index(Aggregates, b.Aggregate)),
		cmp.Compare(a.Version, b.Version), strings.Compare(a.Type, b.Type), strings.Compare(a.ID, b.ID))
}

// Join makes o the join of itself and other, part by part (view.Part.Join), and the timelines' union. It is associative,
// commutative and idempotent. Both must be of the same order.
func (o *Order) Join(other *Order) {
	for _, a := range Aggregates {
		theirs := other.Parts[a]
		if theirs == nil {
			continue
		}
		if !o.Part(a).Join(*theirs) {
			continue
		}
		switch a {
		case AggregateOrder:
			o.Details = other.Details
		case AggregateTicket:
			o.Ticket = other.Ticket
		case AggregateDelivery:
			o.Delivery = other.Delivery
		case AggregateBill:
			o.Bill = other.Bill
		}
	}
	for _, e := range other.Timeline {
		o.Record(e)
	}
	o.Derive()
}

// Derive computes the fields that follow from the parts.
func (o *Order) Derive() {
	o.Details.Version = o.version(AggregateOrder)
	if o.Ticket != nil {
		o.Ticket.Version = o.version(AggregateTicket)
	}
	if o.Delivery != nil {
		o.Delivery.Version = o.version(AggregateDelivery)
	}
	if o.Bill != nil {
		o.Bill.Version = o.version(AggregateBill)
	}
	o.Status = o.status()
	o.UpdatedAt = o.CreatedAt
	if n := len(o.Timeline); n > 0 && o.Timeline[n-1].At.After(o.UpdatedAt) {
		o.UpdatedAt = o.Timeline[n-1].At
	}
}

func (o *Order) version(a Aggregate) view.Version {
	if p := o.Parts[a]; p != nil {
		return p.Version
	}
	return 0
}
