// Package embedded is the view store inside the process: an index of the bleve library, in a directory or in memory.
//
// A write is searchable when Apply returns, and in a directory also on disk: a batch is one segment, written and synced
// with the reference to it before it is acknowledged, so a crash loses no acknowledged write and tears none. Totals and
// facets are exact. One process has a directory at a time.
//
// # How a document is indexed
//
// Each indexed path of the mapping gives up to six index fields, named by a letter and the path:
//
//	w:path  the words of a text, with their places, to be found
//	m:path  their stems
//	k:path  the whole value, folded (Field.Exact ones as they are), to compare and to order by
//	v:path  the whole value as it stands in the document, to be counted
//	n:path  a number, an amount, a date in milliseconds, or a place's latitude, to compare
//	s:path  the same as one term, to order by and to be counted
//	g:path  a place, to measure distances from
//
// Two more tell which of the paths have a value, and that the document is visible. A hidden document has neither these
// nor any other field that is searched, so every query that is built of them passes it over; no query starts from the
// index's own list of all documents. The document itself is stored beside its revision in one field that is not indexed.
package embedded

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/mapping"
	index "github.com/blevesearch/bleve_index_api"

	"github.com/viewgate/viewgate/view"
)

var (
	// ErrLocked says that another process has the directory; the message names its process id.
	ErrLocked = errors.New("view directory is locked")
	// ErrMapping says that a directory's index was built by another mapping: it must be rebuilt.
	ErrMapping = errors.New("view index was built from another schema")

	errClosed = errors.New("store is closed")
)

// layout counts the ways in which this package has laid out an index. It is part of what an index is checked for.
const layout = "2"

// The index's internal keys.
var (
	keyMapping = []byte("viewgate:mapping")
	keyEpoch   = []byte("viewgate:epoch")
	keyMade    = []byte("viewgate:made") // RFC 3339; missing in older ones
)

// settings returns the index's settings for a directory.
//
// The merger holds an index to as many segments as it would have if none were smaller than a floor. The library's floor of
// 2,000 documents has batches of a few hundred merged over and over: writing 10,000 orders in batches of 200 took 13.6
// seconds of CPU with it and 8.5 with 500, searches over the few more segments half as long again.
func settings() map[string]any {
	return map[string]any{
		"bolt_timeout":           "2s", // the index's own lock would be waited for without end
		"scorchMergePlanOptions": map[string]any{"FloorSegmentSize": 500},
	}
}

// Options adjust a Store; the zero Options are good defaults.
type Options struct {
	// MaxSearches is how many searches run at once; more wait for their turn, until their context ends. The default is
	// twice the number of processors.
	MaxSearches int
}

// Store is a view.Store on an embedded index.
type Store struct {
	mapping *view.Mapping
	bleve   bleve.Index
	index   index.Index
	name    string // where the index is
	built   string // the layout and mapping that the index was built with
	epoch   string // begins each revision: another index's revisions equal none of this one's

	lock      *os.File // nil without a directory of our own
	temporary string   // the directory that Close removes

	writing   chan struct{} // holds a value while an Apply compares and writes
	searching chan struct{} // holds a value for each search that runs

	mu     sync.RWMutex // held for reading during every call; guards closed
	closed bool
}

var _ view.Store = (*Store)(nil)

// Open opens the store in dir, which is created where it does not exist. A directory that another process has open is
// ErrLocked; one whose index was built from another mapping is ErrMapping.
func Open(dir string, m *view.Mapping, o Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("view %s: %w", m.View, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", m.View, err)
	}
	s, err := openDir(dir, m, o)
	if err != nil {
		unlock(lock)
		return nil, fmt.Errorf("view %s in %s: %w", m.View, dir, err)
	}
	s.lock = lock
	return s, nil
}

// OpenTemp opens an empty store in a temporary directory that Close removes. It writes without waiting for the disk. It
// is for a view that is rebuilt at each start: unlike OpenMemory's, its segments are merged while it runs.
//
// Since nobody waits for the disk, what is written within half a second goes there together: documents that are written one by
// one, 20 a second, take some 60 % of the CPU that they take when each is persisted and merged by itself (Temp/Trickle).
func OpenTemp(m *view.Mapping, o Options) (*Store, error) {
	dir, err := os.MkdirTemp("", "viewgate-*")
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", m.View, err)
	}
	config := settings()
	config["unsafe_batch"] = true
	config["scorchPersisterOptions"] = map[string]any{"PersisterNapTimeMSec": 500}
	s, err := create(filepath.Join(dir, "index"), m, o, config)
	if err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("view %s in %s: %w", m.View, dir, err)
	}
	s.temporary = dir
	return s, nil
}

