package embedded

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/blevesearch/bleve/v2/index/scorch"
)

// purgePause is between two looks whether files are gone.
const purgePause = 20 * time.Millisecond

// Purge implements view.Index. It merges all segments into one, and returns when the files of those that were there, which may hold
// what was overwritten, are removed. In memory there is nothing to remove.
func (s *Store) Purge(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.mu.RUnlock()
	index, ok := s.index.(*scorch.Scorch)
	if !ok || s.name == "" && s.temporary == "" {
		return nil
	}
	dir := s.name
	if s.temporary != "" {
		dir = filepath.Join(s.temporary, "index")
	}
	before, err := segmentFiles(dir)
	if err != nil {
		return s.unavailable(err)
	}
	for merged := false; ; {
		if !merged {
			if err := index.ForceMerge(ctx, nil); err != nil {
				return s.unavailable(err)
			}
		}
		stale := false
		if stale, merged, err = s.stale(dir, before); err != nil || !stale {
			return err
		}
		select {
		case <-ctx.Done():
			return s.unavailable(fmt.Errorf("files with what was overwritten are not removed yet: %w", ctx.Err()))
		case <-time.After(purgePause):
		}
	}
}

// stale reports whether any of these files can still hold what was overwritten, and whether no more is to be done about that than
// to wait until it is removed.
func (s *Store) stale(dir string, before map[string]bool) (stale, merged bool, err error) {
	reader, err := s.index.Reader()
	if err != nil {
		return false, false, s.unavailable(err)
	}
	defer reader.Close()
	whole := map[string]bool{} // the files in use of which nothing is deleted
	merged = true
	if snapshot, ok := reader.(*scorch.IndexSnapshot); ok {
		for _, segment := range snapshot.Segments() {
			file, ok := segment.Segment().(interface{ Path() string })
			switch {
			case !ok:
			case segment.LiveSize() == segment.FullSize():
				whole[filepath.Base(file.Path())] = true
			case before[filepath.Base(file.Path())]:
				merged = false
			}
		}
	}
	files, err := segmentFiles(dir)
	if err != nil {
		return false, false, s.unavailable(err)
	}
	for file := range files {
		stale = stale || before[file] && !whole[file]
	}
	return stale, merged, nil
}

// segmentFiles returns the names of the files in an index's directory that hold documents.
func segmentFiles(dir string) (map[string]bool, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "store", "*.zap"))
	files := map[string]bool{}
	for _, path := range paths {
		files[filepath.Base(path)] = true
	}
	return files, err
}

// Beside returns the other indices in the store's directory, the unfinished and the previous one, as far as there are any. Who asked
// closes them. They are only to be written while nobody publishes one, which nobody else can as long as the store is open.
func (s *Store) Beside() ([]*Store, error) {
	if s.lock == nil {
		return nil, nil
	}
	var others []*Store
	for _, name := range []string{nextName, previousName} {
		dir := filepath.Dir(s.name)
		if !present(dir, name) {
			continue
		}
		other, err := openAt(dir, name, s.mapping, Options{})
		if err != nil {
			return others, fmt.Errorf("view %s in %s: %w", s.mapping.View, dir, err)
		}
		others = append(others, other)
	}
	return others, nil
}
