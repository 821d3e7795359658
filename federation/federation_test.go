// Package federation_test composes viewgate with other subgraphs, and puts real gateways before them. It needs Node.js and
// the packages of package.json: make federation.
package federation_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/clients/nodetest"
)

var composers = []string{"apollo", "guild"}

// TestCompose: what viewgate tells of itself composes, alone and with subgraphs that extend its types by either key.
func TestCompose(t *testing.T) {
	nodetest.Need(t, "federation")
	viewgate := newViewgate(t)
	reviews, tips := newOthers(t)
	for _, composer := range composers {
		for _, test := range []struct {
			name      string
			subgraphs []*subgraph
		}{
			{"alone", []*subgraph{viewgate}},
			{"with orders by id", []*subgraph{viewgate, reviews}},
			{"with orders by orderId", []*subgraph{tips, viewgate}},
			{"with both", []*subgraph{viewgate, reviews, tips}},
		} {
			t.Run(composer+" "+test.name, func(t *testing.T) {
				sdl, err := composed(t, composer, test.subgraphs...)
				if err != nil {
					t.Fatal(err)
				}
				for _, text := range []string{`@tag(name: "personal")`, "Who ordered.", "type Order", `key: "orderId"`, "type Subscription"} {
					if !strings.Contains(sdl, text) {
						t.Errorf("the supergraph lacks %q", text)
					}
				}
				for _, text := range []string{"IndexKind", "ViewerRole", "@view", "@index", "@filters", "_Entity", "_Any"} {
					if strings.Contains(sdl, text) {
						t.Errorf("%s is in the supergraph", text)
					}
				}
			})
		}
	}
	t.Run("a composer refuses what cannot be", func(t *testing.T) { // or else the others prove nothing
		broken := newSubgraph(t, "broken", sdlOnly(`extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
			type Query { broken: Order } type Order @key(fields: "id") { id: ID! state: Int! }`))
		for _, composer := range composers {
			if _, err := composed(t, composer, viewgate, broken); err == nil || !strings.Contains(err.Error(), "Order.state") {
				t.Errorf("%s composes a state that is a number: %v", composer, err)
			}
		}
	})
}

// TestGateways asks real gateways, with the supergraphs of both composers.
func TestGateways(t *testing.T) {
	nodetest.Need(t, "federation")
	w := world{viewgate: newViewgate(t)}
	w.reviews, w.tips = newOthers(t)
	for _, composer := range composers {
		sdl, err := composed(t, composer, w.viewgate, w.reviews, w.tips)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "supergraph.graphql")
		if err := os.WriteFile(file, []byte(sdl), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, gateway := range []string{"apollo", "hive"} {
			t.Run(gateway+" of "+composer, func(t *testing.T) {
				url := nodetest.Start(t, gateway+".mjs", file).URL()
				t.Run("joins", func(t *testing.T) { w.testJoins(t, url) })
				t.Run("headers", func(t *testing.T) { w.testHeaders(t, url) })
				t.Run("accept", func(t *testing.T) { w.testAccept(t, url, gateway == "hive") })
			})
		}
	}
}

type world struct{ viewgate, reviews, tips *subgraph }

// counts are how often each subgraph was asked. Fields of one request that ask for entities count each: Hive puts into one
// request what Apollo asks in several.
type counts struct{ viewgate, reviews, tips int }

func (w world) counts() counts {
	count := func(s *subgraph) (n int) {
		for _, c := range s.taken() {
			n += max(1, strings.Count(c.query, "_entities("))
		}
		return n
	}
	return counts{count(w.viewgate), count(w.reviews), count(w.tips)}
}

func globalID(typeName, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(typeName + ":" + id))
}

