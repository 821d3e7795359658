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
	allowed := map[string]string{
		"schema":           "",
		"wire":             "",
		"event":            "wire",
		"view":             "",
		"view/order":       "view wire",
		"view/analysis":    "view",
		"view/viewtest":    "view view/analysis schema",
		"view/embedded":    "view view/analysis",
		"view/elastic":     "view view/analysis",
		"search":           "view",
		"export":           "search view",
		"feed":             "",
		"latest":           "",
		"projection":       "event view view/order wire",
		"deadletter":       "event",
		"feed/broker":      "feed latest",
		"indexer":          "deadletter event feed feed/broker projection view",
		"rebuild":          "event feed indexer projection view view/order",
		"compose":          "feed latest view view/order wire",
		"verify":           "compose projection view view/order",
		"watch":            "compose feed view view/order",
		"graph":            "compose feed schema search view view/analysis view/order watch graph/model graph/scalar",
		"graph/model":      "compose view view/order",
		"graph/scalar":     "compose view view/order wire",
		"web":              "",
		"federation":       "",
		"example/broker":   "",
		"example/ftgo":     "event wire",
		"example/ftgo/sim": "wire",
	}
	libraries := map[string]string{
		"github.com/IBM/sarama":                        "deadletter feed/broker indexer rebuild example/ftgo",
		"github.com/blevesearch/bleve/v2":              "view/analysis view/embedded view/elastic view/viewtest graph",
		"github.com/elastic/go-elasticsearch/v8/esapi": "view/elastic",
		"github.com/99designs/gqlgen/graphql":          "graph graph/model graph/scalar",
		"github.com/twmb/franz-go/pkg/kfake":           "example/broker",
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
		if !known {
			t.Errorf("package %s is not in the list: say what it may import", name)
		}
		for _, imported := range strings.Fields(fields[1]) {
			if own, isOwn := strings.CutPrefix(imported, module+"/"); isOwn && !in(may, own) {
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
