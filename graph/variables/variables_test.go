package variables

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"pgregory.net/rapid"
)

const schemaText = `
	directive @oneOf on INPUT_OBJECT
	type Query { f(i: Int): Int }
	scalar Even
	scalar Anything
	enum Color { RED GREEN }
	input Filter {
		not: Filter
		or: [Filter!]
		color: Color
		size: Int! = 7
		tags: [String!]! = "new"
		matrix: [[Int]]
		even: Even
		key: Key
	}
	input Strict { id: ID! }
	input Key @oneOf { id: ID name: String }`

var scalars = Scalars{"Even": func(v any) error {
	if n, isWhole := whole(v); !isWhole || n%2 != 0 {
		return fmt.Errorf("an even number is needed")
	}
	return nil
}}

// defined parses an operation with these variables.
func defined(t testing.TB, variables string) ast.VariableDefinitionList {
	t.Helper()
	document, err := parser.ParseQuery(&ast.Source{Input: "query (" + variables + ") { f }"})
	if err != nil {
		t.Fatal(err)
	}
	return document.Operations[0].VariableDefinitions
}

func decode(t testing.TB, text string) (sent map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&sent); err != nil {
		t.Fatal(err)
	}
	return sent
}

func TestCoerce(t *testing.T) {
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: schemaText})
	for _, test := range []struct{ variables, sent, want, wrong string }{
		{"$v: Int", `{}`, `{}`, ""},
		{"$v: Int", `{"v": null}`, `{"v": null}`, ""},
		{"$v: Int", `{"other": 5}`, `{}`, ""},
		{"$v: Int = 3", `{}`, `{"v": 3}`, ""},
		{"$v: Int = 3", `{"v": null}`, `{"v": null}`, ""},
		{"$v: Int! = 3", `{}`, `{"v": 3}`, ""},
		{"$v: Int! = 3", `{"v": null}`, "", "$v: null is not possible: Int!"},
		{"$v: Int!", `{}`, "", "$v: a value is needed: Int!"},
		{"$v: Int!", `{"v": null}`, "", "$v: null is not possible: Int!"},

		{"$v: Int", `{"v": -2147483648}`, `{"v": -2147483648}`, ""},
		{"$v: Int", `{"v": 2147483648}`, "", "$v: an Int is a whole number of 32 bits"},
		{"$v: Int", `{"v": 99999999999999999999}`, "", "$v: an Int is a whole number of 32 bits"},
		{"$v: Int", `{"v": 1.5}`, "", "$v: an Int is a whole number of 32 bits"},
		{"$v: Int", `{"v": 1e3}`, "", "$v: an Int is a whole number of 32 bits"},
		{"$v: Int", `{"v": "5"}`, "", "$v: Int is needed, not a string"},
		{"$v: Int", `{"v": true}`, "", "$v: Int is needed, not a boolean"},
		{"$v: Int", `{"v": [5]}`, "", "$v: Int is needed, not a list"},
		{"$v: Int", `{"v": {}}`, "", "$v: Int is needed, not an object"},

		{"$v: Float", `{"v": 1}`, `{"v": 1}`, ""},
		{"$v: Float", `{"v": 1.5e-3}`, `{"v": 1.5e-3}`, ""},
		{"$v: Float = 2", `{}`, `{"v": 2}`, ""},
		{"$v: Float", `{"v": 1e999}`, "", "$v: a Float is a number of 64 bits"},
		{"$v: Float", `{"v": "1.5"}`, "", "$v: Float is needed, not a string"},

		{"$v: String", `{"v": ""}`, `{"v": ""}`, ""},
		{"$v: String", `{"v": 5}`, "", "$v: String is needed, not a number"},
		{"$v: Boolean", `{"v": false}`, `{"v": false}`, ""},
		{"$v: Boolean", `{"v": "true"}`, "", "$v: Boolean is needed, not a string"},
		{"$v: Boolean", `{"v": 1}`, "", "$v: Boolean is needed, not a number"},

		{"$v: ID", `{"v": "a"}`, `{"v": "a"}`, ""},
		{"$v: ID", `{"v": 18446744073709551616}`, `{"v": "18446744073709551616"}`, ""},
		{"$v: ID", `{"v": -1}`, `{"v": "-1"}`, ""},
		{"$v: ID = 7", `{}`, `{"v": "7"}`, ""},
		{"$v: ID", `{"v": 1.5}`, "", "$v: ID is needed, not a number"},
		{"$v: ID", `{"v": true}`, "", "$v: ID is needed, not a boolean"},

		{"$v: Color", `{"v": "RED"}`, `{"v": "RED"}`, ""},
		{"$v: Color = GREEN", `{}`, `{"v": "GREEN"}`, ""},
		{"$v: Color", `{"v": "red"}`, "", "$v: that is none of the values of Color"},
		{"$v: Color", `{"v": 0}`, "", "$v: Color is needed, not a number"},

		{"$v: [Int]", `{"v": 5}`, `{"v": [5]}`, ""},
		{"$v: [Int]", `{"v": [1, null]}`, `{"v": [1, null]}`, ""},
		{"$v: [Int!]", `{"v": [1, null]}`, "", "$v[1]: null is not possible: Int!"},
		{"$v: [Int]", `{"v": null}`, `{"v": null}`, ""},
		{"$v: [Int]", `{"v": []}`, `{"v": []}`, ""},
		{"$v: [[Int]]", `{"v": 1}`, `{"v": [[1]]}`, ""},
		{"$v: [[Int]]", `{"v": [1, [2, "x"]]}`, "", "$v[1][1]: Int is needed, not a string"},
		{"$v: [ID!] = 4", `{}`, `{"v": ["4"]}`, ""},
		{"$v: [Color]", `{"v": ["RED", "BLUE"]}`, "", "$v[1]: that is none of the values of Color"},

		{"$v: Filter", `{"v": {}}`, `{"v": {"size": 7, "tags": ["new"]}}`, ""},
		{"$v: Filter", `{"v": {"size": 8, "tags": []}}`, `{"v": {"size": 8, "tags": []}}`, ""},
		{"$v: Filter", `{"v": {"color": null}}`, `{"v": {"size": 7, "tags": ["new"], "color": null}}`, ""},
		{"$v: Filter", `{"v": {"size": null}}`, "", "$v.size: null is not possible: Int!"},
		{"$v: Filter", `{"v": {"or": [{}, {"not": {"colour": "RED"}}]}}`, "", `$v.or[1].not: Filter has no field "colour"`},
		{"$v: Filter", `{"v": {"__typename": "Filter"}}`, "", `$v: Filter has no field "__typename"`},
		{"$v: Filter", `{"v": {"or": {"not": {"size": 1.5}}}}`, "", "$v.or.not.size: an Int is a whole number of 32 bits"},
		{"$v: Filter", `{"v": "x"}`, "", "$v: an object is needed: Filter, not a string"},
		{"$v: Filter = {not: {tags: [\"a\"]}}", `{}`,
			`{"v": {"not": {"size": 7, "tags": ["a"]}, "size": 7, "tags": ["new"]}}`, ""},
		{"$v: Strict", `{"v": {}}`, "", "$v.id: a value is needed: ID!"},
		{"$v: Strict", `{"v": {"id": 5}}`, `{"v": {"id": "5"}}`, ""},

		{"$v: Key", `{"v": {"id": 1}}`, `{"v": {"id": "1"}}`, ""},
		{"$v: Key", `{"v": {}}`, "", "$v: Key has exactly one of its fields, not 0"},
		{"$v: Key", `{"v": {"id": 1, "name": null}}`, "", "$v: Key has exactly one of its fields, not 2"},
		{"$v: Filter", `{"v": {"key": {"id": null}}}`, "", "$v.key.id: null is not possible: it is the one field of Key"},

		{"$v: Even", `{"v": 4}`, `{"v": 4}`, ""},
		{"$v: [Even]", `{"v": [4, 5]}`, "", "$v[1]: an even number is needed"},
		{"$v: Anything", `{"v": {"a": [1, "b"]}}`, `{"v": {"a": [1, "b"]}}`, ""},
		{"$v: Anything!", `{"v": null}`, "", "$v: null is not possible: Anything!"},
		{"$a: Int, $b: Int", `{"a": 1, "b": "2"}`, "", "$b: Int is needed, not a string"},
	} {
		t.Run(test.variables+" "+test.sent, func(t *testing.T) {
			sent := decode(t, test.sent)
			got, err := Coerce(schema, scalars, defined(t, test.variables), sent)
			if diff := cmp.Diff(decode(t, test.sent), sent); diff != "" {
				t.Errorf("what was sent has changed (-want +got):\n%s", diff)
			}
			if test.wrong != "" {
				if err == nil || err.Error() != test.wrong {
					t.Errorf("%v, error %v; want %s", got, err, test.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, test.want), decode(t, string(text))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// value draws a value that is of a type, or one in which one place is not, and says which place.
func value(t *rapid.T, schema *ast.Schema, of *ast.Type, depth int, spoil *string) (sent any, spoiled bool) {
	if spoil != nil && rapid.IntRange(0, 4).Draw(t, "spoil") == 0 {
		return map[string]any{"no such": "field"}, true // which is of no type here
	}
	if !of.NonNull && rapid.IntRange(0, 9).Draw(t, "null") == 0 {
		return nil, false
	}
	if of.Elem != nil {
		list := []any{}
		for i := range rapid.IntRange(0, 3).Draw(t, "length") {
			element, bad := value(t, schema, of.Elem, depth-1, spoil)
			list = append(list, element)
			if bad {
				*spoil = fmt.Sprintf("[%d]%s", i, *spoil)
				return list, true
			}
		}
		return list, false
	}
	switch definition := schema.Types[of.NamedType]; {
	case definition.Kind == ast.Enum:
		return rapid.SampledFrom(definition.EnumValues).Draw(t, "name").Name, false
	case definition.Kind == ast.InputObject:
		object := map[string]any{}
		for _, field := range definition.Fields {
			required := field.Type.NonNull && field.DefaultValue == nil
			if !required && (depth <= 0 || field.Name == "key" || rapid.Bool().Draw(t, "absent")) {
				continue
			}
			inner, bad := value(t, schema, field.Type, depth-1, spoil)
			object[field.Name] = inner
			if bad {
				*spoil = "." + field.Name + *spoil
				return object, true
			}
		}
		return object, false
	case of.NamedType == "Int":
		return json.Number(fmt.Sprint(rapid.Int32().Draw(t, "int"))), false
	case of.NamedType == "Even":
		return json.Number(fmt.Sprint(2 * int64(rapid.Int32().Draw(t, "even")))), false
	}
	return rapid.String().Draw(t, "string"), false
}

// Whatever is of its type is taken, and taking what was taken changes nothing. Whatever is spoilt in one place is refused,
// and the error names that place.
func TestCoerceIsExact(t *testing.T) {
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: schemaText})
	variables := defined(t, "$v: [Filter!]!")
	rapid.Check(t, func(t *rapid.T) {
		sent, _ := value(t, schema, variables[0].Type, 8, nil)
		once, err := Coerce(schema, scalars, variables, map[string]any{"v": sent})
		if err != nil {
			t.Fatalf("%v of %v", err, sent)
		}
		twice, err := Coerce(schema, scalars, variables, once)
		if diff := cmp.Diff(once, twice); err != nil || diff != "" {
			t.Fatalf("%v (-once +twice):\n%s", err, diff)
		}
		place := ""
		sent, spoiled := value(t, schema, variables[0].Type, 8, &place)
		_, err = Coerce(schema, scalars, variables, map[string]any{"v": sent})
		if !spoiled {
			if err != nil {
				t.Fatalf("%v of %v", err, sent)
			}
			return
		}
		if bad, isError := err.(*Error); !isError || bad.Variable != "v" || bad.Place != place {
			t.Fatalf("error %v of %v, want one at %s", err, sent, place)
		}
	})
}
