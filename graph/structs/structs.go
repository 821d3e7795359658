// Package structs writes what stands in Go's structs as it is, as a selection wants it.
//
// gqlgen resolves each field by itself, with a context and some closures of its own, so that a page of orders is several
// thousand allocations, and most of what it costs. Where all that is selected below a field is in the struct that the field
// has answered, nothing needs to be resolved: the answer's JSON can be written at once. This package finds that out by the
// schema and reflection, the same way as gqlgen binds fields to structs, once for each selection. What it cannot write it
// leaves to gqlgen: what has a resolver or directives, what comes twice, and what would be an error.
package structs

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Options are what a Writer is told of the schema's fields.
type Options struct {
	// Resolved reports whether a field of a type, by its name, has a resolver.
	Resolved func(typeName, field string) bool
	// Computed are fields that have a resolver and can do without, by type and field: "Order.id".
	Computed map[string]Computed
	// Counted reports whether a Count is wanted of a field.
	Counted func(*ast.FieldDefinition) bool
	// Scalars write the schema's own scalars, by name.
	Scalars map[string]Scalar
	// Empty reports whether a value is null where it may be.
	Empty func(value any) bool
}

// Computed is a field that follows from the struct that it is a field of.
type Computed struct {
	// Of returns the field's value, of type Type, where Of is given the struct or a pointer to it.
	Of   func(of any) any
	Type reflect.Type
	// Only are the fields of the value that may be selected; nil: all.
	Only []string
}

// Scalar writes a scalar's values, where they are of a type of Go.
type Scalar struct {
	of      reflect.Type
	marshal func(any) graphql.Marshaler
}

// ScalarOf returns the Scalar that a function makes.
func ScalarOf[T any](marshal func(T) graphql.Marshaler) Scalar {
	return Scalar{reflect.TypeFor[T](), func(value any) graphql.Marshaler { return marshal(value.(T)) }}
}

// Count is a field that was answered, and with what.
type Count struct {
	Field *ast.Field
	Value any
}

// Writer writes values. It is safe for concurrent use.
type Writer struct {
	schema  *ast.Schema
	options Options
}

// Plans are how to write what the fields of one document answer: what is found out once is not found out again. The zero
// Plans are empty; they are safe for concurrent use.
type Plans struct{ byField sync.Map } // of *ast.Field and *plan

// plan is how to write what is below a field; write is nil where that is not possible.
type plan struct {
	of    reflect.Type
	write encoder
	size  atomic.Int64 // of what was written last: the next is about as long
}

// encoder appends a value's JSON to what is written. It reports false where gqlgen must do it instead.
type encoder func(to *output, v reflect.Value) bool

// output is what has been written, and what of it is counted.
type output struct {
	bytes.Buffer
	counts []Count
}

// New returns a writer. Options has all that it can.
func New(schema *ast.Schema, options Options) *Writer { return &Writer{schema, options} }

// Write returns what a field has answered as JSON, and what is counted below it. It reports false where there is nothing
// below the field, or where that must be resolved. The plans are those of the field's document.
func (w *Writer) Write(plans *Plans, field graphql.CollectedField, value any) (graphql.Marshaler, []Count, bool) {
	if len(field.Selections) == 0 || len(field.Selections) != len(field.Field.SelectionSet) { // it is there several times
		return nil, nil, false
	}
	v := reflect.ValueOf(value)
	known, _ := plans.byField.Load(field.Field)
	p, _ := known.(*plan)
	if p == nil || p.of != v.Type() {
		p = &plan{of: v.Type()}
		p.write = w.value(field.Definition.Type, field.Selections, v.Type())
		plans.byField.Store(field.Field, p)
	}
	if p.write == nil {
		return nil, nil, false
	}
	var to output
	to.Grow(int(p.size.Load()))
	if !p.write(&to, v) {
		return nil, nil, false
	}
	p.size.Store(int64(to.Len()))
	return written(to.Bytes()), to.counts, true
}

// written is JSON.
type written []byte

// MarshalGQL implements graphql.Marshaler.
func (w written) MarshalGQL(to io.Writer) { to.Write(w) }

// value returns the encoder of a type's values, as they are selected. Nil: there is none.
func (w *Writer) value(t *ast.Type, selected ast.SelectionSet, of reflect.Type) encoder {
	if t.Elem != nil {
		return w.list(t, selected, of)
	}
	def := w.schema.Types[t.NamedType]
	if def == nil {
		return nil
	}
	var write encoder
	base := of
	if of.Kind() == reflect.Pointer {
		base = of.Elem()
	}
	switch {
	case def.Kind == ast.Object && base.Kind() == reflect.Struct:
		write = w.object(def, selected, base)
	case def.Kind == ast.Enum && base == of:
		write = enum(def, of)
	case def.Kind == ast.Scalar:
		write = w.scalar(def, base, base == of && !t.NonNull)
	}
	if write == nil || of.Kind() != reflect.Pointer {
		return write
	}
	return func(to *output, v reflect.Value) bool {
		if v.IsNil() {
			if !t.NonNull {
				to.WriteString("null")
			}
			return !t.NonNull
		}
		return write(to, v.Elem())
	}
}

func (w *Writer) list(t *ast.Type, selected ast.SelectionSet, of reflect.Type) encoder {
	if of.Kind() != reflect.Slice {
		return nil
	}
	element := w.value(t.Elem, selected, of.Elem())
	if element == nil {
		return nil
	}
	return func(to *output, v reflect.Value) bool {
		if v.IsNil() && !t.NonNull {
			to.WriteString("null")
			return true
		}
		to.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				to.WriteByte(',')
			}
			if !element(to, v.Index(i)) {
				return false
			}
		}
		to.WriteByte(']')
		return true
	}
}

