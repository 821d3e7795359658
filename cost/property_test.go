package cost

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"pgregory.net/rapid"
)

// draft is a query that is being made up: its text, and the fragments that it can use, of each type.
type draft struct {
	schema    *ast.Schema
	fragments map[string][]drafted
	n         int
}

// drafted is a selection in two ways: with fragments, and with their selections in their place.
type drafted struct{ name, short, long string }

func (d *draft) selections(t *rapid.T, of *ast.Definition, depth int) drafted {
	var short, long strings.Builder
	n := rapid.IntRange(1, 3).Draw(t, "selections")
	for range n {
		known := d.fragments[of.Name]
		if len(known) > 0 && rapid.Bool().Draw(t, "spread") {
			f := rapid.SampledFrom(known).Draw(t, "fragment")
			fmt.Fprintf(&short, " ...%s", f.name)
			fmt.Fprintf(&long, " ... on %s {%s}", of.Name, f.long)
			continue
		}
		f := rapid.SampledFrom(of.Fields).Draw(t, "field")
		below := d.schema.Types[f.Type.Name()]
		if strings.HasPrefix(f.Name, "__") || below.IsCompositeType() && depth == 0 || below.IsAbstractType() {
			short.WriteString(" __typename")
			long.WriteString(" __typename")
			continue
		}
		d.n++
		head := fmt.Sprintf(" a%d: %s", d.n, f.Name)
		if f.Arguments.ForName("first") != nil && rapid.Bool().Draw(t, "first given") {
			head += fmt.Sprintf("(first: %d)", rapid.SampledFrom([]int{0, 1, 2, 100, 1 << 30}).Draw(t, "first"))
		}
		short.WriteString(head)
		long.WriteString(head)
		if below.IsCompositeType() {
			inner := d.selections(t, below, depth-1)
			fmt.Fprintf(&short, " {%s}", inner.short)
			fmt.Fprintf(&long, " {%s}", inner.long)
		}
	}
	return drafted{short: short.String(), long: long.String()}
}

// TestFragments: a query costs, and is as large, whether it has fragments or what is in them in their place; and what is
// walked of it grows with its text, whatever is in its fragments.
func TestFragments(t *testing.T) {
	schema, model := modelOf(t, things)
	rapid.Check(t, func(t *rapid.T) {
		d := &draft{schema: schema, fragments: map[string][]drafted{}}
		var definitions strings.Builder
		for i := range rapid.IntRange(0, 4).Draw(t, "fragments") {
			of := rapid.SampledFrom([]string{"Thing", "Page", "Edge"}).Draw(t, "of")
			f := d.selections(t, schema.Types[of], 2)
			f.name = fmt.Sprintf("f%d", i)
			fmt.Fprintf(&definitions, " fragment %s on %s {%s}", f.name, of, f.short)
			d.fragments[of] = append(d.fragments[of], f)
		}
		q := d.selections(t, schema.Query, 3)
		short := parse(t, schema, "{"+q.short+"}"+definitions.String())
		long := parse(t, schema, "{"+q.long+"}")
		a, _ := model.Estimate(short.Operations[0], nil)
		b, _ := model.Estimate(long.Operations[0], nil)
		if a.Cost != b.Cost {
			t.Errorf("%d with fragments, %d without: %s%s", a.Cost, b.Cost, q.short, &definitions)
		}
		if a.Cost < 0 || a.Cost > Most {
			t.Errorf("cost %d", a.Cost)
		}
		s, l := ShapeOf(short), ShapeOf(long)
		got := [...]int{s.RootFields, s.Depth, s.Aliases, s.Fields}
		want := [...]int{l.RootFields, l.Depth, l.Aliases, l.Fields}
		if got != want {
			t.Errorf("shape %v with fragments, %v without: %s%s", got, want, q.short, &definitions)
		}
	})
}

// bomb is a query whose fragments each use the one before twice: 2^n fields.
func bomb(n int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "{ thing { ...f%d } } fragment f0 on Thing { id self { id } }", n)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&text, " fragment f%d on Thing { self { ...f%d } page(first: 100) { nodes { ...f%[2]d } } }", i, i-1)
	}
	return text.String()
}

// TestLinear: what is walked grows with the text, and numbers stop instead of running over.
func TestLinear(t *testing.T) {
	schema, model := modelOf(t, things)
	for _, n := range []int{10, 100, 1000} {
		doc := parse(t, schema, bomb(n))
		e, err := model.Estimate(doc.Operations[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		w := shaperOf(doc)
		if most := 6*n + 6; e.visited > most || w.visited > most {
			t.Errorf("%d fragments: %d and %d selections walked, more than %d", n, e.visited, w.visited, most)
		}
		if n >= 100 && (e.Cost != Most || w.Fields != Most) {
			t.Errorf("%d fragments: cost %d, %d fields", n, e.Cost, w.Fields)
		}
	}
}
