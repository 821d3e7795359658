package elastic

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/viewgate/viewgate/view"
)

// Get implements view.Store.
func (s *Store) Get(ctx context.Context, v view.Viewer, ids []string) (map[string]view.Document, error) {
	found := make(map[string]view.Document, len(ids))
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" || len(id) > maxID })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return found, nil
	}
	answers, err := s.reads.gets.get(ctx, ids, s.client.tracer, s.mget)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, s.unavailable("get", ctx.Err())
	case err != nil:
		return nil, err
	}
	for _, id := range ids {
		d := answers[id]
		if d == nil {
			continue
		}
		if d.Error != nil {
			return nil, s.unavailable("get", fmt.Errorf("%s: document %q: %s", s.client, d.ID, d.Error.text()))
		}
		if d.wrong != nil {
			return nil, s.unavailable("get", d.wrong)
		}
		document := d.read
		shown, visible, err := s.mapping.Show(v, document.Source)
		if err != nil {
			return nil, s.unavailable("get", err)
		}
		if visible {
			document.Source = shown
			found[d.ID] = document
		}
	}
	return found, nil
}

// got is what is answered for an id.
type got struct {
	stored
	Found bool   `json:"found"`
	Error *cause `json:"error"`

	read  view.Document // for all who asked; nobody changes its bytes
	wrong error         // why it could not be read
}

// mget asks for documents, and returns those that there are and those that could not be read.
func (s *Store) mget(ctx context.Context, ids []string) (map[string]*got, error) {
	var answer struct {
		Docs []got `json:"docs"`
	}
	request := esapi.MgetRequest{Index: s.reads.String(), Body: encode(object{"ids": ids})}
	if err := s.read(ctx, "get", request, &answer); err != nil {
		return nil, err
	}
	answers := make(map[string]*got, len(answer.Docs))
	for i := range answer.Docs {
		d := &answer.Docs[i]
		if !d.Found && d.Error == nil {
			continue
		}
		if d.Error == nil {
			d.Source = bytes.Clone(d.Source) // so that who keeps one does not keep all
			d.read, d.wrong = d.document()   // once: it takes the answer's bytes apart
		}
		answers[d.ID] = d
	}
	return answers, nil
}

// stored is a document in an answer.
type stored struct {
	Index       string         `json:"_index"`
	ID          string         `json:"_id"`
	SeqNo       int64          `json:"_seq_no"`
	PrimaryTerm int64          `json:"_primary_term"`
	Source      jsontext.Value `json:"_source"`
}

func (d *stored) document() (view.Document, error) {
	source, hidden, err := split(d.ID, json.RawMessage(d.Source))
	if err != nil {
		return view.Document{}, err
	}
	r := revision(d.Index, d.SeqNo, d.PrimaryTerm)
	return view.Document{ID: d.ID, Revision: r, Hidden: hidden, Source: source}, nil
}

// searchAnswer is what of a search's answer is used.
type searchAnswer struct {
	PIT      string `json:"pit_id"`
	TimedOut bool   `json:"timed_out"`
	Hits     struct {
		Total struct {
			Value    int    `json:"value"`
			Relation string `json:"relation"`
		} `json:"total"`
		Hits []searchHit `json:"hits"`
	} `json:"hits"`
	Aggregations map[string]aggregation `json:"aggregations"`
}

type searchHit struct {
	stored
	Sort []jsontext.Value `json:"sort"`
}

// Search implements view.Store. Totals are exact up to Options.CountUpTo. It answers from all shards or not at all.
func (s *Store) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	if err := q.Check(s.mapping); err != nil {
		return view.Page{}, err
	}
	order := s.order(q)
	body := s.searchBody(v, q, order)
	timeout, partial := s.client.timeout, false
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(min(timeout, time.Until(deadline)), time.Millisecond)
	}
	if q.Within > 0 && q.Within < timeout {
		timeout, partial = q.Within, true
	}
	body["timeout"] = interval(timeout)
	var answer searchAnswer
	err := s.read(ctx, "search", esapi.SearchRequest{
		Index:                     []string{s.reads.String()},
		Body:                      encode(body),
		AllowPartialSearchResults: new(partial),
		SeqNoPrimaryTerm:          new(true),
		Preference:                preference(v),
	}, &answer)
	if err != nil {
		return view.Page{}, err
	}
	if answer.TimedOut && !partial {
		return view.Page{}, s.unavailable("search", fmt.Errorf("%s: not done within %v", s.client, timeout))
	}
	page, err := s.page(v, q, order, answer)
	if answer.TimedOut {
		page.Partial, page.Exact = true, false
	}
	return page, err
}

