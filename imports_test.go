package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports keeps the directions that doc/design.md draws: what each package may import of this module, itself or
// through others, and which libraries stay out of where.
func TestImports(t *testing.T) {
	const module = "github.com/viewgate/viewgate"
	allowed := map[string]string{
		"schema":           "",
		"wire":             "",
		"event":            "wire",
		"view":             "",
		"view/order":       "view wire",
		"view/viewtest":    "view schema",
		"view/embedded":    "view",
		"view/elastic":     "view",
		"projection":       "event view view/order wire",
		"deadletter":       "event wire",
		"indexer":          "deadletter event projection view view/order wire",
		"rebuild":          "deadletter event indexer projection view view/order wire",
		"compose":          "view view/order wire",
		"graph":            "compose schema view view/order wire graph/model graph/scalar",
		"graph/model":      "compose graph/scalar view view/order wire",
		"graph/scalar":     "compose view view/order wire",
		"web":              "",
		"example/broker":   "",
		"example/ftgo":     "event wire",
		"example/ftgo/sim": "wire",
	}
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}: {{join .Deps \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		path, deps, _ := strings.Cut(strings.TrimSpace(line), ": ")
		name := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
		may, known := allowed[name]
		if name == "" || strings.HasPrefix(name, "bench") {
			continue // they wire everything
		}
		if !known {
			t.Errorf("package %s is not in the list: say what it may import", name)
		}
		for _, dep := range strings.Fields(deps) {
			own, isOwn := strings.CutPrefix(dep, module+"/")
			if isOwn && !strings.Contains(" "+may+" ", " "+own+" ") {
				t.Errorf("%s imports %s", name, own)
			}
			for library, where := range map[string]string{
				"github.com/IBM/sarama":                        "deadletter indexer rebuild example/ftgo",
				"github.com/blevesearch/bleve/v2":              "view/embedded",
				"github.com/elastic/go-elasticsearch/v8/esapi": "view/elastic",
				"github.com/99designs/gqlgen/graphql":          "graph graph/model graph/scalar",
				"github.com/twmb/franz-go/pkg/kfake":           "example/broker",
			} {
				if dep == library && !strings.Contains(" "+where+" ", " "+name+" ") {
					t.Errorf("%s imports %s, which belongs in %s", name, library, where)
				}
			}
		}
	}
}
