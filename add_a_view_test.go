package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is a piece of a page that is meant for a file.
type block struct{ kind, file, text string }

// blocks returns the pieces of a page whose fence names a file.
func blocks(t *testing.T, page string) (found []block) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+) (\\S+)\n(.*?)^```$").FindAllStringSubmatch(readText(t, page), -1) {
		found = append(found, block{m[1], m[2], m[3]})
	}
	return found
}

// put puts the piece into a tree: as the file, or as a change to it.
func (b block) put(t *testing.T, tree string) {
	t.Helper()
	name := filepath.Join(tree, filepath.FromSlash(b.file))
	text := b.text
	if b.kind == "diff" {
		var before, after strings.Builder
		for line := range strings.Lines(b.text) {
			if line[0] != '+' {
				before.WriteString(line[1:])
			}
			if line[0] != '-' {
				after.WriteString(line[1:])
			}
		}
		is := readText(t, name)
		if strings.Count(is, before.String()) != 1 {
			t.Fatalf("%s does not have this once, as the page says:\n%s", b.file, &before)
		}
		text = strings.Replace(is, before.String(), after.String(), 1)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// copyTree copies the module, but for what no build of the program needs.
func copyTree(t *testing.T, to string) {
	t.Helper()
	skip := []string{".git", "bench", "backends", "viewgate"}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skip, name):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !d.Type().IsRegular() || slices.Contains(skip, name):
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAddAView does what doc/add-a-view.md says, in a copy of the module: generates, vets, and runs the page's own test.
func TestAddAView(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program anew")
	}
	t.Parallel()
	tree := t.TempDir()
	copyTree(t, tree)
	var written []string
	for _, b := range blocks(t, "doc/add-a-view.md") {
		b.put(t, tree)
		written = append(written, b.file)
	}
	if len(written) != 8 || !slices.Contains(written, "trips_test.go") {
		t.Fatalf("the page has %q", written)
	}
	run := func(args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), "go", args...)
		c.Dir = tree
		c.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -buildvcs=false", "GOWORK=off")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	formatted, err := exec.CommandContext(t.Context(), "gofmt", "-l", tree).CombinedOutput()
	if err != nil || len(bytes.TrimSpace(formatted)) > 0 {
		t.Errorf("not formatted: %s %v", formatted, err)
	}
	run("tool", "gqlgen", "generate")
	run("test", ".", "./schema", "-run", "TestTrips|TestImports|TestDescriptions|TestFilters|TestSubgraph|TestRebuildMetrics")
}

// TestFilesOfAView: the files that a view is, by the page, are there.
func TestFilesOfAView(t *testing.T) {
	page := readText(t, "doc/add-a-view.md")
	rows := regexp.MustCompile("(?m)^\\| .* \\| `(\\S+)` \\| `(\\S+)` \\|$").FindAllStringSubmatch(page, -1)
	if len(rows) != 5 {
		t.Errorf("the page has a table of %d files", len(rows))
	}
	for _, row := range rows {
		if _, err := os.Stat(row[2]); err != nil {
			t.Error(err)
		}
		if !strings.Contains(page, row[1]+"\n") {
			t.Errorf("the page does not have %s", row[1])
		}
	}
}
