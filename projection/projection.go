// Package projection decides what events do to a view's documents. It is pure: no I/O, no clock, no randomness, so a
// replay of the same events gives the same bytes.
//
// Each view has a Projection, in a file of its own: Orders in order.go. Who drives them, the indexer, a rebuild or a
// verification, knows no more of them than this file says. fold.go has what they have in common.
package projection

import (
	"encoding/json"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view"
)

// Projection makes the documents of one view out of events.
type Projection interface {
	// Aggregates lists the aggregates whose events the view is made of.
	Aggregates() []event.Aggregate
	// DocumentID returns the id of the document that an event belongs to. The event is of one of the Aggregates.
	DocumentID(e event.Envelope) string
	// New returns the document of which nothing is known but its id.
	New(id string) Document
	// Decode returns a document from the JSON that Encode gave.
	Decode(source json.RawMessage) (Document, error)
}

// Document is a document while events are folded into it. It belongs to one goroutine at a time.
type Document interface {
	// Offer folds an event into the document.
	Offer(e event.Envelope) Result
	// Degrade marks the part of e's aggregate as missing e, and reports whether that changed the document. An e without a
	// version stands for a record of which nothing is known but its place and its key, which may be any text: it marks no
	// part that has not begun. Redelivered, it marks as it did (view.Part.DegradeAt).
	Degrade(e event.Envelope, reason string) (changed bool)
	// Join joins the document with one that holds owners' answers, encoded: each part at the higher of the two versions.
	// It is Applied where that changed the document, Stale where the owners told nothing new.
	Join(answer json.RawMessage) Result
	// Incomplete returns the aggregates of which events are known to be missing: because later ones wait for them, because
	// they were dead-lettered, or because the document is hidden for want of them.
	Incomplete() []event.Aggregate
	// Hidden reports whether searches should not find the document yet.
	Hidden() bool
	// Parts returns the document's parts: one for each of the view's aggregates, always in the same order.
	Parts() []Part
	// Forget takes out of the document all that it has of the part with this name, but the history.
	Forget(part string)
	// Encode returns the document's JSON, as json.Marshal writes it: equal bytes for equal documents.
	Encode() (json.RawMessage, error)
}

// Part is what a document has of one aggregate.
type Part struct {
	Name      string          // as the document's own JSON names it: TICKET
	Aggregate event.Aggregate // whose events it is made of
	view.Part                 // the zero Part where nothing is known of it

	// State is what the aggregate's owner answers, too, but for the version: as encoding/json decodes it, with json.Number
	// for numbers; nil where there is none.
	State any
	// History is what its events alone tell, such as when each happened, in the same form.
	History any
}

// Result says what an event did to a document.
type Result struct {
	Outcome Outcome
	Changed bool  // the document differs from before and is to be written
	Err     error // why the event is refused, an *event.Error; nil otherwise
}

// Outcome is what became of an event. Its text is a metric's label.
type Outcome string

// The outcomes.
const (
	Applied Outcome = "applied" // folded, and perhaps others that had waited for it
	Skipped Outcome = "skipped" // of a type that the view does not know; its version counts all the same
	Stale   Outcome = "stale"   // folded before, or overtaken by an owner's answer
	Held    Outcome = "held"    // waits in the document for one that is missing before it
	Refused Outcome = "refused" // cannot be folded; it belongs in the dead letter topic
)
