package embedded_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/viewtest"
)

// childDir is set in the process that TestKill starts and kills.
const childDir = "VIEWGATE_EMBEDDED_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := writeForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func mustOpen(t *testing.T, dir string) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(dir, viewtest.Mapping(t), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func source(id string, seats int) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"mealId":%q,"seats":%d,"tag":"all"}`, id, seats))
}

func mustApply(t *testing.T, s view.Store, w view.Write) view.Revision {
	t.Helper()
	r := s.Apply(t.Context(), []view.Write{w})[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return r.Revision
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "below", "views")
	s := mustOpen(t, dir)
	revision := mustApply(t, s, view.Write{ID: "a", Source: source("a", 1)})
	mustApply(t, s, view.Write{ID: "hidden", Hidden: true, Source: source("hidden", 1)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = mustOpen(t, dir)
	found, err := s.Get(t.Context(), view.Support(), []string{"a", "hidden"})
	if err != nil {
		t.Fatal(err)
	}
	if found["a"].Revision != revision || found["a"].Hidden || !found["hidden"].Hidden {
		t.Errorf("after reopening: %+v", found)
	}
	p, err := s.Search(t.Context(), view.Support(), view.Query{Size: 5})
	if err != nil || len(p.Hits) != 1 || p.Hits[0].ID != "a" {
		t.Errorf("after reopening: hits %+v, error %v", p.Hits, err)
	}
	mustApply(t, s, view.Write{ID: "a", Revision: revision, Source: source("a", 2)})
	late := view.Write{ID: "a", Revision: revision, Source: source("a", 3)}
	if r := s.Apply(t.Context(), []view.Write{late})[0]; !errors.Is(r.Err, view.ErrConflict) {
		t.Errorf("an old revision is answered %v", r.Err)
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	_, err := embedded.Open(dir, viewtest.Mapping(t), embedded.Options{})
	if !errors.Is(err, embedded.ErrLocked) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("a second Open: %v, want ErrLocked and the process id", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, dir)
}

func TestOtherMapping(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	mustApply(t, s, view.Write{ID: "a", Source: source("a", 1)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := viewtest.MappingOf(strings.Replace(viewtest.SDL, "@sortable", "", 1), "meals")
	if err != nil {
		t.Fatal(err)
	}
	_, err = embedded.Open(dir, other, embedded.Options{})
	if !errors.Is(err, embedded.ErrMapping) {
		t.Fatalf("Open with another mapping: %v, want ErrMapping", err)
	}
	for _, told := range []string{other.Hash, viewtest.Mapping(t).Hash, dir} {
		if !strings.Contains(err.Error(), told) {
			t.Errorf("Open with another mapping: %v, want %q in it", err, told)
		}
	}
	// It was left as it was, and is not locked.
	s = mustOpen(t, dir)
	if found, err := s.Get(t.Context(), view.Support(), []string{"a"}); err != nil || len(found) != 1 {
		t.Errorf("Get: %v, %v", found, err)
	}
}

// TestHalfCreated has a directory as a crash leaves it while the index is made.
func TestHalfCreated(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "index.new", "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	mustApply(t, mustOpen(t, dir), view.Write{ID: "a", Source: source("a", 1)})
}

func TestTemp(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("TMPDIR", parent)
	s, err := embedded.OpenTemp(viewtest.Mapping(t), embedded.Options{MaxSearches: 1})
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, view.Write{ID: "a", Source: source("a", 1)})
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("while open: %v, %v", entries, err)
	}
	if p, err := s.Search(t.Context(), view.Support(), view.Query{}); err != nil || p.Total != 1 {
		t.Errorf("Search: total %d, %v", p.Total, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 0 {
		t.Errorf("after Close: %v, %v", entries, err)
	}
}

// TestClose closes a store that is in use. Calls before it succeed and those behind it fail as the contract says.
func TestClose(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, view.Write{ID: "a", Source: source("a", 1)})
	ctx := context.Background()
	var wg, begun sync.WaitGroup
	for i := range 4 {
		begun.Add(1)
		wg.Go(func() {
			for n := 0; ; n++ {
				_, err := s.Search(ctx, view.Support(), view.Query{Size: 1})
				if n == 0 {
					begun.Done()
				}
				if err != nil {
					if !errors.Is(err, view.ErrUnavailable) {
						t.Errorf("Search while closing: %v", err)
					}
					return
				}
				r := s.Apply(ctx, []view.Write{{ID: fmt.Sprint(i, n), Source: source("x", n)}})[0]
				if r.Err != nil && !errors.Is(r.Err, view.ErrRetry) {
					t.Errorf("Apply while closing: %v", r.Err)
				}
			}
		})
	}
	begun.Wait()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	wg.Wait()
	if _, err := s.Get(ctx, view.Support(), []string{"a"}); !errors.Is(err, view.ErrUnavailable) {
		t.Errorf("Get after Close: %v", err)
	}
	if err := s.Refresh(ctx); !errors.Is(err, view.ErrUnavailable) {
		t.Errorf("Refresh after Close: %v", err)
	}
	if r := s.Apply(ctx, []view.Write{{ID: "z", Source: source("z", 1)}})[0]; !errors.Is(r.Err, view.ErrRetry) {
		t.Errorf("Apply after Close: %v", r.Err)
	}
}

// group is how many documents writeForever writes at once: all have the same number, unless a write was torn.
const group = 5

// writeForever counts up in the documents of one group and tells each number once it is acknowledged.
func writeForever(dir string) error {
	m, err := viewtest.MappingOf(viewtest.SDL, "meals")
	if err != nil {
		return err
	}
	s, err := embedded.Open(dir, m, embedded.Options{})
	if err != nil {
		return err
	}
	n, revisions, err := counted(context.Background(), s)
	if err != nil {
		return err
	}
	for {
		n++
		var writes []view.Write
		for i := range group {
			id := strconv.Itoa(i)
			writes = append(writes, view.Write{ID: id, Revision: revisions[i], Source: source(id, n)})
		}
		for i, r := range s.Apply(context.Background(), writes) {
			if r.Err != nil {
				return r.Err
			}
			revisions[i] = r.Revision
		}
		fmt.Println(n)
	}
}

// counted returns the number that all documents of the group have, and their revisions.
func counted(ctx context.Context, s view.Store) (int, []view.Revision, error) {
	n, revisions := 0, make([]view.Revision, group)
	for i := range group {
		id := strconv.Itoa(i)
		found, err := s.Get(ctx, view.Support(), []string{id})
		if err != nil {
			return 0, nil, err
		}
		var d struct{ Seats int }
		if stored, ok := found[id]; ok {
			revisions[i] = stored.Revision
			if err := json.Unmarshal(stored.Source, &d); err != nil {
				return 0, nil, err
			}
		}
		if i > 0 && d.Seats != n {
			return 0, nil, fmt.Errorf("torn write: document %d has %d, the ones before it %d", i, d.Seats, n)
		}
		n = d.Seats
	}
	return n, revisions, nil
}

// TestKill kills a process while it writes, several times over in one directory.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	for round, after := range []int{1, 7, 30} {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+dir)
		var problems strings.Builder
		child.Stderr = &problems
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		deadline := time.AfterFunc(time.Minute, func() { child.Process.Kill() })
		acknowledged, lines := 0, 0
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			n, err := strconv.Atoi(scanner.Text())
			if err != nil {
				break // a line cut off by the kill
			}
			acknowledged = n
			if lines++; lines == after {
				child.Process.Kill() // what follows is still read: it was acknowledged, too
			}
		}
		child.Wait()
		deadline.Stop()
		if lines < after {
			t.Fatalf("round %d: the child ended after %d writes: %s", round, lines, problems.String())
		}

		s := mustOpen(t, dir)
		n, _, err := counted(t.Context(), s)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if n < acknowledged || n > acknowledged+1 {
			t.Errorf("round %d: number %d, but %d was acknowledged", round, n, acknowledged)
		}
		q := view.Query{Filter: view.In{Field: "seats", Values: []any{float64(n)}}}
		if p, err := s.Search(t.Context(), view.Support(), q); err != nil || p.Total != group {
			t.Errorf("round %d: %d documents found by the number, want %d (%v)", round, p.Total, group, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
