package graph

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/watch"
)

// sameObservation ignores what of an Observation is different each time.
var sameObservation = cmp.Options{
	cmpopts.IgnoreFields(Observation{}, "RequestID", "Took", "CostEstimated", "CostActual"), cmp.AllowUnexported(view.Viewer{}),
}

func TestObserve(t *testing.T) {
	long := strings.Repeat("n", 100)
	g := newGateway(t, ada, newOrders(3))
	g.ask(t, `query mine { a: order(id: 1) { id } }`)
	g.ask(t, `query `+long+` { order(id: 2) { id consumer { name } } orderHistory { total { count } nodes { orderId } } }`)
	g.ask(t, `{ orderHistory(first: -1) { total { count } } }`)
	g.ask(t, `{ order(id: 1) { id } again: orderHistory(first: 101) { total { count } } }`)
	g.ask(t, `{ nonsense }`)
	g.send(t, httptest.NewRequest(http.MethodPut, "/graphql", nil))
	bad := map[string]int{"BAD_USER_INPUT": 1}
	want := []Observation{
		{Kind: "query", Operation: "order", Name: "mine", Outcome: "ok", Status: 200,
			Sources: map[compose.Source]int{"VIEW": 1}, Shown: []string{"Order:1"}},
		{Kind: "query", Operation: "several", Name: long[:maxName], Outcome: "ok", Status: 200,
			Sources: map[compose.Source]int{"VIEW": 2}, Shown: []string{"Order:1", "Order:2", "Order:3"}},
		{Kind: "query", Operation: "orderHistory", Outcome: "BAD_USER_INPUT", Status: 200, Errors: bad},
		{Kind: "query", Operation: "several", Outcome: "BAD_USER_INPUT", Status: 200, Errors: bad,
			Sources: map[compose.Source]int{"VIEW": 1}, Shown: []string{"Order:1"}},
		{Operation: "invalid", Outcome: "BAD_USER_INPUT", Status: 200, Errors: bad},
		{Operation: "invalid", Outcome: "BAD_USER_INPUT", Status: 405, Errors: bad},
	}
	for i := range want {
		want[i].Transport, want[i].Viewer = OverHTTP, ada
	}
	if diff := cmp.Diff(want, g.seen, sameObservation); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, o := range g.seen {
		if o.Took <= 0 || len(o.RequestID) != 16 || (o.CostEstimated > 0) != (o.Kind != "") {
			t.Errorf("operation %d: took %v, id %q, cost %d", i, o.Took, o.RequestID, o.CostEstimated)
		}
	}
}

// TestObserveShown: what was shown is bounded, and what is beyond is counted.
func TestObserveShown(t *testing.T) {
	all := newTally(time.Now(), OverHTTP)
	for page := range 12 {
		var shown []string
		for n := range 100 {
			shown = append(shown, fmt.Sprintf("Order:%d", page*100+n))
		}
		all.tells(compose.FromView, shown)
	}
	all.tells(compose.FromOwners, []string{"Order:7"})
	if len(all.shown) != maxShown || all.observation.ShownOthers != 200 {
		t.Errorf("%d are shown and %d others, want %d and 200", len(all.shown), all.observation.ShownOthers, maxShown)
	}
}

// TestObserveStreams: of a connection each operation is told of, a subscription when it has ended, with all that its messages
// showed.
func TestObserveStreams(t *testing.T) {
	l := newLive(t, ada, newOrders(2), func(o *Options, _ *watch.Options) { o.Limits.Operations = 1 })
	c := l.dial(t)
	if ws, events := l.handler.Connections(OverWebSocket), l.handler.Connections(OverEvents); ws != 1 || events != 0 {
		t.Errorf("%d WebSockets and %d streams of events, want 1 and 0", ws, events)
	}
	c.subscribe("q", `{ order(id: "1") { version } }`)
	c.next("next", "q")
	c.expect(`{"id":"q","type":"complete"}`)
	c.subscribe("s", `subscription every { ordersChanged(first: 1) { orderId } }`)
	first := c.next("next", "s")
	c.subscribe("full", `{ __typename }`)
	c.next("error", "full")
	other := map[string]int{"1": 2, "2": 1}[fmt.Sprint(first.at("ordersChanged", "orderId"))]
	l.write(t, at(other, 3, order.Approved))
	c.next("next", "s")
	c.send(`{"id":"s","type":"complete"}`)
	observed := l.waitObserved(t, 3)
	want := []Observation{
		{Transport: OverWebSocket, Kind: "query", Operation: "order", Outcome: "ok",
			Sources: map[compose.Source]int{"VIEW": 1}, Shown: []string{"Order:1"}},
		{Transport: OverWebSocket, Operation: "invalid", Outcome: "RATE_LIMITED", Errors: map[string]int{"RATE_LIMITED": 1}},
		{Transport: OverWebSocket, Kind: "subscription", Operation: "ordersChanged", Name: "every", Outcome: "ok",
			Sources: map[compose.Source]int{"VIEW": 2}, Shown: []string{"Order:1", "Order:2"}, Messages: 2},
	}
	for i := range want {
		want[i].Viewer = ada
	}
	if diff := cmp.Diff(want, observed, sameObservation); diff != "" {
		t.Errorf("over WebSocket (-want +got):\n%s", diff)
	}
	numbered := regexp.MustCompile(`^([0-9a-f]{16})-([123])$`)
	connections, numbers := map[string]bool{}, ""
	for _, o := range observed {
		if m := numbered.FindStringSubmatch(o.RequestID); m != nil {
			connections[m[1]] = true
			numbers += m[2]
		}
	}
	if len(connections) != 1 || numbers != "132" {
		t.Errorf("ids of %d connections, numbers %s", len(connections), numbers)
	}

	response := l.get(t, "text/event-stream", changed)
	if name, data, err := nextEvent(func() func() (string, error) {
		lines := bufio.NewReader(response.Body)
		return func() (string, error) { return lines.ReadString('\n') }
	}()); err != nil || name != "next" {
		t.Fatalf("%s %s, %v", name, data, err)
	}
	response.Body.Close()
	got := l.waitObserved(t, 4)[3]
	if diff := cmp.Diff(Observation{Transport: OverEvents, Kind: "subscription", Operation: "orderChanged", Viewer: ada,
		Outcome: "ok", Sources: map[compose.Source]int{"VIEW": 1}, Shown: []string{"Order:1"}, Messages: 1}, got,
		sameObservation); diff != "" {
		t.Errorf("as events (-want +got):\n%s", diff)
	}
	if id := response.Header.Get("X-Request-Id"); got.RequestID != id {
		t.Errorf("id %q, the answer has %q", got.RequestID, id)
	}
}

func TestRequestID(t *testing.T) {
	for _, test := range []struct {
		given string
		taken bool
	}{
		{"", false},
		{"a", true},
		{"01HZX.4f-9_", true},
		{strings.Repeat("7", maxRequestID), true},
		{strings.Repeat("7", maxRequestID+1), false},
		{"two words", false},
		{"a\nlevel=ERROR", false},
		{`"`, false},
		{"é", false},
	} {
		t.Run(test.given, func(t *testing.T) {
			g := newGateway(t, ada, nil)
			r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ __typename }"}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header["X-Request-Id"] = []string{test.given}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			echoed := w.Header().Get("X-Request-Id")
			if (echoed == test.given) != test.taken || g.seen[0].RequestID != echoed {
				t.Errorf("answered with %q, observed %q", echoed, g.seen[0].RequestID)
			}
		})
	}
}
