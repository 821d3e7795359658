package graph

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// askWith sends a query with headers, and returns the answer and its headers.
func (g *gateway) askWith(t testing.TB, query string, headers map[string]string) (answered, http.Header) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(fmt.Sprintf(`{"query": %q}`, query)))
	r.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return decodeAnswer(t, w), w.Result().Header
}

func TestFreshnessHeaders(t *testing.T) {
	seen, err := testKey.Sign(compose.Read{Seen: compose.Seen{"1": {Ticket: 4}}})
	if err != nil {
		t.Fatal(err)
	}
	const byID = `{ order(id: "1") { ticket { version } } }`
	for _, test := range []struct {
		name    string
		query   string
		headers map[string]string
		source  compose.Source
		reason  compose.Reason
		status  int // of a refusal
		message string
	}{
		{name: "none", query: byID, source: "VIEW", reason: "satisfied"},
		{name: "fresh", query: byID, headers: map[string]string{freshnessHeader: "FRESH"}, source: "OWNERS", reason: "fresh"},
		{name: "all of it", query: byID, source: "OWNERS", reason: "fresh",
			headers: map[string]string{freshnessHeader: "FRESH; waitMs=10; onStale=ERROR"}},
		{name: "young enough", query: byID, source: "VIEW", reason: "satisfied",
			headers: map[string]string{freshnessHeader: "FRESH; maxStalenessMs=1000"}},
		{name: "not young enough", query: byID, source: "OWNERS", reason: "behind",
			headers: map[string]string{freshnessHeader: "EVENTUAL; maxStalenessMs=100; waitMs=0"}},
		{name: "a token alone", query: byID, headers: map[string]string{tokenHeader: seen, freshnessHeader: "; waitMs=0"},
			source: "OWNERS", reason: "behind"},
		{name: "an argument beats it", query: `{ order(id: "1", freshness: {mode: EVENTUAL}) { ticket { version } } }`,
			headers: map[string]string{freshnessHeader: "FRESH"}, source: "VIEW", reason: "satisfied"},
		{name: "for a node", query: `{ node(id: "` + globalID(orderType, "1") + `") { ... on Order { ticket { version } } } }`,
			headers: map[string]string{freshnessHeader: "FRESH"}, source: "OWNERS", reason: "fresh"},
		{name: "for a consumer", query: `{ consumer(id: "7") { name } }`,
			headers: map[string]string{freshnessHeader: "FRESH"}, source: "OWNERS", reason: "fresh"},

		{name: "no such mode", query: byID, headers: map[string]string{freshnessHeader: "fresh"}, status: 400, message: "none of"},
		{name: "no such parameter", query: byID, headers: map[string]string{freshnessHeader: "FRESH; wait=1"}, status: 400,
			message: `"wait" is none of waitMs, maxStalenessMs, onStale`},
		{name: "no number", query: byID, headers: map[string]string{freshnessHeader: "FRESH; waitMs=1s"}, status: 400,
			message: `waitMs: "1s" is no whole number`},
		{name: "too long", query: byID, headers: map[string]string{freshnessHeader: "FRESH; waitMs=5001"}, status: 400,
			message: "0 to 5000"},
		{name: "damaged token", query: byID, headers: map[string]string{tokenHeader: "x"}, status: 400, message: "not a token"},
		{name: "a token for nothing", query: byID, headers: map[string]string{tokenHeader: seen, freshnessHeader: "EVENTUAL"},
			status: 400, message: "promise nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t, ada, newOrders(1))
			g.ownsOrder1()
			g.owns("consumers", `{"consumerId":7,"name":{"firstName":"Ada","lastName":"Byron"}}`)
			a, header := g.askWith(t, test.query, test.headers)
			if test.status != 0 {
				if a.status != test.status || len(a.Errors) != 1 || a.codes()[0] != "BAD_USER_INPUT" ||
					!strings.Contains(a.Errors[0].Message, test.message) {
					t.Errorf("status %d, errors %+v; want %d and %q", a.status, a.Errors, test.status, test.message)
				}
				return
			}
			if len(a.Errors) > 0 || len(a.Extensions.Freshness) != 1 {
				t.Fatalf("errors %+v, freshness %+v", a.Errors, a.Extensions.Freshness)
			}
			f := a.Extensions.Freshness[0]
			if f.Source != test.source || f.Reason != test.reason || !f.Kept {
				t.Errorf("%s, %s, kept %t; want %s, %s", f.Source, f.Reason, f.Kept, test.source, test.reason)
			}
			if f.Token != nil && header.Get(tokenHeader) != *f.Token {
				t.Errorf("the header's token is %q, not the field's", header.Get(tokenHeader))
			}
		})
	}
}

