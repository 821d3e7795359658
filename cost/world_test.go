package cost

import (
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
	"pgregory.net/rapid"
)

const directives = `
	directive @cost(weight: String!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
	directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!],
		requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
`

const things = directives + `
	type Query {
		thing(fresh: Boolean @cost(weight: "40"), of: [ID!] @cost(weight: "7")): Thing @cost(weight: "3")
		page(first: Int, last: Int, where: Where): Page! @cost(weight: "100") @listSize(assumedSize: 20,
			slicingArguments: ["first", "last"], sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false)
		some(ids: [ID!]!): [Either]! @listSize(slicingArguments: ["ids"])
		exactly(first: Int, last: Int): [Thing] @listSize(slicingArguments: ["first", "last"])
		usually: [Thing] @listSize(assumedSize: 7)
	}
	type Page { edges: [Edge!]! nodes: [Thing!]! total: Count counted(first: Int! = 5): Page
		@listSize(slicingArguments: ["first"], sizedFields: ["nodes"]) }
	type Edge { node: Thing! cursor: String }
	type Count { count: Int }
	type Thing { id: ID name: String self: Thing color: Color page(first: Int): Page @cost(weight: "10") @listSize(assumedSize: 20,
		slicingArguments: ["first"], sizedFields: ["edges", "nodes"]  requireOneSlicingArgument: false) }
	type Dear @cost(weight: "5") { id: ID }
	enum Color @cost(weight: "2") { RED }
	union Either = Thing | Dear
	input Where { is: String @cost(weight: "1") in: [String!] @cost(weight: "1") and: [Where!] not: Where }
`

func modelOf(t testing.TB, sdl string) (*ast.Schema, *Model) {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: sdl})
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(schema)
	if err != nil {
		t.Fatal(err)
	}
	return schema, m
}

// parse reads a query and finds what its fields are, but does not ask whether it is valid.
func parse(t rapid.TB, schema *ast.Schema, query string) *ast.QueryDocument {
	t.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: query})
	if err != nil {
		t.Fatalf("%v in %s", err, query)
	}
	none := rules.NewRules()
	if errs := validator.ValidateWithRules(schema, doc, none); len(errs) > 0 {
		t.Fatalf("%v", errs)
	}
	return doc
}
