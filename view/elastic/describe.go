package elastic

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/viewgate/viewgate/view"
)

var _ view.Described = (*Store)(nil)

// Describe implements view.Described: what searches see after the last refresh, and the index behind the alias of what is being
// built.
func (s *Store) Describe(ctx context.Context) (view.Description, error) {
	reads := s.reads.String()
	var indices map[string]struct {
		Settings struct {
			Index struct {
				Made string `json:"creation_date"` // milliseconds
			} `json:"index"`
		} `json:"settings"`
	}
	err := s.read(ctx, "describe index "+reads, esapi.IndicesGetSettingsRequest{
		Index: []string{reads, s.nextAlias()}, Name: []string{"index.creation_date"}, IgnoreUnavailable: new(true),
	}, &indices)
	if err != nil {
		return view.Description{}, err
	}
	next := ""
	if len(indices) > 1 {
		if next, err = s.behind(ctx, s.nextAlias()); err != nil {
			return view.Description{}, fmt.Errorf("view %s: %w", s.mapping.View, err)
		}
	}
	d := view.Description{Index: reads}
	for name, index := range indices {
		var made time.Time
		if ms, err := strconv.ParseInt(index.Settings.Index.Made, 10, 64); err == nil {
			made = time.UnixMilli(ms).UTC()
		}
		if name == next && name != reads {
			d.Unfinished = &view.Unfinished{Index: name, Made: made}
		} else { // the one that is read, be it by the view's alias
			d.Index, d.Made = name, made
		}
	}
	var count struct {
		Count int `json:"count"`
	}
	err = s.read(ctx, "count the documents of index "+reads, esapi.CountRequest{
		Index: []string{reads}, Body: encode(object{"query": object{"term": object{fieldAdded + ".hidden": false}}}),
	}, &count)
	d.Documents = count.Count
	return d, err
}
