package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph/persisted"
)

// named asks by whatever names a document.
func (g *gateway) named(t testing.TB, members map[string]any) answered {
	t.Helper()
	body, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", asResponse)
	return g.send(t, r)
}

func byHash(hash string) map[string]any {
	return map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}
}

const orderOne = `{ order(id: 1) { orderId } }`

// wantOne wants an answer of order 1.
func wantOne(t testing.TB, a answered) {
	t.Helper()
	if len(a.Errors) > 0 || a.at("order", "orderId") != "1" {
		t.Errorf("%+v", a)
	}
}

func wantCode(t testing.TB, a answered, status int, code, message string) {
	t.Helper()
	if a.status != status || len(a.Errors) != 1 || a.codes()[0] != code || !strings.Contains(a.Errors[0].Message, message) {
		t.Errorf("%d %+v, want %d %s that says %q", a.status, a.Errors, status, code, message)
	}
}

func TestAutomaticPersistedQueries(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	hash := persisted.Hash(orderOne)
	unknown := func() {
		t.Helper()
		wantCode(t, g.named(t, map[string]any{"extensions": byHash(hash)}), 200, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
	}
	unknown()
	g.mustAsk(t, orderOne) // without its hash
	unknown()
	wantOne(t, g.named(t, map[string]any{"query": orderOne, "extensions": byHash(hash)}))
	wantOne(t, g.named(t, map[string]any{"extensions": byHash(hash)}))
	wantOne(t, g.named(t, map[string]any{"documentId": "sha256:" + hash}))
	r := httptest.NewRequest(http.MethodGet, get("extensions", `{"persistedQuery":{"version":1,"sha256Hash":"`+hash+`"}}`), nil)
	wantOne(t, g.send(t, r))

	for name, query := range map[string]string{
		"no document": `{`, "not valid": `{ nonsense }`, "beyond the limits": `{ ` + strings.Repeat("a: __typename ", 31) + `}`,
		"variables are missing": `query ($id: ID!) { order(id: $id) { orderId } }`,
	} {
		hash := persisted.Hash(query)
		if a := g.named(t, map[string]any{"query": query, "extensions": byHash(hash)}); len(a.Errors) == 0 {
			t.Errorf("%s: %+v", name, a)
		}
		if a := g.named(t, map[string]any{"extensions": byHash(hash)}); a.codes()[0] != "PERSISTED_QUERY_NOT_FOUND" {
			t.Errorf("%s is kept: %+v", name, a)
		}
	}
	for name, test := range map[string]struct {
		members map[string]any
		message string
	}{
		"another hash":    {map[string]any{"query": orderOne, "extensions": byHash(persisted.Hash("{ other }"))}, "is not the hash"},
		"no hash":         {map[string]any{"query": orderOne, "extensions": byHash("abc")}, "a SHA-256 hash"},
		"capital letters": {map[string]any{"query": orderOne, "extensions": byHash(strings.ToUpper(hash))}, "a SHA-256 hash"},
		"no version":      {map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"sha256Hash": hash}}}, "version 1"},
		"no object":       {map[string]any{"extensions": map[string]any{"persistedQuery": hash}}, "version 1"},
		"id and query":    {map[string]any{"query": orderOne, "documentId": hash}, "send one of them"},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, g.named(t, test.members), 400, "BAD_USER_INPUT", test.message) })
	}
}

// What is kept is bounded by its bytes; what was used last stays.
func TestKept(t *testing.T) {
	k := newKept[int](10 * (keptAside + 101))
	for i := range 100 {
		k.put(fmt.Sprint(i%10), i, 100)
		k.put("a", -1, 100)
		if k.bytes > k.most {
			t.Fatalf("%d bytes of %d", k.bytes, k.most)
		}
	}
	if v, ok := k.get("a"); !ok || v != -1 || k.values.Len() != 10 {
		t.Errorf("%d %v, %d values", v, ok, k.values.Len())
	}
	k.put("large", 1, k.most)
	if _, ok := k.get("large"); ok || k.values.Len() != 10 {
		t.Errorf("%v, %d values", ok, k.values.Len())
	}
}

// listed reads a list of documents by id.
func listed(t testing.TB, documents map[string]string) *persisted.List {
	t.Helper()
	dir := t.TempDir()
	for id, text := range documents {
		if err := os.WriteFile(filepath.Join(dir, id+".graphql"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := persisted.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPersistedOnly(t *testing.T) {
	list := listed(t, map[string]string{"one": orderOne})
	g := newGateway(t, ada, newOrders(1), func(o *Options) { o.Persisted = Persisted{List: list, Only: true} })
	hash := persisted.Hash(orderOne)
	for name, members := range map[string]map[string]any{
		"id": {"documentId": "one"}, "hash for an id": {"documentId": "sha256:" + hash}, "hash": {"extensions": byHash(hash)},
		"text": {"query": orderOne}, "text and hash": {"query": orderOne, "extensions": byHash(hash)},
	} {
		t.Run(name, func(t *testing.T) { wantOne(t, g.named(t, members)) })
	}
	const other = `{ order(id: 1) { id } }`
	wantCode(t, g.named(t, map[string]any{"query": other}), 400, "QUERY_NOT_IN_SAFELIST", "only persisted documents")
	wantCode(t, g.named(t, map[string]any{"query": other, "extensions": byHash(persisted.Hash(other))}), 400,
		"QUERY_NOT_IN_SAFELIST", "only persisted documents")
	wantCode(t, g.named(t, map[string]any{"documentId": "two"}), 200, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
	wantCode(t, g.named(t, map[string]any{"extensions": byHash(persisted.Hash(other))}), 200, "PERSISTED_QUERY_NOT_FOUND", "")
}

func TestPersistedReport(t *testing.T) {
	list := listed(t, map[string]string{"one": orderOne})
	g := newGateway(t, ada, newOrders(1), func(o *Options) { o.Persisted = Persisted{List: list, Report: true} })
	for range 3 {
		g.mustAsk(t, orderOne)
		g.mustAsk(t, `{ order(id: 1) { id } }`)
	}
	for _, asked := range []struct{ query, name string }{
		{`query Mine { order(id: 1) { id } }`, "ada@example.org"}, {`query Valid { order(id: 1) { id } }`, "Valid"}, {`{`, "Doe"},
	} {
		g.named(t, map[string]any{"query": asked.query, "operationName": asked.name})
	}
	log := g.log.String()
	if strings.Contains(log, "ada@") || strings.Contains(log, "Doe") || !strings.Contains(log, "operation=Valid") {
		t.Errorf("what is no operation's name is logged, or what is is not:\n%s", log)
	}
	if strings.Count(log, "document is not persisted") != 4 || !strings.Contains(log, persisted.Hash(`{ order(id: 1) { id } }`)) {
		t.Errorf("log:\n%s", log)
	}
}

// A list that has what cannot be run is refused at the start, with the place.
func TestPersistedMustBeValid(t *testing.T) {
	for text, want := range map[string]string{
		"query A {\n  order(id: 1) {\n    secret\n  }\n}": `bad.graphql:3: Cannot query field "secret"`,
		"{ ": "bad.graphql:1: Expected Name", "fragment f on Order { id }": "bad.graphql: the document has no operation",
	} {
		list := listed(t, map[string]string{"bad": text})
		g := newGateway(t, ada, nil)
		_, err := NewHandler(g.reader, g.mapping, Options{Views: map[string]*compose.Documents{}, Persisted: Persisted{List: list}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that says %q", text, err, want)
		}
	}
}
