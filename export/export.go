// Package export writes a view's documents for other programs: as JSON lines, and as CSV. It is pure: it turns one document
// into its text, and what people write of columns and orders into fields.
package export

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
)

// Columns returns the mapping's fields in the order in which the schema declares them, those of an object where the object
// stands.
func Columns(schema *ast.Schema, m *view.Mapping) []*view.Field {
	return columns(nil, schema, m, m.Type, "")
}

func columns(into []*view.Field, schema *ast.Schema, m *view.Mapping, of, path string) []*view.Field {
	for _, declared := range schema.Types[of].Fields {
		at := path + declared.Name
		switch field := m.Field(at); {
		case field != nil:
			into = append(into, field)
		case m.Branch(at):
			into = columns(into, schema, m, declared.Type.Name(), at+".")
		}
	}
	return into
}

// Named returns the fields of these names, in their order. A name that is none, or more than one field's, or comes twice is
// an error that says what could be meant.
func Named(fields *search.Fields, names []string) ([]*view.Field, error) {
	var found []*view.Field
	for _, name := range names {
		field, err := find(fields, name)
		if err != nil {
			return nil, err
		}
		for _, other := range found {
			if other == field {
				return nil, fmt.Errorf("%s is named twice", field.Path)
			}
		}
		found = append(found, field)
	}
	return found, nil
}

// Order reads sort keys, each a field's name with :asc or :desc behind it, or with nothing, which means :asc.
func Order(fields *search.Fields, keys []string) ([]view.Sort, error) {
	var order []view.Sort
	for _, key := range keys {
		name, direction, _ := strings.Cut(key, ":")
		if direction != "" && direction != "asc" && direction != "desc" {
			return nil, fmt.Errorf("%q: behind a field's name stands :asc or :desc", key)
		}
		field, err := find(fields, name)
		if err != nil {
			return nil, err
		}
		if !orders(field) {
			return nil, fmt.Errorf("there is no order by %s, only by %s", field.Path, names(fields, orders))
		}
		order = append(order, view.Sort{Field: field.Path, Descending: direction == "desc"})
	}
	return order, nil
}

// orders reports whether a field orders by itself; a place orders by the distance from another.
func orders(f *view.Field) bool { return f.Sortable && f.Kind != view.Geo }

func find(fields *search.Fields, name string) (*view.Field, error) {
	field, meant := fields.Find(name)
	switch {
	case field != nil:
		return field.Field, nil
	case len(meant) > 0:
		return nil, fmt.Errorf("no one field is called %q: did you mean %s?", name, strings.Join(meant, ", "))
	}
	return nil, fmt.Errorf("no field is called %q: there are %s", name, names(fields, func(*view.Field) bool { return true }))
}

// names lists the fields that are such, by the shortest names that they can be called by.
func names(fields *search.Fields, such func(*view.Field) bool) string {
	var list []string
	for _, f := range fields.List() {
		if such(f.Field) {
			list = append(list, f.Name)
		}
	}
	return strings.Join(list, ", ")
}
