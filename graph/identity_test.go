package graph

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/graph/media"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/watch"
)

// byToken knows consumers by tokens that are their ids, others by what is wrong with theirs, and "brief" for a while.
func byToken(brief time.Duration) func(context.Context, http.Header) (auth.Identity, error) {
	return func(_ context.Context, client http.Header) (auth.Identity, error) {
		token := strings.TrimPrefix(client.Get("Authorization"), "Bearer ")
		switch token {
		case "":
			return auth.Identity{}, auth.ErrNoToken
		case "bad":
			return auth.Identity{}, fmt.Errorf("%w: the token is bad", auth.ErrUnauthenticated)
		case "nobody":
			return auth.Identity{}, fmt.Errorf("%w: the token has no role", auth.ErrForbidden)
		case "unclear":
			return auth.Identity{}, fmt.Errorf("%w: the key server is down", auth.ErrUnavailable)
		case "brief":
			return auth.Identity{Viewer: ada, Until: time.Now().Add(brief)}, nil
		}
		return auth.Identity{Viewer: view.As(view.RoleConsumer, token)}, nil
	}
}

func TestWhoIsRefused(t *testing.T) {
	g := newGateway(t, ada, newOrders(1), func(o *Options) { o.Viewer = byToken(0) })
	for _, test := range []struct {
		authorization string
		status        int
		challenge     string
		codes         []string
	}{
		{"", http.StatusUnauthorized, "Bearer", []string{"UNAUTHENTICATED"}},
		{"Bearer bad", http.StatusUnauthorized, `Bearer error="invalid_token"`, []string{"UNAUTHENTICATED"}},
		{"Bearer nobody", http.StatusForbidden, "", []string{"FORBIDDEN"}},
		{"Bearer unclear", http.StatusServiceUnavailable, "", []string{"UPSTREAM_UNAVAILABLE"}},
		{"Bearer 7", http.StatusOK, "", nil},
	} {
		t.Run(test.authorization, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ order(id: 1) { orderId } }"}`))
			r.Header.Set("Content-Type", "application/json")
			if test.authorization != "" {
				r.Header.Set("Authorization", test.authorization)
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if w.Code != test.status || w.Header().Get("WWW-Authenticate") != test.challenge {
				t.Errorf("status %d, challenge %q", w.Code, w.Header().Get("WWW-Authenticate"))
			}
			a := decodeAnswer(t, w)
			if diff := cmp.Diff(test.codes, a.codes()); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
			if refused := test.codes != nil; refused != (a.at("order", "orderId") == nil) {
				t.Errorf("answer %+v", a)
			}
			if strings.Contains(w.Body.String(), "key server") {
				t.Errorf("the answer tells too much: %s", w.Body)
			}
		})
	}
	var seen []string
	for _, o := range g.seen {
		seen = append(seen, o.Operation+" "+o.Outcome)
	}
	if diff := cmp.Diff([]string{"invalid UNAUTHENTICATED", "invalid UNAUTHENTICATED", "invalid FORBIDDEN",
		"invalid UPSTREAM_UNAVAILABLE", "order ok"}, seen); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

// What connection_init says counts, and where it says nothing the handshake.
func TestWhoConnects(t *testing.T) {
	l := newLive(t, ada, newOrders(1), func(o *Options, _ *watch.Options) { o.Viewer = byToken(50 * time.Millisecond) })
	const ack = `{"type":"connection_ack"}`
	for _, test := range []struct {
		name, handshake, payload string
		sees                     bool
		code                     websocket.StatusCode // 0: it is let in
		reason                   string
	}{
		{"handshake", "Bearer 7", ``, true, 0, ""},
		{"payload", "", `,"payload":{"Authorization":"Bearer 7"}`, true, 0, ""},
		{"payload in small letters", "", `,"payload":{"authorization":"Bearer 7"}`, true, 0, ""},
		{"payload before handshake", "Bearer 7", `,"payload":{"Authorization":"Bearer 8"}`, false, 0, ""},
		{"good payload, bad handshake", "Bearer bad", `,"payload":{"Authorization":"Bearer 7"}`, true, 0, ""},
		{"good handshake, bad payload", "Bearer 7", `,"payload":{"Authorization":"Bearer bad"}`, false, closeForbidden, "Forbidden"},
		{"payload of something else", "Bearer 7", `,"payload":{"client":"x"}`, true, 0, ""},
		{"payload null", "Bearer 7", `,"payload":null`, true, 0, ""},
		{"payload of another form", "Bearer 7", `,"payload":{"Authorization":7}`, false, closeBadRequest, "the payload of connection_init is an object, and its Authorization is text"},
		{"none", "", ``, false, closeForbidden, "Forbidden"},
		{"without a role", "Bearer nobody", ``, false, closeForbidden, "Forbidden: no role"},
		{"unclear", "Bearer unclear", ``, false, websocket.StatusTryAgainLater, auth.ErrUnavailable.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := l.connectAs(t, test.handshake)
			c.send(`{"type":"connection_init"` + test.payload + `}`)
			if test.code != 0 {
				if end := c.end(); end.Code != test.code || end.Reason != test.reason {
					t.Errorf("closed with %d %q, want %d %q", end.Code, end.Reason, test.code, test.reason)
				}
				return
			}
			c.expect(ack)
			c.subscribe("a", `{ order(id: "1") { orderId } }`)
			if a := c.next("next", "a"); test.sees != (a.at("order", "orderId") == "1") {
				t.Errorf("it sees %+v", a.Data)
			}
		})
	}
}

