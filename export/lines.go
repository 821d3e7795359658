package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/view"
)

// Lines writes documents as JSON lines: each with the fields that its GraphQL type has, objects within it alike, in the
// order in which the schema declares them. What else a document keeps is left out, and what it lacks is not made up. Values
// stand as they are in the document. Lines can be used concurrently.
type Lines struct{ document *shape }

// shape is the fields of an object; nil of whatever is none.
type shape struct{ fields []member }

type member struct {
	name string
	of   *shape
}

// NewLines returns the encoder of the mapping's documents.
func NewLines(schema *ast.Schema, m *view.Mapping) *Lines {
	return &Lines{shapeOf(schema, m.Type, map[string]*shape{})}
}

// shapeOf returns the shape of a type: of an interface or a union, with the fields of all that it can be. A type may lead
// back to itself.
func shapeOf(schema *ast.Schema, name string, known map[string]*shape) *shape {
	if s, ok := known[name]; ok {
		return s
	}
	def := schema.Types[name]
	if def == nil || !def.IsCompositeType() {
		return nil
	}
	s := &shape{}
	known[name] = s
	types := []*ast.Definition{def}
	if def.IsAbstractType() {
		types = schema.GetPossibleTypes(def)
	}
	for _, t := range types {
		for _, f := range t.Fields {
			if !slices.ContainsFunc(s.fields, func(m member) bool { return m.name == f.Name }) {
				s.fields = append(s.fields, member{f.Name, shapeOf(schema, f.Type.Name(), known)})
			}
		}
	}
	return s
}

// Append appends a document and the end of its line.
func (l *Lines) Append(into []byte, document json.RawMessage) ([]byte, error) {
	into, err := l.document.append(into, document)
	if err != nil {
		return nil, fmt.Errorf("document is no JSON object: %w", err)
	}
	return append(into, '\n'), nil
}

func (s *shape) append(into []byte, value json.RawMessage) ([]byte, error) {
	value = bytes.TrimSpace(value)
	object, list := bytes.HasPrefix(value, []byte("{")), bytes.HasPrefix(value, []byte("["))
	switch {
	case s != nil && object:
		return s.appendObject(into, value)
	case s != nil && list:
		return s.appendList(into, value)
	case object || list: // of a scalar that is JSON itself
		var compact bytes.Buffer
		err := json.Compact(&compact, value)
		return append(into, compact.Bytes()...), err
	}
	return append(into, value...), nil
}

func (s *shape) appendObject(into []byte, value json.RawMessage) ([]byte, error) {
	var object map[string]json.RawMessage
	err := json.Unmarshal(value, &object)
	into = append(into, '{')
	first := true
	for _, m := range s.fields {
		v, there := object[m.name]
		if err != nil || !there {
			continue
		}
		if !first {
			into = append(into, ',')
		}
		first = false
		into = append(append(append(into, '"'), m.name...), '"', ':') // a GraphQL name needs no escapes
		into, err = m.of.append(into, v)
	}
	return append(into, '}'), err
}

func (s *shape) appendList(into []byte, value json.RawMessage) ([]byte, error) {
	var list []json.RawMessage
	err := json.Unmarshal(value, &list)
	into = append(into, '[')
	for i, v := range list {
		if err != nil {
			break
		}
		if i > 0 {
			into = append(into, ',')
		}
		into, err = s.append(into, v)
	}
	return append(into, ']'), err
}
