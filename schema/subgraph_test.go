package schema_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/viewgate/viewgate/schema"
)

// TestSubgraph: composers see everything that clients do, as it is written, and nothing else: composing must add no
// directive nor enum of indexing to everybody's schema.
func TestSubgraph(t *testing.T) {
	text, err := schema.Subgraph()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parser.ParseSchema(&ast.Source{Name: "subgraph", Input: text})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(got.Directives) > 0 {
		t.Errorf("the directive @%s is defined", got.Directives[0].Name)
	}
	if len(got.SchemaExtension) != 1 || len(got.SchemaExtension[0].Directives.ForNames("link")) != 1 {
		t.Error("there is not exactly one @link")
	}
	// Definitions are compared as they are printed, without the directives that composers do not know.
	composers := []string{"key", "shareable", "tag", "specifiedBy", "deprecated"}
	whole := load(t)
	want := map[string]string{}
	for name, def := range whole.Types {
		file := def.Position.Src.Name
		if def.BuiltIn || file == "schema/directives.graphqls" || file == "schema/federation.graphqls" {
			continue
		}
		want[name] = printed(def, composers)
	}
	have := map[string]string{}
	for _, def := range got.Definitions {
		for _, extension := range got.Extensions {
			if extension.Name == def.Name {
				def.Fields = append(def.Fields, extension.Fields...)
			}
		}
		have[def.Name] = printed(def, nil)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-the schema +the subgraph):\n%s", diff)
	}
	for _, text := range []string{"_entities", "_service", "@view", "@index", "@filters", "@cost", "@listSize"} {
		if strings.Contains(have["Query"]+have["Order"]+have["OrderFilter"], text) {
			t.Errorf("%s is in the subgraph", text)
		}
	}
}

// printed returns a definition's text, with these directives alone where there is a list of them.
func printed(def *ast.Definition, directives []string) string {
	only := func(list ast.DirectiveList) (kept ast.DirectiveList) {
		for _, d := range list {
			if directives == nil || slices.Contains(directives, d.Name) {
				kept = append(kept, d)
			}
		}
		return kept
	}
	copied := *def
	copied.Directives = only(def.Directives)
	copied.Fields = nil
	for _, f := range def.Fields {
		if strings.HasPrefix(f.Name, "_") {
			continue // of introspection, and of every subgraph
		}
		field := *f
		field.Directives = only(f.Directives)
		field.Arguments = nil
		for _, a := range f.Arguments {
			argument := *a
			argument.Directives = only(a.Directives)
			field.Arguments = append(field.Arguments, &argument)
		}
		copied.Fields = append(copied.Fields, &field)
	}
	copied.EnumValues = nil
	for _, v := range def.EnumValues {
		value := *v
		value.Directives = only(v.Directives)
		copied.EnumValues = append(copied.EnumValues, &value)
	}
	var text bytes.Buffer
	formatter.NewFormatter(&text).FormatSchemaDocument(&ast.SchemaDocument{Definitions: ast.DefinitionList{&copied}})
	return text.String()
}
