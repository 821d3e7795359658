package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/graph/media"
	"github.com/viewgate/viewgate/guard"
	"github.com/viewgate/viewgate/watch"
)

// socketProtocol is the one that is spoken: github.com/enisdenjo/graphql-ws, PROTOCOL.md.
const socketProtocol = "graphql-transport-ws"

// Its reasons to close a connection.
const (
	closeBadRequest    websocket.StatusCode = 4400
	closeUnauthorized  websocket.StatusCode = 4401
	closeForbidden     websocket.StatusCode = 4403
	closeNoProtocol    websocket.StatusCode = 4406
	closeInitTimeout   websocket.StatusCode = 4408
	closeSameID        websocket.StatusCode = 4409
	closeTooManyInits  websocket.StatusCode = 4429
	closeStopping                           = websocket.StatusGoingAway
	closeLater                              = websocket.StatusTryAgainLater
	stoppingReason                          = "the server stops: connect again"
	maxCloseReasonSize                      = 123
)

func upgrades(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") }

// serveSocket serves a connection, for the request at ctx, until it is closed. gqlgen's own transport misses close codes of the
// protocol, ends what has failed twice, and waits without end for a client that reads nothing. A page of another origin than
// this server's is refused: a browser would send it along with what it knows its user by.
func (h *Handler) serveSocket(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	request := requestOf(ctx)
	place, err := h.begin(ctx, OverWebSocket)
	if err == nil {
		defer h.end(OverWebSocket, place)
		request.promise, err = promiseOf(r.Header, h.options.TokenKey)
	}
	if err != nil {
		e := &exchange{Handler: h, w: w, r: r, request: request, form: media.JSON}
		e.refuse(ctx, err)
		h.observe(ctx, request)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{socketProtocol}, OriginPatterns: h.options.Origins,
	})
	if err != nil {
		return // it has answered
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.stopping, cancel)()
	s := &socket{Handler: h, conn: conn, place: place, operations: map[string]*socketOperation{}, until: make(chan time.Time, 1)}
	if conn.Subprotocol() != socketProtocol {
		s.close(closeNoProtocol, "the subprotocol must be "+socketProtocol)
		return
	}
	conn.SetReadLimit(int64(h.options.Limits.Body))
	var running sync.WaitGroup
	running.Go(func() { s.guard(ctx) })
	running.Go(func() { s.ping(ctx) })
	s.read(ctx, &running)
	cancel()
	running.Wait()
	conn.CloseNow()
}

// socket is a WebSocket connection.
type socket struct {
	*Handler
	conn  *websocket.Conn
	place *guard.Connection
	init  atomic.Bool // the client has introduced itself

	until  chan time.Time // when what the client introduced itself by ends; sent to once
	unsent atomic.Int64   // bytes of the messages that are being sent, or wait for others to be

	mu         sync.Mutex
	operations map[string]*socketOperation // guarded by mu: those under way, by the client's ids
	begun      int                         // guarded by mu: how many operations there have been
}

type socketOperation struct{ cancel context.CancelFunc }

// message is what either side sends.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// close closes the connection, and waits some seconds for the client to do so, too.
func (s *socket) close(code websocket.StatusCode, reason string) {
	s.conn.Close(code, reason[:min(len(reason), maxCloseReasonSize)])
}

// guard closes the connection when the client does not begin in time, when its token expires, and when ctx ends. It waits for
// nothing else: a token is not good for longer because a client is slow.
func (s *socket) guard(ctx context.Context) {
	begin := time.NewTimer(s.options.pace.begin)
	defer begin.Stop()
	var expired <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			if s.stopping.Err() != nil {
				s.close(closeStopping, stoppingReason)
			}
			return
		case <-begin.C:
			if !s.init.Load() {
				s.close(closeInitTimeout, "connection_init did not come in time")
				return
			}
		case until := <-s.until:
			expire := time.NewTimer(time.Until(until))
			defer expire.Stop()
			expired = expire.C
		case <-expired:
			s.close(closeForbidden, "Forbidden: the token has expired")
			return
		}
	}
}