func (w world) testJoins(t *testing.T, url string) {
	for _, test := range []struct {
		name, query, data string
		missing           int // errors
		counts            counts
	}{
		{
			"root", `{ order(id: "1") { orderId status total { amount currency } } orderHistory(first: 2) { nodes { orderId }
				total { count precision } pageInfo { hasNextPage } } }`,
			`{"order": {"orderId": "1", "status": "CONFIRMED", "total": {"amount": "1.50", "currency": "USD"}},
				"orderHistory": {"nodes": [{"orderId": "3"}, {"orderId": "2"}], "total": {"count": 3, "precision": "EXACT"},
				"pageInfo": {"hasNextPage": true}}}`,
			0, counts{1, 0, 0},
		},
		{
			"from viewgate, by id", `{ orderHistory { nodes { orderId reviews { stars } } } }`,
			`{"orderHistory": {"nodes": [{"orderId": "3", "reviews": [{"stars": 2}]}, {"orderId": "2", "reviews": []},
				{"orderId": "1", "reviews": [{"stars": 5}, {"stars": 4}]}]}}`,
			0, counts{1, 1, 0},
		},
		{
			"from viewgate, by orderId", `{ order(id: "2") { tip { amount currency } total { amount } } }`,
			`{"order": {"tip": {"amount": "2.00", "currency": "USD"}, "total": {"amount": "2.50"}}}`,
			0, counts{1, 0, 1},
		},
		{
			"to viewgate, by id", `{ reviews { stars order { orderId status consumer { name } } } }`,
			`{"reviews": [
				{"stars": 5, "order": {"orderId": "1", "status": "CONFIRMED", "consumer": {"name": "Ada Byron"}}},
				{"stars": 2, "order": {"orderId": "3", "status": "CONFIRMED", "consumer": {"name": "Ada Byron"}}},
				{"stars": 4, "order": {"orderId": "1", "status": "CONFIRMED", "consumer": {"name": "Ada Byron"}}},
				{"stars": 1, "order": null}]}`,
			1, counts{1, 1, 0},
		},
		{
			"to viewgate, by orderId", `{ tipped { tip { amount } state id } }`,
			`{"tipped": [{"tip": {"amount": "2.00"}, "state": "APPROVED", "id": "` + globalID("Order", "2") + `"},
				{"tip": {"amount": "1.00"}, "state": "APPROVED", "id": "` + globalID("Order", "1") + `"}, null,
				{"tip": {"amount": "2.00"}, "state": "APPROVED", "id": "` + globalID("Order", "2") + `"}]}`,
			1, counts{1, 0, 1},
		},
		{
			// Of what is not there gateways show what the other subgraph said: only that there is a reference.
			"all types at once", `{ reviews { restaurant { name } consumer { name } order { orderId } } }`,
			`{"reviews": [
				{"restaurant": {"name": "Ajanta 1"}, "consumer": {"name": "Ada Byron"}, "order": {"orderId": "1"}},
				{"restaurant": {"name": "Ajanta 2"}, "consumer": {"name": "Ada Byron"}, "order": {"orderId": "3"}},
				{"restaurant": {"name": "Ajanta 1"}, "consumer": {"name": "Ada Byron"}, "order": {"orderId": "1"}},
				{"restaurant": {"name": null}, "consumer": {"name": null}, "order": null}]}`,
			3, counts{3, 1, 0},
		},
		{
			"there and back", `{ orderHistory { nodes { tip { amount } reviews { restaurant { name } } } } }`,
			`{"orderHistory": {"nodes": [{"tip": {"amount": "3.00"}, "reviews": [{"restaurant": {"name": "Ajanta 2"}}]},
				{"tip": {"amount": "2.00"}, "reviews": []},
				{"tip": {"amount": "1.00"}, "reviews": [{"restaurant": {"name": "Ajanta 1"}}, {"restaurant": {"name": "Ajanta 1"}}]}]}}`,
			0, counts{2, 1, 1},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w.counts()
			a := ask(t, url, test.query, nil)
			var want any
			if err := json.Unmarshal([]byte(test.data), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, a.Data); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := w.counts(); got != test.counts {
				t.Errorf("calls %+v, want %+v", got, test.counts)
			}
			for _, e := range a.Errors {
				if e.Extensions["code"] != "NOT_FOUND" || !strings.Contains(e.Message, "there is no ") {
					t.Errorf("error %+v", e)
				}
			}
			if len(a.Errors) != test.missing {
				t.Errorf("%d errors, want %d: %+v", len(a.Errors), test.missing, a.Errors)
			}
		})
	}
}

