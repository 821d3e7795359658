package elastic

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/viewgate/viewgate/view"
)

// key is one key of the order that a search is sent with: of the query's, turned about for a page backward.
type key struct {
	path       string
	kind       view.Kind // of the values; the id's and the relevance's, too
	descending bool      // as sent
	mode       string    // which of several values of a document counts: as the query's own direction says
	first      bool      // documents without a value come first, as sent
	relevance  bool
	from       *view.Point // of a place: its distance from here is what counts
}

// order returns the keys of q's order; the last is the id.
func (s *Store) order(q view.Query) []key {
	var keys []key
	for _, by := range q.Order() {
		k := key{descending: by.Descending != q.Backward, first: q.Backward, mode: "min"}
		if by.Descending {
			k.mode = "max"
		}
		if by.Field == view.Relevance {
			k.path, k.kind, k.relevance = "_score", view.Number, true
		} else {
			f := s.mapping.Field(by.Field)
			k.path, k.kind = valuePath(f), f.Kind
			if f.Kind == view.Geo {
				k.path, k.from = geoPath(f), by.From
			}
		}
		keys = append(keys, k)
	}
	return append(keys, key{path: fieldAdded + ".id", kind: view.Keyword, descending: q.Backward, mode: "min"})
}

// sort returns the key as Elasticsearch takes it.
func (k key) sort() object {
	direction, missing := "asc", "_last"
	if k.descending {
		direction = "desc"
	}
	if k.relevance {
		return object{k.path: object{"order": direction}}
	}
	if k.from != nil { // what has no place is infinitely far, so it comes last, and first backward
		return object{"_geo_distance": object{
			k.path: pointOf(*k.from), "order": direction, "unit": "m", "mode": "min", "distance_type": "arc",
		}}
	}
	if k.first {
		missing = "_first"
	}
	return object{k.path: object{"order": direction, "missing": missing, "mode": k.mode}}
}

// What Elasticsearch has in the place of a missing value: null for texts, else the end of the type's range that puts it
// where it belongs.
const (
	smallestLong, largestLong     = "-9223372036854775808", "9223372036854775807"
	smallestDouble, largestDouble = `"-Infinity"`, `"Infinity"`
)

// missing returns the key's sort value of a document that lacks the field.
func (k key) missing() json.RawMessage {
	large := k.descending == k.first
	switch k.kind {
	case view.Date, view.Boolean:
		if large {
			return json.RawMessage(largestLong)
		}
		return json.RawMessage(smallestLong)
	case view.Number, view.Money, view.Geo:
		if large {
			return json.RawMessage(largestDouble)
		}
		return json.RawMessage(smallestDouble)
	}
	return json.RawMessage("null")
}

// value returns a sort value of an answer as a view.Position has it.
func (k key) value(sent json.RawMessage) (any, error) {
	if string(sent) == string(k.missing()) {
		return nil, nil
	}
	switch k.kind {
	case view.Text, view.Keyword:
		var text string
		if err := json.Unmarshal(sent, &text); err != nil {
			return nil, fmt.Errorf("sort value of %s: %w", k.path, err)
		}
		return text, nil
	case view.Boolean:
		return string(sent) == "1", nil
	}
	n, err := strconv.ParseFloat(string(sent), 64)
	if err != nil {
		return nil, fmt.Errorf("sort value of %s: %w", k.path, err)
	}
	return n, nil
}

// after is the inverse of value.
func (k key) after(value any) any {
	switch v := value.(type) {
	case nil:
		return k.missing()
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		if k.kind == view.Date {
			return int64(v)
		}
	}
	return value
}
