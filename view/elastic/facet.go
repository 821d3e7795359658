package elastic

import (
	"encoding/json"
	"strconv"

	"github.com/viewgate/viewgate/view"
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

// aggregations returns what counts the facets, each without its field's own conditions and with those of the others, in
// documents in which the viewer sees the field; and sums, with all of them.
func (s *Store) aggregations(v view.Viewer, q view.Query, own map[string][]view.Filter) object {
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
		conditions := s.others(own, f.Field)
		if shown := s.mapping.Shown(v, f.Field); shown != nil {
			conditions = append(conditions, s.filter(shown))
		}
		add(strconv.Itoa(i), conditions, of, every)
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
