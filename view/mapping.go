package view

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Kind is how a field is indexed.
type Kind string

// The kinds, as the schema's enum IndexKind names them.
const (
	Text    Kind = "TEXT"    // words; with @facet or @sortable also the whole text
	Keyword Kind = "KEYWORD" // one whole value, compared blind to case and accents; see Field.Exact
	Number  Kind = "NUMBER"
	Money   Kind = "MONEY" // an object {amount, currency}; the amount is what is compared
	Date    Kind = "DATE"  // RFC 3339, milliseconds
	Boolean Kind = "BOOLEAN"
	// Geo is an object {latitude, longitude}, in degrees (Point). Near compares it, and it orders by the distance from a
	// point (Sort.From); of several the first counts.
	Geo Kind = "GEO"
)

// Field is one indexed field of a view's documents.
type Field struct {
	Path      string  // the GraphQL names from the document's root, with dots between them: restaurant.name
	Kind      Kind    //
	Weight    float64 // how much a word found here counts; 0: words are not looked for here
	Facet     bool    // its values may be counted
	Sortable  bool    // it may order a result
	VisibleTo Role    // viewers of this role see the documents in which this field is their id
	Derived   bool    // it is none of the type's own: nobody but the program asks for it
	Enum      []string
}

// Exact reports whether the field's values are compared as they are, case and accents included: they are ids that decide
// who sees a document.
func (f *Field) Exact() bool { return f.VisibleTo != "" }

// Whole reports whether the field's whole values are indexed, to be compared with In: every keyword and boolean, and the
// text whose values are counted or ordered by.
func (f *Field) Whole() bool {
	switch f.Kind {
	case Keyword, Boolean:
		return true
	case Text:
		return f.Facet || f.Sortable
	}
	return false
}

// Mapping tells how a view's documents are indexed. It is read from the schema and not changed afterwards.
type Mapping struct {
	View     string   // the view's name: orders
	Type     string   // its GraphQL type: Order
	Public   bool     // everybody sees every document
	Fields   []Field  // ordered by path
	Stored   []string // the type's other fields at the document's root, kept but not indexed, in order
	Personal []string // the paths of what is to be erased when its person is forgotten, in order
	Hash     string   // equal for mappings that index alike, 8 hexadecimal digits
	places   bool     // a field is a place
	guards   []guard
	byPath   map[string]*Field
	branches map[string]bool // the paths of objects that have indexed fields below them
}

// Field returns the field at a path, or nil.
func (m *Mapping) Field(path string) *Field { return m.byPath[path] }

// HasPlaces reports whether a field is a place.
func (m *Mapping) HasPlaces() bool { return m.places }

// Branch reports whether path is an object with indexed fields below it.
func (m *Mapping) Branch(path string) bool { return m.branches[path] }

// MappingOf reads the mapping of the view with this name from a schema: of the object type marked @view(name:), the
// fields marked @index, and below fields of object types marked so, theirs, or those that @index(fields:) names; and the
// fields that the type is marked to have besides, by @derived. The other directives refine these fields.
func MappingOf(schema *ast.Schema, name string) (*Mapping, error) {
	for _, def := range schema.Types {
		if d := def.Directives.ForName("view"); d != nil && argument(d, "name") == name {
			m := &Mapping{
				View: name, Type: def.Name, Public: argument(d, "public") == "true",
				byPath: map[string]*Field{}, branches: map[string]bool{},
			}
			err := m.add(schema, def, "", nil, nil)
			if err == nil {
				err = m.addDerived(def)
			}
			if err == nil && m.Subject() != nil {
				err = m.addPersonal(schema, def, "", nil, nil)
			}
			if err != nil {
				return nil, fmt.Errorf("view %s: %w", name, err)
			}
			m.finish()
			if err := m.checkGuards(); err != nil {
				return nil, fmt.Errorf("view %s: %w", name, err)
			}
			return m, nil
		}
	}
	return nil, fmt.Errorf("no type of the schema is marked @view(name: %q)", name)
}

// addDerived appends the fields that a view's documents have and its type does not show.
func (m *Mapping) addDerived(def *ast.Definition) error {
	for _, d := range def.Directives {
		if d.Name != "derived" {
			continue
		}
		field := Field{Path: argument(d, "field"), Kind: Kind(argument(d, "as")), Derived: true}
		if def.Fields.ForName(field.Path) != nil || strings.Trim(field.Path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return fmt.Errorf("%s: @derived(field: %q) is no name of a field that the type does not show", def.Name, field.Path)
		}
		m.Fields = append(m.Fields, field)
	}
	return nil
}

