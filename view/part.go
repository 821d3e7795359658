package view

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// Version counts an aggregate's events, from 1. 0 means none, or an aggregate whose events carry no version.
type Version uint64

// Origin tells where a part's state comes from.
type Origin string

const (
	// FromEvents is the origin of a state that was folded from events. It is the zero Origin.
	FromEvents Origin = ""
	// FromOwner is the origin of a state that the aggregate's owner answered. At equal versions it wins.
	FromOwner Origin = "owner"
)

// MaxWaiting is how many events beyond a gap a part keeps.
const MaxWaiting = 32

// maxRecent is how many event ids an unversioned part remembers to know a duplicate.
const maxRecent = 32

// Part is what a document remembers of one of its source aggregates: how far its state is and what waits to be applied.
// The state itself stands in the document's own fields.
//
// A versioned part is a function of the set of its events, whatever the order that they come in. A part whose events
// have no version is a function of their order in the log.
type Part struct {
	Version  Version   `json:"version,omitempty"`
	Origin   Origin    `json:"origin,omitempty"`
	Waiting  []Event   `json:"waiting,omitempty"`  // beyond a gap, ascending by version
	Degraded *Degraded `json:"degraded,omitempty"` // nil unless events of it were dead-lettered
	Last     *Place    `json:"last,omitempty"`     // of an unversioned part only
	Recent   []string  `json:"recent,omitempty"`   // of an unversioned part only: the last event ids, newest last
}

// Place is a record's place in its topic, and an event's place in a record that carries several.
type Place struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
	Index     int   `json:"index,omitempty"`
}

// Event is one event of a part's aggregate, as far as a Part needs to know it.
type Event struct {
	ID      string          `json:"id,omitempty"`
	Version Version         `json:"version"`
	Type    string          `json:"type"`
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data,omitempty"`
	Place   Place           `json:"-"`
}

// Degraded marks a part that misses an event for good. It is composed until an owner's answer at or above Since heals
// it, or a replay of what was missing, or a rebuild.
type Degraded struct {
	Since  Version `json:"since"`
	Reason string  `json:"reason"`
	At     *Place  `json:"at,omitempty"` // of a record whose version is not known; nil where Since is the event's own
}

// Ordering is what a topic promises of the versions of one aggregate's events.
type Ordering string

const (
	// Contiguous versions have no gaps, so a missing one is waited for.
	Contiguous Ordering = "contiguous"
	// Rising versions may skip numbers: the next is whatever is higher.
	Rising Ordering = "rising"
)

// Outcome is what became of an event offered to a part.
type Outcome int

const (
	// Applied events, and perhaps others that had waited for them, are to be applied now.
	Applied Outcome = iota
	// Stale events are at or below the part's version, or seen before.
	Stale
	// Held events wait beyond a gap.
	Held
	// Overflowed events are beyond a gap where no more can wait. They were not taken; the part is degraded.
	Overflowed
	// Mismatched events carry a version where the part's others have none, or the other way about. They were not taken.
	Mismatched
)

// Offer hands an event to the part and returns the events to apply to its state now, in their order: e itself and those
// that had waited for it. The part then stands at the last of them.
func (p *Part) Offer(e Event, ordering Ordering) ([]Event, Outcome) {
	if e.Version == 0 {
		return p.offerUnversioned(e)
	}
	if p.Last != nil {
		return nil, Mismatched
	}
	switch {
	case e.Version <= p.Version:
		p.overtake(e, ordering)
		return nil, Stale
	case ordering == Rising || e.Version == p.Version+1:
		p.Version, p.Origin = e.Version, FromEvents
		ready := append([]Event{e}, p.Release()...)
		if d := p.Degraded; ordering == Contiguous && d != nil && d.At == nil && p.Version >= d.Since {
			p.Degraded = nil // the event that had been missing came after all
		}
		p.overtake(e, ordering)
		return ready, Applied
	}
	at, found := p.waitsAt(e)
	if found {
		return nil, Stale
	}
	if len(p.Waiting) >= MaxWaiting {
		p.Degrade(e.Version, "more events than can wait came after a missing one")
		return nil, Overflowed
	}
	p.Waiting = slices.Insert(p.Waiting, at, e)
	return nil, Held
}

// waitsAt returns where among the waiting events e is or belongs.
func (p *Part) waitsAt(e Event) (at int, found bool) {
	return slices.BinarySearchFunc(p.Waiting, e, func(a, b Event) int { return cmp.Compare(a.Version, b.Version) })
}

// Release returns the waiting events that follow the part's version without a gap and moves the part past them.
func (p *Part) Release() []Event {
	p.dropWaiting()
	n := 0
	for n < len(p.Waiting) && p.Waiting[n].Version == p.Version+1 {
		p.Version, p.Origin = p.Waiting[n].Version, FromEvents
		n++
	}
	ready := slices.Clone(p.Waiting[:n])
	p.Waiting = p.Waiting[n:]
	if len(p.Waiting) == 0 {
		p.Waiting = nil
	}
	return ready
}

// dropWaiting forgets waiting events that the part's version already covers.
func (p *Part) dropWaiting() {
	p.Waiting = slices.DeleteFunc(p.Waiting, func(e Event) bool { return e.Version <= p.Version })
	if len(p.Waiting) == 0 {
		p.Waiting = nil
	}
}

