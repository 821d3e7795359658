// Package reading reads JSON that others have checked into structs: documents that a store gives back, and its answers.
//
// github.com/go-json-experiment/json reads anything, and takes most of its time to be ready for it. What a store gives back
// was written by this program or by Elasticsearch: the members stand in the struct's order, names are plain, and most values
// are strings, numbers and lists of structs. A Plan reads that in half of the time. Whatever else it meets, be it wrong or
// only unusual, it leaves to that package, which reads it once more and says what is wrong.
package reading

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// asWritten takes JSON as it is: it has been checked.
var asWritten = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// Plan is how to read JSON into structs of a type. It is safe for concurrent use.
type Plan struct {
	of   reflect.Type
	read reader
	left [][]int // the struct's fields that are left out
}

// New returns how to read structs of a type, without these members. The members that it knows are those that encoding/json
// knows. A type of which it cannot tell them, since its values have ways of their own to be read or its tags say more than
// names, is left to the other package as a whole.
func New(of reflect.Type, without ...string) *Plan {
	p := &Plan{of: of}
	making := maker{map[reflect.Type]*reader{}}
	members, ok := making.members(of, nil, nil)
	if !ok {
		p.read = func(*scanner, reflect.Value) bool { return false }
		return p
	}
	for i := range members {
		if m := &members[i]; slices.Contains(without, m.name) {
			m.read = nil
			p.left = append(p.left, m.index)
		}
	}
	p.read = object(members)
	return p
}

// Read reads source, which is one JSON object, into the zero struct that into points to. What is of type json.RawMessage or
// jsontext.Value is a part of the source. What is left out is not looked at beyond its quotes and brackets.
func (p *Plan) Read(source []byte, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.Type().Elem() != p.of {
		return fmt.Errorf("reading: %T is no pointer to %s", into, p.of)
	}
	s := scanner{source: source}
	if len(source) <= mostShared {
		s.text = string(source)
	}
	if s.next() == '{' && p.read(&s, v.Elem()) && s.next() == 0 && s.at == len(source) {
		return nil
	}
	v.Elem().SetZero()
	if err := jsonv2.Unmarshal(source, into, asWritten); err != nil {
		return err
	}
	for _, index := range p.left {
		v.Elem().FieldByIndex(index).SetZero()
	}
	return nil
}

// reader reads a value into v, which is zero and can be set. It reports false where it cannot.
type reader func(s *scanner, v reflect.Value) bool

// maker makes readers, of types that may contain themselves.
type maker struct{ known map[reflect.Type]*reader }

// value returns what reads values of a type.
func (m *maker) value(t reflect.Type) reader {
	if known := m.known[t]; known != nil {
		return func(s *scanner, v reflect.Value) bool { return (*known)(s, v) }
	}
	r := new(reader)
	m.known[t] = r
	*r = orNull(t, m.plain(t))
	return *r
}

// plain returns what reads values of a type that are not null.
func (m *maker) plain(t reflect.Type) reader {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return readTime
	case t == reflect.TypeFor[json.RawMessage](), t == reflect.TypeFor[jsontext.Value]():
		return readRaw
	case reads(t):
		return unplanned(t)
	}
	switch t.Kind() {
	case reflect.String:
		return readString
	case reflect.Bool:
		return readBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return readInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return readUint
	case reflect.Pointer:
		return m.pointer(t)
	case reflect.Struct:
		if members, ok := m.members(t, nil, nil); ok {
			return object(members)
		}
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 { // which are written in base64
			return m.slice(t)
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String && !reads(t.Key()) {
			return m.maps(t)
		}
	}
	return unplanned(t)
}

// member is a member of an object.
type member struct {
	name  string
	index []int  // of the struct's field
	read  reader // nil: the member is left out
}

// members appends the members of a struct whose field has this index. It reports false where they are more than names and
// types.
func (m *maker) members(t reflect.Type, index []int, into []member) ([]member, bool) {
	if t.Kind() != reflect.Struct || reads(t) {
		return nil, false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		at := append(slices.Clone(index), i)
		switch {
		case tag == "-", !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			var ok bool
			if into, ok = m.members(f.Type, at, into); !ok {
				return nil, false
			}
			continue
		case !tagged || name == "":
			name = f.Name
		}
		for _, option := range strings.Split(options, ",") {
			if option != "" && option != "omitempty" && option != "omitzero" {
				return nil, false
			}
		}
		if !f.IsExported() || strings.ContainsAny(name, `'"\`) ||
			slices.ContainsFunc(into, func(other member) bool { return other.name == name }) {
			return nil, false
		}
		into = append(into, member{name, at, m.value(f.Type)})
	}
	return into, len(into) <= mostMembers
}

// reads reports whether values of a type have ways of their own to be read.
func reads(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return slices.ContainsFunc(unmarshalers, p.Implements)
}

// unmarshalers are what types are that have ways of their own.
var unmarshalers = []reflect.Type{
	reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[jsonv2.UnmarshalerFrom](), reflect.TypeFor[encoding.TextUnmarshaler](),
}

// What a Plan does itself. Beyond these the other package does it.
const (
	mostMembers = 64
	mostLevels  = 100
)

// mostShared is the length of the longest source whose strings are parts of one copy of it. A string of a longer one is a
// copy of its own, so that who keeps it does not keep the whole source.
const mostShared = 16 << 10

// plans are those of whole types.
var plans sync.Map // of *Plan, by the type of a pointer

// Read reads source as the Plan of all members does.
func Read(source []byte, into any) error {
	t := reflect.TypeOf(into)
	known, ok := plans.Load(t)
	if !ok {
		if t == nil || t.Kind() != reflect.Pointer {
			return fmt.Errorf("reading: %T is no pointer", into)
		}
		known, _ = plans.LoadOrStore(t, New(t.Elem()))
	}
	return known.(*Plan).Read(source, into)
}
