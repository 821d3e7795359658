package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	asJSON     = "application/json"
	asResponse = "application/graphql-response+json"
)

func get(parameters ...string) string {
	q := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	return "/graphql?" + q.Encode()
}

// What is not refused for its form is answered 200 in application/json, and 400 in the other form where it never ran.
func TestProtocol(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	const ok = `{"query":"{ order(id: 1) { orderId } }"}`
	const secret = "nobody-may-read-this"
	for _, test := range []struct {
		name, method, target, contentType, body string
		status, other                           int    // the latter in application/graphql-response+json
		message                                 string // none for an answer
	}{
		{"POST", "POST", "/graphql", asJSON, ok, 200, 200, ""},
		{"POST with a character set", "POST", "/graphql", "application/json; charset=UTF-8", ok, 200, 200, ""},
		{"POST with space around", "POST", "/graphql", asJSON, " \n" + ok + "\n", 200, 200, ""},
		{"POST, all null", "POST", "/graphql", asJSON,
			`{"query":"{ order(id: 1) { orderId } }","variables":null,"operationName":null,"extensions":null}`, 200, 200, ""},
		{"GET", "GET", get("query", `{ order(id: 1) { orderId } }`), "", "", 200, 200, ""},
		{"GET with variables", "GET", get("query", `query ($id: ID!) { order(id: $id) { orderId } }`, "variables", `{"id":1}`), "", "",
			200, 200, ""},

		{"another method", "PUT", "/graphql", asJSON, ok, 405, 405, "PUT is not possible"},
		{"another type", "POST", "/graphql", "text/plain", ok, 415, 415, "must be application/json"},
		{"another character set", "POST", "/graphql", "application/json; charset=latin1", ok, 415, 415, "must be application/json"},
		{"no type", "POST", "/graphql", "", ok, 415, 415, "must be application/json"},
		{"form", "POST", "/graphql", "multipart/form-data; boundary=x", ok, 415, 415, "must be application/json"},
		{"no JSON", "POST", "/graphql", asJSON, `{"query":"` + secret, 400, 400, "the body is no JSON object"},
		{"two of it", "POST", "/graphql", asJSON, ok + ok, 400, 400, "the body is no JSON object"},
		{"batch", "POST", "/graphql", asJSON, "[" + ok + "]", 400, 400, "batches are not possible"},
		{"null", "POST", "/graphql", asJSON, "null", 400, 400, "the body is no JSON object"},
		{"nothing", "POST", "/graphql", asJSON, "", 400, 400, "the body is no JSON object"},
		{"no query", "POST", "/graphql", asJSON, `{"variables":{"` + secret + `":1}}`, 400, 400, "there is no operation"},
		{"number for a query", "POST", "/graphql", asJSON, `{"query":5}`, 400, 400, "a member of the wrong type"},
		{"list for variables", "POST", "/graphql", asJSON, `{"query":"{x}","variables":["` + secret + `"]}`, 400, 400,
			"a member of the wrong type"},
		{"100 KB of words", "POST", "/graphql", asJSON,
			`{"query":"query ($q: String) { orderHistory(query: $q) { total { count } } }","variables":{"q":"` +
				strings.Repeat("x", 100<<10) + `"}}`, 413, 413, "larger than 102400 bytes"},
		{"GET, variables no JSON", "GET", get("query", "{ x }", "variables", "{"), "", "", 400, 400, "variables is no JSON object"},
		{"GET, extensions a list", "GET", get("query", "{ x }", "extensions", "[]"), "", "", 400, 400, "extensions is no JSON object"},
		{"GET, unreadable", "GET", "/graphql?query=%zz", "", "", 400, 400, "the query string cannot be read"},
		{"GET, long", "GET", get("query", strings.Repeat("x", 100<<10)), "", "", 414, 414, "longer than 102400"},
		{"GET, nothing", "GET", "/graphql", "", "", 400, 400, "there is no operation"},
		{"GET, mutation", "GET", get("query", "mutation { x }"), "", "", 405, 405, "sent by POST"},
		{"GET, subscription", "GET", get("query", changed, "variables", `{"id":1}`), "", "", 405, 405, "over WebSocket"},
		{"subscription", "POST", "/graphql", asJSON, `{"query":"subscription { orderChanged(id: 1) { id } }"}`, 406, 406,
			"over WebSocket"},

		{"mutation", "POST", "/graphql", asJSON, `{"query":"mutation { x }"}`, 200, 400, "Schema does not support operation type"},
		{"syntax error", "POST", "/graphql", asJSON, `{"query":"{"}`, 200, 400, "Expected Name"},
		{"no operation", "POST", "/graphql", asJSON, `{"query":"fragment f on Order { id }"}`, 200, 400, "has no operation"},
		{"unknown field", "POST", "/graphql", asJSON, `{"query":"{ order(id: 1) { secret } }"}`, 200, 400, "secret"},
		{"unknown operation", "POST", "/graphql", asJSON, `{"query":"query a { __typename }","operationName":"b"}`, 200, 400,
			`no operation "b"`},
		{"which operation", "POST", "/graphql", asJSON, `{"query":"query a { __typename } query b { __typename }"}`, 200, 400,
			"several operations"},
		{"missing variable", "POST", "/graphql", asJSON, `{"query":"query ($id: ID!) { order(id: $id) { id } }"}`, 200, 400,
			"$id: a value is needed"},
		{"a variable within", "POST", "/graphql", asJSON, `{"query":"query ($f: OrderFilter) { orderHistory(filter: $f) { total { count } } }",
			"variables":{"f":{"or":[{"total":{"gte":5}}]}}}`, 200, 400, `$f.or[0].total.gte: "5" is not a Decimal`},
	} {
		for form, status := range map[string]int{asJSON: test.status, asResponse: test.other} {
			t.Run(test.name+" "+form, func(t *testing.T) {
				r := httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))
				r.Header.Set("Accept", form)
				if test.contentType != "" {
					r.Header.Set("Content-Type", test.contentType)
				}
				w := httptest.NewRecorder()
				g.ServeHTTP(w, r)
				a := decodeAnswer(t, w)
				if got := w.Header().Get("Content-Type"); w.Code != status || got != form+"; charset=utf-8" {
					t.Errorf("status %d, %s, want %d", w.Code, got, status)
				}
				if test.message == "" {
					if len(a.Errors) > 0 || a.at("order", "orderId") != "1" {
						t.Errorf("answer %+v", a)
					}
					return
				}
				if len(a.Errors) == 0 || a.codes()[0] != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, test.message) {
					t.Errorf("errors %+v, want one that says %q", a.Errors, test.message)
				}
				if body := w.Body.String(); strings.Contains(body, `"data"`) || strings.Contains(body, secret) {
					t.Errorf("answer %s", body)
				}
			})
		}
	}
	for method, allow := range map[string]string{"DELETE": "GET, POST", "GET": "POST"} {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequest(method, get("query", "mutation { x }"), nil))
		if w.Header().Get("Allow") != allow || len(w.Header().Get("X-Request-Id")) != 16 {
			t.Errorf("%s: headers %v", method, w.Header())
		}
	}
}