// The answer's token is of all fields together.
// Whatever the headers say, it is refused or within the bounds.
func FuzzPromise(f *testing.F) {
	key := compose.RandomTokenKey()
	token, err := key.Sign(compose.Read{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("FRESH; waitMs=500; maxStalenessMs=1000; onStale=ERROR", "", 500)
	f.Add("AT_LEAST;waitMs=0;;", token, 0)
	f.Add("", "a,b, c", 1<<62)
	f.Fuzz(func(t *testing.T, freshness, token string, n int) {
		for _, text := range []string{freshness, freshness + fmt.Sprint(";waitMs=", n, ";maxStalenessMs=", n)} {
			p, err := promiseOf(http.Header{freshnessHeader: {text}, tokenHeader: {token}}, key)
			if err != nil {
				continue
			}
			if p.Wait < 0 || p.Wait > maxWait || p.MaxStaleness < 0 || p.MaxStaleness > maxStaleness {
				t.Fatalf("%q promises a wait of %v and a staleness of %v", text, p.Wait, p.MaxStaleness)
			}
			if text != freshness && (n < 1 || int64(n) > maxWait.Milliseconds()) {
				t.Fatalf("%q was taken: %+v", text, p)
			}
		}
	})
}

func TestTokenHeader(t *testing.T) {
	g := newGateway(t, ada, newOrders(2))
	_, header := g.askWith(t, `{ a: order(id: "1") { ticket { state } } b: order(id: "2") { version } }`, nil)
	read, err := testKey.Open(header.Get(tokenHeader))
	want := compose.Seen{"1": {Ticket: 3}, "2": {Order: 2}}
	if diff := cmp.Diff(want, read.Seen); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestListFreshness(t *testing.T) {
	const query = `{ orderHistory(consumerId: "7", freshness: %s) {
		nodes { orderId state ticket { version } } total { count precision } } }`
	for _, test := range []struct {
		name, freshness string
		source          compose.Source
		reason          compose.Reason
		kept            bool
		state           string
		code            string
	}{
		{"eventual", `{}`, "VIEW", "satisfied", true, "APPROVED", ""},
		{"at least what the view has", `{mode: AT_LEAST, seen: [{aggregate: ORDER, id: "1", version: 2}]}`,
			"VIEW", "satisfied", true, "APPROVED", ""},
		{"at least what the owner has", `{mode: AT_LEAST, waitMs: 0, seen: [{aggregate: ORDER, id: "1", version: 3}]}`,
			"MIXED", "behind", true, "CANCEL_PENDING", ""},
		{"at least what nobody has", `{mode: AT_LEAST, waitMs: 0, seen: [{aggregate: ORDER, id: "1", version: 9}]}`,
			"MIXED", "behind", false, "CANCEL_PENDING", ""},
		{"at least what nobody has, strict",
			`{mode: AT_LEAST, waitMs: 0, onStale: ERROR, seen: [{aggregate: ORDER, id: "1", version: 9}]}`,
			"", "", false, "", "STALE_VIEW"},
		{"fresh", `{mode: FRESH, waitMs: 0}`, "MIXED", "behind", true, "CANCEL_PENDING", ""},
		{"not young enough", `{maxStalenessMs: 100, waitMs: 0}`, "MIXED", "behind", true, "CANCEL_PENDING", ""},
		{"young enough", `{mode: FRESH, maxStalenessMs: 300}`, "VIEW", "satisfied", true, "APPROVED", ""},
		{"no bound at all", `{maxStalenessMs: 0}`, "", "", false, "", "BAD_USER_INPUT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			progress := fixedProgress{lag: 250 * time.Millisecond, ends: feed.Positions{{Topic: "Order"}: 7}}
			g := newGatewayOf(t, progress, view.Support(), newOrders(2))
			g.ownsOrder1()
			a := g.ask(t, fmt.Sprintf(query, test.freshness))
			if test.code != "" {
				if len(a.Errors) != 1 || a.codes()[0] != test.code {
					t.Errorf("errors %+v, want %s", a.Errors, test.code)
				}
				return
			}
			if len(a.Errors) > 0 {
				t.Fatal(a.Errors)
			}
			f := a.Extensions.Freshness[0]
			if f.Source != test.source || f.Reason != test.reason || f.Kept != test.kept {
				t.Errorf("%s, %s, kept %t", f.Source, f.Reason, f.Kept)
			}
			if got := a.at("orderHistory", "nodes", 1, "state"); got != test.state {
				t.Errorf("order 1 is %v in %v", got, a.Data)
			}
			if got := a.at("orderHistory", "total"); !cmp.Equal(got, any(map[string]any{"count": 2.0, "precision": "EXACT"})) {
				t.Errorf("a total of %v", got)
			}
			composed := 0
			for _, v := range f.Versions {
				if v.ID == "1" && v.Aggregate == order.AggregateOrder {
					composed++
				}
			}
			if (composed == 1) != (test.source == "MIXED") {
				t.Errorf("versions %v", f.Versions)
			}
		})
	}
}

// A list that a token cannot name is told by places in the log, but for what the view did not have.
func TestLongListToken(t *testing.T) {
	ends := feed.Positions{{Topic: "Order"}: 7, {Topic: "Ticket", Number: 1}: 9}
	g := newGatewayOf(t, fixedProgress{ends: ends}, view.Support(), newOrders(40))
	g.ownsOrder1()
	earlier, err := testKey.Sign(compose.Read{Seen: compose.Seen{"1": {Order: 3}, "99": {Order: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	g.answer["orders"] = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("id") == "1" || len(r.URL.Query()["id"]) > 1 {
			fmt.Fprintf(w, "[%s]", ownersOrder)
			return
		}
		fmt.Fprint(w, "[]")
	}
	a := g.mustAsk(t, `{ orderHistory(first: 40, freshness: {mode: AT_LEAST, waitMs: 0, token: "`+earlier+`"}) {
		nodes { orderId } } }`)
	f := a.Extensions.Freshness[0]
	if f.Token == nil {
		t.Fatalf("no token: %+v", f)
	}
	read, err := testKey.Open(*f.Token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ends, read.Beyond); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(read.Seen) != 2 || read.Seen["1"].Order != 3 || read.Seen["99"].Order != 1 {
		t.Errorf("named are %v, want what was composed and what was named before", read.Seen)
	}
}
