package graph

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/viewgate/viewgate/feed"
)

// silent is a log that takes questions and does not answer.
type silent struct{ fixedProgress }

func (silent) Ends(ctx context.Context) (feed.Positions, error) {
	<-ctx.Done()
	return nil, errors.New("kafka does not answer")
}

// An EVENTUAL page of 50, while Kafka takes connections and does not answer.
func TestLongListWithoutKafka(t *testing.T) {
	g := newGatewayOf(t, silent{fixedProgress{lag: time.Second}}, ada, newOrders(60), func(o *Options) { o.Limits.Timeout = 3 * time.Second })
	for _, query := range []string{`{ orderHistory(first: 20) { nodes { orderId } } }`, `{ orderHistory(first: 50) { nodes { orderId } } }`} {
		a := g.ask(t, query)
		if nodes, _ := a.at("orderHistory", "nodes").([]any); len(nodes) < 20 {
			t.Errorf("%s: %d nodes, errors %v", query, len(nodes), a.codes())
		}
	}
}

// By header: an argument beats the promise, and the token is forgotten; two lists give no token at all.
func TestHeaderTokensAddUp(t *testing.T) {
	g := newGatewayOf(t, fixedProgress{lag: time.Second, ends: feed.Positions{{Topic: "Order"}: 9}}, ada, newOrders(60))
	_, first := g.askWith(t, `{ order(id: "1") { status } }`, nil)
	_, second := g.askWith(t, `{ order(id: "2", freshness: {mode: EVENTUAL}) { status } }`, map[string]string{tokenHeader: first.Get(tokenHeader)})
	read, err := testKey.Open(second.Get(tokenHeader))
	if err != nil || read.Seen["1"].Order == 0 {
		t.Errorf("after a token of order 1 the next token has %v, %v", read, err)
	}
	_, two := g.askWith(t, `{ a: orderHistory(first: 20) { nodes { orderId } } b: orderHistory(last: 20) { nodes { orderId } } }`, nil)
	if two.Get(tokenHeader) == "" {
		t.Error("two lists of 20: no token in the header")
	}
}

// A federation's gateway has a token from each of its calls, and hands all of them on.
func TestTokensOfSeveralCalls(t *testing.T) {
	g := newGateway(t, ada, newOrders(2))
	token := func(id string) string {
		_, header := g.askWith(t, `{ order(id: "`+id+`") { state } }`, nil)
		return header.Get(tokenHeader)
	}
	one, two := token("1"), token("2")
	for name, values := range map[string][]string{"with commas": {one + ", " + two}, "in headers": {one, two}} {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query": "{ order(id: \"3\") { state } }"}`))
		r.Header.Set("Content-Type", "application/json")
		for _, value := range values {
			r.Header.Add(tokenHeader, value)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		read, err := testKey.Open(w.Result().Header.Get(tokenHeader))
		if err != nil || read.Seen["1"].Order != 2 || read.Seen["2"].Order != 2 {
			t.Errorf("%s: the next token has %v, %v", name, read, err)
		}
	}
	for name, test := range map[string]struct{ token, message string }{
		"one of them damaged": {one + ",x", "not a token"},
		"too many":            {strings.Repeat(one+",", 16) + one, "17 tokens; 16 are possible"},
	} {
		a, _ := g.askWith(t, `{ order(id: "1") { state } }`, map[string]string{tokenHeader: test.token})
		if a.status != http.StatusBadRequest || len(a.Errors) != 1 || !strings.Contains(a.Errors[0].Message, test.message) {
			t.Errorf("%s: %d %+v", name, a.status, a.Errors)
		}
	}
}
