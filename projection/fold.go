package projection

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view"
)

// What folding is, whatever the view: a view's documents say where their parts are and what an event does, and these
// functions do the rest of Document.

// parted is a document as events are folded into it.
type parted interface {
	// known returns the part of an aggregate, nil where nothing is known of it.
	known(event.Aggregate) *view.Part
	// part returns the part of an aggregate, begun if need be.
	part(event.Aggregate) *view.Part
	// apply does what an event does. A payload of nil, of an unknown type, does nothing.
	apply(at time.Time, payload any)
	// record notes in the history that an event happened, and reports whether it was not there before.
	record(event.Envelope) bool

	Encode() (json.RawMessage, error)
}

// offer is Document.Offer. An ordering of "" is view.Contiguous.
func offer(d parted, ordering view.Ordering, e event.Envelope) Result {
	if ordering == "" {
		ordering = view.Contiguous
	}
	part := d.part(e.Aggregate)
	mark := part.Degraded
	ready, outcome := part.Offer(view.Event{
		ID: e.ID, Version: view.Version(e.Version), Type: e.Type, Time: e.Time, Data: e.Data, Place: placeOf(e),
	}, ordering)
	switch outcome {
	case view.Overflowed:
		return Result{Refused, true, &event.Error{Reason: event.ReasonOverflow, Detail: fmt.Sprintf(
			"%s %s: %d events already wait for the one after version %d",
			e.Aggregate, e.AggregateID, view.MaxWaiting, part.Version)}}
	case view.Mismatched:
		return Result{Refused, false, &event.Error{Reason: event.ReasonUnordered, Detail: fmt.Sprintf(
			"%s %s: version %d, but its other events are ordered otherwise", e.Aggregate, e.AggregateID, e.Version)}}
	}
	recorded := d.record(e)
	for i, next := range ready {
		payload := e.Payload
		if i > 0 { // it had waited in the document
			payload = event.ParsePayload(e.Aggregate, next.Type, next.Data)
		}
		d.apply(next.Time, payload)
	}
	switch {
	case outcome == view.Stale:
		return Result{Outcome: Stale, Changed: recorded || part.Degraded != mark}
	case outcome == view.Held:
		return Result{Outcome: Held, Changed: true}
	case e.Payload == nil:
		return Result{Outcome: Skipped, Changed: true}
	}
	return Result{Outcome: Applied, Changed: true}
}

func placeOf(e event.Envelope) view.Place {
	return view.Place{Partition: e.Partition, Offset: e.Offset, Index: e.Index}
}

// degrade is Document.Degrade.
func degrade(d parted, e event.Envelope, reason string) bool {
	if e.Version > 0 {
		d.part(e.Aggregate).Degrade(view.Version(e.Version), reason)
		return true
	}
	p := d.known(e.Aggregate)
	return p != nil && p.DegradeAt(placeOf(e), reason)
}

// join is Document.Join, where take joins the document with what owners told. Events that had waited for that are folded
// now.
func join(d parted, aggregates []event.Aggregate, take func()) Result {
	before, err := d.Encode()
	if err != nil {
		return Result{Refused, false, err}
	}
	take()
	for _, a := range aggregates {
		if p := d.known(a); p != nil {
			for _, e := range p.Release() {
				d.apply(e.Time, event.ParsePayload(a, e.Type, e.Data))
			}
		}
	}
	after, err := d.Encode()
	if err != nil {
		return Result{Refused, false, err}
	}
	if bytes.Equal(before, after) {
		return Result{Outcome: Stale}
	}
	return Result{Outcome: Applied, Changed: true}
}

// incomplete is Document.Incomplete, where the document is hidden for want of the first of the aggregates.
func incomplete(d parted, aggregates []event.Aggregate, hidden bool) []event.Aggregate {
	var missing []event.Aggregate
	for i, a := range aggregates {
		p := d.known(a)
		if p != nil && (len(p.Waiting) > 0 || p.Degraded != nil) || i == 0 && hidden {
			missing = append(missing, a)
		}
	}
	return missing
}

// stateOf returns a value as decoded JSON, without these fields at its root. Numbers stay exact.
func stateOf(value any, without ...string) any {
	var decoded any
	text, err := json.Marshal(value)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		err = d.Decode(&decoded)
	}
	if err != nil { // documents are made of what JSON can say
		panic(fmt.Sprintf("projection: %T: %v", value, err))
	}
	if fields, ok := decoded.(map[string]any); ok {
		for _, name := range without {
			delete(fields, name)
		}
	}
	return decoded
}
