package search

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
)

// What a field's Operators have beside those of Condition.Op. In a Condition both are Is.
const (
	Phrase Op = `:""`     // field:"two words", next to each other
	Prefix Op = ":begin*" // field:begin*
)

// Field is a field that can be searched.
type Field struct {
	*view.Field
	// Name is the shortest that it can be called by.
	Name string
	// Also are the other names that it can be called by, those of the schema's filter: dish.
	Also []string
	// Operators are what a condition on it may use.
	Operators []Op
}

// Fields are the fields that a mapping indexes, by the names that they can be called by: the full path, or its end where
// no other field's path ends so: restaurant.name, courierId; or, where no path is or ends so, a name that the schema's filter
// has for it: dish. A full path always means its own field. Upper and lower case, hyphens and underscores make no difference.
// Fields can be used concurrently.
type Fields struct {
	mapping *view.Mapping
	list    []Field
	byPath  map[string][]*Field // by folded path
	byEnd   map[string][]*Field // by each folded end of the path, the whole path included
	also    map[string][]*Field // by folded names of Also
}

// FieldsIn returns the fields of a mapping that people can know of, by the names, too, that the schema's filter of its type X has
// for them: the fields of the input XFilter that are marked @filters.
func FieldsIn(schema *ast.Schema, m *view.Mapping) *Fields {
	f := FieldsOf(m)
	filter := schema.Types[m.Type+"Filter"]
	if filter == nil {
		return f
	}
	for _, named := range filter.Fields {
		d := named.Directives.ForName("filters")
		if d == nil {
			continue
		}
		if found, several := f.find(named.Name); found != nil || len(several) > 0 {
			continue
		}
		if field, _ := f.find(d.Arguments.ForName("field").Value.Raw); field != nil {
			field.Also = append(field.Also, named.Name)
			f.also[fold(named.Name)] = append(f.also[fold(named.Name)], field)
		}
	}
	return f
}

// FieldsOf returns the fields of a mapping that people can know of.
func FieldsOf(m *view.Mapping) *Fields {
	f := &Fields{mapping: m, byPath: map[string][]*Field{}, byEnd: map[string][]*Field{}, also: map[string][]*Field{}}
	for i := range m.Fields {
		if !m.Fields[i].Derived {
			f.list = append(f.list, Field{Field: &m.Fields[i], Operators: operators(&m.Fields[i])})
		}
	}
	for i := range f.list {
		field := &f.list[i]
		folded := fold(field.Path)
		f.byPath[folded] = append(f.byPath[folded], field)
		for _, end := range ends(folded) {
			f.byEnd[end] = append(f.byEnd[end], field)
		}
	}
	for i := range f.list {
		field := &f.list[i]
		field.Name = field.Path
		for _, end := range ends(field.Path) {
			if found, _ := f.find(end); found == field {
				field.Name = end
			}
		}
	}
	return f
}

// List returns the fields, ordered by path.
func (f *Fields) List() []Field { return slices.Clone(f.list) }

// Find returns the field of a name. Where there is none, it returns the names that may have been meant: if the name is the
// end of several paths, these paths.
func (f *Fields) Find(name string) (field *Field, meant []string) {
	field, several := f.find(name)
	switch {
	case field != nil:
		return field, nil
	case len(several) > 0:
		for _, field := range several {
			meant = append(meant, field.Path)
		}
		return nil, meant
	}
	return nil, f.near(name)
}

// find returns the field of a name, or those between which the name does not decide.
func (f *Fields) find(name string) (field *Field, several []*Field) {
	folded := fold(name)
	for _, found := range [][]*Field{f.byPath[folded], f.byEnd[folded], f.also[folded]} {
		for _, field := range found {
			if len(found) == 1 || field.Path == name {
				return field, nil
			}
		}
		if len(found) > 0 {
			return nil, found
		}
	}
	return nil, nil
}

// fold returns what is compared of a name.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == ' ' || isDash(r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// ends returns the path and its ends, shorter and shorter.
func ends(path string) []string {
	list := []string{path}
	for {
		_, rest, ok := strings.Cut(path, ".")
		if !ok {
			return list
		}
		list, path = append(list, rest), rest
	}
}

// What near looks at and returns.
const (
	maxNear     = 5
	maxNearName = 40
)

// near returns the names that are most like a name that is none: those below the object that it names, else those that
// differ in the fewest letters, two at most, else those that contain it.
func (f *Fields) near(name string) []string {
	name = fold(name)
	if len(name) > maxNearName {
		return nil
	}
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	for i := range f.list {
		field := &f.list[i]
		best, called := maxNearName, field.Name
		look := func(end, of string) {
			d := analysis.Distance(name, end, 2)
			switch {
			case strings.HasPrefix(end, name+"."):
				d = 0
			case d <= max(1, min(len(name)/3, 2)):
			case len(name) > 2 && strings.Contains(end, name):
				d = maxNearName - 1
			default:
				return
			}
			if d < best {
				best, called = d, of
			}
		}
		for _, end := range ends(fold(field.Path)) {
			look(end, field.Name)
		}
		for _, other := range field.Also {
			look(fold(other), other)
		}
		if best < maxNearName {
			found = append(found, candidate{called, best})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, c := range found[:min(len(found), maxNear)] {
		if c.distance == found[0].distance {
			names = append(names, c.name)
		}
	}
	return names
}

func operators(f *view.Field) []Op {
	switch f.Kind {
	case view.Text:
		return []Op{Is, Phrase, Prefix, Exists}
	case view.Keyword:
		return []Op{Is, Prefix, Exists}
	case view.Number, view.Money, view.Date:
		return []Op{Is, Above, AtLeast, Below, AtMost, Between, Exists}
	case view.Boolean:
		return []Op{Is, Exists}
	}
	return []Op{Exists}
}
