// Package forgotten keeps the list of people who are to be forgotten, where rebuilds, indexers and gateways find it, and tells
// when all of them go by it.
//
// # The list
//
// It is a topic of Kafka with one partition, kept for ever: the one place that every process reaches which folds events, whatever
// store it has. An entry has no id but a mark, a hash of the id with the list's salt, which also is the person's pseudonym in the
// documents. So the list names nobody. Who can read the topic can still find out whether an id that they know is on it: that is
// what it is for. Nobody else can tell the person from the pseudonym.
//
// The topic is neither compacted nor cut off: entries are few, and each is of use as long as there are events of the person. Where
// its beginning is gone, or it has what this version cannot read, it is not read at all, and nobody writes (Follower.Current).
//
// # When somebody is forgotten
//
// Who writes documents may go by what the list was a Lease ago: Current holds them until they have seen its end less long ago. A
// write that begins then is over within the timeout of a write. So Grace after an entry was acknowledged every process that writes
// goes by it, however many there are, wherever they are, whether they hang or have been cut off: none of them needs to be known, or
// to answer. What is erased from then on stays erased. What was written before, by a process that did not know yet, is there to be
// found by then, and who has waited can sweep it up and say that it is done.
package forgotten

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	// Lease is for how long who writes documents may go by the list as it was.
	Lease = 5 * time.Second
	// Grace is after how long nobody writes by the list as it was: Lease, and then a write's own time of 10 seconds, which
	// indexer.Options.StoreTimeout is, with a second for what is on its way to the store.
	Grace = Lease + 10*time.Second + time.Second
)

// prefix is what all pseudonyms begin with. An owner that gave somebody such an id would have them forgotten.
const prefix = "forgotten-"

// saltBytes and markBytes are the lengths of a salt and of a mark: 128 bits keep pseudonyms apart.
const saltBytes, markBytes = 32, 16

// List is who is forgotten, as far as this process knows. The zero List has nobody, and knows pseudonyms all the same. It is safe
// for concurrent use.
type List struct {
	mu    sync.RWMutex
	salt  string              // guarded by mu; "": there is none yet, and so nobody
	marks map[string]struct{} // guarded by mu
	next  int64               // guarded by mu: behind the last entry that was read
}

// Pseudonym implements view.Forgotten.
func (l *List) Pseudonym(id string) (pseudonym string, forgotten bool) {
	if IsPseudonym(id) {
		return id, true
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.marks) == 0 {
		return "", false
	}
	mark := markOf(l.salt, id)
	_, forgotten = l.marks[mark]
	return prefix + mark, forgotten
}

// markOf hashes an id. The salt's length is fixed, so no two pairs are hashed alike.
func markOf(salt, id string) string {
	sum := sha256.Sum256([]byte(salt + id))
	return hex.EncodeToString(sum[:markBytes])
}

// Names reports whether a text has the id of somebody who is forgotten in a JSON member of this name. The text need not be whole
// JSON, and its quotes may be escaped, as where JSON stands in a string of JSON.
func Names(f interface{ Pseudonym(string) (string, bool) }, text []byte, member string) bool {
	const quote = `\\*"`
	is := regexp.MustCompile(quote + regexp.QuoteMeta(member) + quote + `\s*:\s*(?:` + quote + `([^"\\]*)` + quote + `|(\d+))`)
	for _, found := range is.FindAllSubmatch(text, -1) {
		if _, forgotten := f.Pseudonym(string(found[1]) + string(found[2])); forgotten {
			return true
		}
	}
	return false
}

// IsPseudonym reports whether an id is a pseudonym.
func IsPseudonym(id string) bool { return strings.HasPrefix(id, prefix) }

// Len returns how many people are on the list, and behind which entry of the topic it was read.
func (l *List) Len() (people int, next int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.marks), l.next
}

// entry is what a record of the topic says: one of its fields is set beside V.
type entry struct {
	V    int    `json:"v"`              // version of this form
	Salt string `json:"salt,omitempty"` // hexadecimal; the first one in the topic is the list's
	Mark string `json:"mark,omitempty"` // somebody is forgotten
}

// formVersion is the version of the form of entries that this program writes, and can read.
const formVersion = 1

// errForm is what is wrong with an entry.
var errForm = errors.New("the list of who is forgotten has an entry that this version cannot read")

func decode(value []byte) (entry, error) {
	var e entry
	if err := json.Unmarshal(value, &e); err != nil {
		return entry{}, fmt.Errorf("%w: %w", errForm, err)
	}
	switch {
	case e.V != formVersion:
		return entry{}, fmt.Errorf("%w: it is of version %d", errForm, e.V)
	case (e.Salt != "") == (e.Mark != ""), e.Salt != "" && !isHex(e.Salt, saltBytes), e.Mark != "" && !isHex(e.Mark, markBytes):
		return entry{}, errForm
	}
	return e, nil
}

func isHex(s string, bytes int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == bytes && s == strings.ToLower(s)
}

func (e entry) encode() []byte {
	e.V = formVersion
	text, err := json.Marshal(e)
	if err != nil { // it is made of strings and numbers
		panic(fmt.Sprintf("forgotten: %v", err))
	}
	return text
}

// take adds what the topic has at an offset. Taken again it changes nothing.
func (l *List) take(offset int64, e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case offset < l.next:
		return
	case e.Salt != "" && l.salt == "":
		l.salt = e.Salt
	case e.Mark != "":
		if l.marks == nil {
			l.marks = map[string]struct{}{}
		}
		l.marks[e.Mark] = struct{}{}
	}
	l.next = offset + 1
}
