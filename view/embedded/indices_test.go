package embedded

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

func TestIndices(t *testing.T) {
	viewtest.Indices(t, func(t *testing.T) viewtest.OpenIndices {
		dir := t.TempDir()
		return func(t *testing.T, m *view.Mapping) view.Indices {
			x, err := OpenIndices(dir, m, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
	})
}

// TestIndicesLocked: the indices and a store of one directory exclude each other.
func TestIndicesLocked(t *testing.T) {
	dir, m := t.TempDir(), viewtest.Mapping(t)
	s, err := Open(dir, m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenIndices(dir, m, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("OpenIndices beside a store: %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	x, err := OpenIndices(dir, m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, m, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("Open beside the indices: %v, want ErrLocked", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPublishCutOff publishes the unfinished index "new" over "old", or goes back to the previous one, dies after each of
// the moves, and expects that one of the two is live in full, and that doing it again succeeds.
func TestPublishCutOff(t *testing.T) {
	type moves [][2]string
	for _, tt := range []struct {
		name   string
		before map[string]string // the indices' names and the document in each
		next   string
		done   moves
		live   string
	}{
		{"nothing moved", map[string]string{liveName: "old", nextName: "new"}, nextName, nil, "old"},
		{"the live one moved away", map[string]string{liveName: "old", nextName: "new"}, nextName,
			moves{{liveName, awayName}}, "old"},
		{"the new one moved in", map[string]string{liveName: "old", nextName: "new"}, nextName,
			moves{{liveName, awayName}, {nextName, liveName}}, "new"},
		{"going back, the live one moved away", map[string]string{liveName: "old", previousName: "new"}, previousName,
			moves{{liveName, awayName}}, "old"},
		{"going back, the previous one moved in", map[string]string{liveName: "old", previousName: "new"}, previousName,
			moves{{liveName, awayName}, {previousName, liveName}}, "new"},
		{"the first index of all", map[string]string{nextName: "new"}, nextName, moves{{nextName, liveName}}, "new"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, m := t.TempDir(), viewtest.Mapping(t)
			for name, id := range tt.before {
				if err := createAt(dir, name, m, Options{}); err != nil {
					t.Fatal(err)
				}
				s, err := openAt(dir, name, m, Options{})
				if err != nil {
					t.Fatal(err)
				}
				w := view.Write{ID: id, Source: json.RawMessage(`{"mealId":"` + id + `"}`)}
				if r := s.Apply(t.Context(), []view.Write{w})[0]; r.Err != nil {
					t.Fatal(r.Err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			for _, names := range tt.done {
				if err := os.Rename(filepath.Join(dir, names[0]), filepath.Join(dir, names[1])); err != nil {
					t.Fatal(err)
				}
			}
			if got := liveDocument(t, dir, m); got != tt.live {
				t.Errorf("%q is live, want %q", got, tt.live)
			}
			if !present(dir, tt.next) || tt.live == "new" {
				return
			}
			x, err := OpenIndices(dir, m, Options{})
			if err != nil {
				t.Fatal(err)
			}
			next, err := x.open(tt.next)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(x.Publish(t.Context(), next), x.Close()); err != nil {
				t.Fatal(err)
			}
			if got := liveDocument(t, dir, m); got != "new" {
				t.Errorf("once more: %q is live", got)
			}
		})
	}
}

// liveDocument returns the id of the only document in the live index.
func liveDocument(t *testing.T, dir string, m *view.Mapping) string {
	t.Helper()
	s, err := Open(dir, m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids, err := s.Sample(t.Context(), 2, 1)
	if err != nil || len(ids) != 1 {
		t.Fatalf("the live index has %v, %v", ids, err)
	}
	return ids[0]
}