// testHeaders: what a client says of freshness reaches viewgate, for root fields and references, and the tokens of its
// answers come back and are good for the next read.
func (w world) testHeaders(t *testing.T, url string) {
	const query = `{ order(id: "1") { state } reviews { stars order { state } } }`
	states := func(a answer) []any {
		data, _ := a.Data.(map[string]any)
		list, _ := data["reviews"].([]any)
		states := []any{at(data, "order", "state")}
		for _, review := range list {
			states = append(states, at(review, "order", "state"))
		}
		return states
	}
	old := []any{"APPROVED", "APPROVED", "APPROVED", "APPROVED", nil}
	fresh := []any{"CANCEL_PENDING", "CANCEL_PENDING", "APPROVED", "CANCEL_PENDING", nil}
	w.counts()
	if diff := cmp.Diff(old, states(ask(t, url, query, nil))); diff != "" {
		t.Errorf("without headers (-want +got):\n%s", diff)
	}
	for _, c := range w.viewgate.taken() {
		if got := c.header.Values("Viewgate-Freshness"); len(got) > 0 {
			t.Errorf("viewgate was told %q", got)
		}
	}
	a := ask(t, url, query, map[string]string{"Viewgate-Freshness": "FRESH; waitMs=0"})
	if diff := cmp.Diff(fresh, states(a)); diff != "" {
		t.Errorf("FRESH (-want +got):\n%s", diff)
	}
	for _, c := range w.viewgate.taken() {
		if diff := cmp.Diff([]string{"FRESH; waitMs=0"}, c.header.Values("Viewgate-Freshness")); diff != "" {
			t.Errorf("of %s (-want +got):\n%s", c.query, diff)
		}
	}
	token := a.header.Get("Viewgate-Token")
	if token == "" {
		t.Fatalf("no token in %v", a.header)
	}
	a = ask(t, url, query, map[string]string{"Viewgate-Token": token, "Viewgate-Freshness": "AT_LEAST; waitMs=0"})
	if diff := cmp.Diff(fresh, states(a)); diff != "" {
		t.Errorf("with the token %s (-want +got):\n%s", token, diff)
	}
}

func at(value any, path ...string) any {
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// testAccept: clients that could take parts, which all of Apollo's say of themselves, get what they ask for.
func (w world) testAccept(t *testing.T, url string, defers bool) {
	want := map[string]any{"order": map[string]any{"orderId": "1", "reviews": []any{map[string]any{"stars": 5.0}, map[string]any{"stars": 4.0}}}}
	for _, accept := range []string{
		"multipart/mixed;deferSpec=20220824, application/json",                   // Apollo Client
		"application/graphql-response+json, application/json, multipart/mixed",   // Hive Gateway
		"multipart/mixed; subscriptionSpec=1.0, application/json;q=0.9, */*;q=0", // Apollo Kotlin's kind
	} {
		a := ask(t, url, `{ order(id: "1") { orderId reviews { stars } } }`, map[string]string{"Accept": accept})
		if diff := cmp.Diff(want, a.Data); diff != "" || len(a.Errors) > 0 {
			t.Errorf("%s: %+v (-want +got):\n%s", accept, a.Errors, diff)
		}
	}
	if !defers {
		return // Apollo's gateway in JavaScript does not know @defer
	}
	parts := post(t, url, `{ order(id: "1") { orderId ... @defer { status reviews { stars } } } }`,
		map[string]string{"Accept": "multipart/mixed;deferSpec=20220824, application/json"})
	for _, text := range []string{`{"order":{"orderId":"1"}}`, `"status":"CONFIRMED"`, `"reviews":[{"stars":5},{"stars":4}]`} {
		if !strings.Contains(string(parts.body), text) {
			t.Errorf("%s is not in the parts:\n%s", text, parts.body)
		}
	}
}

// TestAccept: viewgate itself never answers in parts to whoever merely lists them.
func TestAccept(t *testing.T) {
	viewgate := newViewgate(t)
	for _, accept := range []string{
		"application/graphql-response+json, application/json, multipart/mixed",
		"multipart/mixed;deferSpec=20220824, application/json",
		"multipart/mixed, text/event-stream, application/json",
	} {
		for _, query := range []string{`{ order(id: "1") { orderId status } }`, `{ order(id: "1") { orderId ... @defer { status } } }`} {
			r := post(t, viewgate.url, query, map[string]string{"Accept": accept})
			if media := r.header.Get("Content-Type"); strings.HasPrefix(media, "multipart") && !strings.Contains(query, "@defer") {
				t.Errorf("%s: %s is answered as %s", accept, query, media)
			}
			if !strings.Contains(string(r.body), `"status":"CONFIRMED"`) {
				t.Errorf("%s: %s is answered %s", accept, query, r.body)
			}
		}
	}
}
