package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/graph/persisted"
	"github.com/viewgate/viewgate/web"
)

// TestLimitsAreDocumented: doc/limits.md has the flags that there are, their variables and their defaults, and no others; and the
// defaults are those that package graph has by itself.
func TestLimitsAreDocumented(t *testing.T) {
	var p protection
	f := &flags{FlagSet: flag.NewFlagSet("serve", flag.ContinueOnError), getenv: func(string) string { return "" }}
	protectionFlags(f, &p)
	variable := regexp.MustCompile(`; environment: (\w+)$`)
	want := map[string][2]string{}
	f.VisitAll(func(fl *flag.Flag) {
		named := variable.FindStringSubmatch(fl.Usage)
		if named == nil || f.within[fl.Name] == "" {
			t.Fatalf("--%s has no variable, or is in no section", fl.Name)
		}
		value := fl.DefValue
		if value == "0" || value == "false" {
			value = ""
		}
		want["--"+fl.Name] = [2]string{named[1], value}
	})
	got := map[string][2]string{}
	row := regexp.MustCompile("(?m)^\\| `(--[a-z-]+)` \\| `(\\w+)` \\| (\\w*) ?\\|.*\\|$")
	for _, m := range row.FindAllStringSubmatch(readText(t, "doc/limits.md"), -1) {
		got[m[1]] = [2]string{m[2], m[3]}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-flags +doc/limits.md):\n%s", diff)
	}
	defaults := graph.Limits{}.WithDefaults()
	if diff := cmp.Diff(defaults, p.limits); diff != "" {
		t.Errorf("(-graph +flags):\n%s", diff)
	}
}

func TestProtectionRefuses(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--production"}, "--allow-no-auth"},
		{[]string{"--trusted-proxies", "10.0.0.0/99"}, "--trusted-proxies"},
		{[]string{"--cors-origins", "example.com"}, "--cors-origins"},
		{[]string{"--introspection", "maybe"}, "--introspection"},
		{[]string{"--rate-limit", "-1"}, "--rate-limit"},
		{[]string{"--rate-limit", "NaN"}, "--rate-limit"},
		{[]string{"--max-cost", "0"}, "flag -max-cost: a whole number from 1 is needed"},
		{[]string{"--max-connections", "-1"}, "flag -max-connections: a whole number from 0 is needed"},
		{[]string{"--max-connections-per-client", "-1"}, "flag -max-connections-per-client: a whole number from 0 is needed"},
		{[]string{"--operation-timeout", "-1s"}, "--operation-timeout"},
		{[]string{"--persisted-only"}, "--persisted-documents"},
		{[]string{"--persisted-documents", "x", "--persisted-only", "--persisted-report"}, "set one of them"},
		{[]string{"--rate-limit", "5", "--rate-burst", "0"}, "flag -rate-burst: a whole number from 1 is needed"},
	} {
		p := start(t, nil, append([]string{"serve", "--data", t.TempDir(), "--addr", "127.0.0.1:0"}, test.args...)...)
		<-p.exited
		if p.code != 2 || !strings.Contains(p.err.String(), test.want) {
			t.Errorf("%q: exit code %d, %s", test.args, p.code, &p.err)
		}
	}
}

// TestWelcome: the demo tells of no page that it does not serve.
func TestWelcome(t *testing.T) {
	for _, test := range []struct {
		p    protection
		want bool
	}{{protection{}, true}, {protection{production: true}, false}, {protection{production: true, playground: true}, true}} {
		var told strings.Builder
		welcome(&told, "localhost:8080", "localhost:9092", settings{protection: test.p}, demoSettings{}, true)
		if got := strings.Contains(told.String(), "Playground"); got != test.want || strings.Contains(told.String(), "%!") {
			t.Errorf("%+v: %s", test.p, &told)
		}
	}
}

