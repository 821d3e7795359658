package cost

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Shape is how large a document is, by its text alone: nothing of it needs to be valid, or to be of the schema. Of several
// operations each number is that of the largest. Fields of fragments count wherever the fragments are used.
type Shape struct {
	Operations int
	RootFields int // fields of an operation itself
	Depth      int // fields within fields; those of introspection do not count
	Aliases    int // fields that are called otherwise than in the schema
	Fields     int // all of them
	Directives int // in the document, wherever they stand
	Nesting    int // lists and objects within each other, of a value
	// Alike is how many pairs of fields the document has that are answered by one name, times its operations. Whoever looks for
	// fields that cannot be merged compares them, and gqlparser each with each for each operation: what it takes grows with the
	// third power of the document's size.
	Alike int
}

// extent is how much a selection has, with its fragments.
type extent struct{ fields, depth, aliases, all int }

// ShapeOf measures a document. Every fragment is walked once, whatever number of times it is used: followed by use, a query of
// a kilobyte can be billions of fields. A fragment that is in itself counts nothing there, one that is missing nothing at all.
func ShapeOf(doc *ast.QueryDocument) Shape { return shaperOf(doc).Shape }

func shaperOf(doc *ast.QueryDocument) *shaper {
	w := &shaper{fragments: map[string]*ast.FragmentDefinition{}, extents: map[string]extent{}, names: map[string]int{}}
	for _, f := range doc.Fragments {
		if w.fragments[f.Name] == nil { // the validator refuses a second one
			w.fragments[f.Name] = f
		}
	}
	w.Operations = len(doc.Operations)
	for _, op := range doc.Operations {
		e := w.selections(op.SelectionSet)
		w.RootFields = max(w.RootFields, e.fields)
		w.Depth = max(w.Depth, e.depth)
		w.Aliases = max(w.Aliases, e.aliases)
		w.Fields = max(w.Fields, e.all)
		w.directives(op.Directives)
		for _, v := range op.VariableDefinitions {
			w.directives(v.Directives)
			w.value(v.DefaultValue, 0)
		}
	}
	for _, f := range doc.Fragments {
		w.fragment(f.Name) // also what is not used: the validator walks it
		w.directives(f.Directives)
	}
	for _, n := range w.names {
		w.Alike = plus(w.Alike, n*(n-1)/2)
	}
	w.Alike = times(w.Alike, w.Operations)
	return w
}

type shaper struct {
	Shape
	fragments map[string]*ast.FragmentDefinition
	extents   map[string]extent
	names     map[string]int // how many fields of the document are answered by each
	visited   int            // selections; the tests count them
}

func (w *shaper) fragment(name string) extent {
	e, known := w.extents[name]
	if f := w.fragments[name]; !known && f != nil {
		w.extents[name] = extent{} // while it is walked
		e = w.selections(f.SelectionSet)
		w.extents[name] = e
	}
	return e
}

func (w *shaper) selections(set ast.SelectionSet) (sum extent) {
	for _, s := range set {
		w.visited++
		var e extent
		switch s := s.(type) {
		case *ast.Field:
			e = w.field(s)
		case *ast.InlineFragment:
			w.directives(s.Directives)
			e = w.selections(s.SelectionSet)
		case *ast.FragmentSpread:
			w.directives(s.Directives)
			e = w.fragment(s.Name)
		}
		sum.fields = plus(sum.fields, e.fields)
		sum.depth = max(sum.depth, e.depth)
		sum.aliases = plus(sum.aliases, e.aliases)
		sum.all = plus(sum.all, e.all)
	}
	return sum
}

func (w *shaper) field(f *ast.Field) extent {
	answered := f.Name
	if f.Alias != "" {
		answered = f.Alias
	}
	w.names[answered]++
	w.directives(f.Directives)
	for _, a := range f.Arguments {
		w.value(a.Value, 0)
	}
	below := w.selections(f.SelectionSet)
	e := extent{fields: 1, depth: below.depth + 1, aliases: below.aliases, all: plus(below.all, 1)}
	if strings.HasPrefix(f.Name, "__") {
		e.depth = 1 // introspection is bounded by the lists within its lists
	}
	if answered != f.Name {
		e.aliases = plus(e.aliases, 1)
	}
	return e
}

func (w *shaper) directives(list ast.DirectiveList) {
	w.Directives += len(list)
	for _, d := range list {
		for _, a := range d.Arguments {
			w.value(a.Value, 0)
		}
	}
}

func (w *shaper) value(v *ast.Value, depth int) {
	if v == nil || v.Kind != ast.ListValue && v.Kind != ast.ObjectValue {
		return
	}
	w.Nesting = max(w.Nesting, depth+1)
	for _, child := range v.Children {
		w.value(child.Value, depth+1)
	}
}
