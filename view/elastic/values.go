package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
)

// Values implements view.Store. The values of which it picks are the most frequent of the documents that have words which begin
// so; of keywords, and where a word is to be resembled, those of all documents.
func (s *Store) Values(ctx context.Context, v view.Viewer, q view.ValueQuery) ([]view.Bucket, error) {
	if err := q.Check(s.mapping); err != nil {
		return nil, err
	}
	f := s.mapping.Field(q.Field)
	filters := []object{{"term": object{fieldAdded + ".hidden": false}}}
	if scope := s.mapping.Scope(v); scope != nil {
		filters = append(filters, s.filter(scope))
	}
	if shown := s.mapping.Shown(v, q.Field); shown != nil {
		filters = append(filters, s.filter(shown))
	}
	terms := object{"field": facetPath(f), "size": view.MaxSize, "order": []object{{"_count": "desc"}, {"_key": "asc"}}}
	begin := analysis.Terms(q.Like.Beginning)
	switch {
	case q.Like == view.Like{}:
		terms["size"] = q.Size
	case len(begin) > 0 && f.Kind == view.Text:
		// To pick the values by a pattern takes Elasticsearch longer than to find the documents by their words and count them.
		filters = append(filters, object{"multi_match": object{
			"query": strings.Join(begin, " "), "type": "bool_prefix", "operator": "and", "fields": []string{f.Path},
		}})
	}
	body := object{
		"size": 0, "track_total_hits": false, "query": object{"bool": object{"filter": filters}},
		"aggs": object{"values": object{"terms": terms}}, "timeout": interval(s.client.timeout),
	}
	var answer searchAnswer
	err := s.read(ctx, "values", esapi.SearchRequest{
		Index: []string{s.reads.String()}, Body: encode(body), AllowPartialSearchResults: new(false), Preference: preference(v),
	}, &answer)
	if err != nil {
		return nil, err
	}
	like := analysis.NewLike(q.Like)
	var buckets []view.Bucket
	for _, b := range answer.Aggregations["values"].Buckets {
		var value string
		if err := json.Unmarshal(b.Key, &value); err != nil {
			return nil, s.unavailable("values", fmt.Errorf("%s: %w", s.client, err))
		}
		if like.Fits(value) && len(buckets) < q.Size {
			buckets = append(buckets, view.Bucket{Value: value, Count: b.Count})
		}
	}
	return buckets, nil
}
