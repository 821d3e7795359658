package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/graph/media"
)

// The form of an answer in parts: github.com/graphql/graphql-over-http, rfcs/IncrementalDelivery.md, with the payloads of
// August 2022, which Apollo's clients name in the media type. The delimiter behind a part goes with it, so that the client
// knows at once that the part is whole.
const (
	partsType = string(media.Parts) + `; boundary="-"; deferSpec=20220824`
	partsOpen = "\r\n---\r\n"
	partOpen  = "Content-Type: application/json; charset=utf-8\r\n\r\n"
	partsEnd  = "\r\n-----\r\n"
)

// parts answers in parts: first what is not deferred, then each of what is when it is there. Where nothing turns out to be
// deferred, the answer is a single one.
func (e *exchange) parts(ctx context.Context, ready *graphql.OperationContext) {
	p := &parts{
		w: e.w, control: http.NewResponseController(e.w), write: e.options.pace.write, until: time.Now().Add(e.options.Limits.Timeout),
		unread: &e.unread,
	}
	err := e.execute(ctx, ready, func(a answer) error {
		more := a.HasNext != nil && *a.HasNext
		if len(p.shown) > 0 {
			return p.add(a.Response, more)
		}
		if !more && e.form != "" {
			e.respond(a.Response)
			return nil
		}
		e.request.tally.answered(http.StatusOK)
		e.w.Header().Set("Content-Type", partsType)
		e.w.Header().Add("Vary", "Accept")
		e.w.Header().Set("X-Accel-Buffering", "no") // nginx would keep parts back
		return p.begin(a.Response, more)
	})
	if p.more && err != nil && ctx.Err() == nil { // the client waits for what comes no more
		last := e.failed(ctx, ready, gqlerror.List{gqlerror.Wrap(err)})
		last.Path = ast.Path{}
		p.waiting = nil
		p.add(last, false)
	}
	p.control.SetWriteDeadline(time.Time{}) // which the connection's next response would have, too
}

// parts is an answer in parts.
type parts struct {
	w       http.ResponseWriter
	control *http.ResponseController
	write   time.Duration // how long the last part may take
	until   time.Time     // when all others must have been sent: the operation holds its place until then
	unread  *unread

	more    bool                // the client has been told that there is
	shown   []shownPart         // what the client has
	waiting []*graphql.Response // for that which they are part of
}

type shownPart struct {
	path ast.Path
	data any
}

func (p *parts) begin(r *graphql.Response, more bool) error {
	p.show(r)
	part, err := appendFirst([]byte(partsOpen), r, more)
	if err != nil {
		return err
	}
	return p.send(part, more)
}

// add sends what was deferred, as soon as the client has what it is part of: gqlgen may have the inner before the outer.
func (p *parts) add(r *graphql.Response, more bool) error {
	p.waiting = append(p.waiting, r)
	var next []*graphql.Response
	for i := 0; i < len(p.waiting); {
		if r := p.waiting[i]; p.shows(r.Path) {
			p.show(r)
			next = append(next, r)
			p.waiting = slices.Delete(p.waiting, i, i+1)
			i = 0 // others may be part of it
			continue
		}
		i++
	}
	if !more {
		p.waiting = nil // they are part of what has become null
	}
	if len(next) == 0 && more {
		return nil
	}
	part, err := appendDeferred(nil, next, more)
	if err != nil {
		return err
	}
	return p.send(part, more)
}

// show remembers what the client has.
func (p *parts) show(r *graphql.Response) {
	s := shownPart{path: r.Path}
	_ = json.Unmarshal(withoutLater(r.Data), &s.data) // it is JSON
	p.shown = append(p.shown, s)
}

// shows reports whether the client has an object at a place.
func (p *parts) shows(path ast.Path) bool {
	return slices.ContainsFunc(p.shown, func(s shownPart) bool {
		if len(path) < len(s.path) || !slices.Equal(path[:len(s.path)], s.path) {
			return false
		}
		at := s.data
		for _, step := range path[len(s.path):] {
			switch step := step.(type) {
			case ast.PathName:
				object, _ := at.(map[string]any)
				at = object[string(step)]
			case ast.PathIndex:
				list, _ := at.([]any)
				if int(step) >= len(list) {
					return false
				}
				at = list[step]
			}
		}
		return at != nil || len(path) == len(s.path)
	})
}

func (p *parts) send(part []byte, more bool) error {
	p.more = more
	deadline := p.until
	if !more {
		deadline = time.Now().Add(p.write)
	}
	p.control.SetWriteDeadline(deadline) // not every writer has one
	defer p.unread.add(len(part))()
	if _, err := p.w.Write(part); err != nil {
		return err
	}
	return p.control.Flush()
}

// appendFirst appends the part that is answered first.
func appendFirst(b []byte, r *graphql.Response, more bool) ([]byte, error) {
	b, err := appendResponse(append(b, partOpen...), r)
	if err != nil {
		return nil, err
	}
	return endPart(b[:len(b)-len("}")], more), nil
}

// appendDeferred appends a part with what was deferred, of several fragments if they are there at once.
func appendDeferred(b []byte, list []*graphql.Response, more bool) ([]byte, error) {
	b = append(append(b, partOpen...), '{')
	for i, r := range list {
		place, err := json.Marshal(r.Path)
		if err != nil {
			return nil, fmt.Errorf("graph: encode a path: %w", err)
		}
		label := []byte(nil)
		if r.Label != "" {
			if label, err = json.Marshal(r.Label); err != nil {
				return nil, fmt.Errorf("graph: encode a label: %w", err)
			}
		}
		if i == 0 {
			b = append(b, `"incremental":[`...)
		} else {
			b = append(b, ',')
		}
		if b, err = appendResponse(b, r); err != nil {
			return nil, err
		}
		b = appendMember(b[:len(b)-len("}")], "path", place)
		b = append(appendMember(b, "label", label), '}')
	}
	if len(list) > 0 {
		b = append(b, ']')
	}
	return endPart(b, more), nil
}

// endPart ends an object that is a part, and the part.
func endPart(b []byte, more bool) []byte {
	if !more {
		return append(append(appendMember(b, "hasNext", []byte("false")), '}'), partsEnd...)
	}
	return append(append(appendMember(b, "hasNext", []byte("true")), '}'), partsOpen...)
}