// ping cuts the connection off when the client does not answer pings. It returns when ctx ends.
func (s *socket) ping(ctx context.Context) {
	ping := time.NewTicker(s.options.pace.ping)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ping.C:
			waiting, cancel := context.WithTimeout(ctx, s.options.pace.pong)
			err := s.conn.Ping(waiting)
			cancel()
			if err != nil && ctx.Err() == nil {
				s.conn.CloseNow()
				return
			}
		}
	}
}

// read does what the client says until it says no more.
func (s *socket) read(ctx context.Context, running *sync.WaitGroup) {
	// Not with ctx: where that ends, the connection is closed in an orderly way, for which it must still be read.
	reading := context.WithoutCancel(ctx)
	for {
		kind, data, err := s.conn.Read(reading)
		if err != nil {
			return
		}
		var m message
		if kind != websocket.MessageText || json.Unmarshal(data, &m) != nil {
			s.close(closeBadRequest, "a message is a JSON object as text")
			return
		}
		if code, reason := s.handle(ctx, m, running); code != 0 {
			s.close(code, reason)
			return
		}
	}
}

// handle does what a message says. It returns why the connection must be closed, if so.
func (s *socket) handle(ctx context.Context, m message, running *sync.WaitGroup) (websocket.StatusCode, string) {
	switch m.Type {
	case "connection_init":
		if s.init.Swap(true) {
			return closeTooManyInits, "Too many initialisation requests"
		}
		return s.introduce(ctx, m.Payload)
	case "ping":
		s.write(message{Type: "pong", Payload: m.Payload})
	case "pong":
	case "subscribe":
		return s.subscribe(ctx, m, running)
	case "complete":
		s.mu.Lock()
		defer s.mu.Unlock()
		if o := s.operations[m.ID]; o != nil {
			o.cancel()
			delete(s.operations, m.ID) // the client may use the id again at once
		}
	default:
		return closeBadRequest, "a message's type is none of the protocol's"
	}
	return 0, ""
}

// introduce finds out who the client is, for all operations of the connection. Clients take 4403 for something that another
// token may mend, and connect again; 4401 would end them. Where the token is good and gives its owner nothing, the reason says so.
func (s *socket) introduce(ctx context.Context, payload json.RawMessage) (websocket.StatusCode, string) {
	var says struct{ Authorization *string } // or authorization
	if len(payload) > 0 && json.Unmarshal(payload, &says) != nil {
		return closeBadRequest, "the payload of connection_init is an object, and its Authorization is text"
	}
	request := requestOf(ctx) // no operation looks at it yet
	if says.Authorization != nil {
		request.asked.Set("Authorization", *says.Authorization)
	}
	asking, cancel := context.WithTimeout(ctx, s.options.Limits.Timeout)
	defer cancel()
	client, err := s.whoIs(asking, request.asked)
	if err != nil {
		is, _ := classify(ctx, err)
		request.tally = newTally(time.Now(), OverWebSocket)
		request.tally.failed(is)
		s.observe(ctx, request)
	}
	switch {
	case errors.Is(err, auth.ErrForbidden):
		return closeForbidden, "Forbidden: no role"
	case errors.Is(err, auth.ErrUnauthenticated):
		return closeForbidden, "Forbidden"
	case errors.As(err, new(*guard.SpentError)):
		return closeLater, err.Error()
	case err != nil:
		return closeLater, auth.ErrUnavailable.Error()
	}
	s.place.Introduce()
	request.client = client
	if !client.Until.IsZero() {
		s.until <- client.Until
	}
	s.write(message{Type: "connection_ack"})
	return 0, ""
}

