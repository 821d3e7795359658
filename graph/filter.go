package graph

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/view"
)

// What a filter may hold.
const (
	maxFilterDepth  = 5
	maxFilterLeaves = 50
)

// filterReader turns a filter input into the view's terms, guided by the schema: a field with @filters(field:) compares
// that field with its operators; of the others, a list of the same input is a conjunction (and) or disjunction (or), and
// one of the same input is negated.
type filterReader struct {
	schema *ast.Schema
	leaves int // values compared so far
}

// orderFilter is the input type that filters orders.
const orderFilter = "OrderFilter"

// checkFilter reports the first field of a filter input that readFilter cannot read, or that compares what is not indexed, in
// a way or with a value that its index does not know.
func checkFilter(schema *ast.Schema, inputType string, mapping *view.Mapping) error {
	for _, field := range schema.Types[inputType].Fields {
		d := field.Directives.ForName("filters")
		if d == nil {
			if field.Type.Name() != inputType {
				return fmt.Errorf("schema: %s.%s: neither a condition nor marked @filters", inputType, field.Name)
			}
			continue
		}
		path := d.Arguments.ForName("field").Value.Raw
		indexed := mapping.Field(path)
		if indexed == nil {
			return fmt.Errorf("schema: %s.%s: @filters names %s, which is not indexed", inputType, field.Name, path)
		}
		for _, operator := range schema.Types[field.Type.Name()].Fields {
			if err := checkOperator(schema, operator, indexed); err != nil {
				return fmt.Errorf("schema: %s.%s: %s of %s: %w", inputType, field.Name, operator.Name, path, err)
			}
		}
	}
	return nil
}

// checkOperator reports what is wrong with an operator on a field.
func checkOperator(schema *ast.Schema, operator *ast.FieldDefinition, f *view.Field) error {
	ranged := f.Kind == view.Number || f.Kind == view.Money || f.Kind == view.Date
	switch operator.Name {
	case "exists":
		return nil
	case "eq", "in", "not":
		if !ranged && !f.Whole() {
			return fmt.Errorf("a %s is not compared whole", f.Kind)
		}
	case "gt", "gte", "lt", "lte":
		if !ranged {
			return fmt.Errorf("a %s has no range", f.Kind)
		}
	default:
		return errors.New("there is no such operator")
	}
	values := map[view.Kind]string{view.Number: "Int", view.Money: "Decimal", view.Date: "DateTime", view.Boolean: "Boolean"}
	name := operator.Type.Name()
	if want, ok := values[f.Kind]; ok {
		if name != want {
			return fmt.Errorf("a %s is compared with %s", f.Kind, want)
		}
		return nil
	}
	if f.Enum == nil {
		if name != "ID" && name != "String" {
			return fmt.Errorf("a %s is compared with an ID or a String", f.Kind)
		}
		return nil
	}
	var enum []string
	for _, v := range schema.Types[name].EnumValues {
		enum = append(enum, v.Name)
	}
	if !slices.Equal(enum, f.Enum) {
		return fmt.Errorf("its values are not those of %s", name)
	}
	return nil
}

// readFilter reads a filter of this input type. No filter is one that always holds.
func readFilter(schema *ast.Schema, inputType string, value map[string]any) (view.Filter, error) {
	r := &filterReader{schema: schema}
	fields, _ := plain(value).(map[string]any)
	return r.input(schema.Types[inputType], fields, 1)
}

// plain takes the Go types that the generated code gave a filter's values off them again: pointers, which are nil for
// null, lists of any type and kinds of string.
func plain(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, value := range v {
			fields[name] = plain(value)
		}
		return fields
	}
	value := reflect.ValueOf(v)
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			return nil
		}
		return plain(value.Elem().Interface())
	case reflect.Slice:
		list := make([]any, value.Len())
		for i := range list {
			list[i] = plain(value.Index(i).Interface())
		}
		return list
	case reflect.String:
		return value.String()
	}
	return v
}

