package cost

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func TestShape(t *testing.T) {
	for _, test := range []struct {
		name, query string
		want        Shape
	}{
		{"fields", `{ a { b c { d } } e }`, Shape{Operations: 1, RootFields: 2, Depth: 3, Fields: 5}},
		{"an alias", `{ x: a a: a }`, Shape{Operations: 1, RootFields: 2, Depth: 1, Fields: 2, Aliases: 1}},
		{"alike", `{ a a a { b } c { b } }`, Shape{Operations: 1, RootFields: 4, Depth: 2, Fields: 6, Alike: 3 + 1}},
		{"the largest of several operations", `query A { a { b } } query B { c d d }`,
			Shape{Operations: 2, RootFields: 3, Depth: 2, Fields: 3, Alike: 2}},
		{"fragments count where they are used", `{ ...f ... { ...f } } fragment f on T { x: a { b } }`,
			Shape{Operations: 1, RootFields: 2, Depth: 2, Fields: 4, Aliases: 2}},
		{"a fragment that nobody uses", `{ a } fragment f on T { b @d b }`,
			Shape{Operations: 1, RootFields: 1, Depth: 1, Fields: 1, Directives: 1, Alike: 1}},
		{"one that is missing", `{ a { ...g } }`, Shape{Operations: 1, RootFields: 1, Depth: 1, Fields: 1}},
		{"one in itself", `{ ...f } fragment f on T { a { ...f } ...f }`, Shape{Operations: 1, RootFields: 1, Depth: 1, Fields: 1}},
		{"two in each other", `{ ...f } fragment f on T { ...g } fragment g on T { a ...f }`,
			Shape{Operations: 1, RootFields: 1, Depth: 1, Fields: 1}},
		{"one twice", `{ ...f } fragment f on T { a } fragment f on T { a b c }`, Shape{Operations: 1, RootFields: 1, Depth: 1, Fields: 1}},
		{"directives", `query ($v: Int @d) @d { a @d @d ... @d { b } ...f @d } fragment f on T @d { c }`,
			Shape{Operations: 1, RootFields: 3, Depth: 1, Fields: 3, Directives: 7}},
		{"values", `query ($v: Int = [1]) { a(b: {c: [[{}]]}) b(c: 1) @d(e: [[]]) }`,
			Shape{Operations: 1, RootFields: 2, Depth: 1, Fields: 2, Directives: 1, Nesting: 4}},
		{"introspection", `{ __schema { types { name } } }`, Shape{Operations: 1, RootFields: 1, Depth: 1, Fields: 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc, err := parser.ParseQuery(&ast.Source{Input: test.query})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, ShapeOf(doc)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzShape: whatever can be parsed is measured, and nothing is less than nothing.
func FuzzShape(f *testing.F) {
	for _, seed := range []string{bomb(3), `{ ...f } fragment f on T { a { ...f } }`, `{ a(b: [{c: $d}]) @e }`, strings.Repeat("{a", 50)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, 2000)
		if err != nil {
			return
		}
		s := ShapeOf(doc)
		for _, n := range []int{s.RootFields, s.Depth, s.Aliases, s.Fields, s.Directives, s.Nesting, s.Alike} {
			if n < 0 || n > Most {
				t.Errorf("%+v", s)
			}
		}
	})
}
