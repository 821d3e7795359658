package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
)

// The files whose definitions are left out of what composers see: how the view is indexed, which is nobody else's, and
// what every subgraph has, which composers add themselves.
var ours = []string{"schema/directives.graphqls", "schema/federation.graphqls"}

// Subgraph returns the schema as a subgraph tells it to composers: without the definitions of ours, and without the
// directives that directives.graphqls defines wherever they stand. A directive that an enum or a type belongs to would
// compose, and its enum would be in everybody's schema.
func Subgraph() (string, error) {
	doc, err := parser.ParseSchemas(Sources()...)
	if err != nil {
		return "", fmt.Errorf("schema: %w", err)
	}
	isOurs := func(p *ast.Position) bool { return slices.Contains(ours, p.Src.Name) }
	indexing := map[string]bool{}
	for _, d := range doc.Directives {
		if d.Position.Src.Name == ours[0] {
			indexing[d.Name] = true
		}
	}
	strip := func(list *ast.DirectiveList) {
		*list = slices.DeleteFunc(*list, func(d *ast.Directive) bool { return indexing[d.Name] })
	}
	doc.Directives = slices.DeleteFunc(doc.Directives, func(d *ast.DirectiveDefinition) bool { return isOurs(d.Position) })
	for _, list := range []*ast.DefinitionList{&doc.Definitions, &doc.Extensions} {
		*list = slices.DeleteFunc(*list, func(d *ast.Definition) bool { return isOurs(d.Position) })
		for _, def := range *list {
			strip(&def.Directives)
			for _, f := range def.Fields {
				strip(&f.Directives)
				for _, a := range f.Arguments {
					strip(&a.Directives)
				}
			}
			for _, v := range def.EnumValues {
				strip(&v.Directives)
			}
		}
	}
	var text strings.Builder
	formatter.NewFormatter(&text, formatter.WithIndent("  ")).FormatSchemaDocument(doc)
	return text.String(), nil
}
