package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/watch"
)

func TestSubscriptionToAnOrder(t *testing.T) {
	l := newLive(t, ada, newOrders(1))
	c := l.dial(t)
	c.subscribe("a", `subscription { changed: orderChanged(id: "1") { orderId version state restaurant { name } } }`)
	first := c.next("next", "a")
	if first.at("changed", "version") != 2.0 {
		t.Fatalf("first %+v", first)
	}
	for version := 3; version <= 5; version++ {
		l.write(t, at(1, version, order.Approved))
		a := c.next("next", "a")
		if a.at("changed", "version") != float64(version) {
			t.Fatalf("version %v, want %d", a.at("changed", "version"), version)
		}
		token := a.Extensions.Freshness[0].Token
		a.Extensions.Freshness[0].Token = nil
		lag := 250
		want := []told{{Path: []any{"changed"}, Source: "VIEW", Reason: "satisfied", Kept: true, LagMs: &lag,
			Versions: []seenVersion{{order.AggregateOrder, "1", view.Version(version)}}}}
		if diff := cmp.Diff(want, a.Extensions.Freshness); diff != "" {
			t.Errorf("freshness (-want +got):\n%s", diff)
		}
		after := l.mustAsk(t, `query ($token: String) {
			order(id: "1", freshness: {mode: AT_LEAST, token: $token, onStale: ERROR}) { version } }`, map[string]any{"token": token})
		if after.at("order", "version") != float64(version) {
			t.Errorf("with the message's token %v", after.at("order", "version"))
		}
	}
	c.subscribe("b", `subscription { orderChanged(id: "9") { version } }`)
	none := c.next("next", "b")
	if order, there := none.Data["orderChanged"]; order != nil || !there || none.Extensions.Freshness[0].Reason != "missing" {
		t.Errorf("an order that there is not: %+v", none)
	}
	c.send(`{"id":"a","type":"complete"}`)
	c.subscribe("a", `{ order(id: "1") { version } }`) // the id may be used again at once
	if a := c.next("next", "a"); a.at("order", "version") != 5.0 {
		t.Errorf("%+v", a)
	}
	c.expect(`{"id":"a","type":"complete"}`)
}

func TestSubscriptionToAList(t *testing.T) {
	l := newLive(t, ada, newOrders(3))
	c := l.dial(t)
	c.subscribe("a", `subscription ($first: Int = 2) {
		ordersChanged(query: "chicken", filter: {state: {eq: APPROVED}}, first: $first) { orderId version } }`)
	message := func(want string, matches bool) {
		t.Helper()
		a := c.next("next", "a")
		got := fmt.Sprintf("%v/%v", a.at("ordersChanged", "orderId"), a.at("ordersChanged", "version"))
		if got != want || a.Extensions.Matches == nil || *a.Extensions.Matches != matches || len(a.Errors) > 0 {
			t.Fatalf("%s %+v, want %s, %t", got, a, want, matches)
		}
	}
	message("2/2", true)
	message("3/2", true)
	l.write(t, at(1, 3, order.Approved))
	message("1/3", true)
	l.write(t, at(1, 4, order.Cancelled))
	message("1/4", false)
	foreign := at(4, 1, order.Approved)
	foreign.Consumer = &order.Consumer{ConsumerID: "8"}
	l.write(t, foreign)
	l.write(t, at(5, 1, order.Approved))
	message("5/1", true)
}

func TestSubscriptionToWhatIsShown(t *testing.T) {
	l := newLive(t, ada, newOrders(3))
	l.write(t, at(2, 3, order.Cancelled))
	c := l.dial(t)
	c.subscribe("a", `subscription {
		ordersChanged(filter: {state: {eq: APPROVED}}, first: 0, shown: ["3", "`+globalID("Order", "2")+`"]) { orderId } }`)
	for range 2 {
		a := c.next("next", "a")
		matches := map[any]bool{"2": false, "3": true}[a.at("ordersChanged", "orderId")]
		if a.Extensions.Matches == nil || *a.Extensions.Matches != matches || len(a.Errors) > 0 {
			t.Errorf("%+v, want that it matches: %t", a, matches)
		}
	}
	l.write(t, at(3, 3, order.Cancelled))
	if a := c.next("next", "a"); a.at("ordersChanged", "orderId") != "3" || *a.Extensions.Matches {
		t.Errorf("%+v, want that 3 no longer matches", a)
	}
}

