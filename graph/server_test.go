package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
)

func TestLimits(t *testing.T) {
	g := newGateway(t, ada, newOrders(1))
	var aliases strings.Builder
	for i := range 31 {
		fmt.Fprintf(&aliases, " a%d: version", i)
	}
	// Each fragment uses the one before twice: 2^25 fields in a kilobyte.
	var bomb strings.Builder
	bomb.WriteString(`{ order(id: 1) { ...f25 } } fragment f0 on Order { version }`)
	for i := 1; i <= 25; i++ {
		fmt.Fprintf(&bomb, " fragment f%d on Order { ...f%d ...f%d }", i, i-1, i-1)
	}
	nested := "orderId"
	for range 5 {
		nested = "consumer { orderHistory(first: 100) { nodes { " + nested + " } } }"
	}
	for _, test := range []struct{ name, query, code, message string }{
		{"depth", `{ order(id: 1) { ` + nested + ` } }`, "QUERY_TOO_COMPLEX", "levels of fields; 15 are possible"},
		{"aliases", `{ order(id: 1) { ` + aliases.String() + ` } }`, "QUERY_TOO_COMPLEX", "31 aliases; 30"},
		{"aliases by fragment", `{ order(id: 1) { ` + strings.Repeat("...a ", 16) + `} } fragment a on Order { x: version y: version }`,
			"QUERY_TOO_COMPLEX", "32 aliases"},
		{"root fields", `{ ` + strings.Repeat("...r ", 21) + ` } fragment r on Query { __typename }`, "QUERY_TOO_COMPLEX",
			"21 fields of Query"},
		{"tokens", `{ ` + strings.Repeat("__typename ", 2000) + ` }`, "BAD_USER_INPUT", "token limit"},
		{"cost", `{ orderHistory(first: 100) { nodes { consumer { orderHistory(last: 100) { nodes { id orderId } } } } } }`,
			"QUERY_TOO_COMPLEX", "costs up to"},
		{"cost by variable", `query ($n: Int = 100) { orderHistory(first: $n) { nodes { consumer {
			orderHistory(first: $n) { nodes { id orderId } } } } } }`, "QUERY_TOO_COMPLEX", "costs up to"},
		{"fragments by fragments", bomb.String(), "QUERY_TOO_COMPLEX", "fields; 2000 are possible"},
		{"fields alike", `{ order(id: 1) {` + strings.Repeat(" id", 210) + ` } }`, "QUERY_TOO_COMPLEX", "pairs of fields"},
		{"fields alike in many operations", strings.Repeat(`query q { ...f } `, 5) + ` fragment f on Query { order(id: 1) {` +
			strings.Repeat(" id", 100) + ` } }`, "QUERY_TOO_COMPLEX", "pairs of fields"},
		{"operations", strings.Repeat("query q { order(id: 1) { id } } ", 11), "QUERY_TOO_COMPLEX", "11 operations"},
		{"directives", `{ order(id: 1) { id` + strings.Repeat(" @skip(if: false)", 51) + ` } }`, "QUERY_TOO_COMPLEX", "51 directives"},
		{"a value", `{ orderHistory(filter: ` + strings.Repeat("{not: ", 51) + "{}" + strings.Repeat("}", 51) + `) { nodes { id } } }`,
			"QUERY_TOO_COMPLEX", "52 levels of lists"},
		{"a fragment in itself", `{ order(id: 1) { ...f } } fragment f on Order { id ...f }`, "BAD_USER_INPUT", "itself"},
		{"circular introspection", `{ __type(name: "Order") { fields { type { fields { type { fields { type { name } } } } } } } }`,
			"BAD_USER_INPUT", "introspection depth"},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			a := g.ask(t, test.query)
			if len(a.Errors) == 0 || a.codes()[0] != test.code || !strings.Contains(a.Errors[0].Message, test.message) {
				t.Errorf("errors %.300v, want %s that says %q", a.Errors, test.code, test.message)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v to refuse", took)
			}
		})
	}
	if n := g.store.gets.Load() + g.store.searches.Load(); n > 0 {
		t.Errorf("%d reads of the view", n)
	}
	for name, query := range map[string]string{
		"the page that clients have": historyQuery, "graphql-js's introspection": introspectionQuery,
	} {
		if a := g.ask(t, query); len(a.Errors) > 0 {
			t.Errorf("%s: %+v", name, a.Errors)
		}
	}
}

// introspectionQuery is what graphql-js, and so GraphiQL, asks for a schema.
const introspectionQuery = `query IntrospectionQuery { __schema { description queryType { name } mutationType { name }
	subscriptionType { name } types { ...FullType } directives { name description locations args { ...InputValue } } } }
fragment FullType on __Type { kind name description specifiedByURL fields(includeDeprecated: true) { name description
	args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } inputFields { ...InputValue }
	interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
	possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
	ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`