// subscribe begins an operation of whatever kind.
func (s *socket) subscribe(ctx context.Context, m message, running *sync.WaitGroup) (websocket.StatusCode, string) {
	asked, err := readParams(m.Payload, s.options.Limits.Nesting)
	switch {
	case !s.init.Load():
		return closeUnauthorized, "Unauthorized"
	case m.ID == "":
		return closeBadRequest, "an operation has an id"
	case err != nil:
		return closeBadRequest, "the payload " + err.Error()
	case !asked.named():
		return closeBadRequest, "the payload has no query"
	}
	ctx, cancel := context.WithCancel(ctx)
	o := &socketOperation{cancel}
	s.mu.Lock()
	same, most := s.operations[m.ID] != nil, s.options.Limits.Operations
	full := len(s.operations) >= most
	if !same && !full {
		s.operations[m.ID] = o
	}
	s.begun++
	number := s.begun
	s.mu.Unlock()
	switch {
	case same:
		cancel()
		return closeSameID, "Subscriber for " + m.ID + " already exists"
	case full:
		cancel()
		s.refuse(ctx, m.ID, number, limited("%d operations are under way on this connection, which is as many as may be", most))
		return 0, ""
	}
	running.Go(func() {
		defer cancel()
		s.run(ctx, m.ID, number, o, asked)
	})
	return 0, ""
}

// refuse says that an operation cannot begin.
func (s *socket) refuse(ctx context.Context, id string, number int, err error) {
	is, message := classify(ctx, err)
	of := requestOf(ctx)
	refused := &request{id: operationID(of, number), client: of.client, tally: newTally(time.Now(), OverWebSocket)}
	refused.tally.failed(is)
	s.observe(ctx, refused)
	s.send(id, answer{&graphql.Response{Errors: gqlerror.List{{
		Message: message, Extensions: map[string]any{"code": is},
	}}}, true})
}

// operationID returns the id that a connection's operation is logged with.
func operationID(connection *request, number int) string {
	return connection.id + "-" + strconv.Itoa(number)
}

// run runs an operation to its end, and says so unless the client has ended it.
func (s *socket) run(ctx context.Context, id string, number int, o *socketOperation, asked *params) {
	err := s.operate(ctx, operationID(requestOf(ctx), number), OverWebSocket, asked, func(a answer) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if a.failed {
			s.forget(id, o)
		}
		return s.send(id, a)
	})
	ended := s.forget(id, o)
	switch {
	case errors.Is(err, watch.ErrStopped): // nothing is complete: the client is to subscribe again, elsewhere
		s.close(closeStopping, stoppingReason)
	case ended && ctx.Err() == nil:
		s.write(message{ID: id, Type: "complete"})
	}
}

// forget takes an operation out of those under way, before the client is told of its end: it may use the id again at once.
// It reports whether it was among them.
func (s *socket) forget(id string, o *socketOperation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.operations[id] != o {
		return false
	}
	delete(s.operations, id)
	return true
}

// send sends an answer; one that ends the operation as an error.
func (s *socket) send(id string, a answer) error {
	quoted, err := json.Marshal(id)
	if err != nil {
		return err
	}
	b := append([]byte(`{"id":`), quoted...)
	if a.failed {
		errs, err := json.Marshal(a.Errors)
		if err != nil {
			return err
		}
		b = append(append(b, `,"type":"error","payload":`...), errs...)
	} else if b, err = appendResponse(append(b, `,"type":"next","payload":`...), a.Response); err != nil {
		return err
	}
	return s.writeText(append(b, '}'))
}

func (s *socket) write(m message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.writeText(data)
}

// maxUnsent is how many bytes of messages may wait for a client to read them, where there are several: operations give their places
// back before they are answered, so that nothing else bounds what a client that reads nothing makes a connection hold.
const maxUnsent = 4 << 20

// writeText sends a message. It waits for a client that reads slowly; one that reads nothing for too long is cut off, and one for
// which too much waits, for it or for all: then the error is watch.ErrSlow.
func (s *socket) writeText(data []byte) error {
	size := int64(len(data))
	defer s.unsent.Add(-size)
	defer s.unread.add(len(data))()
	if unsent := s.unsent.Add(size); unsent > maxUnsent && unsent > size || unsent > little && s.unread.full() {
		s.conn.CloseNow()
		return watch.ErrSlow
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.options.pace.write)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, data); err != nil {
		s.conn.CloseNow()
		return err
	}
	return nil
}
