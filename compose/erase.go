package compose

import (
	"encoding/json"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// eraser takes out of what owners tell what is personal of people who are forgotten, as the view has it taken out of what events
// tell. Owners may not have forgotten them.
type eraser struct {
	mapping   *view.Mapping
	forgotten view.Forgotten // nil: nobody is
}

// pseudonym returns the pseudonym of the first of these who is forgotten.
func (e eraser) pseudonym(ids ...string) (string, bool) {
	if e.forgotten == nil {
		return "", false
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		if pseudonym, forgotten := e.forgotten.Pseudonym(id); forgotten {
			return pseudonym, true
		}
	}
	return "", false
}

// join joins owners' answers into an order that is to be shown. A part without versions cannot be joined: the answer takes
// its place. An order that was somebody's who is forgotten stays so, whoever's the owner says that it is.
func (e eraser) join(o, answers *order.Order) {
	before := orderedBy(o)
	for a := range answers.Parts {
		if p := o.Parts[a]; p != nil && !p.Versioned() {
			delete(o.Parts, a)
		}
	}
	o.Join(answers)
	pseudonym, forgotten := e.pseudonym(before, orderedBy(o))
	if !forgotten {
		return
	}
	source, err := o.Encode()
	if err == nil {
		source, err = e.erase(source, pseudonym)
	}
	erased := order.New(o.OrderID)
	if err == nil {
		erased, err = order.Decode(source)
	}
	if err != nil { // it was made of what JSON can say; better nothing than what is forgotten
		erased = order.New(o.OrderID)
	}
	*o = *erased
}

func orderedBy(o *order.Order) string {
	if o.Consumer == nil {
		return ""
	}
	return o.Consumer.ConsumerID
}

// document returns a document that an owner told, erased if it is of somebody who is forgotten.
func (e eraser) document(source json.RawMessage) json.RawMessage {
	if source == nil || e.forgotten == nil || e.mapping.Subject() == nil {
		return source
	}
	decoded, err := view.DecodeSource(source)
	if err != nil {
		return nil
	}
	pseudonym, forgotten := e.pseudonym(e.mapping.SubjectOf(decoded))
	if !forgotten {
		return source
	}
	if source, err = e.erase(source, pseudonym); err != nil {
		return nil
	}
	return source
}

func (e eraser) erase(source json.RawMessage, pseudonym string) (json.RawMessage, error) {
	decoded, err := view.DecodeSource(source)
	if err != nil {
		return nil, err
	}
	e.mapping.Erase(decoded, pseudonym)
	return json.Marshal(decoded)
}
