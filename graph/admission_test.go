package graph

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/guard"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/watch"
)

func (g *gateway) sends(query string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query": "`+query+`"}`))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

// TestBudgetOfClients: a client spends what its operations cost, and what they did not cost comes back.
func TestBudgetOfClients(t *testing.T) {
	g := newGateway(t, ada, newOrders(3), func(o *Options) {
		o.Clients = guard.NewClients(0.001, 500)
		o.Viewer = func(_ context.Context, client http.Header) (auth.Identity, error) {
			return auth.Identity{Viewer: ada, Subject: client.Get("Authorization")}, nil
		}
	})
	w := g.sends("{ orderHistory(first: 50) { nodes { id } } }") // 151 at most, and 104
	if got := w.Header().Get("RateLimit"); w.Code != 200 || !strings.HasPrefix(got, `"cost";r=396;`) {
		t.Errorf("status %d, %q", w.Code, got)
	}
	if w := g.sends("{ nonsense }"); !strings.HasPrefix(w.Header().Get("RateLimit"), `"cost";r=395;`) {
		t.Errorf("a refusal is free: %v", w.Header())
	}
	if w := g.sends("{ a: orderHistory { total { count } } b: orderHistory { total { count } } }"); w.Code != 200 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	w = g.sends("{ a: orderHistory { total { count } } b: orderHistory { total { count } } }", "Accept", "application/json")
	if a := decodeAnswer(t, w); w.Code != http.StatusTooManyRequests || a.codes()[0] != "RATE_LIMITED" ||
		w.Header().Get("Retry-After") == "" || !strings.HasPrefix(w.Header().Get("RateLimit"), `"cost";r=190;`) {
		t.Errorf("status %d, %v: %s", w.Code, w.Header(), w.Body)
	}
	if w := g.sends("{ orderHistory(first: 50) { nodes { id } } }", "Authorization", "another"); w.Code != 200 {
		t.Errorf("another client: status %d: %s", w.Code, w.Body)
	}
}

// TestBudgetOfNothing: who has spent everything is turned away before anything is read of what they ask.
func TestBudgetOfNothing(t *testing.T) {
	g := newGateway(t, ada, newOrders(1), func(o *Options) { o.Clients = guard.NewClients(0.001, 1) })
	g.sends("{ nonsense }")
	if w := g.sends("{ nonsense }"); w.Code != http.StatusTooManyRequests {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// TestBudgetOfNobody: wrong tokens are paid for by the address, and looked at only as long as it can pay; a good one costs it nothing.
func TestBudgetOfNobody(t *testing.T) {
	looked := 0
	known := byToken(0)
	l := newLive(t, ada, newOrders(1), func(o *Options, _ *watch.Options) {
		o.Clients = guard.NewClients(0.001, 4)
		o.Viewer = func(ctx context.Context, client http.Header) (auth.Identity, error) {
			looked++
			who, err := known(ctx, client)
			if err == nil {
				who.Subject = client.Get("Authorization")
			}
			return who, err
		}
	})
	var got []int
	for _, authorization := range []string{"Bearer bad", "Bearer 7", "Bearer 7", "", "Bearer nobody"} {
		got = append(got, l.sends("{ nonsense }", "Authorization", authorization).Code)
	}
	c := l.connectAs(t, "Bearer bad")
	c.send(`{"type":"connection_init"}`)
	if code := c.closed(); code != closeForbidden {
		t.Errorf("closed with %d", code)
	}
	w := l.sends("{ nonsense }", "Authorization", "Bearer bad")
	if got = append(got, w.Code); w.Header().Get("Retry-After") == "" || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("headers %v", w.Header())
	}
	if diff := cmp.Diff([]int{401, 200, 200, 401, 403, 429}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	c = l.connectAs(t, "Bearer bad")
	c.send(`{"type":"connection_init"}`)
	if code := c.closed(); code != closeLater {
		t.Errorf("closed with %d", code)
	}
	if looked != 6 {
		t.Errorf("%d tokens were looked at, want 6", looked)
	}
}

// TestGate: what does not get through the gate is told to come again, over each transport; and what has been through is out.
func TestGate(t *testing.T) {
	gate := guard.NewGate(1, 0, time.Second)
	l := newLive(t, ada, newOrders(1), func(o *Options, _ *watch.Options) { o.Gate = gate })
	for range 3 { // each gives its place back
		if w := l.sends("{ order(id: 1) { orderId } }"); w.Code != 200 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		l.sends("{ nonsense }")
		l.sends("{")
	}
	leave, err := gate.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := l.sends("{ order(id: 1) { orderId } }")
	if a := decodeAnswer(t, w); w.Code != http.StatusServiceUnavailable || a.codes()[0] != "OVERLOADED" ||
		w.Header().Get("Retry-After") != "1" {
		t.Errorf("status %d, %v: %s", w.Code, w.Header(), w.Body)
	}
	c := l.dial(t)
	c.subscribe("x", `{ order(id: 1) { orderId } }`)
	if got := c.read(); !strings.Contains(got, `"type":"error"`) || !strings.Contains(got, "OVERLOADED") {
		t.Errorf("message %s", got)
	}
	leave()
	for _, id := range []string{"a", "b"} { // a subscription that has begun holds no place
		c.subscribe(id, `subscription { orderChanged(id: 1) { orderId } }`)
		c.next("next", id)
	}
	if gate.Inside() != 0 {
		t.Errorf("%d at the gate", gate.Inside())
	}
}

// placesAtWrites is a response that notes at each write, but of a mere comment, how many are inside a gate.
type placesAtWrites struct {
	*httptest.ResponseRecorder
	gate *guard.Gate

	mu     sync.Mutex
	inside []int // guarded by mu
}

func (p *placesAtWrites) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if string(b) != comment {
		p.inside = append(p.inside, p.gate.Inside())
	}
	return p.ResponseRecorder.Write(b)
}

// TestSlowReadersHoldNoPlace: an operation's place is free before its answer is sent, whatever the form: who reads nothing would keep
// others out.
func TestSlowReadersHoldNoPlace(t *testing.T) {
	gate := guard.NewGate(2, 0, 0)
	g := newGateway(t, view.Support(), newOrders(2), func(o *Options) { o.Gate = gate })
	const (
		query = "{ order(id: 1) { orderId } }"
		parts = "{ order(id: 1) { orderId consumer { ... @defer { orderHistory { total { count } } } } } }"
	)
	for _, test := range []struct {
		name, query, accept string
		want                []int
	}{
		{"json", query, "application/json", []int{0}},
		{"invalid", "{ nonsense }", "application/json", []int{0}},
		{"events", query, "text/event-stream", []int{0, 0}}, // next and complete
		{"invalid events", "{ nonsense }", "text/event-stream", []int{0, 0}},
		{"parts", parts, "multipart/mixed", []int{1, 0}}, // it goes on behind the first
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query": "`+test.query+`"}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Accept", test.accept)
			w := &placesAtWrites{ResponseRecorder: httptest.NewRecorder(), gate: gate}
			g.ServeHTTP(w, r)
			if diff := cmp.Diff(test.want, w.inside); diff != "" {
				t.Errorf("places at each write (-want +got):\n%s\n%s", diff, w.Body)
			}
		})
	}
	for _, query := range []string{query, "{ nonsense }"} {
		t.Run("websocket "+query, func(t *testing.T) {
			h := g.Handler.(*Handler)
			request, ctx := h.newRequest(t.Context(), "r", http.Header{}, auth.Identity{Viewer: view.Support()})
			request.header = http.Header{}
			sent := 0
			err := h.operate(ctx, "r-1", OverWebSocket, &params{Query: query}, func(answer) error {
				if sent++; gate.Inside() != 0 {
					t.Error("it holds its place while it is sent")
				}
				return nil
			})
			if err != nil || sent != 1 {
				t.Errorf("%d answers, %v", sent, err)
			}
		})
	}
}