func TestForms(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	for _, test := range []struct {
		accept, form string
		status       int
	}{
		{"", asJSON, 200},
		{"*/*", asJSON, 200},
		{"text/html, */*;q=0.8", asJSON, 200},
		{asResponse + ", " + asJSON, asResponse, 200},
		{asResponse + ";q=0.1, " + asJSON, asJSON, 200},
		{"multipart/mixed;deferSpec=20220824, " + asJSON, asJSON, 200}, // nothing is deferred
		{"text/html", asJSON, 406},
		{"application/json;q=0", asJSON, 406},
		{"multipart/mixed", asJSON, 406},
	} {
		r := httptest.NewRequest(http.MethodGet, get("query", `{ order(id: 1) { orderId } }`), nil)
		if test.accept != "" {
			r.Header.Set("Accept", test.accept)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Type"); w.Code != test.status || got != test.form+"; charset=utf-8" {
			t.Errorf("%s: %d %s, want %d %s", test.accept, w.Code, got, test.status, test.form)
		}
	}
}

// Who takes parts alone, and asks for what cannot be answered, is told why, and not that there is no such form.
func TestPartsAlone(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	for _, test := range []struct{ query, code, message string }{
		{`{ nonsense }`, "BAD_USER_INPUT", "nonsense"},
		{`{`, "BAD_USER_INPUT", "Expected Name"},
		{`query A($id: ID!) { order(id: $id) { ... @defer { orderId } } }`, "BAD_USER_INPUT", "id"},
	} {
		w := g.sends(test.query, "Accept", "multipart/mixed")
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusBadRequest || got != asResponse+"; charset=utf-8" {
			t.Errorf("%s: %d %s", test.query, w.Code, got)
		}
		a := decodeAnswer(t, w)
		if diff := cmp.Diff([]string{test.code}, a.codes()); diff != "" || !strings.Contains(w.Body.String(), test.message) {
			t.Errorf("%s: codes (-want +got):\n%s\n%s", test.query, diff, w.Body)
		}
	}
}

// A field that fails is no failed request, whatever the form; and data that is null is there.
func TestFieldErrors(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	for _, form := range []string{asJSON, asResponse} {
		r := httptest.NewRequest(http.MethodGet, get("query", `{ orderHistory(first: -1) { total { count } } }`), nil)
		r.Header.Set("Accept", form)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if !strings.HasPrefix(w.Body.String(), `{"errors":[{"message":`) || !strings.Contains(w.Body.String(), `],"data":null`) ||
			w.Code != 200 {
			t.Errorf("%s: %d %s", form, w.Code, w.Body)
		}
	}
}

// Whatever is sent, the answer is of the form and says nothing of the body.
func FuzzBody(f *testing.F) {
	g := newGateway(f, ada, newOrders(1))
	f.Add("POST", "application/json", "*/*", []byte(`{"query":"{ order(id: 1) { orderId } }"}`))
	f.Add("POST", "application/json;charset=utf-8", asResponse, []byte(`[{"query":"{`))
	f.Add("POST", "application/json", "multipart/mixed;deferSpec=20220824", []byte(`{"query":"{ order(id:1) { id ... @defer { restaurant { name } } } }"}`))
	f.Add("GET", "", "text/event-stream;q=0, a/b", []byte("query={__typename}&variables={}"))
	f.Fuzz(func(t *testing.T, method, contentType, accept string, body []byte) {
		r := &http.Request{Method: method, URL: &url.URL{Path: "/graphql", RawQuery: string(body)}, Header: http.Header{
			"Content-Type": {contentType}, "Accept": {accept},
		}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: -1}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code < 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if form := w.Header().Get("Content-Type"); strings.HasPrefix(form, "application/") && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s: %s", form, w.Body)
		}
	})
}

func TestMessagesAreCapped(t *testing.T) {
	g := newGateway(t, ada, nil)
	a := g.ask(t, fmt.Sprintf("{ %s }", strings.Repeat("x", 50_000)))
	if len(a.Errors) != 1 || len(a.Errors[0].Message) > 600 {
		t.Errorf("%d errors, of %d bytes", len(a.Errors), len(a.Errors[0].Message))
	}
}
