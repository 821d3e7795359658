package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/viewgate/viewgate/view"
)

// The directories of a view's indices, in the view's own directory.
const (
	liveName     = "index"
	nextName     = "index.next"     // unfinished
	previousName = "index.previous" //
	awayName     = "index.away"     // live until a moment ago, on its way to previousName
	scratchName  = "index.new"      // not yet, or no longer, an index
)

// Indices are the indices of a view in its directory, which is locked as long as they are open.
//
// # How an index is published
//
// Directories cannot change places in one step, so the live one is moved away first, and only then the other into its
// place; last, the one that is away becomes the previous one. A crash in between leaves one of two states that nothing
// else does, and whoever opens the directory next goes on from there (see recoverSwap).
type Indices struct {
	dir     string
	mapping *view.Mapping
	options Options
	lock    *os.File
	opened  []*Store
}

var (
	_ view.Indices = (*Indices)(nil)
	_ view.Index   = (*Store)(nil)
)

// OpenIndices locks the directory, which is created where it does not exist. One that another process has open is
// ErrLocked.
func OpenIndices(dir string, m *view.Mapping, o Options) (*Indices, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("view %s: %w", m.View, err)
	}
	lock, err := lockDir(dir)
	if err == nil {
		if err = recoverSwap(dir); err != nil {
			unlock(lock)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", m.View, err)
	}
	return &Indices{dir: dir, mapping: m, options: o, lock: lock}, nil
}

// Close implements view.Indices. It gives the directory free.
func (x *Indices) Close() error {
	err := x.closeStores()
	unlock(x.lock)
	x.lock = nil
	return err
}

func (x *Indices) closeStores() error {
	var failed error
	for _, s := range x.opened {
		failed = errors.Join(failed, s.Close())
	}
	x.opened = nil
	return failed
}

// Live implements view.Indices.
func (x *Indices) Live(context.Context) (view.Index, error) { return x.open(liveName) }

// Unfinished implements view.Indices.
func (x *Indices) Unfinished(context.Context) (view.Index, error) { return x.open(nextName) }

// Previous implements view.Indices.
func (x *Indices) Previous(context.Context) (view.Index, error) { return x.open(previousName) }

// Create implements view.Indices.
func (x *Indices) Create(context.Context) (view.Index, error) {
	if err := createAt(x.dir, nextName, x.mapping, x.options); err != nil {
		return nil, fmt.Errorf("view %s in %s: %w", x.mapping.View, x.dir, err)
	}
	return x.open(nextName)
}

func (x *Indices) open(name string) (view.Index, error) {
	if !present(x.dir, name) {
		return nil, fmt.Errorf("view %s: %s: %w", x.mapping.View, filepath.Join(x.dir, name), view.ErrNoIndex)
	}
	s, err := openAt(x.dir, name, x.mapping, x.options)
	if err != nil {
		return nil, fmt.Errorf("view %s in %s: %w", x.mapping.View, x.dir, err)
	}
	x.opened = append(x.opened, s)
	return s, nil
}

// Publish implements view.Indices. It closes all indices that were opened.
func (x *Indices) Publish(_ context.Context, next view.Index) error {
	err := x.closeStores()
	if err == nil {
		err = publish(x.dir, filepath.Base(next.Name()))
	}
	if err != nil {
		return fmt.Errorf("view %s: publish %s: %w", x.mapping.View, next.Name(), err)
	}
	return nil
}

func publish(dir, name string) error {
	if name != nextName && name != previousName {
		return errors.New("it is neither the unfinished index nor the previous one")
	}
	if name == nextName { // the live one will take its place
		if err := discard(dir, previousName); err != nil {
			return err
		}
	}
	if present(dir, liveName) {
		if err := move(dir, liveName, awayName); err != nil {
			return err
		}
	}
	if err := move(dir, name, liveName); err != nil {
		return err
	}
	return recoverSwap(dir)
}

// recoverSwap goes on where publish was cut off: the index that is away is the previous one where another is live, else
// still the live one.
func recoverSwap(dir string) error {
	switch {
	case !present(dir, awayName):
		return nil
	case present(dir, liveName):
		return move(dir, awayName, previousName)
	}
	return move(dir, awayName, liveName)
}

// discard removes an index, if it is there: first its name, so that a crash leaves no half of an index under it.
func discard(dir, name string) error {
	if err := os.RemoveAll(filepath.Join(dir, scratchName)); err != nil {
		return err
	}
	if present(dir, name) {
		if err := move(dir, name, scratchName); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(dir, scratchName))
}

// move renames within dir, durably.
func move(dir, from, to string) error {
	if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
		return err
	}
	return syncDir(dir)
}

func present(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return !errors.Is(err, fs.ErrNotExist)
}

