package structs

import (
	"reflect"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// scalar returns the encoder of a scalar's values that are of a Go type. What is empty is null where it may be.
func (w *Writer) scalar(def *ast.Definition, of reflect.Type, nullable bool) encoder {
	if own, is := w.options.Scalars[def.Name]; is {
		if own.of != of {
			return nil
		}
		return func(to *output, v reflect.Value) bool {
			if value := v.Interface(); nullable && w.options.Empty(value) {
				to.WriteString("null")
			} else {
				own.marshal(value).MarshalGQL(to)
			}
			return true
		}
	}
	switch {
	case (def.Name == "String" || def.Name == "ID") && of == reflect.TypeFor[string]():
		nullable = nullable && w.options.Empty("")
		return func(to *output, v reflect.Value) bool {
			if text := v.String(); text == "" && nullable {
				to.WriteString("null")
			} else {
				writeString(to, text)
			}
			return true
		}
	case def.Name == "Int" && of == reflect.TypeFor[int]():
		return func(to *output, v reflect.Value) bool {
			to.Write(strconv.AppendInt(to.AvailableBuffer(), v.Int(), 10))
			return true
		}
	case def.Name == "Boolean" && of == reflect.TypeFor[bool]():
		return func(to *output, v reflect.Value) bool {
			to.Write(strconv.AppendBool(to.AvailableBuffer(), v.Bool()))
			return true
		}
	case def.Name == "Float" && of == reflect.TypeFor[float64]():
		return func(to *output, v reflect.Value) bool {
			f := v.Float()
			if f-f != 0 { // not a number, or endless: an error
				return false
			}
			graphql.MarshalFloat(f).MarshalGQL(to)
			return true
		}
	}
	return nil
}

// enum returns the encoder of an enum's values, as strings of Go. What is none of them is an error.
func enum(def *ast.Definition, of reflect.Type) encoder {
	if of.Kind() != reflect.String {
		return nil
	}
	values := make(map[string]string, len(def.EnumValues))
	for _, v := range def.EnumValues {
		values[v.Name] = `"` + v.Name + `"`
	}
	return func(to *output, v reflect.Value) bool {
		quoted, ok := values[v.String()]
		to.WriteString(quoted)
		return ok
	}
}

// writeString writes a string, as gqlgen does.
func writeString(to *output, s string) {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '\\' || c == '"' {
			graphql.MarshalString(s).MarshalGQL(to)
			return
		}
	}
	to.WriteByte('"')
	to.WriteString(s)
	to.WriteByte('"')
}
