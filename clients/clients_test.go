// Package clients_test puts clients of GraphQL before viewgate that others have made, and the audits of GraphQL over HTTP. It
// needs Node.js and the packages of package.json: make clients.
package clients_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/clients/nodetest"
)

// TestAudits: all of them pass, those among them that are no must.
func TestAudits(t *testing.T) {
	nodetest.Need(t, "clients")
	text, err := nodetest.Run(t, "audits.mjs", newServer(t).url)
	if err != nil {
		t.Fatal(err)
	}
	var audits []struct{ ID, Name, Status, Reason string }
	if err := json.Unmarshal([]byte(text), &audits); err != nil {
		t.Fatal(err)
	}
	if len(audits) != 61 {
		t.Errorf("%d audits", len(audits))
	}
	for _, audit := range audits {
		if audit.Status != "ok" {
			t.Errorf("%s %s: %s %s", audit.ID, audit.Name, audit.Status, audit.Reason)
		}
	}
}

// expect compares what a script prints next.
func expect(t *testing.T, script *nodetest.Process, want ...string) {
	t.Helper()
	for _, line := range want {
		if got := script.Line(); got != line {
			t.Fatalf("%s, want %s", got, line)
		}
	}
}

func TestSockets(t *testing.T) {
	nodetest.Need(t, "clients")
	s := newServer(t)
	script := nodetest.Start(t, "sockets.mjs", s.url)
	expect(t, script,
		`next {"order":{"orderId":"1"}}`, `complete undefined`,
		`next ["BAD_USER_INPUT"]`, `complete undefined`,
		`error ["BAD_USER_INPUT"]`, `error ["BAD_USER_INPUT"]`, `error ["BAD_USER_INPUT"]`,
		`error 4403`)
	for line := ""; line != "error 4409"; { // the order may come before
		if line = script.Line(); line != `next {"orderChanged":{"orderId":"2"}}` && line != "error 4409" {
			t.Fatal(line)
		}
	}
	expect(t, script, `error 4409`, `closed 4406`, `closed 4400`, `closed 4400`, `closed 4400`, `closed 4401`, `closed 4429`,
		`next {"orderChanged":{"version":1}}`)
	s.write(t, 1, 2)
	expect(t, script, `next {"orderChanged":{"version":2}}`)
	s.replace(t)
	expect(t, script, `closed 1001`, `next {"orderChanged":{"version":2}}`)
	s.write(t, 1, 3)
	expect(t, script, `next {"orderChanged":{"version":3}}`)
}

func TestEvents(t *testing.T) {
	nodetest.Need(t, "clients")
	s := newServer(t)
	script := nodetest.Start(t, "events.mjs", s.url)
	expect(t, script,
		`next {"order":{"orderId":"1"}}`, `complete undefined`,
		`next "BAD_USER_INPUT"`, `complete undefined`,
		`next "BAD_USER_INPUT"`, `complete undefined`,
		`next {"orderChanged":{"version":1}}`)
	s.write(t, 1, 2)
	expect(t, script, `next {"orderChanged":{"version":2}}`)
	s.replace(t)
	expect(t, script, `again undefined`, `next {"orderChanged":{"version":2}}`)
	s.write(t, 1, 3)
	expect(t, script, `next {"orderChanged":{"version":3}}`)
}

func TestApollo(t *testing.T) {
	nodetest.Need(t, "clients")
	text, err := nodetest.Run(t, "apollo.mjs", newServer(t).url)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`streaming {"order":{"__typename":"Order","orderId":"1","consumer":{"__typename":"Consumer","consumerId":"7"}}}`,
		`complete {"order":{"__typename":"Order","orderId":"1","consumer":{"__typename":"Consumer","consumerId":"7",` +
			`"orderHistory":{"__typename":"OrderConnection","total":{"__typename":"Count","count":3}}}}}`,
		`CombinedGraphQLErrors "BAD_USER_INPUT"`,
		`persisted {"order":{"orderId":"1","__typename":"Order"}}`,
		`persisted {"order":{"orderId":"2","__typename":"Order"}}`,
		`texts [false,true,false]`,
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(text), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
