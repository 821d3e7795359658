package persisted

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes files in a directory, and returns that.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const one, two = "{ one }", "query Two { two }"

func TestRead(t *testing.T) {
	dir := write(t, map[string]string{
		"list/one.graphql": one, "list/deep/two.gql": two, "list/README.md": "no document",
		"apollo.json": `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [
			{"id": "one", "name": "", "type": "query", "body": "{ one }"},
			{"id": "deep/two", "name": "Two", "type": "query", "body": "query Two { two }"}]}`,
		"relay.json": `{"deep/two": "query Two { two }", "one": "{ one }"}`,
	})
	for _, name := range []string{"list", "apollo.json", "relay.json"} {
		t.Run(name, func(t *testing.T) {
			l, err := Read(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for id, want := range map[string]string{
				"one": one, "deep/two": two, "sha256:one": one, Hash(one): one, "sha256:" + Hash(two): two,
				"two": "", "": "", Hash("{ other }"): "",
			} {
				if got, ok := l.Text(id); got != want || ok != (want != "") {
					t.Errorf("%s is %q, %v; want %q", id, got, ok, want)
				}
			}
			if !l.Has(one) || !l.Has(two) || l.Has("{ one  }") {
				t.Error("the list does not have what it has")
			}
			texts := map[string]string{}
			for _, d := range l.Documents() {
				texts[d.ID] = d.Text
				if !strings.HasPrefix(d.Place, filepath.Join(dir, name)) {
					t.Errorf("place %s", d.Place)
				}
			}
			if diff := cmp.Diff(map[string]string{"one": one, "deep/two": two}, texts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestJoin: a program's own documents are beside those of a file, and none takes another's id.
func TestJoin(t *testing.T) {
	parse := func(text string) *List {
		t.Helper()
		l, err := Parse("a place", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	file := parse(`{"one": "{ one }"}`)
	l, err := Join(file, parse(`{"one": "{ one }", "two": "query Two { two }"}`), parse(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := l.Text("two"); text != two || !ok || !l.Has(one) || file.Has(two) {
		t.Errorf("the documents are %v", l.Documents())
	}
	if _, err := Join(file, parse(`{"one": "{ other }"}`)); err == nil || !strings.Contains(err.Error(), "the id one is taken") {
		t.Errorf("two documents of one id: %v", err)
	}
	if _, err := Parse("a place", []byte("{ one }")); err == nil || !strings.Contains(err.Error(), "a place: ") {
		t.Errorf("what is no manifest: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := write(t, map[string]string{
		"none/README.md": "", "text.json": "{ one }", "empty.json": "{}", "number.json": `{"one": 1}`,
		"twice/a.graphql": one, "twice/a.gql": two,
		"later.json":    `{"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}`,
		"nameless.json": `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"body": "{ one }"}]}`,
	})
	for name, want := range map[string]string{
		"missing": "no such file", "none": "there is no document", "text.json": "neither a directory nor a manifest",
		"empty.json": "there is no document", "number.json": `"one": a document's text is needed`,
		"twice": "the id a is taken", "later.json": "can be read", "nameless.json": "operation 1, : there is no id",
	} {
		if _, err := Read(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, want)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"one": "{ one }"}`))
	f.Add([]byte(`{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "one", "body": "{ one }"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "manifest.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Read(path)
		if err != nil {
			return
		}
		for _, d := range l.Documents() {
			if got, ok := l.Text(Hash(d.Text)); !ok || got != d.Text {
				t.Errorf("%q is %q by its hash, %v", d.Text, got, ok)
			}
		}
	})
}