// Remove implements view.Indices. It closes all indices that were opened.
func (x *Indices) Remove(_ context.Context, unfinished view.Index) error {
	name := unfinished.Name()
	err := x.closeStores()
	if err == nil && filepath.Base(name) != nextName {
		err = fmt.Errorf("it is not the unfinished one: %w", view.ErrNoIndex)
	}
	if err == nil {
		err = discard(x.dir, nextName)
	}
	if err != nil {
		return fmt.Errorf("view %s: remove %s: %w", x.mapping.View, name, err)
	}
	return nil
}

// List implements view.Indices.
func (x *Indices) List(context.Context) ([]string, error) {
	var names []string
	for _, index := range []struct{ name, role string }{
		{liveName, "live"}, {nextName, "unfinished"}, {previousName, "previous"},
	} {
		if present(x.dir, index.name) {
			names = append(names, filepath.Join(x.dir, index.name)+" ("+index.role+")")
		}
	}
	return names, nil
}

// Name implements view.Index.
func (s *Store) Name() string { return s.name }

// ID implements view.Index: the view's name and the number that the index was given when it was made. A copy of the
// directory has the same.
func (s *Store) ID(context.Context) (string, error) { return s.mapping.View + "." + s.epoch, nil }

// CheckMapping implements view.Index. Another mapping is ErrMapping.
func (s *Store) CheckMapping(context.Context) error {
	if err := s.checkMapping(); err != nil {
		return fmt.Errorf("view %s in %s: %w", s.mapping.View, s.name, err)
	}
	return nil
}

// BeginFilling implements view.Index. It does nothing: an index is always written as cheaply as its promise allows.
func (s *Store) BeginFilling(context.Context) error { return nil }

// EndFilling implements view.Index.
func (s *Store) EndFilling(ctx context.Context) error { return s.Refresh(ctx) }

// Count implements view.Index.
func (s *Store) Count(ctx context.Context) (visible, hidden int, err error) {
	err = s.each(ctx, func(_ string, isHidden bool) bool {
		if isHidden {
			hidden++
		} else {
			visible++
		}
		return true
	})
	return visible, hidden, err
}

// Sample implements view.Index. It reads each document.
func (s *Store) Sample(ctx context.Context, n int, seed int64) ([]string, error) {
	visible, hidden := draw{most: n, seed: seed}, draw{most: n / 2, seed: seed}
	err := s.each(ctx, func(id string, isHidden bool) bool {
		if isHidden {
			hidden.add(id)
		} else {
			visible.add(id)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	ids := hidden.ids()
	more := visible.ids()
	return append(ids, more[:min(len(more), n-len(ids))]...), nil
}

// IDs implements view.Index. It holds what the index is at the call until the loop ends, so that should not take hours.
func (s *Store) IDs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := s.each(ctx, func(id string, _ bool) bool { return yield(id, nil) }); err != nil {
			yield("", err)
		}
	}
}

// draw is a random choice of the ids that were added, each as likely as the others. A lot follows from the seed and the
// id alone, and the lowest ones win: so the choice does not depend on the order in which an index lists its documents.
type draw struct {
	most int
	seed int64
	lots []lot
}

type lot struct {
	number uint64
	id     string
}

func (d *draw) add(id string) {
	h := fnv.New64a()
	h.Write([]byte(id))
	d.lots = append(d.lots, lot{rand.NewPCG(uint64(d.seed), h.Sum64()).Uint64(), id})
	if len(d.lots) >= 2*d.most+64 {
		d.settle()
	}
}

// settle forgets those that have lost.
func (d *draw) settle() {
	slices.SortFunc(d.lots, func(a, b lot) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.id, b.id)) })
	d.lots = d.lots[:min(len(d.lots), d.most)]
}

// ids returns the winners by their lots, which is a random order.
func (d *draw) ids() []string {
	d.settle()
	var ids []string
	for _, l := range d.lots {
		ids = append(ids, l.id)
	}
	return ids
}

// each calls f with each document's id, and whether it is hidden, until f returns false.
func (s *Store) each(ctx context.Context, f func(id string, hidden bool) bool) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.mu.RUnlock()
	reader, err := s.index.Reader()
	if err != nil {
		return s.unavailable(err)
	}
	defer reader.Close()
	all, err := reader.DocIDReaderAll()
	if err != nil {
		return s.unavailable(err)
	}
	defer all.Close()
	for {
		internal, err := all.Next()
		if err != nil {
			return s.unavailable(err)
		}
		if internal == nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return s.unavailable(err)
		}
		id, err := reader.ExternalID(internal)
		if err != nil {
			return s.unavailable(err)
		}
		r, err := fetch(reader, id)
		if err != nil {
			return s.unavailable(err)
		}
		if !f(id, r.hidden()) {
			return nil
		}
	}
}
