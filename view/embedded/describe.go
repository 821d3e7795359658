package embedded

import (
	"context"
	"fmt"
	"time"

	index "github.com/blevesearch/bleve_index_api"

	"github.com/viewgate/viewgate/view"
)

var _ view.Described = (*Store)(nil)

// Describe implements view.Described. An index that was made before this package noted when does not tell it, and what is built
// beside it is another process's to know.
func (s *Store) Describe(ctx context.Context) (d view.Description, err error) {
	if d.Index, err = s.ID(ctx); err != nil {
		return d, err
	}
	if d.Made, err = s.made(); err != nil {
		return d, s.unavailable(err)
	}
	err = s.reading(ctx, func(reader index.IndexReader) error {
		// How often the term occurs is kept beside it, so nothing is counted here.
		shown, err := reader.TermFieldReader(ctx, []byte(termVisible), fieldVisible, false, false, false)
		if err != nil {
			return err
		}
		d.Documents = int(shown.Count())
		return shown.Close()
	})
	if err != nil {
		return d, s.unavailable(fmt.Errorf("count: %w", err))
	}
	return d, nil
}

// made returns when the index was made, as it was noted then.
func (s *Store) made() (time.Time, error) {
	text, err := s.bleve.GetInternal(keyMade)
	if err != nil || len(text) == 0 {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, string(text))
}