// An order's fields are resolved as anywhere: errors say where they belong, and what is loaded for one message is not shown
// in the next.
func TestMessagesAreAnswers(t *testing.T) {
	l := newLive(t, ada, newOrders(1))
	c := l.dial(t)
	c.subscribe("a", `subscription { orderChanged(id: "1") { consumer { orderHistory { total { count } } } } }`)
	for n := 1; n <= 3; n++ {
		a := c.next("next", "a")
		if got := a.at("orderChanged", "consumer", "orderHistory", "total", "count"); got != float64(n) {
			t.Errorf("the consumer has %v orders, want %d", got, n)
		}
		l.put(t, newOrder(n+1))
		l.write(t, at(1, n+2, order.Approved))
	}
	bad := at(1, 9, "NO_STATE")
	l.write(t, bad)
	c.subscribe("b", `subscription { seen: orderChanged(id: "1") { orderId consumer { name } state } }`)
	for {
		text := c.read()
		if !strings.Contains(text, `"id":"b"`) {
			continue
		}
		if !strings.Contains(text, `"path":["seen","state"]`) || !strings.Contains(text, "INTERNAL_SERVER_ERROR") {
			t.Errorf("message %s", text)
		}
		break
	}
}

func TestOperationsOverWebSocket(t *testing.T) {
	l := newLive(t, ada, newOrders(1), func(o *Options, w *watch.Options) { w.Most = 2; o.Limits.Operations = 3 })
	c := l.dial(t)
	ask := func(id, query string) { c.subscribe(id, query) }
	for _, test := range []struct{ name, query, code, message string }{
		{"syntax", `{`, "BAD_USER_INPUT", "Expected Name"},
		{"unknown field", `subscription { orderChanged(id: 1) { secret } }`, "BAD_USER_INPUT", "secret"},
		{"two fields", `subscription { a: orderChanged(id: 1) { id } b: orderChanged(id: 1) { id } }`, "BAD_USER_INPUT",
			"exactly one field"},
		{"introspection", `subscription { __typename }`, "BAD_USER_INPUT", "must not select an introspection"},
		{"nothing left", `subscription { orderChanged(id: 1) @skip(if: true) { id } }`, "BAD_USER_INPUT", "exactly one field"},
		{"too complex", `subscription { ordersChanged(first: 100) { consumer { orderHistory(first: 100) { nodes {
			consumer { orderHistory(first: 100) { nodes { id } } } } } } } }`, "QUERY_TOO_COMPLEX", "costs up to"},
	} {
		ask("x", test.query)
		a := c.next("error", "x")
		if len(a.Errors) == 0 || a.codes()[0] != test.code || !strings.Contains(a.Errors[0].Message, test.message) {
			t.Errorf("%s: %+v", test.name, a.Errors)
		}
	}
	for _, test := range []struct{ name, query, code, message string }{
		{"too many", `subscription { ordersChanged(first: 101) { id } }`, "BAD_USER_INPUT", "0 to 100 are possible"},
		{"too many shown", `subscription { ordersChanged(shown: [` + strings.Repeat(`"1",`, 101) + `]) { id } }`, "BAD_USER_INPUT", "up to 100"},
		{"no id", `subscription { ordersChanged(shown: ["1 2"]) { id } }`, "BAD_USER_INPUT", "there cannot be"},
		{"no id", `subscription { orderChanged(id: "a b") { id } }`, "BAD_USER_INPUT", "there cannot be such an order"},
		{"a query that fails", `{ orderHistory(first: -1) { total { count } } }`, "BAD_USER_INPUT", "1 to 100 are possible"},
	} {
		ask("x", test.query)
		a := c.next("next", "x")
		if len(a.Errors) == 0 || a.codes()[0] != test.code || !strings.Contains(a.Errors[0].Message, test.message) {
			t.Errorf("%s: %+v", test.name, a.Errors)
		}
		c.expect(`{"id":"x","type":"complete"}`)
	}
	for _, id := range []string{"1", "2"} {
		ask(id, `subscription { orderChanged(id: 1) { id } }`)
		c.next("next", id)
	}
	ask("3", `subscription { orderChanged(id: 1) { id } }`)
	if a := c.next("next", "3"); len(a.Errors) != 1 || a.codes()[0] != "RATE_LIMITED" {
		t.Errorf("a third of two: %+v", a)
	}
	c.expect(`{"id":"3","type":"complete"}`)
	c.send(`{"type":"ping","payload":{"n":1}}`)
	c.expect(`{"type":"pong","payload":{"n":1}}`)
	c.send(`{"type":"pong"}`)

	hold := make(chan struct{})
	l.answer["orders"] = func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}
	ask("3", `{ order(id: "1", freshness: {mode: FRESH}) { state } }`)
	ask("4", `{ order(id: "1") { state } }`)
	if a := c.next("error", "4"); a.codes()[0] != "RATE_LIMITED" {
		t.Errorf("a fourth of three: %+v", a)
	}
	close(hold)
	c.next("next", "3")
	c.expect(`{"id":"3","type":"complete"}`)
}

