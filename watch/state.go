package watch

import (
	"hash/maphash"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// state is a document as it was read once, for all who follow it.
type state struct {
	id       string
	order    *order.Order   // nil: there was none
	document view.Document  //
	source   map[string]any // decoded, to tell who may see it
	stamp    stamp
}

// stamp tells which of two states of a document is the newer.
type stamp struct {
	versions compose.Versions
	sum      uint64 // of the document, where a part has no version; else 0
}

var sumSeed = maphash.MakeSeed()

// newState decodes a document.
func newState(d view.Document) (*state, error) {
	o, err := order.Decode(d.Source)
	if err != nil {
		return nil, err
	}
	st := &state{id: d.ID, order: o, document: d, stamp: stamp{versions: compose.VersionsOf(o, compose.AllParts)}}
	for _, part := range o.Parts {
		if !part.Versioned() {
			st.stamp.sum = maphash.Bytes(sumSeed, d.Source)
		}
	}
	return st, nil
}

// newer reports whether the state is not older than the other in any part, and newer in one. Where versions do not tell,
// because a part has none, another document counts as newer.
func (st *state) newer(than stamp) bool {
	return st.stamp != than && st.stamp.versions.Reach(than.versions)
}