// TestPlaces: a process tells where its pages are, if it has any.
func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		s    settings
		want string
	}{
		{settings{role: roleAll}, "graphql /graphql page / playground /playground ready /readyz metrics /metrics role all"},
		{settings{role: roleGateway, protection: protection{production: true}}, "graphql /graphql page / ready /readyz metrics /metrics role gateway"},
		{settings{role: roleIndexer}, "ready /readyz metrics /metrics role indexer"},
	} {
		if got := strings.TrimSpace(fmt.Sprintln(test.s.places("")...)); got != test.want {
			t.Errorf("%s: %s, want %s", test.s.role, got, test.want)
		}
	}
}

// TestPlaygroundOfPersisted: who is given a playground in which nothing is answered is told so.
func TestPlaygroundOfPersisted(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list.json")
	if err := os.WriteFile(list, []byte(`{"mine": "{ __typename }"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "demo", "--addr", "127.0.0.1:0", "--broker-addr", "127.0.0.1:0", "--services-port", "0", "--orders", "0",
		"--persisted-documents", list, "--persisted-only")
	p.waitForURL()
	if !strings.Contains(p.err.String(), "QUERY_NOT_IN_SAFELIST") {
		t.Errorf("said is %s", &p.err)
	}
}

// TestProtectionRoutes: what is in front of GraphQL, and of the pages.
func TestProtectionRoutes(t *testing.T) {
	for _, test := range []struct {
		name       string
		protection protection
		path       string
		header     map[string]string
		status     int
		answered   map[string]string
	}{
		{"GraphQL", protection{}, "/graphql", nil, 200, map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}},
		{"the playground", protection{}, "/playground", nil, 200, nil},
		{"another origin", protection{origins: []string{"https://a.example"}}, "/graphql", map[string]string{"Origin": "https://a.example"},
			200, map[string]string{"Access-Control-Allow-Origin": "https://a.example"}},
		{"in production what a form could send", protection{production: true}, "/graphql", nil, 400, nil},
		{"in production what none could", protection{production: true}, "/graphql", map[string]string{"GraphQL-Preflight": "1"}, 200, nil},
		{"in production a start page", protection{production: true}, "/", nil, 200, nil},
		{"in production no playground", protection{production: true}, "/playground", nil, 404, nil},
		{"in production a playground", protection{production: true, playground: true}, "/playground", nil, 200, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			mux := http.NewServeMux()
			test.protection.route(mux, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), web.Options{})
			r, w := httptest.NewRequest(http.MethodGet, test.path, nil), httptest.NewRecorder()
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			if mux.ServeHTTP(w, r); w.Code != test.status {
				t.Errorf("status %d, want %d: %s", w.Code, test.status, w.Body)
			}
			for name, want := range test.answered {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
	for _, test := range []struct {
		protection protection
		private    bool
	}{
		{protection{}, false}, {protection{production: true}, true}, {protection{introspection: "off"}, true},
		{protection{production: true, introspection: "on"}, false}, {protection{production: true, introspection: "auto"}, true},
	} {
		var o graph.Options
		if test.protection.options(&o); o.Private != test.private || o.Gate == nil || o.Clients != nil {
			t.Errorf("%+v: options %+v", test.protection, o)
		}
	}
}

// TestPageIsPersisted: where only listed documents are answered, those of the order search page are.
func TestPageIsPersisted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.json")
	if err := os.WriteFile(file, []byte(`{"mine": "{ __typename }"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := assembleEmpty(t, func(s *settings) { s.documents, s.persistedOnly = file, true }, func(*app) {})
	list, err := persisted.Parse("the page", web.Operations())
	if err != nil {
		t.Fatal(err)
	}
	refused := func(text string) bool {
		t.Helper()
		body, err := json.Marshal(map[string]string{"query": text})
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.Post(p.url+"/graphql", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(answer), "QUERY_NOT_IN_SAFELIST")
	}
	for _, d := range list.Documents() {
		if refused(d.Text) { // whatever else is wrong with it, for want of variables
			t.Errorf("%s is refused", d.Place)
		}
	}
	if len(list.Documents()) == 0 || refused("{ __typename }") || !refused("{ order(id: 1) { id } }") {
		t.Error("not what is listed is answered, and nothing else")
	}
}