// member is one of an object's fields, as it is selected.
type member struct {
	key   string // "name": with what stands before it
	index []int  // of the struct's field
	write encoder

	computed func(any) any // instead of a field of the struct
	counted  *ast.Field    // nil: it is not
}

func (w *Writer) object(def *ast.Definition, selected ast.SelectionSet, of reflect.Type) encoder {
	fields, ok := w.flatten(nil, def, selected)
	if !ok {
		return nil
	}
	members := make([]member, len(fields))
	for i, f := range fields {
		m, ok := w.member(def, f, of)
		if !ok {
			return nil
		}
		m.key = `,"` + f.Alias + `":`
		if i == 0 {
			m.key = m.key[1:]
		}
		members[i] = m
	}
	return func(to *output, v reflect.Value) bool {
		to.WriteByte('{')
		for i := range members {
			m := &members[i]
			to.WriteString(m.key)
			if !m.encode(to, v) {
				return false
			}
		}
		to.WriteByte('}')
		return true
	}
}

func (m *member) encode(to *output, v reflect.Value) bool {
	var value reflect.Value
	switch {
	case m.computed != nil:
		value = reflect.ValueOf(m.computed(pointerTo(v)))
	case m.index != nil:
		value = v.FieldByIndex(m.index)
	}
	if m.counted != nil {
		to.counts = append(to.counts, Count{m.counted, value.Interface()})
	}
	return m.write(to, value)
}

// pointerTo returns a pointer to a struct, to itself where that is possible.
func pointerTo(v reflect.Value) any {
	if v.CanAddr() {
		return v.Addr().Interface()
	}
	copied := reflect.New(v.Type())
	copied.Elem().Set(v)
	return copied.Interface()
}

// flatten returns the fields that are selected of an object, fragments resolved. It reports false where something has a
// directive, or is there twice.
func (w *Writer) flatten(into []*ast.Field, def *ast.Definition, selected ast.SelectionSet) ([]*ast.Field, bool) {
	for _, s := range selected {
		var directives ast.DirectiveList
		var below ast.SelectionSet
		var condition string
		switch s := s.(type) {
		case *ast.Field:
			if len(s.Directives) > 0 {
				return nil, false
			}
			for _, other := range into {
				if other.Alias == s.Alias {
					return nil, false
				}
			}
			into = append(into, s)
			continue
		case *ast.InlineFragment:
			directives, below, condition = s.Directives, s.SelectionSet, s.TypeCondition
		case *ast.FragmentSpread:
			directives, below, condition = s.Directives, s.Definition.SelectionSet, s.Definition.TypeCondition
		}
		if len(directives) > 0 {
			return nil, false
		}
		if condition != "" && !w.is(def, condition) {
			continue
		}
		var ok bool
		if into, ok = w.flatten(into, def, below); !ok {
			return nil, false
		}
	}
	return into, true
}

// is reports whether an object is of a type.
func (w *Writer) is(def *ast.Definition, name string) bool {
	if def.Name == name {
		return true
	}
	for _, implemented := range w.schema.GetImplements(def) {
		if implemented.Name == name {
			return true
		}
	}
	return false
}

// member returns how a field of an object is written.
func (w *Writer) member(def *ast.Definition, f *ast.Field, of reflect.Type) (m member, ok bool) {
	if f.Name == "__typename" {
		name := `"` + def.Name + `"`
		m.write = func(to *output, _ reflect.Value) bool { to.WriteString(name); return true }
		return m, true
	}
	if f.Definition == nil || len(f.Arguments) > 0 || len(f.Definition.Arguments) > 0 {
		return m, false
	}
	var t reflect.Type
	if computed, is := w.options.Computed[def.Name+"."+f.Name]; is {
		if computed.Only != nil && !w.only(f, computed.Only) {
			return m, false
		}
		m.computed, t = computed.Of, computed.Type
	} else {
		field, found := w.bound(def, f.Name, of)
		if !found {
			return m, false
		}
		m.index, t = field.Index, field.Type
	}
	if w.options.Counted(f.Definition) {
		m.counted = f
	}
	m.write = w.value(f.Definition.Type, f.SelectionSet, t)
	return m, m.write != nil
}

// only reports whether none but these fields are selected of a field.
func (w *Writer) only(f *ast.Field, names []string) bool {
	fields, ok := w.flatten(nil, w.schema.Types[f.Definition.Type.Name()], f.SelectionSet)
	for _, below := range fields {
		named := below.Name == "__typename"
		for _, name := range names {
			named = named || below.Name == name
		}
		ok = ok && named
	}
	return ok
}

// bound returns the struct's field that gqlgen has bound a field to: the one of its name, whatever the case, unless there is
// a resolver or a method.
func (w *Writer) bound(def *ast.Definition, name string, of reflect.Type) (field reflect.StructField, ok bool) {
	if w.options.Resolved(def.Name, name) {
		return field, false
	}
	pointer := reflect.PointerTo(of)
	for i := range pointer.NumMethod() {
		if strings.EqualFold(pointer.Method(i).Name, name) {
			return field, false
		}
	}
	for _, f := range reflect.VisibleFields(of) {
		if !f.IsExported() || !strings.EqualFold(f.Name, name) {
			continue
		}
		if ok {
			return field, false // which of them?
		}
		field, ok = f, true
	}
	return field, ok
}
