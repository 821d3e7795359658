package embedded_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/viewtest"
)

// filesWith returns the files below a directory in which a text stands as it is.
func filesWith(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() {
			return nil // the index has done with it meanwhile
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // likewise
		}
		if bytes.Contains(content, []byte(text)) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestPurge: what was overwritten is in no file afterwards, in whatever segment it was, and all else is as it was.
func TestPurge(t *testing.T) {
	dir := t.TempDir()
	s, err := embedded.Open(dir, viewtest.Mapping(t), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	apply := func(writes ...view.Write) {
		t.Helper()
		for _, r := range s.Apply(t.Context(), writes) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	const documents, batch = 1500, 50
	for first := 0; first < documents; first += batch {
		var writes []view.Write
		for i := first; i < first+batch; i++ {
			writes = append(writes, view.Write{ID: fmt.Sprint(i), Source: json.RawMessage(fmt.Sprintf(
				`{"title":"person%dperson","memo":"Street %d."}`, i, i))})
		}
		apply(writes...)
	}
	for round, ids := range [][]string{{"7", "57", "1499"}, {"8"}, nil} {
		found, err := s.Get(t.Context(), view.Support(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			deadline := time.Now().Add(20 * time.Second)
			for len(filesWith(t, dir, "person"+id+"person")) == 0 { // a merge may take a file away while files are looked at
				if time.Now().After(deadline) {
					t.Fatalf("round %d: %s is in no file before", round, id)
				}
			}
			apply(view.Write{ID: id, Revision: found[id].Revision, Source: json.RawMessage(`{"title":"gone"}`)})
		}
		if err := s.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			for _, text := range []string{"person" + id + "person", "Street " + id + "."} {
				if files := filesWith(t, dir, text); files != nil {
					t.Errorf("round %d: %q is still in %v", round, text, files)
				}
			}
		}
	}
	page, err := s.Search(t.Context(), view.Support(), view.Query{
		Filter: viewtest.Words("person1000person"), Size: 10,
	})
	if err != nil || page.Total != 1 || page.Hits[0].ID != "1000" {
		t.Errorf("searches find %+v, %v", page, err)
	}
	visible, hidden, err := s.Count(t.Context())
	if err != nil || visible != documents || hidden != 0 {
		t.Errorf("%d and %d documents, %v", visible, hidden, err)
	}
}

// TestBeside opens the indices beside the live one, as far as there are any.
func TestBeside(t *testing.T) {
	dir, m := t.TempDir(), viewtest.Mapping(t)
	indices, err := embedded.OpenIndices(dir, m, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		next, err := indices.Create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := indices.Publish(t.Context(), next); err != nil {
			t.Fatal(err)
		}
	}
	if err := indices.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := embedded.Open(dir, m, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	others, err := s.Beside()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, other := range others {
		names = append(names, filepath.Base(other.Name()))
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"index.previous"}, names); diff != "" {
		t.Errorf("beside the live index (-want +got):\n%s", diff)
	}
}
