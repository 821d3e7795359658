package graph

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/watch"
)

// get asks with GET and what is accepted.
func (l *live) get(t testing.TB, accept, query string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		l.server.URL+"/graphql?"+url.Values{"query": {query}, "variables": {`{"id":"1"}`}}.Encode(), nil)
	return l.do(t, r, err, accept)
}

// post asks with POST and what is accepted.
func (l *live) post(t testing.TB, accept, query string) *http.Response {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": map[string]any{"id": 1}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.server.URL+"/graphql", strings.NewReader(string(body)))
	return l.do(t, r, err, accept)
}

func (l *live) do(t testing.TB, r *http.Request, err error, accept string) *http.Response {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	response, err := l.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

const urql = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"

func TestEvents(t *testing.T) {
	l := newLive(t, ada, newOrders(1), func(o *Options, _ *watch.Options) { o.pace.ping = 10 * time.Millisecond })
	l.server.Close()
	l.server = httptest.NewUnstartedServer(l.handler)
	l.server.Config.ReadTimeout, l.server.Config.WriteTimeout = 500*time.Millisecond, 500*time.Millisecond
	l.server.Start()
	for name, ask := range map[string]func() *http.Response{
		"GET":  func() *http.Response { return l.get(t, "text/event-stream", changed) },
		"POST": func() *http.Response { return l.post(t, "text/event-stream", changed) },
		"urql": func() *http.Response { return l.post(t, urql, changed) },
	} {
		t.Run(name, func(t *testing.T) {
			response := ask()
			if media := response.Header.Get("Content-Type"); response.StatusCode != 200 || media != "text/event-stream" {
				t.Fatalf("status %d, %s", response.StatusCode, media)
			}
			lines := bufio.NewReader(response.Body)
			pings := 0
			next := func() answered {
				t.Helper()
				name, data, err := nextEvent(func() (string, error) {
					line, err := lines.ReadString('\n')
					if line == ":\n" {
						pings++
					}
					return line, err
				})
				if err != nil || name != "next" {
					t.Fatalf("%s %s, %v", name, data, err)
				}
				var a answered
				if err := json.Unmarshal([]byte(data), &a); err != nil {
					t.Fatal(err)
				}
				return a
			}
			version := next().at("orderChanged", "version").(float64)
			for begun := time.Now(); time.Since(begun) < 2*l.server.Config.ReadTimeout; { // which must not end it
				version++
				l.write(t, at(1, int(version), order.Approved))
				a := next()
				if a.at("orderChanged", "version") != version || len(a.Extensions.Freshness) != 1 {
					t.Fatalf("%+v, want version %v", a, version)
				}
			}
			for pings < 2 {
				if line, err := lines.ReadString('\n'); err != nil {
					t.Fatal(err)
				} else if line == ":\n" {
					pings++
				}
			}
		})
	}
}

const changed = `subscription ($id: ID!) { orderChanged(id: $id) { version } }`

func TestEventsEnd(t *testing.T) {
	l := newLive(t, ada, newOrders(1))
	for name, test := range map[string]struct{ query, code, message string }{
		"a query":     {`{ order(id: 1) { orderId } }`, "", `"orderId":"1"`},
		"not valid":   {`subscription { orderChanged(id: 1) { secret } }`, "BAD_USER_INPUT", "secret"},
		"not started": {`subscription { ordersChanged(first: -1) { id } }`, "BAD_USER_INPUT", "0 to 100"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := io.ReadAll(l.post(t, "text/event-stream", test.query).Body)
			if text := string(body); err != nil || !strings.HasPrefix(text, ":\n\nevent: next\ndata: {") ||
				!strings.HasSuffix(text, "}\n\nevent: complete\ndata:\n\n") || !strings.Contains(text, test.message) ||
				!strings.Contains(text, test.code) {
				t.Errorf("%v, %s", err, text)
			}
		})
	}
	for name, response := range map[string]*http.Response{
		"query of one that takes all": l.post(t, urql, `{ order(id: 1) { orderId } }`),
		"the same, GET":               l.get(t, urql, `{ order(id: 1) { orderId } }`),
		"events not wanted":           l.post(t, "application/json, text/event-stream;q=0", `{ order(id: 1) { orderId } }`),
	} {
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != 200 || !strings.HasPrefix(string(body), `{"data":{"order":{"orderId":"1"}}`) {
			t.Errorf("%s: %d %s, %v", name, response.StatusCode, body, err)
		}
	}
	// Who asks for a subscription and takes no events is told how to get it.
	for _, test := range []struct {
		response *http.Response
		status   int
	}{
		{l.post(t, "", changed), http.StatusNotAcceptable},
		{l.post(t, "application/json", changed), http.StatusNotAcceptable},
		{l.get(t, "*/*", changed), http.StatusMethodNotAllowed},
	} {
		body, err := io.ReadAll(test.response.Body)
		if err != nil || test.response.StatusCode != test.status || !strings.Contains(string(body), "text/event-stream") ||
			!strings.Contains(string(body), "BAD_USER_INPUT") {
			t.Errorf("%d %s, %v; want %d", test.response.StatusCode, body, err, test.status)
		}
	}
	w := httptest.NewRecorder()
	l.gateway.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/graphql?query="+url.QueryEscape(`{ __typename }`), nil))
	if w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestEventsWithoutSubscriptions(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	if a := g.ask(t, `subscription { orderChanged(id: "1") { id } }`); a.codes()[0] != "BAD_USER_INPUT" {
		t.Errorf("%+v", a)
	}
}

// A stream that ends with the process has no complete: the client asks again.
func TestEventsShutdown(t *testing.T) {
	l := newLive(t, ada, newOrders(1))
	response := l.post(t, "text/event-stream", changed)
	lines := bufio.NewReader(response.Body)
	if _, _, err := nextEvent(func() (string, error) { return lines.ReadString('\n') }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := l.handler.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(lines); err != nil || strings.Contains(string(rest), "complete") {
		t.Errorf("rest %q, %v", rest, err)
	}
}
