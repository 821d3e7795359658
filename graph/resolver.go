package graph

import (
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/telemetry"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/watch"
)

// Resolver is the root of the generated resolvers. It is the same for all requests; what belongs to one is in request.
type Resolver struct {
	reader  *compose.Reader
	views   map[string]documentView // by name
	watcher *watch.Watcher          // nil: there are no subscriptions
	limits  Limits
	mapping *view.Mapping
	fields  *search.Fields // of the mapping
	schema  *ast.Schema
	tokens  compose.TokenKey
	tracer  *telemetry.Tracer
	sdl     string // what composers see
}
