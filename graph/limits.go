package graph

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// extent is how much a selection asks for. Numbers stop at mostCounted.
type extent struct {
	fields  int // of the selection itself, those of its fragments among them
	depth   int // of fields within fields
	aliases int
	cost    int // fields answered at most
}

const mostCounted = math.MaxInt32

// walker measures an operation. It walks every fragment once, whatever number of times it is used: followed by use, a
// query of a kilobyte can be billions of fields.
type walker struct {
	variables map[string]any
	fragments map[string]extent
}

func (w *walker) selections(set ast.SelectionSet) extent {
	var sum extent
	for _, s := range set {
		var e extent
		switch s := s.(type) {
		case *ast.Field:
			e = w.field(s)
		case *ast.InlineFragment:
			e = w.selections(s.SelectionSet)
		case *ast.FragmentSpread:
			known, done := w.fragments[s.Name]
			if !done {
				known = w.selections(s.Definition.SelectionSet)
				w.fragments[s.Name] = known
			}
			e = known
		}
		sum.fields = plus(sum.fields, e.fields)
		sum.depth = max(sum.depth, e.depth)
		sum.aliases = plus(sum.aliases, e.aliases)
		sum.cost = plus(sum.cost, e.cost)
	}
	return sum
}

func (w *walker) field(f *ast.Field) extent {
	below := w.selections(f.SelectionSet)
	e := extent{
		fields:  1,
		depth:   below.depth + 1,
		aliases: below.aliases,
		cost:    plus(1, times(w.repeats(f), below.cost)),
	}
	if f.Alias != f.Name {
		e.aliases = plus(e.aliases, 1)
	}
	return e
}

// repeats returns how often what is below a field may be answered: as often as a connection's page is long, or as a list
// of ids or references. Lists within an order are short and count once.
func (w *walker) repeats(f *ast.Field) int {
	if f.Definition == nil || f.Definition.Arguments == nil {
		return 1
	}
	if f.Definition.Arguments.ForName("first") != nil {
		for _, name := range []string{"first", "last"} {
			if n, given := w.number(f, name); given {
				return min(max(n, 1), maxPage)
			}
		}
		return defaultPage
	}
	if ids, isList := w.argument(f, "ids").([]any); isList {
		return min(max(len(ids), 1), maxNodes)
	}
	if references, isList := w.argument(f, "representations").([]any); isList {
		return min(max(len(references), 1), maxReferences)
	}
	return 1
}

func (w *walker) number(f *ast.Field, name string) (int, bool) {
	n, err := strconv.Atoi(fmt.Sprint(w.argument(f, name)))
	return n, err == nil
}

func (w *walker) argument(f *ast.Field, name string) any {
	a := f.Arguments.ForName(name)
	if a == nil {
		return nil
	}
	value, err := a.Value.Value(w.variables)
	if err != nil {
		return nil
	}
	return value
}

func plus(a, b int) int  { return min(a+b, mostCounted) }
func times(a, b int) int { return min(a*b, mostCounted) } // both fit in 32 bits, so the product fits in 64

// ExtensionName names the limits for gqlgen.
func (l Limits) ExtensionName() string { return "Limits" }

// Validate says that the limits suit every schema.
func (l Limits) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses an operation that is beyond the limits, before any of it runs.
func (l Limits) MutateOperationContext(ctx context.Context, oc *graphql.OperationContext) *gqlerror.Error {
	w := &walker{variables: oc.Variables, fragments: map[string]extent{}}
	e := w.selections(oc.Operation.SelectionSet)
	requestOf(ctx).tally.estimated(e.cost)
	for _, check := range []struct {
		what     string
		is, most int
	}{
		{"fields of Query", e.fields, l.RootFields},
		{"levels of fields", e.depth, l.Depth},
		{"aliases", e.aliases, l.Aliases},
		{"fields to answer, with every page as long as it may be", e.cost, l.Cost},
	} {
		if check.is > check.most {
			err := tooComplex("the operation has %d %s; %d are possible", check.is, check.what, check.most)
			return gqlerror.Wrap(err)
		}
	}
	return nil
}
