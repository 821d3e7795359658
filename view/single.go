package view

import (
	"encoding/json"
	"fmt"
)

// Single is what documents of one part have in common, those whose whole state is of one aggregate. A document's type embeds
// it beside its own fields.
type Single struct {
	Version Version          `json:"version,omitempty"` // the part's
	Parts   map[string]*Part `json:"parts,omitempty"`   // the part, by its name
}

// SingleDocument is a pointer to a type that embeds Single. Of its methods it must have DocumentID; the others come with
// Single, and the type may have its own.
type SingleDocument interface {
	// DocumentID returns the id of the aggregate that it is of.
	DocumentID() string
	// Hidden reports whether searches should not find it yet. Single's says so until an event or an answer is in it.
	Hidden() bool
	// Derive computes the fields that follow from others. Single's does nothing.
	Derive()

	// Part returns the part with this name, to be changed in place.
	Part(name string) *Part
	single() *Single
}

// Part implements SingleDocument.
func (s *Single) Part(name string) *Part {
	if s.Parts == nil {
		s.Parts = map[string]*Part{}
	}
	if s.Parts[name] == nil {
		s.Parts[name] = &Part{}
	}
	return s.Parts[name]
}

// Hidden implements SingleDocument.
func (s *Single) Hidden() bool {
	for _, p := range s.Parts {
		if p.Begun() {
			return false
		}
	}
	return true
}

// Derive implements SingleDocument.
func (s *Single) Derive() {}

func (s *Single) single() *Single { return s }

// EncodeSingle derives what is derived and returns the document's JSON: equal bytes for equal documents.
func EncodeSingle(d SingleDocument) (json.RawMessage, error) {
	s := d.single()
	s.Version = 0
	for _, p := range s.Parts {
		s.Version = p.Version
	}
	d.Derive()
	source, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", d.DocumentID(), err)
	}
	return source, nil
}

// DecodeSingle reads a document as EncodeSingle wrote it into d, which is empty.
func DecodeSingle(source json.RawMessage, d SingleDocument) error {
	if err := DecodeDocument(source, d); err != nil {
		return fmt.Errorf("document: %w", err)
	}
	if d.DocumentID() == "" {
		return fmt.Errorf("document of %T without an id", d)
	}
	return nil
}

// KnownPart returns a document's part, nil where nothing is known of it.
func KnownPart(d SingleDocument, name string) *Part { return d.single().Parts[name] }
