package compose

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/viewgate/viewgate/feed"
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

// Read is what a token holds: what a client has been shown, so that the next read shows no less.
type Read struct {
	Seen Seen
	// Beyond says that, of all orders that are not in Seen, what was shown had been published below these positions. Nil:
	// none were shown.
	Beyond feed.Positions
}

// Merge lifts everything to at least the other's.
func (r *Read) Merge(other Read) {
	if r.Seen == nil {
		r.Seen = Seen{}
	}
	r.Seen.Merge(other.Seen)
	if other.Beyond != nil {
		r.Beyond = r.Beyond.Clone()
		r.Beyond.Raise(other.Beyond)
	}
}

// IsZero reports whether nothing was shown.
func (r Read) IsZero() bool { return len(r.Seen) == 0 && len(r.Beyond) == 0 }

// TokenKey signs and encrypts tokens: how far the log is written is for no client to read. All gateways that a client may meet must
// share it. The zero TokenKey is not usable.
//
// A token is the base64url form of: the format's number (1 byte); the number of orders, then per order, ascending by id,
// the id's length, the id and the versions of its four parts; the number of topics, then per topic, ascending, the name's
// length, the name, the number of its partitions and of each, ascending, its number and position; all numbers as unsigned
// varints; then the first 16 bytes of HMAC-SHA256 over all of that (RFC 2104 allows the truncation to half of the hash). What is
// before these is encrypted by AES-256 in counter mode, which begins with them (a synthetic IV, as in RFC 5297: equal texts for equal
// contents tell no more than that).
type TokenKey struct {
	secret []byte
	block  cipher.Block // of a key that is made of the secret
	macs   *sync.Pool   // of hash.Hash: HMAC-SHA256 with the secret, whose beginning takes as long as a token
}

const (
	tokenFormat = 3
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
	return newTokenKey(slices.Clone(secret)), nil
}

func newTokenKey(secret []byte) TokenKey {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("encryption")) // no content of a token begins so
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	return TokenKey{secret, block, &sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}
}

// RandomTokenKey returns a new key. Its tokens are worth nothing to another process, or after a restart.
func RandomTokenKey() TokenKey {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: it ends the process instead
	return newTokenKey(secret)
}

// IsZero reports whether the key is the zero TokenKey.
func (k TokenKey) IsZero() bool { return len(k.secret) == 0 }

// String hides the secret.
func (k TokenKey) String() string { return "[token key]" }

// GoString hides the secret.
func (k TokenKey) GoString() string { return k.String() }

// Sign returns a token of what was read: equal texts for equal contents. Nothing is the empty text; more than MaxSeen
// orders, or more partitions than fit, are ErrTooMuchSeen.
func (k TokenKey) Sign(read Read) (string, error) {
	if read.IsZero() {
		return "", nil
	}
	if len(read.Seen) > MaxSeen {
		return "", ErrTooMuchSeen
	}
	data := []byte{tokenFormat}
	text := func(s string) {
		data = binary.AppendUvarint(data, uint64(len(s)))
		data = append(data, s...)
	}
	data = binary.AppendUvarint(data, uint64(len(read.Seen)))
	for _, id := range slices.Sorted(maps.Keys(read.Seen)) {
		if id == "" || len(id) > maxTokenID {
			return "", fmt.Errorf("an order id of %d bytes does not fit in a token", len(id))
		}
		text(id)
		for _, a := range order.Aggregates {
			data = binary.AppendUvarint(data, uint64(read.Seen[id].Of(a)))
		}
	}
	numbers := map[string][]int32{}
	for part := range read.Beyond {
		numbers[part.Topic] = append(numbers[part.Topic], part.Number)
	}
	data = binary.AppendUvarint(data, uint64(len(numbers)))
	for _, topic := range slices.Sorted(maps.Keys(numbers)) {
		text(topic)
		slices.Sort(numbers[topic])
		data = binary.AppendUvarint(data, uint64(len(numbers[topic])))
		for _, n := range numbers[topic] {
			data = binary.AppendUvarint(data, uint64(n))
			data = binary.AppendUvarint(data, uint64(max(0, read.Beyond[feed.Partition{Topic: topic, Number: n}])))
		}
	}
	mac := k.mac(data)
	k.crypt(data, mac)
	token := base64.RawURLEncoding.EncodeToString(append(data, mac...))
	if len(token) > maxToken {
		return "", ErrTooMuchSeen
	}
	return token, nil
}

