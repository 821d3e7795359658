package view

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"

	"github.com/viewgate/viewgate/view/reading"
)

// Members are the members of a document's root that a struct is read with. The others are skipped, which takes a fraction of
// the time.
type Members struct{ plan *reading.Plan }

var membersOf sync.Map // *Members by membersKey: callers leave out few and fixed members, since a type stays for ever

type membersKey struct {
	of    reflect.Type
	names string
}

// MembersWithout returns all members of a struct but these, which are named as its fields' tags name them, in their order.
func MembersWithout[T any](names []string) *Members {
	key := membersKey{reflect.TypeFor[T](), strings.Join(names, " ")}
	if known, ok := membersOf.Load(key); ok {
		return known.(*Members)
	}
	known, _ := membersOf.LoadOrStore(key, &Members{reading.New(key.of, names...)})
	return known.(*Members)
}

// DecodeMembers reads members of a document into a pointer to the zero struct that they are of, and leaves its other fields
// alone.
func DecodeMembers(source json.RawMessage, m *Members, into any) error {
	return m.plan.Read(source, into)
}
