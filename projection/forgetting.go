package projection

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/view"
)

// forgetting is a projection whose documents have nothing personal of people who are forgotten.
type forgetting struct {
	Projection
	mapping   *view.Mapping
	forgotten view.Forgotten
}

// NewForgetting returns the projection that makes the documents of p, less what the mapping says is personal of people who are
// forgotten, and with their pseudonyms in the place of their ids. Of a view whose documents are nobody's it is p itself.
//
// It is a function of the document that p makes, applied at the end of each fold: a document equals the erased fold of its
// events, whatever was forgotten before which of them came, and so does one that is folded anew from the beginning. A document
// with a pseudonym stays erased in each further fold, also in that of a process that does not know yet who is forgotten; what
// such a process makes of a person's first event must be erased afterwards. Events that wait in a document for one that is
// missing are erased like it (event.Erase).
func NewForgetting(p Projection, m *view.Mapping, f view.Forgotten) Projection {
	if m.Subject() == nil {
		return p
	}
	return &forgetting{p, m, f}
}

// DecodeAnswer returns what owners told of a document, which may be nil, as p decodes it. Of somebody who is forgotten there is
// nothing personal in it, even where it is the document alone that says whose it is.
func DecodeAnswer(p Projection, answer json.RawMessage, of Document) (Document, error) {
	told, err := p.Decode(answer)
	if err != nil {
		return nil, err
	}
	if d, ok := of.(*forgettable); ok && d.pseudonym != "" {
		told := told.(*forgettable) // the same projection decoded both
		told.pseudonym = d.pseudonym
		told.settle()
	}
	return told, nil
}

// New implements Projection.
func (p *forgetting) New(id string) Document {
	return &forgettable{Document: p.Projection.New(id), p: p}
}

// Decode implements Projection. A document that is stored with what is to be erased comes without it, and counts as changed by
// whatever is folded into it next.
func (p *forgetting) Decode(source json.RawMessage) (Document, error) {
	inner, err := p.Projection.Decode(source)
	if err != nil {
		return nil, err
	}
	d := &forgettable{Document: inner, p: p}
	d.unwritten = d.settle()
	return d, nil
}

// subject returns whose personal data a document has, "" where that is nobody, or not known. A document whose type tells it is
// asked, so that it need not be encoded at each event.
func (p *forgetting) subject(d Document) string {
	if d, ok := d.(interface{ Subject() string }); ok {
		return d.Subject()
	}
	return p.mapping.SubjectOf(decoded(encoded(d)))
}

// forgettable is a document of a forgetting projection.
type forgettable struct {
	Document
	p         *forgetting
	pseudonym string // of whose it is, once they are forgotten
	unwritten bool   // something was erased of what is stored
}

// Forgotten reports whether the document is of somebody who is forgotten.
func (d *forgettable) Forgotten() bool { return d.pseudonym != "" }

// Unwritten reports whether something was erased when the document was decoded, and it has not been encoded since.
func (d *forgettable) Unwritten() bool { return d.unwritten }

// Offer implements Document.
func (d *forgettable) Offer(e event.Envelope) Result { return d.finish(d.Document.Offer(e)) }

// Join implements Document.
func (d *forgettable) Join(answer json.RawMessage) Result { return d.finish(d.Document.Join(answer)) }

// Degrade implements Document.
func (d *forgettable) Degrade(e event.Envelope, reason string) bool {
	return d.finish(Result{Changed: d.Document.Degrade(e, reason)}).Changed
}

// Encode implements Document. Who encodes it is about to write it.
func (d *forgettable) Encode() (json.RawMessage, error) {
	d.unwritten = false
	return d.Document.Encode()
}

// finish ends a fold.
func (d *forgettable) finish(r Result) Result {
	if d.settle() || d.unwritten {
		r.Changed = true
	}
	return r
}

// settle erases the document if it is of somebody who is forgotten, and reports whether that changed it.
func (d *forgettable) settle() (changed bool) {
	if d.pseudonym == "" {
		id := d.p.subject(d.Document)
		if id == "" {
			return false
		}
		pseudonym, forgotten := d.p.forgotten.Pseudonym(id)
		if !forgotten {
			return false
		}
		d.pseudonym = pseudonym
	}
	before := encoded(d.Document)
	source := decoded(before)
	d.p.mapping.Erase(source, d.pseudonym)
	eraseWaiting(source, d.Document.Parts(), d.pseudonym)
	after, err := json.Marshal(source)
	if err == nil {
		d.Document, err = d.p.Projection.Decode(after)
	}
	if err != nil { // what is erased may be missing
		panic(fmt.Sprintf("projection: an erased document cannot be read: %v", err))
	}
	return !bytes.Equal(before, encoded(d.Document))
}

// eraseWaiting erases the events that wait in a document's parts, which the document has as they came.
func eraseWaiting(source map[string]any, parts []Part, pseudonym string) {
	all, _ := source["parts"].(map[string]any)
	for _, p := range parts {
		part, _ := all[p.Name].(map[string]any)
		waiting, _ := part["waiting"].([]any)
		for i, e := range p.Waiting {
			one, _ := waiting[i].(map[string]any)
			delete(one, "data")
			if data := event.Erase(p.Aggregate, e.Type, e.Data, pseudonym); data != nil {
				one["data"] = data
			}
		}
	}
}

func encoded(d Document) json.RawMessage {
	source, err := d.Encode()
	if err != nil { // documents are made of what JSON can say
		panic(fmt.Sprintf("projection: %v", err))
	}
	return source
}

func decoded(source json.RawMessage) map[string]any {
	m, err := view.DecodeSource(source)
	if err != nil { // it was encoded a moment ago
		panic(fmt.Sprintf("projection: %v", err))
	}
	return m
}
