package embedded

import (
	"context"
	"fmt"
	"strconv"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/document"
	index "github.com/blevesearch/bleve_index_api"

	"github.com/viewgate/viewgate/view"
)

// Apply compares the revisions and writes the documents whose are right in one batch of the index, which is atomic and,
// in a directory, on disk when Apply returns. Calls take turns. A second write of an id in one call is compared with
// what the first made of it.
func (s *Store) Apply(ctx context.Context, writes []view.Write) []view.Result {
	results := make([]view.Result, len(writes))
	documents := make([]*document.Document, len(writes))
	for i, w := range writes {
		d, err := indexable(s.mapping, w)
		if err != nil {
			results[i].Err = fmt.Errorf("write %q: %w: %w", w.ID, view.ErrRefused, err)
			continue
		}
		documents[i] = d
	}
	if err := s.write(ctx, writes, documents, results); err != nil {
		for i, d := range documents {
			if d != nil {
				results[i] = view.Result{Err: fmt.Errorf("write %q: %w: %w", writes[i].ID, view.ErrRetry, err)}
			}
		}
	}
	return results
}

// write compares and writes the documents that are not nil, and sets their results. An error is about all of them.
func (s *Store) write(ctx context.Context, writes []view.Write, documents []*document.Document,
	results []view.Result) error {

	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.mu.RUnlock()
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}

	reader, err := s.index.Reader()
	if err != nil {
		return err
	}
	defer reader.Close()
	batch := s.bleve.NewBatch()
	counters := make(map[string]uint64) // of this call's writes so far
	for i, w := range writes {
		if documents[i] == nil {
			continue
		}
		counter, known := counters[w.ID]
		if !known {
			if counter, err = currentCounter(reader, w); err != nil {
				return err
			}
		}
		if s.revision(counter) != w.Revision {
			results[i].Err = fmt.Errorf("write %q: %w", w.ID, view.ErrConflict)
			continue
		}
		counter++
		documents[i].AddField(document.NewTextFieldCustom(fieldRecord, nil, newRecord(counter, w), index.StoreField, nil))
		if err := batch.IndexAdvanced(documents[i]); err != nil {
			return err
		}
		counters[w.ID] = counter
		results[i].Revision = s.revision(counter)
	}
	return s.commit(batch)
}

func (s *Store) commit(batch *bleve.Batch) error {
	if batch.Size() == 0 {
		return nil
	}
	return s.bleve.Batch(batch)
}

// currentCounter returns the counter of the stored document, 0 where there is none. For a write that expects none it
// does not fetch what is there, and answers any other.
func currentCounter(reader index.IndexReader, w view.Write) (uint64, error) {
	if w.Revision == "" {
		id, err := reader.InternalID(w.ID)
		if err != nil || id == nil {
			return 0, err
		}
		return 1, nil
	}
	r, err := fetch(reader, w.ID)
	if err != nil || r == nil {
		return 0, err
	}
	return r.counter(), nil
}

// revision names the state of a document that was written so many times.
func (s *Store) revision(counter uint64) view.Revision {
	if counter == 0 {
		return ""
	}
	return view.Revision(s.epoch + "-" + strconv.FormatUint(counter, 10))
}

// fetch returns the stored record of a document, nil where there is none.
func fetch(reader index.IndexReader, id string) (record, error) {
	d, err := reader.Document(id)
	if err != nil {
		return nil, fmt.Errorf("document %q: %w", id, err)
	}
	if d == nil {
		return nil, nil
	}
	var r record
	d.VisitFields(func(f index.Field) {
		if f.Name() == fieldRecord {
			r = f.Value()
		}
	})
	if len(r) < recordHead {
		return nil, fmt.Errorf("document %q: damaged in the index", id)
	}
	return r, nil
}
