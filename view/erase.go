package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// personalTag is the name of the tag that marks a field as personal: @tag(name: "personal").
const personalTag = "personal"

// Forgotten tells which people are to be forgotten.
type Forgotten interface {
	// Pseudonym returns what stands in the place of somebody's id when they are forgotten, and whether they are. A pseudonym
	// stands for itself, so who has been forgotten once stays so.
	Pseudonym(id string) (pseudonym string, forgotten bool)
}

// Subject returns the field that says whose personal data a document has: the one by which consumers see their own. It is nil
// where the view's documents are nobody's.
func (m *Mapping) Subject() *Field { return m.scopeField(RoleConsumer) }

// SubjectOf returns the id of the person whose a document is, decoded by DecodeSource; "" where that is nobody, or not known yet.
func (m *Mapping) SubjectOf(source map[string]any) string {
	f := m.Subject()
	if f == nil {
		return ""
	}
	for _, value := range f.Values(source) {
		if id, _ := value.(string); id != "" {
			return id
		}
	}
	return ""
}

// Erase takes what is personal out of a document, decoded by DecodeSource, and has the pseudonym stand for the person, where the
// document says whose it is. What else it has stays as it is.
func (m *Mapping) Erase(source map[string]any, pseudonym string) {
	for _, path := range m.Personal {
		remove(source, path)
	}
	if f := m.Subject(); f != nil {
		replace(source, f.Path, pseudonym)
	}
}

// replace has another text stand for each that is at a path in a value.
func replace(in any, path, with string) {
	switch in := in.(type) {
	case []any:
		for _, element := range in {
			replace(element, path, with)
		}
	case map[string]any:
		name, rest, below := strings.Cut(path, ".")
		if below {
			replace(in[name], rest, with)
		} else if text, _ := in[name].(string); text != "" {
			in[name] = with
		}
	}
}

// addPersonal appends the paths of def's fields that are personal, found at path: only of those that are named, where names are
// given. Above are the types on the way here; what leads back to one of them is no part of a document, nor is a field that has
// arguments.
func (m *Mapping) addPersonal(schema *ast.Schema, def *ast.Definition, path string, above, only []string) error {
	above = append(above[:len(above):len(above)], def.Name)
	for _, fd := range def.Fields {
		if len(fd.Arguments) > 0 || only != nil && !slices.Contains(only, fd.Name) {
			continue
		}
		at := fd.Name
		if path != "" {
			at = path + "." + fd.Name
		}
		if isPersonal(fd) {
			if fd.Type.NonNull {
				return fmt.Errorf("%s.%s: what is personal can be erased, so it must be nullable", def.Name, fd.Name)
			}
			m.Personal = append(m.Personal, at)
			continue
		}
		target := schema.Types[fd.Type.Name()]
		if target == nil || target.Kind != ast.Object || slices.Contains(above, target.Name) {
			continue
		}
		var fields []string
		if index := fd.Directives.ForName("index"); index != nil {
			fields = list(index, "fields")
		}
		if err := m.addPersonal(schema, target, at, above, fields); err != nil {
			return err
		}
	}
	return nil
}

func isPersonal(fd *ast.FieldDefinition) bool {
	for _, d := range fd.Directives.ForNames("tag") {
		if argument(d, "name") == personalTag {
			return true
		}
	}
	return false
}
