package graph

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/graph/media"
)

// stream answers with events: github.com/enisdenjo/graphql-sse, PROTOCOL.md, distinct connections. gqlgen's own transport
// takes no GET, so no EventSource, and writes to a response that has ended. It lasts as long as the client's token; a stream that
// ends without "complete" is to be asked for again. What is wrong with the operation is its only event.
func (e *exchange) stream(ctx context.Context, ready *graphql.OperationContext, wrong gqlerror.List) {
	place, err := e.begin(ctx, OverEvents)
	if err != nil {
		e.refuse(ctx, err)
		return
	}
	defer e.end(OverEvents, place)
	e.request.tally.transport = OverEvents
	ctx, cancel := e.request.client.Context(ctx)
	defer cancel()
	defer context.AfterFunc(e.stopping, cancel)()
	s := &stream{w: e.w, control: http.NewResponseController(e.w), write: e.options.pace.write, unread: &e.unread}
	s.control.SetReadDeadline(time.Time{}) // the server's is for the request, and would end the stream
	e.w.Header().Set("Content-Type", string(media.Events))
	e.w.Header().Set("Cache-Control", "no-store")
	e.w.Header().Set("X-Accel-Buffering", "no") // nginx would keep events back
	var running sync.WaitGroup
	e.request.header = http.Header{} // the response's is sent as it is now
	running.Go(func() { s.keepAlive(ctx, e.options.pace.ping) })
	if len(wrong) > 0 {
		err = s.next(e.failed(ctx, ready, wrong))
	} else {
		err = e.execute(ctx, ready, func(a answer) error { return s.next(a.Response) })
	}
	if err == nil {
		s.send([]byte("event: complete\ndata:\n\n"))
	}
	cancel()
	running.Wait()
	s.control.SetWriteDeadline(time.Time{}) // which the connection's next response would have, too
}

// stream is a response of events.
type stream struct {
	control *http.ResponseController
	write   time.Duration // how long an event may take
	unread  *unread

	mu    sync.Mutex
	w     http.ResponseWriter // guarded by mu
	begun bool                // guarded by mu: something has been sent
}

// next sends an answer.
func (s *stream) next(response *graphql.Response) error {
	event, err := appendResponse([]byte("event: next\ndata: "), response)
	if err != nil {
		return err
	}
	return s.send(append(event, "\n\n"...))
}

// comment is what clients leave out.
const comment = ":\n\n"

// send sends an event, or nothing; behind a comment if it is the first.
func (s *stream) send(event []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.begun, event = true, append([]byte(comment), event...)
	}
	if len(event) == 0 {
		return nil
	}
	s.control.SetWriteDeadline(time.Now().Add(s.write)) // not every writer has one
	defer s.unread.add(len(event))()
	if _, err := s.w.Write(event); err != nil {
		return err
	}
	return s.control.Flush()
}

// keepAlive begins the stream, so that the client knows at once that it is through, and sends comments, so that nothing on the way
// takes the connection for dead, until ctx ends. It waits for the client while the operation runs, which does not.
func (s *stream) keepAlive(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for err := s.send(nil); err == nil; err = s.send([]byte(comment)) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
