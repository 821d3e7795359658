package graph

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// note is an entry of extensions.freshness: how fresh one field's answer is.
type note struct {
	Path   ast.Path       `json:"path"`
	Source compose.Source `json:"source"`
	Reason compose.Reason `json:"reason"`
	Kept   bool           `json:"kept"`
	LagMs  *int64         `json:"lagMs"` // how far the view is behind; null where nobody knows
	// Versions are those shown, in the form of the schema's SeenVersion; null for a list.
	Versions []seenVersion `json:"versions"`
	// Token says what was shown, and what the request's own token said; null for nothing, or for too much for a token.
	Token *string `json:"token"`

	search bool // it was found by a search, which may see writes later than a read by id
}

type seenVersion struct {
	Aggregate order.Aggregate `json:"aggregate"`
	ID        string          `json:"id"`
	Version   view.Version    `json:"version"`
}

// provenance gathers where one field's answer came from, which may be of several things.
type provenance struct {
	token  compose.Seen // what the request's token said
	list   bool         // the answer is a list, of which versions are not told one by one
	shown  compose.Seen
	source compose.Source // "" as long as nothing was added
	reason compose.Reason
	kept   bool
}

// add says where one more thing came from.
func (p *provenance) add(source compose.Source, reason compose.Reason, kept bool) {
	if p.source == "" {
		p.source, p.reason, p.kept = source, reason, kept
		return
	}
	if p.source != source {
		p.source = compose.FromBoth
	}
	p.reason = compose.Weightier(p.reason, reason)
	p.kept = p.kept && kept
}

// show says that an order was shown at these versions.
func (p *provenance) show(id string, v compose.Versions) {
	if v != (compose.Versions{}) {
		if p.shown == nil {
			p.shown = compose.Seen{}
		}
		p.shown.Merge(compose.Seen{id: v})
	}
}

// tell adds what was gathered to extensions.freshness, for the field at ctx.
func (r *Resolver) tell(ctx context.Context, p provenance) {
	if p.source == "" {
		return
	}
	n := note{Path: graphql.GetPath(ctx), Source: p.source, Reason: p.reason, Kept: p.kept, search: p.list}
	if !p.list {
		n.Versions = []seenVersion{}
		for _, id := range slices.Sorted(maps.Keys(p.shown)) {
			for _, a := range order.Aggregates {
				if version := p.shown[id].Of(a); version > 0 {
					n.Versions = append(n.Versions, seenVersion{a, id, version})
				}
			}
		}
	}
	all := compose.Seen{}
	all.Merge(p.token)
	all.Merge(p.shown)
	if token, err := r.tokens.Sign(all); err == nil && token != "" {
		n.Token = &token
	}
	request := requestOf(ctx)
	request.mu.Lock()
	defer request.mu.Unlock()
	request.notes = append(request.notes, n)
}

// freshness puts what was told into a response's extensions.
func freshness(lag Lag, searchDelay time.Duration) graphql.ResponseMiddleware {
	return func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		var behind time.Duration
		known := false
		if lag != nil { // asked before the view is read, which may catch up while it is
			behind, known = lag.Lag(ctx)
		}
		response := next(ctx)
		if response == nil {
			return nil
		}
		request := requestOf(ctx)
		request.mu.Lock()
		defer request.mu.Unlock()
		if len(request.notes) == 0 {
			return response
		}
		if known {
			for i := range request.notes {
				ms := behind.Milliseconds()
				if request.notes[i].search {
					ms += searchDelay.Milliseconds()
				}
				request.notes[i].LagMs = &ms
			}
		}
		// Fields end in any order; an answer should not depend on it.
		slices.SortFunc(request.notes, func(a, b note) int { return strings.Compare(a.Path.String(), b.Path.String()) })
		if response.Extensions == nil {
			response.Extensions = map[string]any{}
		}
		response.Extensions["freshness"] = request.notes
		return response
	}
}