func TestErrorsAreCapped(t *testing.T) {
	g := newGateway(t, ada, nil)
	var fields strings.Builder
	for i := range 300 {
		fmt.Fprintf(&fields, " unknown%d", i)
	}
	a := g.ask(t, "{ order(id: 1) {"+fields.String()+" } }")
	if len(a.Errors) != 20 || a.Extensions.ErrorsOmitted != 280 {
		t.Errorf("%d errors, %d omitted", len(a.Errors), a.Extensions.ErrorsOmitted)
	}
}

func TestInternalErrors(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*countingStore)
		log   string
	}{
		{"panic", func(s *countingStore) { s.panics = true }, "of which no client must hear"},
		{"unknown error", func(s *countingStore) { s.err = errors.New("secret detail") }, "secret detail"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t, ada, newOrders(1))
			test.spoil(g.store)
			query := `{ orderHistory { total { count } } }`
			if test.name == "panic" {
				query = `{ order(id: 1) { state } }`
			}
			a := g.ask(t, query)
			if len(a.Errors) != 1 || a.codes()[0] != "INTERNAL_SERVER_ERROR" || a.Errors[0].Message != "internal error" {
				t.Fatalf("errors %+v", a.Errors)
			}
			id, _ := a.Errors[0].Extensions["requestId"].(string)
			if log := g.log.String(); len(id) != 16 || !strings.Contains(log, id) || !strings.Contains(log, test.log) {
				t.Errorf("request %q, log:\n%s", id, log)
			}
			g.store.panics, g.store.err = false, nil
			g.mustAsk(t, `{ order(id: 1) { state } }`)
		})
	}
}

func TestTimeout(t *testing.T) {
	g := newGateway(t, ada, newOrders(1), func(o *Options) { o.Limits.Timeout = 50 * time.Millisecond })
	g.answer["tickets"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	g.answer["orders"] = g.answer["tickets"]
	a := g.ask(t, `{ order(id: "2", freshness: {mode: FRESH}) { ticket { state } } }`)
	if len(a.Errors) != 1 || a.codes()[0] != "TIMEOUT" {
		t.Errorf("errors %+v", a.Errors)
	}
}

func TestClassify(t *testing.T) {
	owner := func(err error) error { return &compose.OwnerError{Owner: compose.KitchenOwner, Status: 500, Err: err} }
	late, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	gone, leave := context.WithCancel(context.Background())
	leave()
	for _, test := range []struct {
		name    string
		ctx     context.Context
		err     error
		code    code
		message string
	}{
		{"cursor", nil, fmt.Errorf("%w: damaged", view.ErrCursor), badUserInput, "not a cursor of this query: damaged"},
		{"invalid query", nil, fmt.Errorf("search: %w", &view.InvalidError{Field: "x", Reason: "no"}), badUserInput, "x: no"},
		{"stale", nil, fmt.Errorf("order 1: %w", compose.ErrStale), staleView, "the answer would be older than asked for"},
		{"owner", nil, fmt.Errorf("order 1: %w", owner(errors.New("dial tcp 10.1.2.3"))), upstreamUnavailable,
			"the kitchen service cannot be asked now"},
		{"slow owner", nil, owner(context.DeadlineExceeded), upstreamUnavailable, "the kitchen service cannot be asked now"},
		{"slow owner, no time left", late, owner(context.DeadlineExceeded), timeout, "the operation took too long"},
		{"owner not configured", nil, owner(compose.ErrNotConfigured), upstreamUnavailable,
			"no kitchen service is configured: set --kitchen-service"},
		{"view", nil, fmt.Errorf("%w: es-7", view.ErrUnavailable), upstreamUnavailable, "the view cannot be read now"},
		{"view and owner", nil, errors.Join(view.ErrUnavailable, owner(io.EOF)), upstreamUnavailable, "the view cannot be read now"},
		{"view, nobody waits", gone, fmt.Errorf("%w: %w", view.ErrUnavailable, context.Canceled), cancelled, "the operation was given up"},
		{"owner, nobody waits", gone, owner(context.Canceled), cancelled, "the operation was given up"},
		{"nobody waits", gone, context.Canceled, cancelled, "the operation was given up"},
		{"deadline", nil, context.DeadlineExceeded, timeout, "the operation took too long"},
		{"anything else", nil, errors.New("secret"), internalServerError, "internal error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.ctx == nil {
				test.ctx = t.Context()
			}
			if is, message := classify(test.ctx, test.err); is != test.code || message != test.message {
				t.Errorf("%s %q, want %s %q", is, message, test.code, test.message)
			}
		})
	}
}

