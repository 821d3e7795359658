package graph

import (
	"encoding/json"

	"github.com/viewgate/viewgate/graph/model"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
)

// highlights tells where a query's words stand in a document that it matched.
func highlights(m *view.Mapping, match view.Filter, document json.RawMessage) ([]*model.Highlight, error) {
	all := []*model.Highlight{}
	if match == nil {
		return all, nil
	}
	source, err := m.DecodeIndexed(document)
	if err != nil {
		return nil, err
	}
	for _, found := range analysis.Highlights(m, match, source) {
		h := &model.Highlight{Field: found.Field, Fragment: found.Fragment}
		for _, at := range found.Ranges {
			h.Ranges = append(h.Ranges, &model.TextRange{Start: at.Start, End: at.End})
		}
		all = append(all, h)
	}
	return all, nil
}
