package view

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Members are the members of a document's root that a struct is read with. The others are skipped, which takes a fraction of
// the time.
type Members struct {
	part   reflect.Type
	fields [][]int // of the struct: for each field of part, where it goes
}

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
	m := &Members{}
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(key.of) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || slices.Contains(names, name) {
			continue
		}
		m.fields = append(m.fields, f.Index)
		fields = append(fields, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
	}
	m.part = reflect.StructOf(fields)
	known, _ := membersOf.LoadOrStore(key, m)
	return known.(*Members)
}

// DecodeMembers reads members of a document into a pointer to the struct that they are of, and leaves its other fields alone.
func DecodeMembers(source json.RawMessage, m *Members, into any) error {
	read := reflect.New(m.part)
	if err := DecodeDocument(source, read.Interface()); err != nil {
		return err
	}
	to := reflect.ValueOf(into).Elem()
	for i, index := range m.fields {
		to.FieldByIndex(index).Set(read.Elem().Field(i))
	}
	return nil
}
