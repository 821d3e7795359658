package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
)

// aggregation is what of an aggregation's answer is used.
type aggregation struct {
	Buckets []struct {
		Key   json.RawMessage `json:"key"`
		Text  string          `json:"key_as_string"`
		Count int             `json:"doc_count"`
	} `json:"buckets"`
	Value float64      `json:"value"`
	Of    *aggregation `json:"of"` // behind the filter that keeps a field's own conditions out
	Every *aggregation `json:"every"`
}

func (a aggregation) unwrapped() aggregation {
	if a.Of != nil {
		of := *a.Of
		of.Every = a.Every
		return of
	}
	return a
}

func sumName(i int) string { return "sum" + strconv.Itoa(i) }

// aggregations returns what counts the facets, each without its field's own conditions and with those of the others, and
// sums, with all of them.
func (s *Store) aggregations(q view.Query, own map[string][]view.Filter) object {
	aggs := object{}
	add := func(name string, conditions []object, of, every object) {
		if len(conditions) == 0 {
			aggs[name] = of
			if every != nil {
				aggs[name+"every"] = every
			}
			return
		}
		inner := object{"of": of}
		if every != nil {
			inner["every"] = every
		}
		aggs[name] = object{"filter": object{"bool": object{"filter": conditions}}, "aggs": inner}
	}
	for i, f := range q.Facets {
		of, every := s.facet(f)
		add(strconv.Itoa(i), s.others(own, f.Field), of, every)
	}
	for i, path := range q.Sums {
		add(sumName(i), s.others(own, ""), object{"sum": object{"field": valuePath(s.mapping.Field(path))}}, nil)
	}
	return aggs
}

// facet returns what counts a facet, and what counts its values, which may be nil.
func (s *Store) facet(f view.Facet) (of, every object) {
	field := s.mapping.Field(f.Field)
	switch field.Kind {
	case view.Number, view.Money:
		ranges := []object{{"to": f.Bounds[0]}}
		for i, from := range f.Bounds {
			r := object{"from": from}
			if i+1 < len(f.Bounds) {
				r["to"] = f.Bounds[i+1]
			}
			ranges = append(ranges, r)
		}
		return object{"range": object{"field": valuePath(field), "ranges": ranges}}, nil
	case view.Date:
		return object{"date_histogram": object{
			"field": valuePath(field), "calendar_interval": "month", "format": "yyyy-MM", "min_doc_count": 1,
			"order": object{"_key": "desc"},
		}}, nil
	}
	return object{"terms": object{
			"field": facetPath(field), "size": f.Size, "shard_size": 10 * f.Size,
			"order": []object{{"_count": "desc"}, {"_key": "asc"}},
		}}, object{"cardinality": object{
			"field": facetPath(field), "precision_threshold": 3000,
		}}
}

// counts reads a facet's answer. How many values there are in all is estimated where they are more than 3,000.
func (s *Store) counts(f view.Facet, all map[string]aggregation, name string) (counts view.Counts, err error) {
	answer := all[name].unwrapped()
	field := s.mapping.Field(f.Field)
	for i, b := range answer.Buckets {
		value := b.Text // of booleans and dates, whose key is a number
		switch {
		case field.Kind == view.Number || field.Kind == view.Money:
			value = f.RangeName(i)
		case value == "" && field.Kind != view.Date:
			if err := json.Unmarshal(b.Key, &value); err != nil {
				return counts, err
			}
		}
		counts.Buckets = append(counts.Buckets, view.Bucket{Value: value, Count: b.Count})
	}
	switch field.Kind {
	case view.Number, view.Money:
	case view.Date:
		n := min(f.Size, len(counts.Buckets))
		counts.Buckets, counts.Others = counts.Buckets[:n], len(counts.Buckets)-n
	default:
		every := all[name].Every
		if every == nil {
			e := all[name+"every"]
			every = &e
		}
		counts.Others = max(0, int(every.Value)-len(counts.Buckets))
	}
	return counts, nil
}

// Values implements view.Store. Of texts that begin so, it looks at the most frequent 1,000 values of the documents that have
// such words; where a word is to be resembled, of all documents.
func (s *Store) Values(ctx context.Context, v view.Viewer, q view.ValueQuery) ([]view.Bucket, error) {
	if err := q.Check(s.mapping); err != nil {
		return nil, err
	}
	f := s.mapping.Field(q.Field)
	filters := []object{{"term": object{fieldAdded + ".hidden": false}}}
	if scope := s.mapping.Scope(v); scope != nil {
		filters = append(filters, s.filter(scope))
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
	case len(begin) == 1 && q.Like.Resembling == "":
		// Words may be told apart by less than the pattern tells, so more than are asked for are looked at.
		terms["include"], terms["size"] = includes(begin[0]), min(view.MaxSize, 4*q.Size)
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

// includes returns a regular expression, in Lucene's own form, of the values in which a word may begin so.
func includes(folded string) string {
	var word strings.Builder
	for _, r := range folded {
		word.WriteString("[" + strings.Join(forms(r), "") + "]")
	}
	return "(.*[^a-zA-Z0-9])?" + word.String() + ".*"
}

// forms returns the letters that fold to one, each quoted for a class of Lucene's regular expressions.
func forms(folded rune) (all []string) {
	quote := func(r rune) string {
		if r < unicode.MaxASCII && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return `\` + string(r)
		}
		return string(r)
	}
	all = []string{quote(folded)}
	if up := unicode.ToUpper(folded); up != folded {
		all = append(all, quote(up))
	}
	if folded < unicode.MaxASCII {
		all = append(all, accented[folded]...)
	}
	return all
}

// accented has the Latin letters that fold to one of ASCII's.
var accented = func() map[rune][]string {
	all := map[rune][]string{}
	for r := rune(0xC0); r <= 0x24F; r++ {
		if folded := []rune(analysis.Fold(string(r))); len(folded) == 1 && folded[0] < unicode.MaxASCII {
			all[folded[0]] = append(all[folded[0]], string(r))
		}
	}
	for r := rune(0x1E00); r <= 0x1EFF; r++ {
		if folded := []rune(analysis.Fold(string(r))); len(folded) == 1 && folded[0] < unicode.MaxASCII {
			all[folded[0]] = append(all[folded[0]], string(r))
		}
	}
	return all
}()

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
			hit, err := s.hit(order, &answer.Hits.Hits[i])
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