// Each operation of a connection loads for itself: what one has loaded another does not show.
func TestOperationsDoNotShareLoads(t *testing.T) {
	l := newLive(t, ada, newOrders(1))
	c := l.dial(t)
	for version := 3; version <= 5; version++ {
		l.write(t, at(1, version, order.Approved))
		c.subscribe("q", `{ order(id: "1") { version } }`)
		if a := c.next("next", "q"); a.at("order", "version") != float64(version) {
			t.Errorf("version %v, want %d", a.at("order", "version"), version)
		}
		c.expect(`{"id":"q","type":"complete"}`)
	}
}

func TestCloseCodes(t *testing.T) {
	quick := func(o *Options, _ *watch.Options) { o.pace.begin = 20 * time.Millisecond }
	l := newLive(t, ada, newOrders(1))
	for _, test := range []struct {
		name string
		live *live
		send []string
		code websocket.StatusCode
	}{
		{"no JSON", l, []string{`{`}, 4400},
		{"unknown type", l, []string{`{"type":"start"}`}, 4400},
		{"no id", l, []string{`{"type":"connection_init"}`, `{"type":"subscribe","payload":{"query":"{ __typename }"}}`}, 4400},
		{"no payload", l, []string{`{"type":"connection_init"}`, `{"id":"1","type":"subscribe"}`}, 4400},
		{"query of a number", l, []string{`{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":{"query":1}}`}, 4400},
		{"before the beginning", l, []string{`{"id":"1","type":"subscribe","payload":{"query":"{ __typename }"}}`}, 4401},
		{"not begun in time", newLive(t, ada, nil, quick), nil, 4408},
		{"the same id", l, []string{`{"type":"connection_init"}`,
			`{"id":"1","type":"subscribe","payload":{"query":"subscription { orderChanged(id: 1) { id } }"}}`,
			`{"id":"1","type":"subscribe","payload":{"query":"subscription { orderChanged(id: 1) { id } }"}}`}, 4409},
		{"twice begun", l, []string{`{"type":"connection_init"}`, `{"type":"connection_init"}`}, 4429},
		{"too long", l, []string{`{"type":"ping","payload":{"x":"` + strings.Repeat("x", 100<<10) + `"}}`},
			websocket.StatusMessageTooBig},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := test.live.connect(t, socketProtocol)
			for _, text := range test.send {
				c.send(text)
			}
			if code := c.closed(); code != test.code {
				t.Errorf("closed with %d, want %d", code, test.code)
			}
		})
	}
	if code := l.connect(t, "graphql-ws").closed(); code != 4406 {
		t.Errorf("another protocol: %d, want 4406", code)
	}
	c := l.connect(t, socketProtocol)
	if err := c.conn.Write(c.ctx, websocket.MessageBinary, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	if code := c.closed(); code != 4400 {
		t.Errorf("binary: %d, want 4400", code)
	}
}

// A page of another site cannot connect: the browser would do so in its user's name.
func TestOrigin(t *testing.T) {
	l := newLive(t, ada, nil)
	for origin, status := range map[string]int{
		"": http.StatusSwitchingProtocols, l.server.URL: http.StatusSwitchingProtocols,
		"https://elsewhere.example": http.StatusForbidden, "null": http.StatusForbidden,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		conn, response, err := websocket.Dial(t.Context(), l.server.URL,
			&websocket.DialOptions{Subprotocols: []string{socketProtocol}, HTTPHeader: header})
		if response == nil || response.StatusCode != status {
			t.Errorf("origin %q: %v, %v; want %d", origin, response, err, status)
		}
		if conn != nil {
			conn.CloseNow()
		}
	}
}

// Who answers no ping is cut off.
func TestPing(t *testing.T) {
	l := newLive(t, ada, newOrders(1), func(o *Options, _ *watch.Options) {
		o.pace.ping, o.pace.pong = 20*time.Millisecond, time.Second
	})
	c := l.dial(t)
	c.subscribe("a", `subscription { orderChanged(id: 1) { id } }`)
	c.next("next", "a")
	until(t, func() bool { return l.watcher.Subscriptions() == 0 }) // c reads no more, so it does not see the pings
}

// until waits for a condition.
func until(t testing.TB, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}