// add appends the indexed fields of def, found at path: only those that are named, where names are given. Above are the
// types on the way here, which may not come again.
func (m *Mapping) add(schema *ast.Schema, def *ast.Definition, path string, above, only []string) error {
	if slices.Contains(above, def.Name) {
		return fmt.Errorf("%s: @index leads from %s back to itself", path, def.Name)
	}
	above = append(slices.Clone(above), def.Name)
	for _, name := range only {
		if fd := def.Fields.ForName(name); fd == nil || fd.Directives.ForName("index") == nil {
			return fmt.Errorf("%s: @index(fields:) names %s, which is no indexed field of %s", path, name, def.Name)
		}
	}
	for _, fd := range def.Fields {
		if only != nil && !slices.Contains(only, fd.Name) {
			continue
		}
		at := fd.Name
		if path != "" {
			at = path + "." + fd.Name
		}
		m.addGuard(at, fd)
		index := fd.Directives.ForName("index")
		if index == nil {
			if path == "" && !strings.HasPrefix(fd.Name, "__") {
				m.Stored = append(m.Stored, fd.Name)
			}
			for _, other := range []string{"facet", "sortable", "visibleTo"} {
				if fd.Directives.ForName(other) != nil {
					return fmt.Errorf("%s.%s: @%s needs @index beside it", def.Name, fd.Name, other)
				}
			}
			continue
		}
		target := schema.Types[fd.Type.Name()]
		kind := Kind(argument(index, "as"))
		if kind == "" {
			if target == nil || target.Kind != ast.Object {
				return fmt.Errorf("%s.%s: @index(as:) is needed on what is no object type", def.Name, fd.Name)
			}
			m.branches[at] = true
			if err := m.add(schema, target, at, above, list(index, "fields")); err != nil {
				return err
			}
			continue
		}
		field := Field{
			Path: at, Kind: kind,
			Facet:    fd.Directives.ForName("facet") != nil,
			Sortable: fd.Directives.ForName("sortable") != nil,
		}
		if kind == Text {
			field.Weight = 1
		}
		if w := argument(index, "weight"); w != "" {
			weight, err := strconv.ParseFloat(w, 64)
			if err != nil || weight < 0 || kind != Text && kind != Keyword {
				return fmt.Errorf("%s.%s: @index(weight:) is a number of 0 or more on TEXT or KEYWORD", def.Name, fd.Name)
			}
			field.Weight = weight
		}
		if field.Facet && kind == Geo {
			return fmt.Errorf("%s.%s: a GEO has no @facet", def.Name, fd.Name)
		}
		if d := fd.Directives.ForName("visibleTo"); d != nil {
			if kind != Keyword {
				return fmt.Errorf("%s.%s: @visibleTo needs a KEYWORD", def.Name, fd.Name)
			}
			field.VisibleTo = Role(argument(d, "role"))
		}
		if target != nil && target.Kind == ast.Enum {
			for _, v := range target.EnumValues {
				field.Enum = append(field.Enum, v.Name)
			}
		}
		m.Fields = append(m.Fields, field)
	}
	return nil
}

// finish puts everything in its order, since a schema's types come from a map, and computes what depends on it.
func (m *Mapping) finish() {
	slices.SortFunc(m.Fields, func(a, b Field) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(m.guards, func(a, b guard) int { return strings.Compare(a.path, b.path) })
	slices.Sort(m.Stored)
	slices.Sort(m.Personal)
	h := sha256.New()
	for i := range m.Fields {
		f := &m.Fields[i]
		m.byPath[f.Path] = f
		m.places = m.places || f.Kind == Geo
		// How much a word counts and which role sees a document are used when a question is asked; they change nothing
		// in the index.
		fmt.Fprintf(h, "%s %s searched=%t facet=%t sortable=%t exact=%t\n",
			f.Path, f.Kind, f.Weight > 0, f.Facet, f.Sortable, f.Exact())
	}
	fmt.Fprintf(h, "%q", m.Stored)
	m.Hash = hex.EncodeToString(h.Sum(nil)[:4])
}

// argument returns a directive's argument as written, or "".
func argument(d *ast.Directive, name string) string {
	if a := d.Arguments.ForName(name); a != nil && a.Value != nil {
		return a.Value.Raw
	}
	return ""
}

// list returns a directive's argument that is a list of strings, nil without it.
func list(d *ast.Directive, name string) (values []string) {
	if a := d.Arguments.ForName(name); a != nil && a.Value != nil {
		for _, child := range a.Value.Children {
			values = append(values, child.Value.Raw)
		}
	}
	return values
}
