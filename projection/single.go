package projection

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view"
)

// documentOf is a pointer to a document's type.
type documentOf[T any] interface {
	*T
	view.SingleDocument
}

// singles is the projection of a view whose documents are each of one aggregate, which gives them their id. A view needs no
// more than its document's type and what an event does to it.
type singles[T any, D documentOf[T]] struct {
	aggregate event.Aggregate
	ordering  view.Ordering
	empty     func(id string) D
	apply     func(d D, at time.Time, payload any)
}

// newSingles returns the projection whose documents are made of an aggregate's events. Empty returns the document of which
// nothing but its id is known; apply does what an event does to one, and nothing for a payload of nil.
func newSingles[T any, D documentOf[T]](aggregate event.Aggregate, ordering map[event.Aggregate]view.Ordering, empty func(id string) D,
	apply func(d D, at time.Time, payload any)) Projection {
	return &singles[T, D]{aggregate, ordering[aggregate], empty, apply}
}

// PartName returns the name of the part of a document that is made of one aggregate: RESTAURANT.
func PartName(a event.Aggregate) string { return strings.ToUpper(string(a)) }

// Aggregates implements Projection.
func (p *singles[T, D]) Aggregates() []event.Aggregate { return []event.Aggregate{p.aggregate} }

// DocumentID implements Projection.
func (p *singles[T, D]) DocumentID(e event.Envelope) string { return e.AggregateID }

// New implements Projection.
func (p *singles[T, D]) New(id string) Document { return &single[T, D]{p, p.empty(id)} }

// Decode implements Projection.
func (p *singles[T, D]) Decode(source json.RawMessage) (Document, error) {
	d := D(new(T))
	if err := view.DecodeSingle(source, d); err != nil {
		return nil, err
	}
	return &single[T, D]{p, d}, nil
}

// single is a document while events are folded into it.
type single[T any, D documentOf[T]] struct {
	*singles[T, D]
	document D
}

// Offer implements Document.
func (d *single[T, D]) Offer(e event.Envelope) Result { return offer(folding[T, D]{d}, d.ordering, e) }

// Degrade implements Document.
func (d *single[T, D]) Degrade(e event.Envelope, reason string) bool {
	return degrade(folding[T, D]{d}, e, reason)
}

// Join implements Document.
func (d *single[T, D]) Join(answer json.RawMessage) Result {
	told := D(new(T))
	if err := view.DecodeSingle(answer, told); err != nil {
		return Result{Refused, false, err}
	}
	return join(folding[T, D]{d}, d.Aggregates(), func() {
		theirs := view.KnownPart(told, PartName(d.aggregate))
		if theirs == nil {
			return
		}
		part := d.document.Part(PartName(d.aggregate))
		if part.Join(*theirs) {
			*theirs = *part
			*d.document = *told
		}
	})
}

// Incomplete implements Document.
func (d *single[T, D]) Incomplete() []event.Aggregate {
	return incomplete(folding[T, D]{d}, d.Aggregates(), d.Hidden())
}

// Hidden implements Document.
func (d *single[T, D]) Hidden() bool { return d.document.Hidden() }

// Parts implements Document.
func (d *single[T, D]) Parts() []Part {
	d.document.Derive()
	p := Part{
		Name: PartName(d.aggregate), Aggregate: d.aggregate, State: stateOf(d.document, "version", "parts"),
	}
	if known := view.KnownPart(d.document, p.Name); known != nil {
		p.Part = *known
	}
	return []Part{p}
}

// Forget implements Document.
func (d *single[T, D]) Forget(part string) {
	if part == PartName(d.aggregate) {
		*d.document = *d.empty(d.document.DocumentID())
	}
}

// Encode implements Document.
func (d *single[T, D]) Encode() (json.RawMessage, error) { return view.EncodeSingle(d.document) }

// folding is a single as fold.go knows it.
type folding[T any, D documentOf[T]] struct{ *single[T, D] }

func (f folding[T, D]) known(event.Aggregate) *view.Part {
	return view.KnownPart(f.document, PartName(f.aggregate))
}
func (f folding[T, D]) part(event.Aggregate) *view.Part {
	return f.document.Part(PartName(f.aggregate))
}
func (f folding[T, D]) apply(at time.Time, payload any) { f.singles.apply(f.document, at, payload) }
func (f folding[T, D]) record(event.Envelope) bool      { return false }
