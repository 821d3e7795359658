package compose

import (
	"time"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// standing is how far the view as a whole was just before it was read.
type standing struct {
	index   string         // which it is; "" where nobody knows
	lag     *time.Duration // nil: not known
	written feed.Positions // nil: not known
	filling bool           // it has not yet reached the topics' ends since it was made
}

// why is the reason for what the view lacks.
func (s standing) why(otherwise Reason) Reason {
	if s.filling {
		return Rebuilding
	}
	return otherwise
}

// binds reports whether what the client knows of is promised: versions and positions.
func (f Freshness) binds() bool { return f.Mode != Eventual && f.Mode != "" }

// rests reports whether something is promised that how far the view as a whole is can show.
func (f Freshness) rests() bool {
	return f.MaxStaleness > 0 || f.binds() && f.Beyond != nil && f.Least == (Versions{})
}

// owners reports whether the owners must be asked, however new the view is.
func (f Freshness) owners() bool { return f.Mode == Fresh && f.MaxStaleness == 0 }

// stale reports whether the view as a whole lags more than it may.
func (f Freshness) stale(s standing) bool {
	return f.MaxStaleness > 0 && (s.lag == nil || *s.lag > f.MaxStaleness)
}

// aged reports whether the view as a whole is too old. Positions bind where nothing is known of the order itself: what a
// token says of one was at or beyond its positions.
func (f Freshness) aged(s standing) bool {
	return f.stale(s) || f.binds() && f.Beyond != nil && f.Least == (Versions{}) && !s.written.Reach(*f.Beyond)
}

// verdict is what a request finds wanting in the view's document.
type verdict struct {
	need   Parts  // the parts to compose; none: the document will do
	strict Parts  // those of them of which the view, as it stands, cannot show that they are new enough
	reason Reason // the weightiest
	wait   bool   // a newer document, or view, may do
}

// judge says what of the request the view's document does not answer; doc is nil where the view has none. It is a pure
// function of the request, the document and the view's standing.
func (q Request) judge(doc *order.Order, s standing) verdict {
	v := verdict{reason: Satisfied}
	want := func(parts Parts, why Reason) {
		v.need |= parts
		v.reason = Weightier(v.reason, why)
	}
	least, aged := q.least(), q.Freshness.aged(s)
	if q.Freshness.owners() && q.Parts != 0 {
		want(q.Parts, Asked)
		v.strict = q.Parts
	}
	if aged && q.Parts != 0 {
		want(q.Parts, s.why(Behind))
		v.strict = q.Parts
	}
	if doc == nil {
		v.reason = Weightier(v.reason, s.why(Missing))
		if q.Freshness.owners() || aged || least != (Versions{}) {
			want(q.Parts|PartsOf(order.AggregateOrder), s.why(Missing))
		}
		v.wait = (least != Versions{} || aged) && !q.Freshness.owners()
		return v
	}
	v.wait = least != Versions{} || aged
	for _, a := range q.Parts.List() {
		p := doc.Parts[a]
		switch {
		case p != nil && p.Degraded != nil:
			want(PartsOf(a), Degraded)
			v.wait = false
		case p != nil && len(p.Waiting) > 0 && q.Freshness.rests():
			want(PartsOf(a), s.why(Behind)) // the view took its events in, and cannot show them for want of another
			v.strict |= PartsOf(a)
			v.wait = false
		case least.Of(a) == 0:
		case p != nil && !p.Versioned():
			want(PartsOf(a), Unversioned)
			v.wait = false
		case p == nil || p.Version < least.Of(a):
			want(PartsOf(a), s.why(Behind))
		}
	}
	if doc.Hidden() {
		want(PartsOf(order.AggregateOrder), s.why(Missing))
	}
	if v.need == 0 && s.filling && least == (Versions{}) {
		v.reason = Rebuilding // nothing else was promised, but it is no complete view
	}
	v.wait = v.wait && v.need != 0 && !q.Freshness.owners()
	return v
}

// least are the versions that the request is promised; zero where it asks for nothing.
func (q Request) least() Versions {
	if q.Freshness.binds() {
		return q.Freshness.Least
	}
	return Versions{}
}

// recorded returns the versions up to which an order's timeline has the events of each part. Of a part that an owner told, or
// that lacks an event for good, nobody knows.
func recorded(o *order.Order) Versions {
	known := AllParts
	for _, a := range AllParts.List() {
		if p := o.Parts[a]; p != nil && (p.Origin == view.FromOwner || p.Degraded != nil) {
			known &^= PartsOf(a)
		}
	}
	return VersionsOf(o, known)
}

// kept reports whether the request's promise holds for an order, composed or not. Before are the versions that the view
// had recorded; strict is the verdict's; failed are the parts that should have been composed and could not be.
func (q Request) kept(o *order.Order, before Versions, strict Parts, failed map[order.Aggregate]error) bool {
	for _, a := range q.Parts.List() {
		if !strict.Has(a) && q.least().Of(a) == 0 {
			continue
		}
		if failed[a] != nil {
			return false
		}
		p := o.Parts[a]
		if p != nil && p.Degraded != nil && (strict.Has(a) || p.Degraded.Since <= q.least().Of(a)) {
			return false
		}
		if p == nil && q.least().Of(a) > 0 || p != nil && p.Version < q.least().Of(a) {
			return false
		}
		if strict.Has(a) && p != nil && len(p.Waiting) > 0 {
			return false // an event that was published is not shown
		}
		if q.History && p != nil && p.Origin == view.FromOwner && p.Version > before.Of(a) {
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
