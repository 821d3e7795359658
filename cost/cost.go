// Package cost tells what a GraphQL operation costs, before it runs and when it has run.
//
// The schema says it, by the directives of IBM's GraphQL Cost Directives specification
// (ibm.github.io/graphql-specs/cost-spec.html): @cost(weight:) and @listSize. One number is the cost: each object that is
// answered costs 1, or its type's weight; a field with a weight costs that, too, each time it is answered, and so does an
// argument or an input field that is given. Other scalars and enums cost nothing.
//
// Shape measures the text of a query, which needs no schema; Estimate what an operation may cost, which needs a valid one.
// The package does no I/O and knows no view.
package cost

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Most is where numbers stop.
const Most = math.MaxInt32

func plus(a, b int) int  { return min(a+b, Most) }
func times(a, b int) int { return min(a*b, Most) } // both fit in 32 bits, so the product fits in 64

// Model is what a schema says that its fields cost. It is safe for concurrent use.
type Model struct {
	schema *ast.Schema
	fields map[*ast.FieldDefinition]*field
	inputs map[*ast.FieldDefinition]int    // weights of input fields; none: 0
	given  map[*ast.ArgumentDefinition]int // of arguments; none: 0
	types  map[string]int
}

// field is what a field's definition says.
type field struct {
	weight int // each time it is answered
	each   int // each object or value that it answers
	list   bool
	sizes  *listSize // nil: of a list, that nobody knows how long it is
	sized  []string  // the fields below that are as long
	read   bool      // it is of introspection: what is below costs nothing
	free   bool      // it has no price
}

// listSize is @listSize.
type listSize struct {
	assumed int
	slicing []string
	one     bool // exactly one of slicing must be given
}

// What introspection costs: the schema does not define its fields, and it says the same at every time.
const (
	schemaCost = 2000
	typeCost   = 50
)

// New reads a schema's directives. A weight that is no whole number from 0, or a size of what is no list, is an error.
func New(schema *ast.Schema) (*Model, error) {
	m := &Model{
		schema: schema, fields: map[*ast.FieldDefinition]*field{}, inputs: map[*ast.FieldDefinition]int{},
		given: map[*ast.ArgumentDefinition]int{}, types: map[string]int{},
	}
	for name, def := range schema.Types {
		weight, set, err := weightOf(def.Directives)
		if err != nil {
			return nil, fmt.Errorf("schema: %s: %w", name, err)
		}
		if !set && def.IsCompositeType() {
			weight = 1
		}
		m.types[name] = weight
	}
	for name, def := range schema.Types { // now that the types are known
		if strings.HasPrefix(name, "__") {
			continue
		}
		for _, f := range def.Fields {
			if err := m.add(def, f); err != nil {
				return nil, fmt.Errorf("schema: %s.%s: %w", name, f.Name, err)
			}
		}
	}
	return m, nil
}

func (m *Model) add(def *ast.Definition, f *ast.FieldDefinition) error {
	weight, _, err := weightOf(f.Directives)
	if err != nil {
		return err
	}
	if def.Kind == ast.InputObject {
		m.inputs[f] = weight
		return nil
	}
	c := &field{weight: weight, each: m.each(f.Type.Name()), list: f.Type.Elem != nil}
	c.free = weight == 0 && c.each == 0
	for _, a := range f.Arguments {
		if m.given[a], _, err = weightOf(a.Directives); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
		c.free = c.free && m.given[a] == 0 && m.schema.Types[a.Type.Name()].Kind != ast.InputObject
	}
	switch f.Name {
	case "__schema":
		c.read, c.weight = true, schemaCost
	case "__type":
		c.read, c.weight = true, typeCost
	}
	m.fields[f] = c
	return c.readSize(m.schema, f)
}

// each returns what an object or a value of a type costs: of an interface or a union what the dearest of its types does.
func (m *Model) each(name string) int {
	weight := m.types[name]
	if def := m.schema.Types[name]; def != nil && def.IsAbstractType() {
		for _, possible := range m.schema.GetPossibleTypes(def) {
			weight = max(weight, m.types[possible.Name])
		}
	}
	return weight
}

// Free reports whether a field costs nothing, whatever it is given and answers.
func (m *Model) Free(f *ast.FieldDefinition) bool {
	c := m.fields[f]
	return c == nil || c.free
}

// readSize reads @listSize.
func (c *field) readSize(schema *ast.Schema, f *ast.FieldDefinition) error {
	d := f.Directives.ForName("listSize")
	if d == nil {
		return nil
	}
	arguments := d.ArgumentMap(nil)
	c.sizes = &listSize{assumed: 1, one: arguments["requireOneSlicingArgument"] != false}
	if n, set := arguments["assumedSize"].(int64); set {
		c.sizes.assumed = min(max(int(n), 0), Most)
	}
	c.sizes.slicing, c.sized = texts(arguments["slicingArguments"]), texts(arguments["sizedFields"])
	c.sizes.one = c.sizes.one && len(c.sizes.slicing) > 0
	for _, name := range c.sizes.slicing {
		if f.Arguments.ForName(name) == nil {
			return fmt.Errorf("@listSize: slicingArguments: there is no argument %s", name)
		}
	}
	for _, name := range c.sized {
		of := schema.Types[f.Type.Name()]
		below := of.Fields.ForName(name)
		if below == nil || below.Type.Elem == nil {
			return fmt.Errorf("@listSize: sizedFields: %s.%s is no list", of.Name, name)
		}
	}
	if len(c.sized) == 0 && !c.list {
		return fmt.Errorf("@listSize: neither the field nor one that it names is a list")
	}
	return nil
}

func texts(list any) (all []string) {
	values, _ := list.([]any)
	for _, v := range values {
		if text, ok := v.(string); ok && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// weightOf reads @cost, if it is there.
func weightOf(list ast.DirectiveList) (weight int, set bool, err error) {
	d := list.ForName("cost")
	if d == nil || d.Arguments.ForName("weight") == nil {
		return 0, false, nil
	}
	text := d.Arguments.ForName("weight").Value.Raw
	weight, err = strconv.Atoi(text)
	if err != nil || weight < 0 || weight > Most {
		return 0, false, fmt.Errorf("@cost: the weight %q is no whole number from 0", text)
	}
	return weight, true, nil
}
