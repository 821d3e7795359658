// Package compose answers reads of orders as fresh as they are asked to be: from the view where it is new enough, after
// waiting for it where that helps, and from the services that own the data where it does not.
//
// Owners asks the services over HTTP. Reader holds the policy: it reads the view, judges with Request's pure rules what
// of it is too old, and has only that composed. Composed parts are joined with the view's document by version, so an
// answer is never older than the view alone would have given.
package compose

import (
	"errors"
	"time"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// Mode is how fresh an answer must be, as the schema's enum FreshnessMode names it.
type Mode string

const (
	// Eventual takes what the view holds. It is what the zero Mode means, too.
	Eventual Mode = "EVENTUAL"
	// AtLeast takes parts at or above the versions in Freshness.Least.
	AtLeast Mode = "AT_LEAST"
	// Fresh takes what the owners say now.
	Fresh Mode = "FRESH"
)

// OnStale is what to do when the promise cannot be kept, as the schema's enum OnStale names it.
type OnStale string

const (
	// Serve answers what there is. It is what the zero OnStale means, too.
	Serve OnStale = "SERVE"
	// Fail answers ErrStale.
	Fail OnStale = "ERROR"
)

// Freshness says how fresh an answer must be. It is comparable: equal values ask for the same, though not all that ask for
// the same are equal, because Beyond is a pointer.
type Freshness struct {
	Mode  Mode
	Least Versions // of one order, unless Mode is Eventual; 0 asks nothing of a part
	// Beyond binds unless Mode is Eventual: of an order of which Least says nothing, and of a list, the view must have all events below
	// these positions. Nil asks nothing.
	Beyond *feed.Positions
	// MaxStaleness is how far the view may lag behind what was published, in any mode; 0 sets no bound. A view within it
	// is fresh enough for Fresh, too.
	MaxStaleness time.Duration
	Wait         time.Duration // how long to wait for the view before the owners are asked
	OnStale      OnStale
}

// Request asks for one order. It is comparable: equal requests have equal answers.
type Request struct {
	ID        string
	Freshness Freshness
	// Parts are those that the answer shows. Nothing is promised of others, and their owners are not asked.
	Parts Parts
	// History says that the answer shows the timeline, which the view alone knows: a promise about a part is then kept
	// only where the view has all of the part's events.
	History bool
	// Shown are the members of the document that it is read with, which are all that the parts are derived from and all that
	// is shown; nil: all.
	Shown *view.Members
}

// Source is where an answer came from.
type Source string

// The sources.
const (
	FromView   Source = "VIEW"
	FromOwners Source = "OWNERS"
	FromBoth   Source = "MIXED"
)

// Reason is why an answer came from where it did, in words for extensions.freshness.
type Reason string

// The reasons, the weightier the later.
const (
	Satisfied     Reason = "satisfied"            // the view was new enough
	Waited        Reason = "waited"               // the view became new enough
	Asked         Reason = "fresh"                // the owners were to be asked
	Unversioned   Reason = "unversioned"          // the view's part has no version to compare
	Behind        Reason = "behind"               // the view was older than asked, or what was found in the end still is
	Degraded      Reason = "degraded"             // the view lacks an event of the part for good
	Missing       Reason = "missing"              // the view has no such order, or not what was ordered by whom
	Rebuilding    Reason = "rebuilding"           // the view has not yet taken in what was published before it was made
	Unfinished    Reason = "search not finished"  // its time was over before all orders were looked at
	ViewDown      Reason = "view down"            // the view could not be read
	NotConfigured Reason = "owner not configured" // viewgate was not told where an owner is; what the view has was taken
	OwnerDown     Reason = "owner down"           // an owner could not be asked; what the view has was taken
)

var reasonsByWeight = []Reason{
	Satisfied, Waited, Asked, Unversioned, Behind, Degraded, Missing, Rebuilding, Unfinished, ViewDown, NotConfigured, OwnerDown,
}

// Answer answers one Request.
type Answer struct {
	// Order is nil where there is none, where it is not the viewer's, and where Err is set.
	Order  *order.Order
	Source Source
	Reason Reason
	// Versions are those of the requested parts that Order shows.
	Versions Versions
	// Owned are the parts that Order shows as their owners have just told them; the others are the view's.
	Owned Parts
	// Kept reports whether what Freshness promises holds.
	Kept bool
	// Lag is how far the view was behind what was published when it was read; nil where nobody knows.
	Lag *time.Duration
	// Failed has the parts whose owners could not be asked. Order shows what the view has of them, if anything.
	Failed map[order.Aggregate]error
	// Err says why nothing can be answered: it wraps ErrStale, ErrOwner, ErrNotConfigured, view.ErrUnavailable or the
	// context's error.
	Err error
}

// ErrStale says that an answer would have been older than asked, and that the request wanted none rather than that.
var ErrStale = errors.New("the answer would be older than asked for")

// Versions are the versions of an order's parts; 0 stands for none.
type Versions struct {
	Order, Ticket, Delivery, Bill view.Version
}

// Of returns the version of an aggregate's part.
func (v Versions) Of(a order.Aggregate) view.Version {
	if p := v.of(a); p != nil {
		return *p
	}
	return 0
}

// Raise lifts the version of an aggregate's part to at least this one.
func (v *Versions) Raise(a order.Aggregate, to view.Version) {
	if p := v.of(a); p != nil {
		*p = max(*p, to)
	}
}

// Merge lifts every version to at least the other's.
func (v *Versions) Merge(other Versions) {
	for _, a := range order.Aggregates {
		v.Raise(a, other.Of(a))
	}
}

// Reach reports whether every version is at least the other's.
func (v Versions) Reach(other Versions) bool {
	for _, a := range order.Aggregates {
		if v.Of(a) < other.Of(a) {
			return false
		}
	}
	return true
}

// Parts returns the parts that have a version.
func (v Versions) Parts() Parts {
	var parts Parts
	for _, a := range order.Aggregates {
		if v.Of(a) > 0 {
			parts |= PartsOf(a)
		}
	}
	return parts
}

func (v *Versions) of(a order.Aggregate) *view.Version {
	switch a {
	case order.AggregateOrder:
		return &v.Order
	case order.AggregateTicket:
		return &v.Ticket
	case order.AggregateDelivery:
		return &v.Delivery
	case order.AggregateBill:
		return &v.Bill
	}
	return nil
}

// VersionsOf returns the versions of these parts of an order.
func VersionsOf(o *order.Order, parts Parts) Versions {
	var v Versions
	for _, a := range parts.List() {
		if p := o.Parts[a]; p != nil {
			v.Raise(a, p.Version)
		}
	}
	return v
}

// Parts is a set of an order's parts.
type Parts uint8

// AllParts has the four of them.
const AllParts Parts = 1<<4 - 1

// PartsOf returns the set of these.
func PartsOf(aggregates ...order.Aggregate) Parts {
	var set Parts
	for _, a := range aggregates {
		for i, known := range order.Aggregates {
			if a == known {
				set |= 1 << i
			}
		}
	}
	return set
}

// Has reports whether a is in the set.
func (p Parts) Has(a order.Aggregate) bool { return p&PartsOf(a) != 0 }

// List returns what is in the set, in the order of order.Aggregates.
func (p Parts) List() []order.Aggregate {
	list := make([]order.Aggregate, 0, 4) // of a constant capacity, which needs no memory of its own where it is only looked at
	for i, a := range order.Aggregates {
		if p&(1<<i) != 0 {
			list = append(list, a)
		}
	}
	return list
}
