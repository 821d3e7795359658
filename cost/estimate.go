package cost

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Estimate is what an operation may cost: all lists are as long as they may be.
type Estimate struct {
	Cost int // Most for that and more

	prices  map[*ast.Field]Price
	visited int // selections; the tests count them
}

// Price is what a field costs that is answered.
type Price struct {
	Call int // each time, by itself and by its arguments
	Each int // each object or value
}

// Price returns what a field of the operation costs.
func (e *Estimate) Price(f *ast.Field) Price { return e.prices[f] }

// sum is the cost of a selection below a field whose list size is n: fixed + sized × n. So a fragment is walked once, whatever
// the sizes of the lists that it is used in.
type sum struct{ fixed, sized int }

func (s *sum) add(other sum) {
	s.fixed, s.sized = plus(s.fixed, other.fixed), plus(s.sized, other.sized)
}

type walker struct {
	*Model
	*Estimate
	variables map[string]any
	implied   []string
	fragments map[fragmentBelow]sum
	wrong     error
}

// fragmentBelow is a fragment below a field that says which of the fields there are as long as itself.
type fragmentBelow struct {
	name  string
	below *field
}

// Estimate tells what a valid operation may cost with these variables, that are coerced. Implied are names of arguments that
// count as given wherever they can be, because the request says elsewhere what they would. An error is of a field that must have
// exactly one of its slicing arguments. Every fragment is walked once for each field that sizes what is below it.
func (m *Model) Estimate(op *ast.OperationDefinition, variables map[string]any, implied ...string) (*Estimate, error) {
	e := &Estimate{prices: map[*ast.Field]Price{}}
	w := &walker{Model: m, Estimate: e, variables: variables, implied: implied, fragments: map[fragmentBelow]sum{}}
	e.Cost = w.selections(op.SelectionSet, &field{}).fixed
	return e, w.wrong
}

func (w *walker) selections(set ast.SelectionSet, below *field) (all sum) {
	for _, s := range set {
		w.visited++
		switch s := s.(type) {
		case *ast.Field:
			if !w.skipped(s.Directives) {
				all.add(w.field(s, below))
			}
		case *ast.InlineFragment:
			if !w.skipped(s.Directives) {
				all.add(w.selections(s.SelectionSet, below))
			}
		case *ast.FragmentSpread:
			if !w.skipped(s.Directives) && s.Definition != nil {
				all.add(w.fragment(s.Definition, below))
			}
		}
	}
	return all
}

func (w *walker) fragment(f *ast.FragmentDefinition, below *field) sum {
	if len(below.sized) == 0 {
		below = nil
	}
	key := fragmentBelow{f.Name, below}
	known, done := w.fragments[key]
	if !done {
		if below == nil {
			below = &field{}
		}
		w.fragments[key] = sum{} // while it is walked: a fragment in itself is not valid, and must not hang us
		known = w.selections(f.SelectionSet, below)
		w.fragments[key] = known
	}
	return known
}

// skipped reports whether @skip or @include leaves a selection out.
func (w *walker) skipped(list ast.DirectiveList) bool {
	for _, d := range list {
		if d.Name != "skip" && d.Name != "include" {
			continue
		}
		if a := d.Arguments.ForName("if"); a != nil {
			value, err := a.Value.Value(w.variables)
			if is, ok := value.(bool); err == nil && ok && is == (d.Name == "skip") {
				return true
			}
		}
	}
	return false
}

// field returns what a field costs, below one that may say how long it is.
func (w *walker) field(f *ast.Field, below *field) sum {
	c := w.fields[f.Definition]
	if c == nil { // __typename
		return sum{}
	}
	price := Price{Call: plus(c.weight, w.arguments(f)), Each: c.each}
	if price != (Price{}) {
		w.prices[f] = price
	}
	if c.read {
		return sum{fixed: plus(price.Call, price.Each)}
	}
	size := w.size(f, c)
	inside := w.selections(f.SelectionSet, c)
	each := plus(plus(price.Each, inside.fixed), times(inside.sized, size))
	switch {
	case !c.list:
		return sum{fixed: plus(price.Call, each)}
	case slices.Contains(below.sized, f.Name) && c.sizes == nil:
		return sum{fixed: price.Call, sized: each}
	}
	return sum{fixed: plus(price.Call, times(size, each))}
}