// What goes on in the name of a token ends with it, in a way that lets clients come again with another.
func TestExpiry(t *testing.T) {
	const brief = 500 * time.Millisecond
	l := newLive(t, ada, newOrders(1), func(o *Options, _ *watch.Options) { o.Viewer = byToken(brief) })
	t.Run("WebSocket", func(t *testing.T) {
		c := l.connectAs(t, "Bearer brief")
		c.send(`{"type":"connection_init"}`)
		c.expect(`{"type":"connection_ack"}`)
		c.subscribe("a", `subscription { orderChanged(id: "1") { orderId } }`)
		if code := c.closed(); code != closeForbidden {
			t.Errorf("closed with %d, want %d", code, closeForbidden)
		}
	})
	t.Run("WebSocket without pongs", func(t *testing.T) {
		pinged := make(chan struct{}, 1)
		l := newLive(t, ada, newOrders(1), func(o *Options, _ *watch.Options) {
			o.Viewer, o.pace.ping, o.pace.pong = byToken(brief), time.Millisecond, time.Hour
		})
		c := l.connectWith(t, &websocket.DialOptions{
			Subprotocols: []string{socketProtocol}, HTTPHeader: http.Header{"Authorization": {"Bearer brief"}},
			OnPingReceived: func(context.Context, []byte) bool {
				select {
				case pinged <- struct{}{}:
				default:
				}
				return false
			},
		})
		c.send(`{"type":"connection_init"}`)
		c.expect(`{"type":"connection_ack"}`)
		if code := c.closed(); code != closeForbidden {
			t.Errorf("closed with %d, want %d", code, closeForbidden)
		}
		select {
		case <-pinged:
		default:
			t.Error("no ping came")
		}
	})
	t.Run("events", func(t *testing.T) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.server.URL,
			strings.NewReader(`{"query":"subscription { orderChanged(id: 1) { orderId } }"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {string(media.Events)}, "Authorization": {"Bearer brief"}}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		lines := bufio.NewReader(response.Body)
		for {
			name, _, err := nextEvent(func() (string, error) { return lines.ReadString('\n') })
			if err != nil {
				break // the stream has ended
			}
			if name == "complete" {
				t.Error("it is told that there is no more")
			}
		}
	})
	until(t, func() bool { return l.watcher.Subscriptions() == 0 })
}

// connectAs connects with an Authorization in the handshake, unless it is "".
func (l *live) connectAs(t testing.TB, authorization string) *client {
	t.Helper()
	header := http.Header{}
	if authorization != "" {
		header.Set("Authorization", authorization)
	}
	return l.connectWith(t, &websocket.DialOptions{Subprotocols: []string{socketProtocol}, HTTPHeader: header})
}

// Where nothing can be recorded nothing is answered, whichever way it comes.
func TestNotReady(t *testing.T) {
	var full atomic.Bool
	l := newLive(t, ada, newOrders(1), func(o *Options, _ *watch.Options) {
		o.Ready = func() error {
			if full.Load() {
				return errors.New("the disk of the audit log is full")
			}
			return nil
		}
	})
	c := l.dial(t)
	full.Store(true)
	c.subscribe("a", `{ order(id: "1") { orderId } }`)
	if a := c.next("error", "a"); cmp.Diff([]string{"UPSTREAM_UNAVAILABLE"}, a.codes()) != "" {
		t.Errorf("over WebSocket: %+v", a)
	}
	a := l.ask(t, `{ order(id: "1") { orderId } }`)
	if a.status != http.StatusServiceUnavailable || cmp.Diff([]string{"UPSTREAM_UNAVAILABLE"}, a.codes()) != "" || a.Data != nil {
		t.Errorf("over HTTP: %+v", a)
	}
	if strings.Contains(fmt.Sprint(a), "disk") {
		t.Errorf("clients are told too much: %+v", a)
	}
	full.Store(false)
	l.mustAsk(t, `{ order(id: "1") { orderId } }`)
}
