// Package sweep erases what a view and its dead letters still hold of people who are forgotten, when all who write go by the list
// (package forgotten).
package sweep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/view"
)

// View is a view whose documents are of people.
type View struct {
	Mapping    *view.Mapping
	Projection projection.Projection // as projection.NewForgetting returns it
	Forgotten  view.Forgotten
	Decoder    *event.Decoder // of the topics that the view is made of
}

// Progress is how far a sweep through documents is.
type Progress struct {
	Looked, Erased int
}

const (
	// page is how many documents are read at once.
	page = 100
	// attempts is how often a document is written anew that others write, or that the store cannot take.
	attempts = 20
	// rounds is how often a person's documents are looked for until none is left.
	rounds = 10
)

// errBusy says that a document could not be written.
var errBusy = errors.New("others are always quicker to write it")

// Documents erases those of the documents with these ids that are of somebody who is forgotten, and tells observe after each page.
// Documents that others write meanwhile are read again.
func (v View) Documents(ctx context.Context, store view.Store, ids iter.Seq2[string, error], observe func(Progress)) (Progress, error) {
	var p Progress
	var some []string
	flush := func() error {
		erased, err := v.erase(ctx, store, some)
		p.Looked, p.Erased = p.Looked+len(some), p.Erased+erased
		some = some[:0]
		observe(p)
		return err
	}
	for id, err := range ids {
		if err != nil {
			return p, err
		}
		if some = append(some, id); len(some) == page {
			if err := flush(); err != nil {
				return p, err
			}
		}
	}
	return p, flush()
}

// erase erases documents of one page and returns how many.
func (v View) erase(ctx context.Context, store view.Store, ids []string) (erased int, err error) {
	for attempt := 0; len(ids) > 0; attempt++ {
		if attempt == attempts {
			return erased, fmt.Errorf("%d documents cannot be written, one of them %s: %w", len(ids), ids[0], err)
		}
		found, failed := store.Get(ctx, view.Support(), ids)
		if failed != nil {
			return erased, failed
		}
		var writes []view.Write
		for id, d := range found {
			document, err := v.Projection.Decode(d.Source)
			if err != nil {
				return erased, fmt.Errorf("document %s cannot be read, so the view must be rebuilt: %w", id, err)
			}
			if !document.(interface{ Unwritten() bool }).Unwritten() {
				continue
			}
			source, err := document.Encode()
			if err != nil {
				return erased, err
			}
			writes = append(writes, view.Write{ID: id, Revision: d.Revision, Hidden: d.Hidden, Source: source, Compact: true})
		}
		ids = nil
		if len(writes) == 0 {
			return erased, nil
		}
		for i, r := range store.Apply(ctx, writes) {
			switch {
			case r.Err == nil:
				erased++
			case errors.Is(r.Err, view.ErrRefused):
				return erased, r.Err
			default:
				err, ids = r.Err, append(ids, writes[i].ID)
				if errors.Is(r.Err, view.ErrConflict) {
					err = errBusy
				}
			}
		}
		if len(ids) > 0 {
			select {
			case <-ctx.Done():
				return erased, ctx.Err()
			case <-time.After(min(10*time.Millisecond<<attempt, 2*time.Second)):
			}
		}
	}
	return erased, nil
}

// Person erases all documents of the person with this id, whom the list has, and returns when a search finds none any more.
func (v View) Person(ctx context.Context, store view.Store, id string, observe func(Progress)) (Progress, error) {
	var all Progress
	for range rounds {
		if err := store.Refresh(ctx); err != nil {
			return all, err
		}
		ids, err := v.Of(ctx, store, id)
		if err != nil || len(ids) == 0 {
			return all, err
		}
		p, err := v.Documents(ctx, store, each(ids), func(p Progress) {
			observe(Progress{all.Looked + p.Looked, all.Erased + p.Erased})
		})
		all.Looked, all.Erased = all.Looked+p.Looked, all.Erased+p.Erased
		if err != nil {
			return all, err
		}
	}
	return all, fmt.Errorf("documents of the person come again and again: is there an indexer of a version that does not know of " +
		"people who are forgotten, or one that reads another topic (--forgotten-topic)?")
}

// Of returns the ids of the documents that searches find of the person with this id.
func (v View) Of(ctx context.Context, store view.Store, id string) (ids []string, err error) {
	err = store.Scan(ctx, view.Support(), view.Query{
		Filter: view.In{Field: v.Mapping.Subject().Path, Values: []any{id}}, Size: view.MaxSize,
	}, func(p view.Page) error {
		for _, hit := range p.Hits {
			ids = append(ids, hit.ID)
		}
		return nil
	})
	return ids, err
}

func each(ids []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// Member returns the name of the member that says in the services' JSON whose something is: the last of the field's path.
func (v View) Member() string {
	path := v.Mapping.Subject().Path
	return path[strings.LastIndex(path, ".")+1:]
}

// Letters returns how to choose the dead letters that are of somebody who is forgotten: whose record names them, by names, or
// belongs to one of their documents in the store.
func (v View) Letters(ctx context.Context, store view.Store, names func(record []byte) bool) func(deadletter.Letter) (bool, error) {
	known := map[string]bool{} // documents, and whether they are of somebody who is forgotten
	return func(l deadletter.Letter) (bool, error) {
		if names(l.Value) {
			return true, nil
		}
		for _, id := range v.documents(l) {
			is, looked := known[id]
			if !looked {
				found, err := store.Get(ctx, view.Support(), []string{id})
				if err != nil {
					return false, err
				}
				if d, ok := found[id]; ok {
					source, err := view.DecodeSource(d.Source)
					if err != nil {
						return false, fmt.Errorf("document %s: %w", id, err)
					}
					_, is = v.Forgotten.Pseudonym(v.Mapping.SubjectOf(source))
				}
				known[id] = is
			}
			if is {
				return true, nil
			}
		}
		return false, nil
	}
}

// documents returns the ids of the documents that a letter's record belongs to: as its events say, or else its key.
func (v View) documents(l deadletter.Letter) (ids []string) {
	events, err := v.Decoder.Decode(l.Record())
	for _, e := range events {
		ids = append(ids, v.Projection.DocumentID(e))
	}
	if (err != nil || len(events) == 0) && event.ValidID(string(l.Key)) {
		ids = append(ids, string(l.Key))
	}
	return ids
}