// Open returns what a token says was read; nothing for the empty text. A damaged token and one signed with another key
// are ErrToken.
func (k TokenKey) Open(token string) (Read, error) {
	if token == "" {
		return Read{Seen: Seen{}}, nil
	}
	if len(token) > maxToken {
		return Read{}, fmt.Errorf("%w: %d characters long", ErrToken, len(token))
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(data) < tokenMAC {
		return Read{}, fmt.Errorf("%w: damaged", ErrToken)
	}
	body, mac := data[:len(data)-tokenMAC], data[len(data)-tokenMAC:]
	k.crypt(body, mac)
	if !hmac.Equal(k.mac(body), mac) {
		return Read{}, fmt.Errorf("%w: damaged, or signed with another key", ErrToken)
	}
	read, err := parseRead(body)
	if err != nil {
		return Read{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return read, nil
}

func (k TokenKey) mac(data []byte) []byte {
	h := k.macs.Get().(hash.Hash)
	defer k.macs.Put(h)
	h.Reset()
	h.Write(data)
	return h.Sum(nil)[:tokenMAC]
}

// crypt encrypts a token's content in place, or decrypts it.
func (k TokenKey) crypt(data, mac []byte) { cipher.NewCTR(k.block, mac).XORKeyStream(data, data) }

var errTokenBody = errors.New("unreadable content")

// parseRead reads a token's content. The signature vouches for it, but it is read as if nothing did: a token may come
// from a newer gateway that shares the key.
func parseRead(data []byte) (Read, error) {
	r := tokenReader{data: data}
	if format := r.byte(); format != tokenFormat {
		return Read{}, errTokenBody
	}
	read := Read{Seen: Seen{}}
	id := ""
	for range r.count(MaxSeen) {
		id = r.text(id, maxTokenID)
		var v Versions
		for _, a := range order.Aggregates {
			v.Raise(a, view.Version(r.number(math.MaxUint64)))
		}
		read.Seen[id] = v
	}
	topic := ""
	for range r.count(maxTokenTopics) {
		topic = r.text(topic, maxTokenTopic)
		for range r.count(math.MaxInt32) {
			if read.Beyond == nil {
				read.Beyond = feed.Positions{}
			}
			part := feed.Partition{Topic: topic, Number: int32(r.number(math.MaxInt32))}
			read.Beyond[part] = int64(r.number(math.MaxInt64))
		}
	}
	if r.torn || len(r.data) > 0 || read.IsZero() {
		return Read{}, errTokenBody
	}
	return read, nil
}

// What a token may name besides orders: Kafka's topic names have 249 characters at most.
const (
	maxTokenTopics = 64
	maxTokenTopic  = 249
)

// tokenReader takes a token's content apart. What it returns means nothing once it is torn.
type tokenReader struct {
	data []byte
	torn bool
}

func (r *tokenReader) byte() byte {
	if len(r.data) == 0 {
		r.torn = true
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *tokenReader) number(most uint64) uint64 {
	n, size := binary.Uvarint(r.data)
	if size <= 0 || n > most {
		r.torn, r.data = true, nil
		return 0
	}
	r.data = r.data[size:]
	return n
}

// count reads how many of something follow, each of which takes a byte at least.
func (r *tokenReader) count(most uint64) int {
	n := r.number(most)
	if n > uint64(len(r.data)) {
		r.torn, r.data = true, nil
		return 0
	}
	return int(n)
}

// text reads a text behind the last one in their order.
func (r *tokenReader) text(last string, most uint64) string {
	size := r.number(most)
	if size == 0 || size > uint64(len(r.data)) {
		r.torn, r.data = true, nil
		return last
	}
	text := string(r.data[:size])
	r.data = r.data[size:]
	r.torn = r.torn || text <= last
	return text
}
