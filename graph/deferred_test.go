package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const apolloClient = "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9"

// deferring asks with an Accept header.
func (g *gateway) deferring(t testing.TB, accept, query, variables string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, get("query", query, "variables", variables), nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", query, w.Code, w.Body)
	}
	return w
}

// readParts reads an answer in parts: the first, and what each further part holds, without their extensions, which are
// returned beside.
func readParts(t testing.TB, w *httptest.ResponseRecorder) (list []string, told [][]told) {
	t.Helper()
	form, parameters, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil || form != "multipart/mixed" || parameters["deferspec"] != "20220824" {
		t.Fatalf("%s, %v: %s", w.Header().Get("Content-Type"), err, w.Body)
	}
	more := true
	keep := func(object map[string]any) {
		told = append(told, withoutExtensions(t, object))
		plain, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(plain))
	}
	reader := multipart.NewReader(w.Body, parameters["boundary"])
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var read struct {
			HasNext     bool
			Incremental []map[string]any
			Data        map[string]any
			Extensions  map[string]any
		}
		if err := json.NewDecoder(part).Decode(&read); err != nil ||
			part.Header.Get("Content-Type") != "application/json; charset=utf-8" || !more {
			t.Fatalf("%v %v, more: %v", part.Header, err, more)
		}
		more = read.HasNext
		if len(list) == 0 {
			keep(map[string]any{"data": read.Data, "extensions": read.Extensions})
		}
		for _, element := range read.Incremental {
			keep(element)
		}
	}
	if more {
		t.Error("more is promised")
	}
	return list, told
}

func withoutExtensions(t testing.TB, object map[string]any) []told {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var a answered
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	delete(object, "extensions")
	return a.Extensions.Freshness
}