// A client that reads too slowly is told so when it reads on, and others are not held up.
func TestSlowConsumer(t *testing.T) {
	l := newLive(t, view.Support(), nil, func(_ *Options, w *watch.Options) { w.MostPending = 3 })
	slow, quick := l.dial(t), l.dial(t)
	const all = `subscription { ordersChanged(first: 0) { orderId timeline { type } } }`
	slow.subscribe("s", all)
	quick.subscribe("q", all)
	until(t, func() bool { return l.watcher.Subscriptions() == 2 })
	long := strings.Repeat("X", 200_000) // so that few messages fill what the network takes
	dropped := func() bool { n, _ := l.metric(t, "viewgate_subscriptions_dropped_total"); return n > 0 }
	n := 0
	for ; !dropped(); n++ {
		o := at(n+1, 1, order.Approved)
		o.Timeline[0].Type = long
		l.write(t, o)
		if a := quick.next("next", "q"); a.at("ordersChanged", "orderId") != o.OrderID {
			t.Fatalf("the quick one has %v, want %s", a.at("ordersChanged", "orderId"), o.OrderID)
		}
	}
	for {
		text := slow.read()
		if strings.Contains(text, `"type":"next"`) {
			n--
			continue
		}
		if !strings.Contains(text, `"type":"error"`) || !strings.Contains(text, "SLOW_CONSUMER") {
			t.Errorf("message %s", text)
		}
		break
	}
	if n < 4 {
		t.Errorf("it was sent all but %d, and yet called slow", n)
	}
	slow.send(`{"type":"ping"}`)
	slow.expect(`{"type":"pong"}`) // no complete comes after the error, and the connection goes on
	slow.subscribe("s", `subscription { orderChanged(id: "1") { orderId } }`)
	slow.next("next", "s")
}

// Whoever is connected when the process stops is told to connect again.
func TestShutdown(t *testing.T) {
	l := newLive(t, ada, newOrders(1))
	c, idle := l.dial(t), l.connect(t, socketProtocol)
	c.subscribe("a", `subscription { orderChanged(id: "1") { id } }`)
	c.next("next", "a")
	codes := make(chan websocket.StatusCode, 2)
	for _, c := range []*client{c, idle} {
		go func() { codes <- c.closed() }()
	}
	l.shutDown(t)
	for range 2 {
		if code := <-codes; code != websocket.StatusGoingAway {
			t.Errorf("closed with %d, want 1001", code)
		}
	}
	if _, response, err := websocket.Dial(t.Context(), l.server.URL, nil); response == nil || response.StatusCode != 503 {
		t.Errorf("after the end: %v, %v", response, err)
	}
	l.mustAsk(t, `{ order(id: "1") { id } }`)
}

// Whatever a client sends, it is answered in the protocol: by messages, each of which is JSON of a type that a server sends, or
// by a code that the protocol has for it.
func FuzzMessages(f *testing.F) {
	l := newLive(f, ada, newOrders(1))
	for _, message := range []string{
		`{"type":"ping","payload":{"a":1}}`, `{"type":"pong"}`, `{"type":"complete","id":"1"}`, `{"type":"connection_init"}`, `[]`, "\xff",
		`{"type":"subscribe","id":"1","payload":{"query":"{ order(id: 1) { id } }"}}`,
		`{"type":"subscribe","id":"\u0000","payload":{"query":"subscription { orderChanged(id: 1) { id } }","variables":{"a":[{}]}}}`,
		`{"type":"subscribe","id":"1","payload":{"documentId":"x","extensions":{"persistedQuery":{"version":1}}}}`,
	} {
		f.Add([]byte(message))
	}
	codes := []websocket.StatusCode{closeBadRequest, closeTooManyInits, websocket.StatusMessageTooBig, websocket.StatusInvalidFramePayloadData}
	f.Fuzz(func(t *testing.T, message []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		conn, _, err := websocket.Dial(ctx, l.server.URL, &websocket.DialOptions{Subprotocols: []string{socketProtocol}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		const last = `{"type":"ping","payload":{"the":"last"}}`
		for _, text := range [][]byte{[]byte(`{"type":"connection_init"}`), message, []byte(last)} {
			if conn.Write(ctx, websocket.MessageText, text) != nil {
				break // it has been closed: by which code is read below
			}
		}
		for {
			_, data, err := conn.Read(ctx)
			if err != nil {
				if !slices.Contains(codes, websocket.CloseStatus(err)) {
					t.Fatalf("closed with %v", err)
				}
				return
			}
			var m received
			if err := json.Unmarshal(data, &m); err != nil ||
				!slices.Contains([]string{"connection_ack", "pong", "next", "error", "complete"}, m.Type) {
				t.Fatalf("%v in %s", err, data)
			}
			if m.Type == "pong" && string(m.Payload) == `{"the":"last"}` {
				return
			}
		}
	})
}
