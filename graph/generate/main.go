// Command generate mends what gqlgen has made of the schema: go run ./graph/generate, after go tool gqlgen generate. Both are
// "make generate".
//
// gqlgen answers null for what is deferred, be it in a place that is never null, before it answers what it is; and it waits
// without end for what is deferred by an operation that has no time left. graph/deferred.go has what is called instead.
package main

import (
	"fmt"
	"os"
	"strings"
)

const file = "graph/generated.go"

var changes = []struct{ from, to string }{
	{"the out.Concurrently() call below\n\t\t\t\tout.Values[i] = graphql.Null\n",
		"the out.Concurrently() call below\n\t\t\t\tout.Values[i] = later\n"},
	{"result := <-ec.DeferredResults\n",
		"result, inTime := nextDeferred(ctx, ec.DeferredResults)\n\t\t\t\t\tif !inTime {\n\t\t\t\t\t\treturn nil\n\t\t\t\t\t}\n"},
}

func main() {
	if err := mend(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func mend() error {
	code, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := string(code)
	for _, change := range changes {
		if !strings.Contains(text, change.from) && !strings.Contains(text, change.to) {
			return fmt.Errorf("%s has not %q, which this version of gqlgen may write otherwise: see to graph/deferred.go", file, change.from)
		}
		text = strings.ReplaceAll(text, change.from, change.to)
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