// preference names the viewer to Elasticsearch, which then asks the same copies of the shards each time: a viewer does
// not see an order that was there a moment ago disappear because another copy is refreshed later.
func preference(v view.Viewer) string {
	h := sha256.Sum256([]byte(v.String()))
	return "viewer-" + hex.EncodeToString(h[:8])
}

func (s *Store) searchBody(v view.Viewer, q view.Query, order []key) object {
	var fields []string
	for _, f := range q.Facets {
		fields = append(fields, f.Field)
	}
	own, match, filter := q.Apart(s.mapping, v, fields)
	filters := append([]object{{"term": object{fieldAdded + ".hidden": false}}}, s.filters(filter)...)
	if scope := s.mapping.Scope(v); scope != nil {
		filters = append(filters, s.filter(scope))
	}
	query := object{"filter": filters}
	if len(match) > 0 {
		if slices.ContainsFunc(order, func(k key) bool { return k.relevance }) {
			must := make([]object, len(match))
			for i, f := range match {
				must[i] = s.scoring(f)
			}
			query["must"] = must
		} else {
			query["filter"] = append(filters, s.filters(match)...)
		}
	}
	body := object{"query": object{"bool": query}, "track_total_hits": s.options.CountUpTo, "size": 0}
	if after := s.others(own, ""); len(after) > 0 {
		body["post_filter"] = object{"bool": object{"filter": after}}
	}
	if q.Size > 0 {
		body["size"] = q.Size + 1 // one more tells whether there is more
		body["sort"] = sortOf(order)
		if q.From != nil {
			after := make([]any, len(order))
			for i, k := range order[:len(order)-1] {
				after[i] = k.after(q.From.Values[i])
			}
			after[len(order)-1] = q.From.ID
			body["search_after"] = after
		}
	}
	if aggs := s.aggregations(v, q, own); len(aggs) > 0 {
		body["aggs"] = aggs
	}
	return body
}

func sortOf(order []key) []object {
	sort := make([]object, len(order))
	for i, k := range order {
		sort[i] = k.sort()
	}
	return sort
}

// others returns the fields' own conditions but those of one field.
func (s *Store) others(own map[string][]view.Filter, but string) (conditions []object) {
	for _, field := range slices.Sorted(maps.Keys(own)) {
		if field != but {
			conditions = append(conditions, s.filters(own[field])...)
		}
	}
	return conditions
}

func nothing() object { return object{"match_none": object{}} }

// filter returns a condition as a query. The view.Filter was checked.
func (s *Store) filter(filter view.Filter) object {
	switch f := filter.(type) {
	case view.And:
		return object{"bool": object{"filter": s.filters(f)}} // an empty one matches everything
	case view.Or:
		if len(f) == 0 {
			return nothing()
		}
		return object{"bool": object{"should": s.filters(f), "minimum_should_match": 1}}
	case view.Not:
		return object{"bool": object{"must_not": []object{s.filter(f.Filter)}}}
	case view.In:
		return s.in(f)
	case view.Range:
		field := s.mapping.Field(f.Field)
		within := object{}
		bound(within, "gt", f.GT, "gte", f.GTE, 1)
		bound(within, "lt", f.LT, "lte", f.LTE, -1)
		return rangeOf(field, within)
	case view.Exists:
		field := s.mapping.Field(f.Field)
		path := field.Path
		switch field.Kind {
		case view.Money:
			path = valuePath(field)
		case view.Geo:
			path = geoPath(field)
		}
		return object{"exists": object{"field": path}}
	case view.Near:
		return object{"geo_distance": object{
			"distance": strconv.FormatFloat(max(f.Metres, 0.001), 'f', -1, 64) + "m", geoPath(s.mapping.Field(f.Field)): pointOf(f.Point),
		}}
	case view.Words:
		return either(s.findings(f), func(q finding) object { return q.query })
	}
	panic(fmt.Sprintf("elastic: filter %T", filter))
}

func pointOf(p view.Point) object { return object{"lat": p.Latitude, "lon": p.Longitude} }