// OpenMemory opens an empty store in memory alone. Its segments, one for each Apply, are never merged: it is for short
// lives and few writes.
func OpenMemory(m *view.Mapping) (*Store, error) {
	s, err := create("", m, Options{}, map[string]any{})
	if err != nil {
		return nil, fmt.Errorf("view %s in memory: %w", m.View, err)
	}
	return s, nil
}

// openDir opens the live index in a locked directory, and makes an empty one where there is none.
func openDir(dir string, m *view.Mapping, o Options) (*Store, error) {
	if err := recoverSwap(dir); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, liveName)); errors.Is(err, fs.ErrNotExist) {
		if err := createAt(dir, liveName, m, o); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	s, err := openAt(dir, liveName, m, o)
	if err != nil {
		return nil, err
	}
	if err := s.checkMapping(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// createAt makes an empty index of this name in dir. It is made beside its place and then moved there, so that a crash
// leaves no half of an index.
func createAt(dir, name string, m *view.Mapping, o Options) error {
	beside := filepath.Join(dir, scratchName)
	if err := os.RemoveAll(beside); err != nil {
		return err
	}
	s, err := create(beside, m, o, settings())
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	return move(dir, scratchName, name)
}

// openAt opens the index of this name in dir, whatever mapping it was built from.
func openAt(dir, name string, m *view.Mapping, o Options) (*Store, error) {
	place := filepath.Join(dir, name)
	b, err := bleve.OpenUsing(place, settings())
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	s, err := newStore(b, m, o)
	if err != nil {
		b.Close()
		return nil, err
	}
	s.name = place
	return s, nil
}

// create makes an empty index at path, or in memory where it is empty.
func create(path string, m *view.Mapping, o Options, config map[string]any) (*Store, error) {
	// Documents come as index fields already (document.go), so the library's own mapping maps nothing.
	static := bleve.NewIndexMapping()
	static.DefaultMapping = mapping.NewDocumentDisabledMapping()
	b, err := bleve.NewUsing(path, static, scorch.Name, scorch.Name, config)
	if err != nil {
		return nil, fmt.Errorf("create index: %w", err)
	}
	batch := b.NewBatch()
	batch.SetInternal(keyMapping, []byte(layout+" "+m.Hash))
	epoch := make([]byte, 8)
	_, _ = rand.Read(epoch) // never fails
	batch.SetInternal(keyEpoch, []byte(hex.EncodeToString(epoch)))
	batch.SetInternal(keyMade, []byte(time.Now().UTC().Format(time.RFC3339)))
	if err := b.Batch(batch); err != nil {
		b.Close()
		return nil, fmt.Errorf("create index: %w", err)
	}
	s, err := newStore(b, m, o)
	if err != nil {
		b.Close()
		return nil, err
	}
	return s, nil
}

func newStore(b bleve.Index, m *view.Mapping, o Options) (*Store, error) {
	built, err := b.GetInternal(keyMapping)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	epoch, err := b.GetInternal(keyEpoch)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	low, err := b.Advanced()
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	if o.MaxSearches <= 0 {
		o.MaxSearches = 2 * runtime.GOMAXPROCS(0)
	}
	return &Store{
		mapping: m, bleve: b, index: low, built: string(built), epoch: string(epoch),
		writing:   make(chan struct{}, 1),
		searching: make(chan struct{}, o.MaxSearches),
	}, nil
}

// checkMapping returns ErrMapping unless the index was built from the mapping, by a package that lays out as this one.
func (s *Store) checkMapping() error {
	if want := layout + " " + s.mapping.Hash; s.built != want {
		return fmt.Errorf("%w (it has %q, the schema gives %q): stop what uses the directory and run \"viewgate rebuild %s\"",
			ErrMapping, s.built, want, s.mapping.View)
	}
	return nil
}

// Refresh returns at once: a search sees a write when Apply returns.
func (s *Store) Refresh(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	s.mu.RUnlock()
	return nil
}

// Close waits for the calls under way, closes the index and gives the directory free. Later calls fail with
// view.ErrUnavailable, later writes with view.ErrRetry; closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.bleve.Close()
	if s.temporary != "" {
		err = errors.Join(err, os.RemoveAll(s.temporary))
	}
	unlock(s.lock)
	if err != nil {
		return fmt.Errorf("view %s: close: %w", s.mapping.View, err)
	}
	return nil
}

// begin starts a call: where it returns nil, s.mu is held for reading.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return s.unavailable(err)
	}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return s.unavailable(errClosed)
	}
	return nil
}

func (s *Store) unavailable(err error) error {
	return fmt.Errorf("view %s: %w: %w", s.mapping.View, view.ErrUnavailable, err)
}

func unlock(f *os.File) {
	if f != nil {
		f.Close() // ends the lock
	}
}
