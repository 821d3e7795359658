package embedded

import (
	"context"

	"github.com/viewgate/viewgate/view"
)

// Get implements view.Store.
func (s *Store) Get(ctx context.Context, v view.Viewer, ids []string) (map[string]view.Document, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	reader, err := s.index.Reader()
	if err != nil {
		return nil, s.unavailable(err)
	}
	defer reader.Close()
	found := make(map[string]view.Document, len(ids))
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, s.unavailable(err)
		}
		r, err := fetch(reader, id)
		if err != nil {
			return nil, s.unavailable(err)
		}
		if r == nil {
			continue
		}
		d := s.document(id, r)
		shown, visible, err := s.mapping.Show(v, d.Source)
		if err != nil {
			return nil, s.unavailable(err)
		}
		if visible {
			d.Source = shown
			found[id] = d
		}
	}
	return found, nil
}

func (s *Store) document(id string, r record) view.Document {
	return view.Document{ID: id, Revision: s.revision(r.counter()), Hidden: r.hidden(), Source: r.source()}
}
