package view

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrCursor says that a cursor was not made by EncodeCursor, or for another query.
var ErrCursor = errors.New("not a cursor of this query")

// maxCursor bounds what DecodeCursor looks at, in bytes.
const maxCursor = 4096

// cursor is what the opaque text holds.
type cursor struct {
	Position
	Query []byte `json:"q"`
}

// EncodeCursor returns p as opaque text that DecodeCursor takes for the same viewer and query only. It holds sort values
// and an id, no place in an index, so it outlives a rebuild.
func EncodeCursor(v Viewer, q Query, p Position) string {
	text, err := json.Marshal(cursor{p, q.fingerprint(v)})
	if err != nil { // a Position holds strings, numbers, bools and nil only
		panic(fmt.Sprintf("view: cursor: %v", err))
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// DecodeCursor returns the position in a cursor. Anything else than a cursor of the same viewer's same words, filter and
// order is ErrCursor; the page's size and direction may differ.
func DecodeCursor(v Viewer, q Query, text string) (*Position, error) {
	if len(text) > maxCursor {
		return nil, fmt.Errorf("%w: %d bytes long", ErrCursor, len(text))
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: damaged", ErrCursor)
	}
	var c cursor
	if err := json.Unmarshal(data, &c); err != nil || c.ID == "" {
		return nil, fmt.Errorf("%w: damaged", ErrCursor)
	}
	if !bytes.Equal(c.Query, q.fingerprint(v)) {
		return nil, fmt.Errorf("%w: it belongs to another search, filter or order", ErrCursor)
	}
	if len(c.Values) != len(q.Order()) {
		return nil, fmt.Errorf("%w: damaged", ErrCursor)
	}
	for _, value := range c.Values {
		switch value.(type) {
		case string, float64, bool, nil:
		default:
			return nil, fmt.Errorf("%w: damaged", ErrCursor)
		}
	}
	return &c.Position, nil
}

// fingerprint identifies what a cursor's place depends on: who asks for what in which order.
func (q *Query) fingerprint(v Viewer) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %#v %#v", v, q.Match, q.Filter)
	for _, s := range q.Order() {
		fmt.Fprintf(h, " %q %t", s.Field, s.Descending)
		if s.From != nil {
			fmt.Fprintf(h, " from %v", *s.From)
		}
	}
	return h.Sum(nil)[:8]
}
