package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
)

// onlyFile checks that a directory holds a file of this name alone; "": none.
func onlyFile(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() != name {
			t.Errorf("%s is left", entry.Name())
		}
	}
	if name != "" && len(entries) == 0 {
		t.Errorf("%s is not there", name)
	}
}

// writer is a function that is written to.
type writer func([]byte) (int, error)

func (w writer) Write(text []byte) (int, error) { return w(text) }

// exportingAll returns how all of the view of orders is exported.
func exportingAll(t *testing.T) exporting {
	t.Helper()
	sdl, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	x, err := exportSettings{format: formatLines}.exporting(sdl, exportedMapping(t))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestExportInterrupted: an interrupt says how far it was.
func TestExportInterrupted(t *testing.T) {
	t.Parallel()
	exportedViews(t, 1200, func(t *testing.T, e exported) {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var said strings.Builder
		c := console{out: writer(func(page []byte) (int, error) { cancel(); return len(page), nil }), err: &said, getenv: func(string) string { return "" }}
		if code := run(ctx, c, append([]string{"export", "orders"}, e.flags...)); code != 1 {
			t.Errorf("exit code %d", code)
		}
		want := fmt.Sprintf("viewgate export: interrupted after 1000 of %d documents\n", len(visibleOrders(1200)))
		if diff := cmp.Diff(want, said.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// failing is a store that gives so many documents in pages of one, and then fails.
type failing struct {
	view.Store
	documents, total int
	err              error
}

func (f failing) Scan(_ context.Context, _ view.Viewer, _ view.Query, each func(view.Page) error) error {
	for n := range f.documents {
		page := view.Page{Total: f.total, Hits: []view.Hit{{Document: view.Document{ID: strconv.Itoa(n), Source: []byte(`{"orderId": "1"}`)}}}}
		if err := each(page); err != nil {
			return err
		}
	}
	return f.err
}

// TestExportFails: an error says how many documents were written, and a file that is not complete is not there.
func TestExportFails(t *testing.T) {
	full := errors.New("no space")
	for _, test := range []struct {
		name    string
		store   failing
		written int // how much the output takes
		want    string
	}{
		{"at once", failing{err: view.ErrUnavailable}, 9, "after no document; FILE was not written: view store unavailable"},
		{"later", failing{documents: 2, total: 3, err: view.ErrUnavailable}, 9, "after 2 of 3 documents; FILE was not written: view store unavailable"},
		{"too early", failing{documents: 2, total: 3}, 9, "after 2 of 3 documents; FILE was not written: the view ended before all that it had told of"},
		{"full", failing{documents: 3, total: 3}, 1, "after 1 of 3 documents; FILE was not written: write: no space"},
		{"not", failing{documents: 3, total: 3}, 9, ""},
	} {
		for _, before := range []string{"", "before"} {
			t.Run(test.name+" "+before, func(t *testing.T) {
				dir := t.TempDir()
				file := filepath.Join(dir, "orders.jsonl")
				if before != "" {
					if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				p := exportProgress{begun: time.Now()}
				err := replaceFile(file, before != "", func(w io.Writer) error {
					left := test.written
					limited := writer(func(page []byte) (int, error) {
						if left--; left < 0 {
							return 0, full
						}
						return w.Write(page)
					})
					err := exportingAll(t).write(t.Context(), test.store, limited, &p, &progressLine{w: io.Discard})
					return p.stopped(t.Context(), err, "; FILE was not written")
				})
				if got := fmt.Sprint(err); err != nil && got != test.want || err == nil && test.want != "" {
					t.Errorf("%v, want %q", err, test.want)
				}
				want := before
				if test.want == "" {
					want = strings.Repeat(`{"orderId":"1"}`+"\n", test.store.total)
				}
				if text, err := os.ReadFile(file); string(text) != want || err != nil && want != "" {
					t.Errorf("the file has %q, %v, want %q", text, err, want)
				}
				if want != "" {
					onlyFile(t, dir, "orders.jsonl")
				} else {
					onlyFile(t, dir, "")
				}
			})
		}
	}
}

// TestReplaceable: what is no file of somebody's is not replaced, and a link leads on.
func TestReplaceable(t *testing.T) {
	dir := t.TempDir()
	file, link, dangling := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink("file", link), os.Symlink("none", dangling)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		force bool
		want  string
	}{
		{filepath.Join(dir, "new"), false, filepath.Join(dir, "new")},
		{file, false, "is there already"}, {file, true, file},
		{link, false, "is there already"}, {link, true, file},
		{dangling, true, "no such file"},
		{dir, true, "is no regular file"}, {os.DevNull, true, "is no regular file"},
	} {
		got, err := replaceable(test.name, test.force)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("%s, force %t: %s, want %s", test.name, test.force, got, test.want)
		}
	}
}

func TestExportProgress(t *testing.T) {
	p := exportProgress{done: 250, total: 1000, begun: time.Now().Add(-10 * time.Second)}
	if got, want := p.String(), "[#######.......................]  25 %  250 of 1000 documents, 25 a second, 30s left"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