// input reads the fields in the schema's order, so that equal filters come out equal.
func (r *filterReader) input(def *ast.Definition, value map[string]any, depth int) (view.Filter, error) {
	if depth > maxFilterDepth {
		return nil, badInput("filter: nested more than %d deep", maxFilterDepth)
	}
	all := view.And{}
	for _, field := range def.Fields {
		given := value[field.Name]
		if given == nil {
			continue
		}
		f, err := r.field(def, field, given, depth)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func (r *filterReader) field(def *ast.Definition, field *ast.FieldDefinition, given any, depth int) (view.Filter, error) {
	if d := field.Directives.ForName("filters"); d != nil {
		operators, _ := given.(map[string]any)
		return r.compare(d.Arguments.ForName("field").Value.Raw, r.schema.Types[field.Type.Name()], operators)
	}
	var parts []view.Filter
	for _, one := range listOf(field.Type, given) {
		nested, _ := one.(map[string]any)
		f, err := r.input(def, nested, depth+1)
		if err != nil {
			return nil, err
		}
		parts = append(parts, f)
	}
	switch field.Name {
	case "and":
		return view.And(parts), nil
	case "or":
		return view.Or(parts), nil
	case "not":
		return view.Not{Filter: parts[0]}, nil
	}
	return nil, fmt.Errorf("filter: the schema's field %s.%s is no condition", def.Name, field.Name)
}

// compare reads the operators on one field of the view.
func (r *filterReader) compare(path string, def *ast.Definition, operators map[string]any) (view.Filter, error) {
	all := view.And{}
	bounds := view.Range{Field: path}
	for _, operator := range def.Fields {
		given := operators[operator.Name]
		if given == nil {
			continue
		}
		values, err := r.values(operator.Type, given)
		if err != nil {
			return nil, err
		}
		switch operator.Name {
		case "eq", "in":
			all = append(all, view.In{Field: path, Values: values})
		case "exists":
			there := view.Filter(view.Exists{Field: path})
			if given != true {
				there = view.Not{Filter: there}
			}
			all = append(all, there)
		case "not":
			all = append(all, view.Not{Filter: view.In{Field: path, Values: values}})
		case "gt":
			bounds.GT = values[0]
		case "gte":
			bounds.GTE = values[0]
		case "lt":
			bounds.LT = values[0]
		case "lte":
			bounds.LTE = values[0]
		default:
			return nil, fmt.Errorf("filter: the schema's field %s.%s is no operator", def.Name, operator.Name)
		}
	}
	if bounds != (view.Range{Field: path}) {
		all = append(all, bounds)
	}
	return all, nil
}

// values reads an operator's value, or its list of them.
func (r *filterReader) values(t *ast.Type, given any) ([]any, error) {
	values := []any{}
	for _, one := range listOf(t, given) {
		if r.leaves++; r.leaves > maxFilterLeaves {
			return nil, badInput("filter: more than %d values to compare", maxFilterLeaves)
		}
		v, err := r.value(t.Name(), one)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// listOf returns what is given for a list; anything but a list is a list of one, as GraphQL coerces it.
func listOf(t *ast.Type, given any) []any {
	if list, ok := given.([]any); ok && t.Elem != nil {
		return list
	}
	return []any{given}
}

// value turns one value of a GraphQL type into what the view compares with. The scalars have been read already; values
// of enums have not been checked, since variables with them are compared blind to case.
func (r *filterReader) value(typeName string, given any) (any, error) {
	text, isText := given.(string)
	switch typeName {
	case "ID":
		if _, raw, ok := parseGlobalID(text); ok {
			return raw, nil
		}
		return given, nil
	case "Decimal":
		return strconv.ParseFloat(text, 64)
	case "Int":
		n, _ := given.(int)
		return float64(n), nil
	}
	if def := r.schema.Types[typeName]; isText && def.Kind == ast.Enum && def.EnumValues.ForName(text) == nil {
		return nil, badInput("filter: %.40q is no %s", text, typeName)
	}
	return given, nil
}
