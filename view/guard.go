package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// guard keeps a field, and all that is below it, from the viewers of a role, but in documents in which another field has one
// of some values. What they are not shown must not be found out by asking either, so
//
//   - a condition on the field holds in no other documents, and what is not among them counts as not having the field;
//   - words that are looked for in every field are not looked for in this one;
//   - a facet of it counts those documents alone, and its values are theirs;
//   - it cannot order, and no value of it can be summed up: a place in an order would tell.
type guard struct {
	path  string
	role  Role
	while In
}

// addGuard reads the directive @visibleWhile of a field.
func (m *Mapping) addGuard(path string, fd *ast.FieldDefinition) {
	for _, d := range fd.Directives {
		if d.Name != "visibleWhile" {
			continue
		}
		g := guard{path: path, role: Role(argument(d, "role")), while: In{Field: argument(d, "field")}}
		for _, value := range list(d, "is") {
			g.while.Values = append(g.while.Values, value)
		}
		m.guards = append(m.guards, g)
	}
}

// checkGuards reports the first guard that would not keep its field. Fields must be complete.
func (m *Mapping) checkGuards() error {
	for _, g := range m.guards {
		by := m.Field(g.while.Field)
		if by == nil || by.Kind != Keyword || len(g.while.Values) == 0 {
			return fmt.Errorf("%s: @visibleWhile needs a KEYWORD that is indexed, and values of it", g.path)
		}
		for _, value := range g.while.Values {
			if by.Enum != nil && !slices.Contains(by.Enum, value.(string)) {
				return fmt.Errorf("%s: @visibleWhile: %s is never %s", g.path, by.Path, value)
			}
		}
		for i := range m.Fields {
			f := &m.Fields[i]
			switch {
			case !g.covers(f.Path):
			case f.Sortable, f.VisibleTo != "":
				return fmt.Errorf("%s: what is @visibleWhile can neither order nor say who sees a document", f.Path)
			case slices.ContainsFunc(m.guards, func(other guard) bool { return other.while.Field == f.Path }):
				return fmt.Errorf("%s: what is @visibleWhile cannot say where others are", f.Path)
			}
		}
	}
	return nil
}

// covers reports whether a field is the guarded one, or below it.
func (g *guard) covers(path string) bool {
	below, is := strings.CutPrefix(path, g.path)
	return is && (below == "" || below[0] == '.')
}

// guarded reports whether a field is kept from viewers of a role in some documents.
func (m *Mapping) guarded(role Role, path string) bool {
	return slices.ContainsFunc(m.guards, func(g guard) bool { return g.role == role && g.covers(path) })
}

// Guards reports whether anything in the view is kept from viewers of this one's role in some documents.
func (m *Mapping) Guards(v Viewer) bool {
	return slices.ContainsFunc(m.guards, func(g guard) bool { return g.role == v.role })
}

// Shown returns the condition on documents in which the viewer sees a field; nil where that is all.
func (m *Mapping) Shown(v Viewer, path string) Filter {
	var all And
	for _, g := range m.guards {
		if g.role == v.role && g.covers(path) {
			all = append(all, g.while)
		}
	}
	if all == nil {
		return nil
	}
	return all
}

// asked returns a condition as the viewer may ask it.
func (m *Mapping) asked(v Viewer, filter Filter) Filter {
	each := func(filters []Filter) []Filter {
		parts := make([]Filter, len(filters))
		for i, f := range filters {
			parts[i] = m.asked(v, f)
		}
		return parts
	}
	switch f := filter.(type) {
	case And:
		return And(each(f))
	case Or:
		return Or(each(f))
	case Not:
		return Not{m.asked(v, f.Filter)}
	case Words:
		if f.Field == "" {
			f.By = v.role
			return f
		}
	}
	for _, path := range filterFields(filter) { // there is one
		if shown := m.Shown(v, path); shown != nil {
			return And{filter, shown}
		}
	}
	return filter
}

// Searched returns the fields in which words are looked for.
func (m *Mapping) Searched(w Words) []*Field {
	if w.Field != "" {
		return []*Field{m.Field(w.Field)}
	}
	var fields []*Field
	for i := range m.Fields {
		if f := &m.Fields[i]; f.Weight > 0 && !m.guarded(w.By, f.Path) {
			fields = append(fields, f)
		}
	}
	return fields
}

// Show returns a document as the viewer may see it; not ok where they may not see it at all.
func (m *Mapping) Show(v Viewer, source json.RawMessage) (shown json.RawMessage, ok bool, err error) {
	if m.seesAll(v) && !m.Guards(v) {
		return source, true, nil
	}
	decoded, err := DecodeSource(source)
	if err != nil || !m.Visible(v, decoded) {
		return nil, false, err
	}
	shown, err = m.redact(v, source, decoded)
	return shown, err == nil, err
}

// Redact returns a document that the viewer may see without what is kept from them in it.
func (m *Mapping) Redact(v Viewer, source json.RawMessage) (json.RawMessage, error) {
	if !m.Guards(v) {
		return source, nil
	}
	decoded, err := DecodeSource(source)
	if err != nil {
		return nil, err
	}
	return m.redact(v, source, decoded)
}

func (m *Mapping) redact(v Viewer, source json.RawMessage, decoded map[string]any) (json.RawMessage, error) {
	changed := false
	for _, g := range m.guards {
		has := func(value any) bool { return slices.Contains(g.while.Values, value) }
		if g.role == v.role && !slices.ContainsFunc(m.Field(g.while.Field).Values(decoded), has) {
			changed = remove(decoded, g.path) || changed
		}
	}
	if !changed {
		return source, nil
	}
	return json.Marshal(decoded)
}

// remove takes what is at a path out of a value, and reports whether there was anything.
func remove(from any, path string) (removed bool) {
	switch from := from.(type) {
	case []any:
		for _, element := range from {
			removed = remove(element, path) || removed
		}
	case map[string]any:
		name, rest, below := strings.Cut(path, ".")
		if below {
			return remove(from[name], rest)
		}
		_, removed = from[name]
		delete(from, name)
	}
	return removed
}
