// Package variables reads the variables of an operation as the GraphQL specification says: Input Coercion of each type, and
// CoerceVariableValues. The library's own reading takes "5" for an Int and any case of an enum's values.
package variables

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
)

// Error says what is wrong with a variable, and where within it. Of what was sent it holds no more than the name of a field
// that there is not, and what a scalar's own error says.
type Error struct {
	Variable string // its name
	Place    string // within it, as in ".filter.state[2]"; "" for the whole
	Reason   string
}

func (e *Error) Error() string { return fmt.Sprintf("$%s%s: %s", e.Variable, e.Place, e.Reason) }

// Scalars read the scalars that are not built in, by name. One that is not here is taken as it comes.
type Scalars map[string]func(any) error

// Coerce returns the values of an operation's variables, defaults among them; a variable that has neither a value nor a
// default is not there. Sent is JSON whose numbers are json.Number, and stays as it is. A number remains the number that
// was sent, and an ID is a string. The first variable that is wrong is an *Error. The operation must be valid.
func Coerce(schema *ast.Schema, scalars Scalars, defined ast.VariableDefinitionList, sent map[string]any) (
	map[string]any, error) {
	values := make(map[string]any, len(defined))
	for _, v := range defined {
		value, given := sent[v.Variable]
		if !given && v.DefaultValue != nil {
			var err error
			if value, err = v.DefaultValue.Value(nil); err != nil {
				return nil, &Error{v.Variable, "", "the default cannot be read"}
			}
			given = true
		}
		if !given {
			if v.Type.NonNull {
				return nil, &Error{v.Variable, "", "a value is needed: " + v.Type.String()}
			}
			continue
		}
		c := coercion{schema, scalars}
		value, bad := c.value(v.Type, value)
		if bad != nil {
			return nil, &Error{v.Variable, bad.place, bad.reason}
		}
		values[v.Variable] = value
	}
	return values, nil
}

type coercion struct {
	schema  *ast.Schema
	scalars Scalars
}

// wrong is what is wrong with a value. Its place is put together on the way out, so that what is right costs nothing.
type wrong struct{ place, reason string }

func (w *wrong) within(step string) *wrong {
	w.place = step + w.place
	return w
}

func (c coercion) value(t *ast.Type, value any) (any, *wrong) {
	if value == nil {
		if t.NonNull {
			return nil, &wrong{reason: "null is not possible: " + t.String()}
		}
		return nil, nil
	}
	if t.Elem != nil {
		return c.list(t, value)
	}
	definition := c.schema.Types[t.NamedType]
	switch definition.Kind {
	case ast.InputObject:
		return c.object(definition, value)
	case ast.Enum:
		name, isString := value.(string)
		if !isString {
			return nil, c.unlike(t, value)
		}
		if definition.EnumValues.ForName(name) == nil {
			return nil, &wrong{reason: "that is none of the values of " + t.NamedType}
		}
		return name, nil
	}
	return c.scalar(t, value)
}

// list reads a list; what is none is a list of itself.
func (c coercion) list(t *ast.Type, value any) (any, *wrong) {
	elements, isList := value.([]any)
	if !isList {
		element, bad := c.value(t.Elem, value)
		return []any{element}, bad
	}
	list := make([]any, len(elements))
	for i, element := range elements {
		var bad *wrong
		if list[i], bad = c.value(t.Elem, element); bad != nil {
			return nil, bad.within("[" + strconv.Itoa(i) + "]")
		}
	}
	return list, nil
}

func (c coercion) object(definition *ast.Definition, value any) (any, *wrong) {
	sent, isObject := value.(map[string]any)
	if !isObject {
		return nil, &wrong{reason: "an object is needed: " + definition.Name + ", not " + kind(value)}
	}
	object := make(map[string]any, len(sent))
	known := 0
	for _, field := range definition.Fields {
		value, given := sent[field.Name]
		switch {
		case given:
			known++
		case field.DefaultValue != nil:
			var err error
			if value, err = field.DefaultValue.Value(nil); err != nil {
				return nil, &wrong{"." + field.Name, "the default cannot be read"}
			}
		case field.Type.NonNull:
			return nil, &wrong{"." + field.Name, "a value is needed: " + field.Type.String()}
		default:
			continue
		}
		var bad *wrong
		if object[field.Name], bad = c.value(field.Type, value); bad != nil {
			return nil, bad.within("." + field.Name)
		}
	}
	if known < len(sent) {
		return nil, unknown(definition, sent)
	}
	if definition.Directives.ForName("oneOf") != nil {
		return object, exactlyOne(definition, object)
	}
	return object, nil
}

// unknown tells of the first field of an object that its type does not have.
func unknown(definition *ast.Definition, sent map[string]any) *wrong {
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if definition.Fields.ForName(name) == nil {
			return &wrong{reason: fmt.Sprintf("%s has no field %.40q", definition.Name, name)}
		}
	}
	return nil
}

// exactlyOne says that an object of a @oneOf type must have one field, which is not null.
func exactlyOne(definition *ast.Definition, object map[string]any) *wrong {
	if len(object) != 1 {
		return &wrong{reason: fmt.Sprintf("%s has exactly one of its fields, not %d", definition.Name, len(object))}
	}
	for name, value := range object {
		if value == nil {
			return &wrong{"." + name, "null is not possible: it is the one field of " + definition.Name}
		}
	}
	return nil
}

func (c coercion) scalar(t *ast.Type, value any) (any, *wrong) {
	switch t.NamedType {
	case "Int":
		if n, isWhole := whole(value); isWhole && n >= math.MinInt32 && n <= math.MaxInt32 {
			return value, nil
		}
		if number(value) != "" {
			return nil, &wrong{reason: "an Int is a whole number of 32 bits"}
		}
	case "Float":
		if text := number(value); text != "" {
			if f, err := strconv.ParseFloat(text, 64); err != nil || math.IsInf(f, 0) {
				return nil, &wrong{reason: "a Float is a number of 64 bits"}
			}
			return value, nil
		}
	case "String":
		if text, isString := value.(string); isString {
			return text, nil
		}
	case "Boolean":
		if b, isBool := value.(bool); isBool {
			return b, nil
		}
	case "ID":
		if text, isString := value.(string); isString {
			return text, nil
		}
		if text := number(value); integer(text) {
			return text, nil // of any length
		}
	default:
		read := c.scalars[t.NamedType]
		if read == nil {
			return value, nil
		}
		if err := read(value); err != nil {
			return nil, &wrong{reason: err.Error()}
		}
		return value, nil
	}
	return nil, c.unlike(t, value)
}

// unlike says that a value is of another kind than its type.
func (c coercion) unlike(t *ast.Type, value any) *wrong {
	return &wrong{reason: fmt.Sprintf("%s is needed, not %s", t.NamedType, kind(value))}
}

// whole returns the number that a JSON number is without a fraction or an exponent.
func whole(value any) (int64, bool) {
	text := number(value)
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

func integer(text string) bool {
	digits := text
	if digits != "" && digits[0] == '-' {
		digits = digits[1:]
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return digits != ""
}

// number returns a number's text, "" for what is none: of JSON, or of a default in a document.
func number(value any) string {
	switch n := value.(type) {
	case json.Number:
		return n.String()
	case int64:
		return strconv.FormatInt(n, 10)
	case float64:
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	return ""
}

// kind says what a JSON value is.
func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "a number"
}
