package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports keeps the directions that doc/design.md draws: what each package imports of this module, and which libraries
// stay out of where, be it through others.
func TestImports(t *testing.T) {
	const module = "github.com/viewgate/viewgate"
	allowed := map[string]string{ // documents stands for the packages of views' documents, which are those below view that are not named
		"schema":           "",
		"wire":             "",
		"hours":            "",
		"event":            "hours wire",
		"view":             "view/reading",
		"view/reading":     "",
		"documents":        "documents hours view wire",
		"view/analysis":    "view",
		"view/viewtest":    "view view/analysis schema search",
		"view/embedded":    "view view/analysis",
		"view/elastic":     "telemetry view view/analysis view/reading retry",
		"search":           "view view/analysis",
		"export":           "search view",
		"feed":             "",
		"latest":           "",
		"retry":            "",
		"forgotten":        "retry",
		"projection":       "documents event view wire",
		"deadletter":       "event",
		"feed/broker":      "feed latest retry",
		"indexer":          "deadletter event feed feed/broker projection telemetry view retry",
		"telemetry":        "",
		"sweep":            "deadletter event projection view",
		"rebuild":          "event feed indexer projection view retry",
		"compose":          "documents feed latest telemetry view wire retry",
		"verify":           "compose projection view retry",
		"watch":            "compose documents feed view",
		"auth":             "view",
		"audit":            "",
		"cost":             "",
		"guard":            "",
		"graph":            "auth compose cost documents feed guard hours schema search telemetry view view/analysis watch graph/media graph/model graph/persisted graph/scalar graph/structs graph/variables",
		"graph/generate":   "",
		"graph/media":      "",
		"graph/model":      "compose documents view",
		"graph/persisted":  "",
		"graph/scalar":     "compose documents view wire",
		"graph/structs":    "",
		"graph/variables":  "",
		"web":              "",
		"clients":          "",
		"clients/nodetest": "",
		"federation":       "",
		"example/broker":   "",
		"example/ftgo":     "event hours wire retry",
		"example/ftgo/sim": "wire",
	}
	libraries := map[string]string{
		"github.com/IBM/sarama":                        "deadletter feed/broker forgotten indexer rebuild sweep example/ftgo",
		"github.com/blevesearch/bleve/v2":              "view/analysis view/embedded view/elastic view/viewtest search export graph",
		"github.com/elastic/go-elasticsearch/v8/esapi": "view/elastic",
		"github.com/99designs/gqlgen/graphql":          "graph graph/model graph/scalar graph/structs",
		"github.com/go-jose/go-jose/v4":                "auth graph",
		"github.com/twmb/franz-go/pkg/kfake":           "example/broker",
		"go.opentelemetry.io/otel/sdk/trace":           "telemetry compose graph graph/model graph/scalar indexer rebuild verify view/elastic watch",
	}
	in := func(list, name string) bool { return strings.Contains(" "+list+" ", " "+name+" ") }
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}:{{join .Deps " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		name := strings.TrimPrefix(strings.TrimPrefix(fields[0], module), "/")
		if name == "" || strings.HasPrefix(name, "bench") {
			continue // they wire everything
		}
		may, known := allowed[name]
		if !known && strings.HasPrefix(name, "view/") {
			may, known = allowed["documents"], true
		}
		if !known {
			t.Errorf("package %s is not in the list: say what it may import", name)
		}
		for _, imported := range strings.Fields(fields[1]) {
			own, isOwn := strings.CutPrefix(imported, module+"/")
			_, named := allowed[own]
			if isOwn && !named && strings.HasPrefix(own, "view/") && in(may, "documents") {
				continue
			}
			if isOwn && !in(may, own) {
				t.Errorf("%s imports %s", name, own)
			}
		}
		for _, dep := range strings.Fields(fields[2]) {
			if where, limited := libraries[dep]; limited && !in(where, name) {
				t.Errorf("%s imports %s, which belongs in %s", name, dep, where)
			}
		}
	}
}