// offerUnversioned orders by place in the log: within a partition an event at or before the last one is a duplicate. An
// event from another partition cannot be compared, so it counts as later, unless its id was seen lately.
func (p *Part) offerUnversioned(e Event) ([]Event, Outcome) {
	if p.Version > 0 || len(p.Waiting) > 0 {
		return nil, Mismatched
	}
	if e.ID != "" && slices.Contains(p.Recent, e.ID) {
		return nil, Stale
	}
	if p.Last != nil && p.Last.Partition == e.Place.Partition && !p.Last.before(e.Place) {
		return nil, Stale
	}
	p.Last = &e.Place
	if e.ID != "" {
		p.Recent = append(p.Recent, e.ID)
		p.Recent = p.Recent[max(0, len(p.Recent)-maxRecent):]
	}
	return []Event{e}, Applied
}

// before compares places of one partition.
func (p Place) before(q Place) bool {
	return p.Offset < q.Offset || p.Offset == q.Offset && p.Index < q.Index
}

// comparePlaces orders all places; nil is before them. Between partitions the order means nothing, but is one.
func comparePlaces(a, b *Place) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Index, b.Index))
}

// Begun reports whether any event or answer has been applied.
func (p *Part) Begun() bool { return p.Version > 0 || p.Last != nil }

// Versioned reports whether the part's state can be compared with an owner's answer.
func (p *Part) Versioned() bool { return p.Last == nil }

// Degrade marks the part as missing an event of this version.
func (p *Part) Degrade(since Version, reason string) {
	if d := p.Degraded; d == nil || d.At != nil || since > d.Since {
		p.Degraded = &Degraded{Since: since, Reason: reason}
	}
}

// DegradeAt marks the part as missing what may have been an event of it: a record of which no more is known than its
// place. It reports whether it did. An owner's answer at the part's own version heals it, since the owner would know of
// an event; so does a later record of the part, see overtake. A part that has not begun is not marked, nor one that
// misses an event of known version.
//
// Each partition's records come in their order, from an earlier one again after a crash. However often that happens, the
// part ends up with the mark that it has when each comes once.
func (p *Part) DegradeAt(at Place, reason string) (marked bool) {
	switch {
	case !p.Begun():
		return false
	case p.Last != nil && p.Last.Partition == at.Partition && !p.Last.before(at):
		return false // it came before what has been applied, and left its mark then, if any
	case p.Degraded != nil && (p.Degraded.At == nil || comparePlaces(p.Degraded.At, &at) >= 0):
		return false
	}
	p.Degraded = &Degraded{Since: p.Version, Reason: reason, At: &at}
	return true
}

// overtake takes away the mark of a record at a place if e, whose version the part covers, comes after it. Contiguous
// versions show by e that the record was no event of the part, or one that is there: a lost one leaves a gap, before
// which the mark stays. Rising ones do not; but an e that is at or below Since tells that the record is not new, and
// left no mark when it was. A duplicate that was published after the record cannot be told from that.
//
// It must not matter to this whether e is applied or has been: redelivered, the record and all that follows it meet a
// part that is past them.
func (p *Part) overtake(e Event, ordering Ordering) {
	d := p.Degraded
	if d == nil || d.At == nil || ordering == Rising && e.Version > d.Since {
		return
	}
	if d.At.Partition != e.Place.Partition || d.At.before(e.Place) {
		p.Degraded = nil
	}
}

// Join makes p the join of itself and q and reports whether q's state is to replace p's: the higher version wins, at
// equal ones the owner's. What waits on either side goes on waiting unless it is covered. A mark of degradation belongs
// to the state that misses an event, and goes with it when a state above the mark wins; an owner's state has none at or
// below its version. Join is associative, commutative and idempotent, as long as no more events wait than can. An
// unversioned part joins with nothing.
func (p *Part) Join(q Part) (take bool) {
	if !p.Versioned() || !q.Versioned() {
		return false
	}
	order := cmp.Or(cmp.Compare(q.Version, p.Version), cmp.Compare(q.Origin.rank(), p.Origin.rank()))
	take = order > 0
	if take {
		p.Version, p.Origin = q.Version, q.Origin
	}
	p.Degraded = worse(p.Degraded.unless(order > 0, p.Version), q.Degraded.unless(order < 0, p.Version))
	p.Degraded = p.Degraded.unless(p.Origin == FromOwner, p.Version)

	p.Waiting = slices.Clone(p.Waiting)
	for _, e := range q.Waiting {
		at, found := p.waitsAt(e)
		if !found {
			p.Waiting = slices.Insert(p.Waiting, at, e)
		}
	}
	p.dropWaiting()
	if len(p.Waiting) > MaxWaiting {
		p.Degrade(p.Waiting[MaxWaiting].Version, "more events than can wait came after a missing one")
		p.Waiting = p.Waiting[:MaxWaiting]
	}
	return take
}

// rank orders the origins of a version.
func (o Origin) rank() int {
	if o == FromOwner {
		return 1
	}
	return 0
}

// unless returns the mark, or nil if it is outdone by a state that covers version.
func (d *Degraded) unless(outdone bool, version Version) *Degraded {
	if d != nil && outdone && d.Since <= version {
		return nil
	}
	return d
}

// worse returns the mark that is harder to heal.
func worse(a, b *Degraded) *Degraded {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.Reason, b.Reason), comparePlaces(a.At, b.At)) < 0:
		return b
	}
	return a
}
