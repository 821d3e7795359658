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
	LagMs  *int64         `json:"lagMs"` // how far the view is behind; null where nobody knows, or it was not asked
	// Versions are those shown, in the form of the schema's SeenVersion; of a list those of composed orders only.
	Versions []seenVersion `json:"versions"`
	// Parts are those of single orders that are not the view's alone, in the order of Versions.
	Parts []partNote `json:"parts,omitempty"`
	// Approximate says that composed orders stand in the list where they do by a guess.
	Approximate bool `json:"approximate,omitempty"`
	// Token says what was shown, and what the request's own token said; null for nothing, or for too much for a token.
	Token *string `json:"token"`
}

type seenVersion struct {
	Aggregate order.Aggregate `json:"aggregate"`
	ID        string          `json:"id"`
	Version   view.Version    `json:"version"`
}

// partNote says where one part of an order came from.
type partNote struct {
	Aggregate order.Aggregate `json:"aggregate"`
	ID        string          `json:"id"`
	Source    compose.Source  `json:"source"`           // never MIXED
	Failed    compose.Reason  `json:"failed,omitempty"` // why its owner could not be asked
}

// partNotes says where each of these parts of an order came from. A part that is not there has no entry, unless that is
// because its owner could not be asked.
func partNotes(id string, parts compose.Parts, a compose.Answer) []partNote {
	var notes []partNote
	for _, aggregate := range parts.List() {
		n := partNote{Aggregate: aggregate, ID: id, Source: compose.FromView}
		if a.Owned.Has(aggregate) {
			n.Source = compose.FromOwners
		}
		if err := a.Failed[aggregate]; err != nil {
			n.Failed = compose.ReasonOf(err)
		}
		if a.Order.Parts[aggregate] != nil || n.Failed != "" {
			notes = append(notes, n)
		}
	}
	return notes
}

// provenance gathers where one field's answer came from, which may be of several things.
type provenance struct {
	token       compose.Read // what the request's token said
	list        bool         // the answer is a list, of which only what was composed is told one by one
	approximate bool
	things      []string       // orders and consumers that are shown, such as "Order:1"
	shown       compose.Seen   // orders with versions
	composed    compose.Seen   // that of shown which the view did not have
	parts       []partNote     // of orders that are not the view's alone
	source      compose.Source // "" as long as nothing was added
	reason      compose.Reason
	kept        bool
	lag         *time.Duration
}

// add says where one more thing came from.
func (p *provenance) add(source compose.Source, reason compose.Reason, kept bool, lag *time.Duration) {
	if p.lag == nil || lag != nil && *lag > *p.lag {
		p.lag = lag
	}
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

// show says that an order was shown at these versions, and whether some of it was composed.
func (p *provenance) show(id string, v compose.Versions, composed bool) {
	p.things = append(p.things, orderType+":"+id)
	if v == (compose.Versions{}) {
		return
	}
	if p.shown == nil {
		p.shown, p.composed = compose.Seen{}, compose.Seen{}
	}
	p.shown.Merge(compose.Seen{id: v})
	if composed {
		p.composed.Merge(compose.Seen{id: v})
	}
}

// tell adds what was gathered to extensions.freshness, for the field at ctx.
func (r *Resolver) tell(ctx context.Context, p provenance) {
	if p.source == "" {
		return
	}
	n := note{
		Path: graphql.GetPath(ctx), Source: p.source, Reason: p.reason, Kept: p.kept, Approximate: p.approximate,
		Versions: []seenVersion{}, Parts: p.parts,
	}
	if p.lag != nil {
		ms := p.lag.Milliseconds()
		n.LagMs = &ms
	}
	told := p.shown
	if p.list {
		told = p.composed
	}
	for _, id := range slices.Sorted(maps.Keys(told)) {
		for _, a := range order.Aggregates {
			if version := told[id].Of(a); version > 0 {
				n.Versions = append(n.Versions, seenVersion{a, id, version})
			}
		}
	}
	shown := showing{token: p.token, shown: p.shown, composed: p.composed}
	if token, err := r.tokens.Sign(shown.read(ctx, r.reader)); err == nil && token != "" {
		n.Token = &token
	}
	request := requestOf(ctx)
	request.tally.tells(p.source, p.things)
	request.mu.Lock()
	defer request.mu.Unlock()
	request.alone = nil
	if request.showing.shown == nil {
		request.alone = n.Token
	}
	request.notes = append(request.notes, n)
	request.showing.add(shown)
}

// showing is what a client has been shown: before, and by an answer.
type showing struct {
	token    compose.Read
	shown    compose.Seen
	composed compose.Seen // that of shown which the view did not have
}

func (s *showing) add(other showing) {
	s.token.Merge(other.token)
	if s.shown == nil {
		s.shown, s.composed = compose.Seen{}, compose.Seen{}
	}
	s.shown.Merge(other.shown)
	s.composed.Merge(other.composed)
}

// endsWait is how long the question where the topics end may take, which is asked for the token alone.
const endsWait = 100 * time.Millisecond

// read returns all of it as a token can hold it. A token cannot name all of a long list: then it names the orders that it
// must, which are those that the view did not have, and says of the rest that it had been published when the answer was
// there.
func (s showing) read(ctx context.Context, reader *compose.Reader) compose.Read {
	var read compose.Read
	read.Merge(s.token)
	read.Merge(compose.Read{Seen: s.shown})
	if len(read.Seen) <= compose.MaxSeen {
		return read
	}
	ctx, cancel := context.WithTimeout(ctx, endsWait)
	defer cancel()
	ends, err := reader.Ends(ctx)
	if err != nil {
		return read // too much for a token
	}
	for id := range s.shown {
		_, before := s.token.Seen[id]
		_, composed := s.composed[id]
		if !before && !composed {
			delete(read.Seen, id)
		}
	}
	read.Merge(compose.Read{Beyond: ends})
	return read
}

// extensions puts what was told into a response's extensions, and into its header the token of all that was shown.
func extensions(tokens compose.TokenKey, reader *compose.Reader) graphql.ResponseMiddleware {
	return func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		response := next(ctx)
		if response == nil {
			return nil
		}
		request := requestOf(ctx)
		request.mu.Lock()
		defer request.mu.Unlock()
		extend(response, "search", request.searches, func(s searched) ast.Path { return s.Path })
		extend(response, "freshness", request.notes, func(n note) ast.Path { return n.Path })
		tells := len(request.notes) > 0
		request.searches, request.notes = nil, nil // a part tells what those before have not
		if !tells {
			return response
		}
		if request.alone != nil && request.promise.token.IsZero() {
			request.header.Set(tokenHeader, *request.alone)
			return response
		}
		all := request.showing
		all.add(showing{token: request.promise.token})
		if token, err := tokens.Sign(all.read(ctx, reader)); err == nil && token != "" {
			request.header.Set(tokenHeader, token)
		}
		return response
	}
}

// extend puts what was told of fields into a response's extensions, if there is anything. Fields end in any order; an answer
// should not depend on it.
func extend[T any](response *graphql.Response, name string, told []T, path func(T) ast.Path) {
	if len(told) == 0 {
		return
	}
	slices.SortFunc(told, func(a, b T) int { return strings.Compare(path(a).String(), path(b).String()) })
	if response.Extensions == nil {
		response.Extensions = map[string]any{}
	}
	response.Extensions[name] = told
}
