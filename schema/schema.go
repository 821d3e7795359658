// Package schema embeds the GraphQL schema, the one source of the views' shapes and of the API.
package schema

import (
	"embed"
	"fmt"
	"path"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

//go:embed *.graphqls
var files embed.FS

// Sources returns the schema's files, ordered by name.
func Sources() []*ast.Source {
	entries, err := files.ReadDir(".")
	if err != nil { // the directory is part of the program
		panic(fmt.Sprintf("schema: %v", err))
	}
	sources := make([]*ast.Source, 0, len(entries))
	for _, entry := range entries {
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			panic(fmt.Sprintf("schema: %v", err))
		}
		sources = append(sources, &ast.Source{Name: path.Join("schema", entry.Name()), Input: string(text)})
	}
	return sources
}

// Load parses and validates the schema.
func Load() (*ast.Schema, error) {
	s, err := gqlparser.LoadSchema(Sources()...)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return s, nil
}
