package graph

import (
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/view"
)

// Resolver is the root of the generated resolvers. It is the same for all requests; what belongs to one is in request.
type Resolver struct {
	reader  *compose.Reader
	mapping *view.Mapping
	schema  *ast.Schema
	tokens  compose.TokenKey
}
