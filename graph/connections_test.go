package graph

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/viewgate/viewgate/guard"
	"github.com/viewgate/viewgate/watch"
)

// TestConnectionsOfClients: whoever introduces nobody shuts out no other client, a client has so many connections and no more, and
// a plain query is none, whatever is accepted.
func TestConnectionsOfClients(t *testing.T) {
	l := newLive(t, ada, newOrders(1), func(o *Options, _ *watch.Options) {
		o.pace.begin, o.Connections = time.Hour, guard.NewConnections(6, 3)
	})
	l.server.Config.Handler = guard.Addresses(guard.Proxies{netip.MustParsePrefix("127.0.0.0/8")}, l.handler)
	of := func(address string) *websocket.DialOptions {
		return &websocket.DialOptions{Subprotocols: []string{socketProtocol}, HTTPHeader: http.Header{"X-Forwarded-For": {address}}}
	}
	refused := func(address string) {
		t.Helper()
		_, response, err := websocket.Dial(t.Context(), l.server.URL, of(address))
		if err == nil || response == nil || response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "1" {
			t.Errorf("%v %+v", err, response)
		}
	}
	introduced := func(address string) *client {
		t.Helper()
		c := l.connectWith(t, of(address))
		c.send(`{"type":"connection_init"}`)
		c.expect(`{"type":"connection_ack"}`)
		return c
	}
	l.connectWith(t, of("192.0.2.1"))
	for range 5 {
		refused("192.0.2.1")
	}
	var all []*client
	for range 3 {
		all = append(all, introduced("192.0.2.2"))
	}
	refused("192.0.2.2")
	all[0].conn.CloseNow()
	until(t, func() bool { return l.handler.Connections(OverWebSocket) == 3 })
	introduced("192.0.2.2")

	ask := func(query string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.server.URL, strings.NewReader(askBody(query)))
		if err == nil {
			r.Header.Set("X-Forwarded-For", "192.0.2.2")
		}
		return l.do(t, r, err, urql)
	}
	if a := ask("{ order(id: 1) { orderId } }"); a.StatusCode != http.StatusOK {
		t.Errorf("a plain query: %d", a.StatusCode)
	}
	if a := ask("subscription { orderChanged(id: 1) { orderId } }"); a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "1" {
		t.Errorf("a stream: %d %v", a.StatusCode, a.Header)
	}
	all[1].conn.CloseNow()
	until(t, func() bool { return l.handler.Connections(OverWebSocket) == 3 })
	if a := ask("subscription { orderChanged(id: 1) { orderId } }"); a.StatusCode != http.StatusOK || l.handler.Connections(OverEvents) != 1 {
		t.Errorf("a stream in a place that is free: %d", a.StatusCode)
	}
}
