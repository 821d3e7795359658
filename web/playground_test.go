package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/validator"

	"github.com/viewgate/viewgate/schema"
)

// TestExamples: they are right by the schema, with their variables, and each is told from the others.
func TestExamples(t *testing.T) {
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	examples, err := Examples()
	if err != nil {
		t.Fatal(err)
	}
	if len(examples) < 8 {
		t.Errorf("%d examples", len(examples))
	}
	titles, names := map[string]bool{}, map[string]bool{}
	for _, example := range examples {
		t.Run(example.Name, func(t *testing.T) {
			document, err := gqlparser.LoadQueryWithRules(s, example.Query, nil)
			if err != nil {
				t.Fatal(err)
			}
			operation := document.Operations.ForName(example.Name)
			if len(document.Operations) != 1 || operation == nil {
				t.Fatal("there is another operation than the one that is named")
			}
			variables := map[string]any{}
			if example.Variables != "" {
				if err := json.Unmarshal([]byte(example.Variables), &variables); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := validator.VariableValues(s, operation, variables); err != nil {
				t.Error(err)
			}
			for name := range variables {
				if operation.VariableDefinitions.ForName(name) == nil {
					t.Errorf("a variable %s is not asked for", name)
				}
			}
			if titles[example.Title] || names[example.Name] {
				t.Error("there is another one of this title or name")
			}
			titles[example.Title], names[example.Name] = true, true
			for line := range strings.Lines(example.Query) {
				if strings.HasPrefix(line, "#") && len(line) > 50 {
					t.Errorf("wider than the editor beside an answer is: %s", line)
				}
			}
		})
	}
}

// TestPlayground: the page is told what the server has, and is not there unless it is asked for.
func TestPlayground(t *testing.T) {
	examples, err := Examples()
	if err != nil {
		t.Fatal(err)
	}
	type told struct {
		Examples           []Example
		DemoTokens, Schema bool
	}
	for _, test := range []struct {
		name    string
		options Options
		want    told
	}{
		{"plain", Options{Playground: true}, told{examples, false, true}},
		{"with tokens", Options{Playground: true, Auth: "demo"}, told{examples, true, true}},
		{"private", Options{Playground: true, Private: true}, told{examples, false, false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Handler(test.options).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/playground", nil))
			block := regexp.MustCompile(`(?s)<script type="application/json" id="playground">(.*?)</script>`).FindSubmatch(w.Body.Bytes())
			if block == nil {
				t.Fatalf("status %d, and nothing is told: %s", w.Code, w.Body)
			}
			var got told
			if err := json.Unmarshal(block[1], &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if policy := w.Header().Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.Contains(policy, lockedStyle) {
				t.Errorf("policy %s", policy)
			}
		})
	}
	for _, target := range []string{"/playground", "/playground?query={x}"} {
		w := httptest.NewRecorder()
		if Handler(Options{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil)); w.Code != http.StatusNotFound {
			t.Errorf("%s without a playground: status %d", target, w.Code)
		}
	}
}