// size returns how long the list is that a field answers or sizes; 1 where nothing says it.
func (w *walker) size(f *ast.Field, c *field) int {
	if c.sizes == nil {
		return 1
	}
	longest, given := 0, 0
	for _, name := range c.sizes.slicing {
		if n, ok := length(w.argument(f, name)); ok {
			longest, given = max(longest, n), given+1
		}
	}
	if c.sizes.one && given != 1 && w.wrong == nil {
		w.wrong = fmt.Errorf("%s: exactly one of %s must be given", f.Name, strings.Join(c.sizes.slicing, ", "))
	}
	if given == 0 {
		return c.sizes.assumed
	}
	return longest
}

// length returns the length that an argument asks for: a number, or the length of a list. What is no Int asks for nothing.
func length(value any) (int, bool) {
	var n int64
	switch value := value.(type) {
	case int64:
		n = value
	case int:
		n = int64(value)
	case json.Number:
		var err error
		if n, err = value.Int64(); err != nil {
			return 0, false
		}
	default:
		list, ok := elements(value)
		return len(list), ok
	}
	return int(max(n, 0)), n == int64(int32(n))
}

// argument returns an argument's value, or its default; nil for none.
func (w *walker) argument(f *ast.Field, name string) any {
	if a := f.Arguments.ForName(name); a != nil {
		if a.Value.Kind == ast.Variable {
			if value, given := w.variables[a.Value.Raw]; given {
				return value
			}
		} else if value, err := a.Value.Value(w.variables); err == nil {
			return value
		}
	}
	if d := f.Definition.Arguments.ForName(name); d != nil && d.DefaultValue != nil {
		if value, err := d.DefaultValue.Value(nil); err == nil {
			return value
		}
	}
	return nil
}

// arguments returns what the arguments cost that are given, with what is in them.
func (w *walker) arguments(f *ast.Field) (all int) {
	for _, d := range f.Definition.Arguments {
		var value any
		if f.Arguments.ForName(d.Name) != nil {
			value = w.argument(f, d.Name)
		}
		if value != nil {
			all = plus(all, times(w.given[d], number(value)))
		} else if slices.Contains(w.implied, d.Name) {
			all = plus(all, w.given[d])
		}
		if def := w.schema.Types[d.Type.Name()]; value != nil && def != nil && def.Kind == ast.InputObject {
			all = plus(all, w.input(def, value))
		}
	}
	return all
}

// input returns what the fields of a value of an input type cost, or those of a list's values.
func (w *walker) input(def *ast.Definition, value any) (all int) {
	if list, ok := elements(value); ok {
		for _, element := range list {
			all = plus(all, w.input(def, element))
		}
		return all
	}
	fields, _ := value.(map[string]any)
	for name, inner := range fields {
		f := def.Fields.ForName(name)
		if f == nil || inner == nil {
			continue
		}
		all = plus(all, times(w.inputs[f], number(inner)))
		if below := w.schema.Types[f.Type.Name()]; below != nil && below.Kind == ast.InputObject {
			all = plus(all, w.input(below, inner))
		}
	}
	return all
}

// number returns how many values are given: those of a list, or one.
func number(value any) int {
	if list, ok := elements(value); ok {
		return len(list)
	}
	return 1
}

// elements returns what a list holds. Where a variable has one value for a list, gqlparser makes it one of the value's type.
func elements(value any) ([]any, bool) {
	if list, ok := value.([]any); ok {
		return list, true
	}
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Slice {
		return nil, false
	}
	list := make([]any, v.Len())
	for i := range list {
		list[i] = v.Index(i).Interface()
	}
	return list, true
}
