package compose

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// Seen says which versions of which orders' parts a client has been shown, by order id.
type Seen map[string]Versions

// Merge lifts every version to at least the other's.
func (s Seen) Merge(other Seen) {
	for id, theirs := range other {
		ours := s[id]
		ours.Merge(theirs)
		s[id] = ours
	}
}

// MaxSeen is how many orders a token names at most.
const MaxSeen = 32

// maxTokenID is the longest order id that a token names, in bytes: the longest that there is (wire.ID).
const maxTokenID = 128

var (
	// ErrToken says that a text is no token that was signed with this key.
	ErrToken = errors.New("not a token of this gateway")
	// ErrTooMuchSeen says that a token cannot name so many orders.
	ErrTooMuchSeen = fmt.Errorf("a token names at most %d orders", MaxSeen)
)

// TokenKey signs tokens. All gateways that a client may meet must share it. The zero TokenKey is not usable.
//
// A token is the base64url form of: the format's number (1 byte), the number of orders, then per order, ascending by id,
// the id's length, the id and the versions of its four parts, numbers as unsigned varints; then the first 16 bytes of
// HMAC-SHA256 over all of that (RFC 2104 allows the truncation to half of the hash).
type TokenKey struct{ secret []byte }

const (
	tokenFormat = 1
	tokenMAC    = 16
	// minSecret is the shortest secret that a key is made of, in bytes.
	minSecret = 16
	// maxToken bounds what Open looks at, in characters: the longest that Sign makes is below it.
	maxToken = 8192
)

// NewTokenKey returns the key made of a secret of at least 16 bytes.
func NewTokenKey(secret []byte) (TokenKey, error) {
	if len(secret) < minSecret {
		return TokenKey{}, fmt.Errorf("a token key of %d bytes: at least %d are needed", len(secret), minSecret)
	}
	return TokenKey{slices.Clone(secret)}, nil
}

// RandomTokenKey returns a new key. Its tokens are worth nothing to another process, or after a restart.
func RandomTokenKey() TokenKey {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: it ends the process instead
	return TokenKey{secret}
}

// IsZero reports whether the key is the zero TokenKey.
func (k TokenKey) IsZero() bool { return len(k.secret) == 0 }

// String hides the secret.
func (k TokenKey) String() string { return "[token key]" }

// GoString hides the secret.
func (k TokenKey) GoString() string { return k.String() }

// Sign returns a token of what was seen: equal texts for equal contents. Nothing seen is the empty text; more than
// MaxSeen orders are ErrTooMuchSeen.
func (k TokenKey) Sign(seen Seen) (string, error) {
	if len(seen) == 0 {
		return "", nil
	}
	if len(seen) > MaxSeen {
		return "", ErrTooMuchSeen
	}
	data := []byte{tokenFormat}
	data = binary.AppendUvarint(data, uint64(len(seen)))
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		if id == "" || len(id) > maxTokenID {
			return "", fmt.Errorf("an order id of %d bytes does not fit in a token", len(id))
		}
		data = binary.AppendUvarint(data, uint64(len(id)))
		data = append(data, id...)
		for _, a := range order.Aggregates {
			data = binary.AppendUvarint(data, uint64(seen[id].Of(a)))
		}
	}
	return base64.RawURLEncoding.EncodeToString(append(data, k.mac(data)...)), nil
}

// Open returns what a token says was seen; nothing for the empty text. A damaged token and one signed with another key
// are ErrToken.
func (k TokenKey) Open(token string) (Seen, error) {
	if token == "" {
		return Seen{}, nil
	}
	if len(token) > maxToken {
		return nil, fmt.Errorf("%w: %d characters long", ErrToken, len(token))
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(data) < tokenMAC {
		return nil, fmt.Errorf("%w: damaged", ErrToken)
	}
	body := data[:len(data)-tokenMAC]
	if !hmac.Equal(k.mac(body), data[len(body):]) {
		return nil, fmt.Errorf("%w: damaged, or signed with another key", ErrToken)
	}
	seen, err := parseSeen(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return seen, nil
}

func (k TokenKey) mac(data []byte) []byte {
	h := hmac.New(sha256.New, k.secret)
	h.Write(data)
	return h.Sum(nil)[:tokenMAC]
}

var errTokenBody = errors.New("unreadable content")

// parseSeen reads a token's content. The signature vouches for it, but it is read as if nothing did: a token may come
// from a newer gateway that shares the key.
func parseSeen(data []byte) (Seen, error) {
	if len(data) == 0 || data[0] != tokenFormat {
		return nil, errTokenBody
	}
	data = data[1:]
	torn := false
	number := func() uint64 {
		n, size := binary.Uvarint(data)
		if size <= 0 {
			torn = true
			return 0
		}
		data = data[size:]
		return n
	}
	count := number()
	if count == 0 || count > MaxSeen {
		return nil, errTokenBody
	}
	seen := make(Seen, count)
	for last := ""; count > 0; count-- {
		size := number()
		if size == 0 || size > maxTokenID || size > uint64(len(data)) {
			return nil, errTokenBody
		}
		id := string(data[:size])
		data = data[size:]
		if id <= last {
			return nil, errTokenBody
		}
		last = id
		var v Versions
		for _, a := range order.Aggregates {
			v.Raise(a, view.Version(number()))
		}
		seen[id] = v
	}
	if torn || len(data) > 0 {
		return nil, errTokenBody
	}
	return seen, nil
}
