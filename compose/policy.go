package compose

import (
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// verdict is what a request finds wanting in the view's document.
type verdict struct {
	need   Parts  // the parts to compose; none: the document will do
	reason Reason // the weightiest
	wait   bool   // a newer document may do
}

// judge says what of the request the view's document does not answer; doc is nil where the view has none. It is a pure
// function of the two.
func (q Request) judge(doc *order.Order) verdict {
	v := verdict{reason: Satisfied}
	want := func(parts Parts, why Reason) {
		v.need |= parts
		v.reason = Weightier(v.reason, why)
	}
	if q.Freshness.Mode == Fresh && q.Parts != 0 {
		want(q.Parts, Asked)
	}
	least := q.least()
	if doc == nil {
		v.reason = Weightier(v.reason, Missing)
		if q.Freshness.Mode == Fresh || least != (Versions{}) {
			want(q.Parts|PartsOf(order.AggregateOrder), Missing)
		}
		v.wait = least != Versions{}
		return v
	}
	v.wait = true
	for _, a := range q.Parts.List() {
		p := doc.Parts[a]
		switch {
		case p != nil && p.Degraded != nil:
			want(PartsOf(a), Degraded)
			v.wait = false
		case least.Of(a) == 0:
		case p != nil && !p.Versioned():
			want(PartsOf(a), Unversioned)
			v.wait = false
		case p == nil || p.Version < least.Of(a):
			want(PartsOf(a), Behind)
		}
	}
	if doc.Hidden() {
		want(PartsOf(order.AggregateOrder), Missing)
	}
	v.wait = v.wait && v.need != 0 && q.Freshness.Mode == AtLeast
	return v
}

// least are the versions that the request is promised; zero unless it asks for AtLeast.
func (q Request) least() Versions {
	if q.Freshness.Mode == AtLeast {
		return q.Freshness.Least
	}
	return Versions{}
}

// kept reports whether the request's promise holds for an order, composed or not. Before are the versions that the view
// had; failed are the parts that should have been composed and could not be.
func (q Request) kept(o *order.Order, before Versions, failed map[order.Aggregate]error) bool {
	for _, a := range q.Parts.List() {
		if q.Freshness.Mode != Fresh && q.least().Of(a) == 0 {
			continue
		}
		if failed[a] != nil {
			return false
		}
		p := o.Parts[a]
		if p != nil && p.Degraded != nil && (q.Freshness.Mode == Fresh || p.Degraded.Since <= q.least().Of(a)) {
			return false
		}
		if p == nil && q.least().Of(a) > 0 || p != nil && p.Version < q.least().Of(a) {
			return false
		}
		if q.History && p != nil && (p.Version > before.Of(a) || p.Origin == view.FromOwner) {
			return false // the part is new enough, but its latest events are not in the timeline, or may not be
		}
	}
	return true
}

// Weightier returns the weightier of two reasons, to tell of several answers as one.
func Weightier(a, b Reason) Reason {
	for _, r := range reasonsByWeight {
		if r == a {
			return b
		}
		if r == b {
			return a
		}
	}
	return a
}