func TestDefer(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	for _, test := range []struct {
		name, query, variables string
		want                   []string // of one part, which is a single answer, the data alone
	}{
		{"a field that is never null", `{ order(id: 1) { orderId ... @defer { consumer { orderHistory { total { count } } } } } }`, "",
			[]string{`{"order":{"orderId":"1","consumer":{"orderHistory":{"total":{"count":1}}}}}`}}, // consumer itself is there
		{"behind it", `{ order(id: 1) { consumer { name ... @defer(label: "h") { orderHistory { total { count } } } } version } }`, "",
			[]string{
				`{"data":{"order":{"consumer":{"name":"Ada Byron"},"version":2}}}`,
				`{"data":{"orderHistory":{"total":{"count":1}}},"label":"h","path":["order","consumer"]}`,
			}},
		{"fields of Query, which are not deferred", `{ ...q @defer } fragment q on Query { order(id: 1) { orderId } }`, "",
			[]string{`{"order":{"orderId":"1"}}`}},
		{"within what is deferred", `{ order(id: 1) { consumer { ... @defer { orderHistory { nodes { consumer { ... @defer(label: "s") {
			summary { orders { count } } } } } } } } } }`, "",
			[]string{
				`{"data":{"order":{"consumer":{}}}}`,
				`{"data":{"orderHistory":{"nodes":[{"consumer":{}}]}},"path":["order","consumer"]}`,
				`{"data":{"summary":{"orders":{"count":1}}},"label":"s",` +
					`"path":["order","consumer","orderHistory","nodes",0,"consumer"]}`,
			}},
		{"in a list", `{ orderHistory { nodes { orderId consumer { ... @defer { id } } } } }`, "",
			[]string{
				`{"data":{"orderHistory":{"nodes":[{"consumer":{},"orderId":"1"}]}}}`,
				`{"data":{"id":"` + globalID("Consumer", "7") + `"},` +
					`"path":["orderHistory","nodes",0,"consumer"]}`,
			}},
		{"of an interface", `{ node(id: "` + globalID("Order", "1") + `") { ... on Order @defer { restaurant { name } } } }`, "",
			[]string{
				`{"data":{"node":{}}}`,
				`{"data":{"restaurant":{"name":"Ajanta"}},"path":["node"]}`,
			}},
		{"not this time", `query ($d: Boolean!) { order(id: 1) { ... @defer(if: $d) { id } } }`, `{"d":false}`,
			[]string{`{"order":{"id":"` + globalID("Order", "1") + `"}}`}},
		{"asked outside, too", `{ order(id: 1) { ... @defer { id } id } }`, "",
			[]string{`{"order":{"id":"` + globalID("Order", "1") + `"}}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := g.deferring(t, apolloClient, test.query, test.variables)
			if len(test.want) == 1 {
				a := decodeAnswer(t, w)
				data, err := json.Marshal(a.Data)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(asMap(t, test.want[0]), asMap(t, string(data))); diff != "" || len(a.Errors) > 0 ||
					w.Header().Get("Content-Type") != asResponse+"; charset=utf-8" {
					t.Errorf("%+v, %v (-want +got):\n%s", a.Errors, w.Header(), diff)
				}
			} else {
				got, _ := readParts(t, w)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			// Who takes no parts, or takes them less, has all at once.
			for _, accept := range []string{asJSON, asJSON + ", multipart/mixed", "multipart/mixed;q=0.5, " + asJSON} {
				w := g.deferring(t, accept, test.query, test.variables)
				if a := decodeAnswer(t, w); len(a.Errors) > 0 || strings.Contains(w.Body.String(), "null,") ||
					strings.Contains(w.Body.String(), "hasNext") {
					t.Errorf("%s: %s", accept, w.Body)
				}
			}
		})
	}
}

func asMap(t testing.TB, text string) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// What is deferred tells how fresh it is, has errors of its own, and is answered byte by byte as clients read it.
func TestDeferredTells(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	w := g.deferring(t, apolloClient, `{ order(id: 1) { orderId consumer { ... @defer { orderHistory { total { count } } } } } }`, "")
	first := w.Body.String()
	if !strings.HasPrefix(first, "\r\n---\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{\"data\":{\"order\":{\"orderId\":\"1\",\"consumer\":{}}}") ||
		strings.Count(first, "\r\n---\r\n") != 2 || !strings.HasSuffix(first, ",\"hasNext\":false}\r\n-----\r\n") {
		t.Errorf("%q", first)
	}
	_, told := readParts(t, w)
	paths := map[string]int{}
	for _, part := range told {
		for _, n := range part {
			paths[fmt.Sprint(n.Path...)]++
		}
	}
	if diff := cmp.Diff(map[string]int{"order": 1, "orderconsumerorderHistory": 1}, paths); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	got, _ := readParts(t, g.deferring(t, apolloClient, `{ order(id: 1) { consumer { ... @defer {
		orderHistory(first: -1) { total { count } } } } } }`, ""))
	if len(got) != 2 || got[0] != `{"data":{"order":{"consumer":{}}}}` ||
		!strings.Contains(got[1], `"code":"BAD_USER_INPUT"`) || !strings.Contains(got[1], `"data":null`) {
		t.Errorf("%q", got)
	}
}

// What is deferred has the operation's time, and no more. The client is told that it comes no more.
func TestDeferredTimeout(t *testing.T) {
	g := newGateway(t, ada, newOrders(1), func(o *Options) { o.Limits.Timeout = time.Second })
	g.store.onSearch = func(ctx context.Context) { <-ctx.Done() }
	got, _ := readParts(t, g.deferring(t, apolloClient, `{ order(id: 1) { consumer { ... @defer {
		orderHistory { total { count } } } } } }`, ""))
	if len(got) != 2 || !strings.Contains(got[1], `"code":"TIMEOUT"`) {
		t.Errorf("%q", got)
	}
}

func TestWithoutLater(t *testing.T) {
	for from, want := range map[string]string{
		`{}`:                               `{}`,
		`{"a":1}`:                          `{"a":1}`,
		"{\"a\":\x00}":                     `{}`,
		"{\"a\":\x00,\"b\":1}":             `{"b":1}`,
		"{\"b\":1,\"a\":\x00}":             `{"b":1}`,
		"{\"b\":1,\"a\":\x00,\"c\":2}":     `{"b":1,"c":2}`,
		"{\"a\":\x00,\"b\":\x00,\"c\":2}":  `{"c":2}`,
		"{\"x\":[{\"a\":\x00},{\"a\":1}]}": `{"x":[{},{"a":1}]}`,
	} {
		if got := withoutLater([]byte(from)); !bytes.Equal(got, []byte(want)) {
			t.Errorf("%q: %s, want %s", from, got, want)
		}
	}
}

// The generated code calls what deferred.go has: whoever runs gqlgen alone forgets it.
func TestGeneratedIsMended(t *testing.T) {
	code, err := os.ReadFile("generated.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"out.Values[i] = later", "nextDeferred(ctx, ec.DeferredResults)"} {
		if !bytes.Contains(code, []byte(call)) {
			t.Errorf("generated.go has no %s: make generate", call)
		}
	}
}
