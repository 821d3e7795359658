// Package persisted reads lists of documents that clients are known to send: persisted documents.
package persisted

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// List is a list of documents. It does not change.
type List struct {
	documents []Document
	byID      map[string]int // index of documents
}

// Document is one of a list.
type Document struct {
	ID   string // which the list gives it
	Text string
	// Place is where it is, for people: a file, or a file and an entry of it.
	Place string
}

// Text returns the document that has this id: its own, or the SHA-256 hash of its text in hexadecimal digits.
func (l *List) Text(id string) (text string, ok bool) {
	at, ok := l.byID[strings.TrimPrefix(id, "sha256:")]
	if !ok {
		return "", false
	}
	return l.documents[at].Text, true
}

// Has reports whether a text is one of the list's.
func (l *List) Has(text string) bool {
	_, ok := l.byID[Hash(text)]
	return ok
}

// Documents returns all of them, in the order in which they were read.
func (l *List) Documents() []Document { return slices.Clone(l.documents) }

// Hash returns the hash that clients name a document by: SHA-256, in hexadecimal digits.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Read reads a list. It is one of
//
//   - a directory with a document in each file whose name ends in .graphql or .gql, in any depth; its id is the file's path in
//     there, with slashes and without the ending
//   - a file with the manifest of Apollo's tools: {"format": "apollo-persisted-query-manifest", "version": 1, "operations":
//     [{"id", "name", "type", "body"}]}
//   - a file with an object of texts by id, as Relay and GraphQL Code Generator write it
//
// Two documents of one id are an error. Whether a text is a valid document is for others to say.
func Read(path string) (*List, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	l := &List{byID: map[string]int{}}
	if info.IsDir() {
		err = l.readDirectory(path)
	} else {
		err = l.readManifest(path)
	}
	if err != nil {
		return nil, err
	}
	if len(l.documents) == 0 {
		return nil, fmt.Errorf("%s: there is no document", path)
	}
	return l, nil
}

func (l *List) readDirectory(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		ending := filepath.Ext(path)
		if err != nil || entry.IsDir() || ending != ".graphql" && ending != ".gql" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return l.add(Document{ID: filepath.ToSlash(strings.TrimSuffix(inside, ending)), Text: string(text), Place: path})
	})
}

// formatApollo is the format that Apollo's manifests name.
const formatApollo = "apollo-persisted-query-manifest"

// Parse reads a list from the text of one of the two manifests. Place says where that is, for people.
func Parse(place string, manifest []byte) (*List, error) {
	l := &List{byID: map[string]int{}}
	if err := l.parse(place, manifest); err != nil {
		return nil, err
	}
	return l, nil
}

// Join returns a list of the documents of several, in their order. Two documents of one id are an error.
func Join(lists ...*List) (*List, error) {
	all := &List{byID: map[string]int{}}
	for _, l := range lists {
		for _, d := range l.documents {
			if err := all.add(d); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (l *List) readManifest(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return l.parse(path, text)
}

// parse adds the documents of a manifest, which is at path.
func (l *List) parse(path string, text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return fmt.Errorf("%s: neither a directory nor a manifest: %w", path, err)
	}
	if _, isList := members["operations"]; isList {
		return l.readApollo(path, text)
	}
	for _, id := range slices.Sorted(maps.Keys(members)) {
		d := Document{ID: id, Place: fmt.Sprintf("%s: %q", path, id)}
		if err := json.Unmarshal(members[id], &d.Text); err != nil {
			return fmt.Errorf("%s: a document's text is needed: %w", d.Place, err)
		}
		if err := l.add(d); err != nil {
			return err
		}
	}
	return nil
}

func (l *List) readApollo(path string, text []byte) error {
	var manifest struct {
		Format     string
		Version    int
		Operations []struct{ ID, Name, Body string }
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if manifest.Format != formatApollo || manifest.Version != 1 {
		return fmt.Errorf("%s: the format is %q %d; %q 1 can be read", path, manifest.Format, manifest.Version, formatApollo)
	}
	for i, o := range manifest.Operations {
		if err := l.add(Document{o.ID, o.Body, fmt.Sprintf("%s: operation %d, %s", path, i+1, o.Name)}); err != nil {
			return err
		}
	}
	return nil
}

// add adds a document under its id and its hash.
func (l *List) add(d Document) error {
	if d.ID == "" {
		return fmt.Errorf("%s: there is no id", d.Place)
	}
	l.documents = append(l.documents, d)
	at := len(l.documents) - 1
	for _, id := range []string{strings.TrimPrefix(d.ID, "sha256:"), Hash(d.Text)} {
		other, taken := l.byID[id]
		if taken && l.documents[other].Text != d.Text {
			return fmt.Errorf("%s: the id %s is taken by %s", d.Place, id, l.documents[other].Place)
		}
		l.byID[id] = at
	}
	return nil
}
