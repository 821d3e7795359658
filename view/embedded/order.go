package embedded

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/viewgate/viewgate/view"
)

// order compares places as a query's order asks, or the other way about for a backward page.
type order struct {
	keys     []sortKey
	backward bool
}

// sortKey is one key of an order.
type sortKey struct {
	field      *view.Field // nil: relevance
	column     string      // the index field that has its values, "" for relevance
	descending bool
	from       *view.Point // of a place: its distance from here is what counts
}

// place is where a document stands in an order. terms has an entry for each key: the value's term, or nil where the
// document lacks the field or the key is relevance. A term is never nil otherwise, though it may be empty.
type place struct {
	terms  [][]byte
	score  float64
	id     string
	number uint64 // the document's in the reader, by which the id is found
}

// copy makes p the same place as from, sharing no memory with it. Both are of the same order.
func (p *place) copy(from *place) {
	p.score, p.id, p.number = from.score, from.id, from.number
	for i, term := range from.terms {
		p.terms[i] = bytes.Clone(term)
	}
}

func newOrder(m *view.Mapping, q view.Query) *order {
	o := &order{backward: q.Backward}
	for _, s := range q.Order() {
		k := sortKey{descending: s.Descending, from: s.From}
		if s.Field != view.Relevance {
			k.field = m.Field(s.Field)
			switch {
			case k.field.Whole():
				k.column = keyOf + s.Field
			case k.field.Kind == view.Geo:
				k.column = placeOf + s.Field
			default:
				k.column = orderOf + s.Field
			}
		}
		o.keys = append(o.keys, k)
	}
	return o
}

// compareKeys compares by the keys alone: below 0 where a comes first.
func (o *order) compareKeys(a, b *place) int {
	for i, k := range o.keys {
		var c int
		switch {
		case k.field == nil:
			c = cmp.Compare(a.score, b.score)
		case a.terms[i] == nil && b.terms[i] == nil:
			continue
		case a.terms[i] == nil: // last, whatever the direction
			return o.turn(1)
		case b.terms[i] == nil:
			return o.turn(-1)
		default:
			c = bytes.Compare(a.terms[i], b.terms[i])
		}
		if c != 0 {
			if k.descending {
				c = -c
			}
			return o.turn(c)
		}
	}
	return 0
}

// compareIDs breaks a tie.
func (o *order) compareIDs(a, b *place) int { return o.turn(strings.Compare(a.id, b.id)) }

func (o *order) turn(c int) int {
	if o.backward {
		return -c
	}
	return c
}

// better reports whether a document's term goes before another of its terms: it stands in the order by its smallest
// value, in a descending one by its largest, whichever way the page goes.
func (k sortKey) better(term, than []byte) bool {
	if than == nil {
		return true
	}
	c := bytes.Compare(term, than)
	if k.descending {
		c = -c
	}
	return c < 0
}

// position returns the place as the store's callers know it.
func (o *order) position(p *place) (view.Position, error) {
	position := view.Position{Values: make([]any, len(o.keys)), ID: p.id}
	for i, k := range o.keys {
		switch {
		case k.field == nil:
			position.Values[i] = p.score
		case p.terms[i] == nil:
		case k.field.Kind == view.Boolean:
			position.Values[i] = string(p.terms[i]) == shown(true)
		case k.field.Whole():
			position.Values[i] = string(p.terms[i])
		default:
			n, err := termNumber(string(p.terms[i]))
			if err != nil {
				return view.Position{}, err
			}
			position.Values[i] = n
		}
	}
	return position, nil
}

// place is the inverse of position.
func (o *order) place(position *view.Position) *place {
	p := &place{terms: make([][]byte, len(o.keys)), id: position.ID}
	for i, k := range o.keys {
		switch v := position.Values[i].(type) {
		case bool:
			p.terms[i] = []byte(shown(v))
		case string:
			p.terms[i] = append([]byte{}, v...)
		case float64:
			if k.field == nil {
				p.score = v
			} else {
				p.terms[i] = numberTerm(v + 0)
			}
		}
	}
	return p
}