func TestLagUnknown(t *testing.T) {
	for name, progress := range map[string]compose.Progress{"nobody knows": fixedProgress{lag: -1}, "nobody to ask": nil} {
		g := newGatewayOf(t, progress, ada, newOrders(1))
		a := g.mustAsk(t, `{ orderHistory { total { count } } }`)
		want := []told{{Path: []any{"orderHistory"}, Source: "VIEW", Reason: "satisfied", Kept: true, Versions: []seenVersion{}}}
		a.Extensions.Freshness[0].Token = nil
		if diff := cmp.Diff(want, a.Extensions.Freshness); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Clients read the schema in the playground: everything in it says what it is.
func TestSchemaIsDescribed(t *testing.T) {
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	need := func(what, description string) {
		if strings.TrimSpace(description) == "" {
			t.Errorf("%s has no description", what)
		}
	}
	arguments := func(of string, list ast.ArgumentDefinitionList) {
		for _, a := range list {
			need(of+"("+a.Name+":)", a.Description)
		}
	}
	for name, def := range s.Types {
		if def.BuiltIn {
			continue
		}
		need(name, def.Description)
		for _, f := range def.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			need(name+"."+f.Name, f.Description)
			arguments(name+"."+f.Name, f.Arguments)
		}
		for _, v := range def.EnumValues {
			need(name+"."+v.Name, v.Description)
		}
	}
	for name, d := range s.Directives {
		if d.Position.Src.BuiltIn {
			continue
		}
		need("@"+name, d.Description)
		arguments("@"+name, d.Arguments)
	}
}

func TestFiltersMustBeIndexed(t *testing.T) {
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := view.MappingOf(s, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkFilter(s, orderFilter, m); err != nil {
		t.Error(err)
	}
	if err := checkFilter(s, orderFilter, &view.Mapping{}); err == nil || !strings.Contains(err.Error(), "not indexed") {
		t.Errorf("error %v of a mapping without the fields", err)
	}
	const books = `
		type Book @view(name: "books") {
			title: String @index(as: TEXT) name: String @index(as: TEXT) @facet pages: Int @index(as: NUMBER)
			state: State @index(as: KEYWORD)
		}
		enum State { NEW OLD }
		enum Other { NEW }
		enum Order { TITLE @sorts(field: "title") ANY @sorts }
		type Facets { title: Int @counts(field: "title") name: Int @counts(field: "name") }
		input Is { eq: String } input More { gt: String } input Count { gt: Int like: Int } input In { eq: Other }
		input Whole { f: Is @filters(field: "title") }
		input Words { f: More @filters(field: "name") }
		input Text { f: Is @filters(field: "pages") }
		input Like { f: Count @filters(field: "pages") }
		input Enum { f: In @filters(field: "state") }
		input Right { f: Is @filters(field: "name") and: [Right!] }`
	sources := []*ast.Source{{Name: "books", Input: books}}
	for _, source := range schema.Sources() {
		if strings.HasSuffix(source.Name, "directives.graphqls") {
			sources = append(sources, source)
		}
	}
	if s, err = gqlparser.LoadSchema(sources...); err != nil {
		t.Fatal(err)
	}
	if m, err = view.MappingOf(s, "books"); err != nil {
		t.Fatal(err)
	}
	for input, want := range map[string]string{
		"Whole": "a TEXT is not compared whole", "Words": "a TEXT has no range", "Text": "a NUMBER is compared with Int",
		"Like": "there is no such operator", "Enum": "its values are not those of Other", "Right": "",
	} {
		if err := checkFilter(s, input, m); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", input, err, want)
		}
	}
	if err := checkOrder(s, "Order", m); err == nil || !strings.Contains(err.Error(), "Order.TITLE: @sorts names what is not @sortable") {
		t.Errorf("error %v of what is not sortable", err)
	}
	if err := checkFacets(s, "Facets", m); err == nil || !strings.Contains(err.Error(), "Facets.title: @counts names what has no @facet") {
		t.Errorf("error %v of what has no facet", err)
	}
}

// TestOwnersGetHeaders: owners learn our request id, the client's trace and what is configured, and nothing else of it.
func TestOwnersGetHeaders(t *testing.T) {
	g := newGateway(t, view.Support(), nil)
	got := make(chan http.Header, 1)
	g.answer["orders"] = func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		io.WriteString(w, "[]")
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql",
		strings.NewReader(`{"query":"{ order(id: 1, freshness: {mode: FRESH}) { orderId } }"}`))
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Authorization": "Bearer ada", "Cookie": "c=1", "X-Request-Id": "theirs",
		"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	} {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	want := map[string]string{
		"Authorization": "Bearer ada", "Cookie": "", "Content-Type": "", "X-Request-Id": "theirs",
		"Traceparent": r.Header.Get("Traceparent"),
	}
	header := <-got
	for name := range want {
		if header.Get(name) != want[name] {
			t.Errorf("%s: %q, want %q", name, header.Get(name), want[name])
		}
	}
	if got := w.Header().Get("X-Request-Id"); got != "theirs" {
		t.Errorf("the answer has the id %q", got)
	}
}