func (s *Store) filters(filters []view.Filter) []object {
	queries := make([]object, len(filters))
	for i, f := range filters {
		queries[i] = s.filter(f)
	}
	return queries
}

func (s *Store) in(in view.In) object {
	field := s.mapping.Field(in.Field)
	if len(in.Values) == 0 {
		return nothing()
	}
	if field.Kind == view.Date {
		// A date in a terms query is read by the field's format, to which 2026 is a year and no millisecond.
		dates := make([]object, len(in.Values))
		for i, v := range in.Values {
			dates[i] = rangeOf(field, object{"gte": number(v), "lte": number(v)})
		}
		return object{"bool": object{"should": dates, "minimum_should_match": 1}}
	}
	values := make([]any, len(in.Values))
	for i, v := range in.Values {
		switch v := v.(type) {
		case string:
			values[i] = v
		case float64:
			values[i] = number(v)
		case bool:
			values[i] = v
		}
	}
	return object{"terms": object{valuePath(field): values}}
}

// rangeOf returns the condition that one value of the field is within all the bounds. Without any it has to exist.
func rangeOf(f *view.Field, within object) object {
	if f.Kind == view.Date {
		within["format"] = "epoch_millis"
	}
	return object{"range": object{valuePath(f): within}}
}

// bound adds the tighter of two bounds on the same side, of which either may be nil: Elasticsearch takes one. The side is
// 1 where the larger is the tighter, else -1.
func bound(within object, without string, exclusive any, with string, inclusive any, side int) {
	switch {
	case exclusive == nil && inclusive == nil:
	case inclusive == nil || exclusive != nil && cmp.Compare(number(exclusive), number(inclusive))*side >= 0:
		within[without] = number(exclusive)
	default:
		within[with] = number(inclusive)
	}
}

// number returns a number or an amount, or a date in milliseconds since 1970 UTC.
func number(v any) float64 {
	if t, ok := v.(time.Time); ok {
		return float64(t.UnixMilli())
	}
	return v.(float64) + 0 // the sum makes a negative zero a zero
}

// page reads the answer. The hits of a page backward come in the reverse order.
func (s *Store) page(v view.Viewer, q view.Query, order []key, answer searchAnswer) (view.Page, error) {
	total := answer.Hits.Total
	page := view.Page{Total: total.Value, Exact: total.Relation == "eq"}
	hits := answer.Hits.Hits
	if len(hits) > q.Size {
		page.More = true
		hits = hits[:q.Size]
	}
	for i := range hits {
		hit, err := s.hit(v, order, &hits[i])
		if err != nil {
			return view.Page{}, s.unavailable("search", err)
		}
		page.Hits = append(page.Hits, hit)
	}
	if q.Backward {
		slices.Reverse(page.Hits)
	}
	for i, f := range q.Facets {
		counts, err := s.counts(f, answer.Aggregations, strconv.Itoa(i))
		if err != nil {
			return view.Page{}, s.unavailable("search", fmt.Errorf("%s: facet %s: %w", s.client, f.Field, err))
		}
		page.Facets = append(page.Facets, counts)
	}
	for i := range q.Sums {
		page.Sums = append(page.Sums, answer.Aggregations[sumName(i)].unwrapped().Value)
	}
	return page, nil
}

// hit reads a hit, as the viewer may see it.
func (s *Store) hit(v view.Viewer, order []key, found *searchHit) (view.Hit, error) {
	document, err := found.document()
	if err != nil {
		return view.Hit{}, err
	}
	if document.Source, err = s.mapping.Redact(v, document.Source); err != nil {
		return view.Hit{}, fmt.Errorf("%s: document %q: %w", s.client, document.ID, err)
	}
	hit := view.Hit{Document: document, Position: view.Position{Values: make([]any, len(order)-1), ID: document.ID}}
	if len(found.Sort) < len(order) {
		return view.Hit{}, fmt.Errorf("%s: a hit has %d sort values of %d", s.client, len(found.Sort), len(order))
	}
	for j, k := range order[:len(order)-1] {
		value, err := k.value(json.RawMessage(found.Sort[j]))
		if err != nil {
			return view.Hit{}, fmt.Errorf("%s: %w", s.client, err)
		}
		hit.Position.Values[j] = value
		if score, ok := value.(float64); ok && k.relevance {
			hit.Score = score
		}
	}
	return hit, nil
}
