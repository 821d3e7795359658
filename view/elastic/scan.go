package elastic

import (
	"context"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/viewgate/viewgate/view"
)

// keepAlive is how long Elasticsearch keeps what a scan looks at between two pages.
const keepAlive = "2m"

// Scan implements view.Store, at a point in time.
func (s *Store) Scan(ctx context.Context, v view.Viewer, q view.Query, each func(view.Page) error) error {
	if err := q.CheckScan(s.mapping); err != nil {
		return err
	}
	var opened struct {
		ID string `json:"id"`
	}
	open := esapi.OpenPointInTimeRequest{Index: []string{s.reads.String()}, KeepAlive: keepAlive}
	if err := s.read(ctx, "scan", open, &opened); err != nil {
		return err
	}
	pit := opened.ID
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.client.timeout)
		defer cancel()
		// What is not closed ends by itself.
		s.client.do(closing, esapi.ClosePointInTimeRequest{Body: encode(object{"id": pit})}, nil)
	}()
	order := s.order(q)
	size := min(q.Size, view.MaxSize)
	body := s.searchBody(v, q, order)
	body["size"], body["track_total_hits"], body["sort"] = size, true, sortOf(order)
	for total := -1; ; {
		body["pit"] = object{"id": pit, "keep_alive": keepAlive}
		var answer searchAnswer
		request := esapi.SearchRequest{Body: encode(body), AllowPartialSearchResults: new(false), SeqNoPrimaryTerm: new(true)}
		if err := s.read(ctx, "scan", request, &answer); err != nil {
			return err
		}
		if pit = answer.PIT; total < 0 {
			total = answer.Hits.Total.Value
		}
		page := view.Page{Total: total, Exact: true, More: len(answer.Hits.Hits) == size}
		for i := range answer.Hits.Hits {
			hit, err := s.hit(v, order, &answer.Hits.Hits[i])
			if err != nil {
				return s.unavailable("scan", err)
			}
			page.Hits = append(page.Hits, hit)
			body["search_after"] = answer.Hits.Hits[i].Sort
		}
		body["track_total_hits"] = false
		if err := each(page); err != nil || !page.More {
			return err
		}
	}
}
