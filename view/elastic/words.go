package elastic

import (
	"strings"
	"unicode/utf8"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
)

// finding is a query that finds words in one way, in fields of one weight, without a score of its own.
type finding struct {
	query object
	score float64
}

// scoring returns a condition as a query that scores as analysis.Score says.
func (s *Store) scoring(filter view.Filter) object {
	parts := func(filters []view.Filter) []object {
		queries := make([]object, len(filters))
		for i, f := range filters {
			queries[i] = s.scoring(f)
		}
		return queries
	}
	switch f := filter.(type) {
	case view.Words:
		found := s.findings(f)
		if len(found) == 0 {
			return nothing()
		}
		queries := make([]object, len(found))
		for i, q := range found {
			queries[i] = object{"constant_score": object{"filter": q.query, "boost": q.score}}
		}
		return object{"dis_max": object{"queries": queries}}
	case view.And:
		if len(f) > 0 {
			return object{"bool": object{"must": parts(f)}}
		}
	case view.Or:
		if len(f) > 0 {
			return object{"bool": object{"should": parts(f), "minimum_should_match": 1}}
		}
	}
	return object{"constant_score": object{"filter": s.filter(filter), "boost": 0}}
}

func either[T any](of []T, query func(T) object) object {
	if len(of) == 0 {
		return nothing()
	}
	queries := make([]object, len(of))
	for i, one := range of {
		queries[i] = query(one)
	}
	return object{"bool": object{"should": queries, "minimum_should_match": 1}}
}

// findings returns the ways in which words may be found, as analysis.Pattern.In has them.
func (s *Store) findings(w view.Words) (all []finding) {
	p := analysis.NewPattern(w)
	texts := byWeight{}
	for _, f := range s.mapping.Searched(w) {
		switch {
		case f.Kind == view.Text:
			texts.add(f.Weight, f.Path)
		case f.Kind == view.Keyword:
			// A keyword that is exact compares another text.
			key := analysis.Key(f, w.Text)
			all = append(all, finding{object{"term": object{valuePath(f): key}}, view.AsWritten.Score(f.Weight)})
			if w.Prefix && utf8.RuneCountInString(key) >= view.MinPrefix {
				all = append(all, finding{object{"prefix": object{valuePath(f): key}}, view.Begun.Score(f.Weight)})
			}
		}
	}
	if len(p.Terms) == 0 {
		return all
	}
	for _, weight := range texts.weights {
		add := func(how view.How, query object) { all = append(all, finding{query, how.Score(weight)}) }
		inTexts(p, texts.paths[weight], add)
	}
	return all
}

// byWeight are paths of fields by their weight.
type byWeight struct {
	weights []float64
	paths   map[float64][]string
}

func (b *byWeight) add(weight float64, path string) {
	if b.paths == nil {
		b.paths = map[float64][]string{}
	}
	if b.paths[weight] == nil {
		b.weights = append(b.weights, weight)
	}
	b.paths[weight] = append(b.paths[weight], path)
}

func inTexts(p *analysis.Pattern, paths []string, add func(view.How, object)) {
	text, last := strings.Join(p.Terms, " "), p.Terms[len(p.Terms)-1]
	match := func(kind string, paths []string, more object) object {
		query := object{"query": text, "type": kind, "operator": "and", "fields": paths}
		for name, value := range more {
			query[name] = value
		}
		return object{"multi_match": query}
	}
	long := utf8.RuneCountInString(last) >= view.MinPrefix
	switch {
	case p.Phrase:
		exact := object{"multi_match": object{"query": text, "type": "phrase", "fields": paths}}
		add(view.AsWritten, exact)
		if p.Prefix && long {
			add(view.Begun, object{"multi_match": object{
				"query": text, "type": "phrase_prefix", "fields": paths, "max_expansions": maxBegun,
			}})
		}
		return
	case p.Prefix && long:
		add(view.Begun, match("bool_prefix", paths, nil))
	case !p.Prefix:
		stems := make([]string, len(paths))
		for i, path := range paths {
			stems[i] = path + ".stems"
		}
		add(view.Inflected, match("best_fields", stems, nil))
	}
	add(view.AsWritten, match("best_fields", paths, nil))
	term, ok := p.Single()
	if !ok {
		return
	}
	if p.Loose&view.Beginning != 0 && long {
		add(view.Completed, match("bool_prefix", paths, nil))
	}
	if edits := analysis.Edits(term); p.Loose&view.Typos != 0 {
		for n := 1; n <= edits; n++ {
			add([]view.How{view.OneTypo, view.TwoTypos}[n-1], match("best_fields", paths, object{
				"fuzziness": n, "prefix_length": 1, "max_expansions": view.MaxExpansions, "fuzzy_transpositions": true,
			}))
		}
	}
}

// maxBegun is how many longer words the last of a phrase may stand for.
const maxBegun = 1000
