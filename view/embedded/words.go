package embedded

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/searcher"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
)

// maxBegun is how many words of the index one beginning may stand for: the first in their order.
const maxBegun = 10_000

// finding is a way in which words may be found in a field.
type finding struct {
	score     float64
	searchers finders
}

// finders returns what finds words in one way, each some of them and without a score. They are terms wherever they can be:
// a disjunction of disjunctions is not combined by the index.
type finders func() ([]search.Searcher, error)

// one returns a single finder.
func one(s search.Searcher, err error) ([]search.Searcher, error) { return []search.Searcher{s}, err }

// words finds words in all their ways and fields, with the score of the best.
func (c *compiler) words(w view.Words) (search.Searcher, error) {
	u := &union{}
	byScore := map[float64][]search.Searcher{}
	for _, found := range c.findings(w) {
		some, err := found.searchers()
		if err != nil {
			return nil, err
		}
		if some = slices.DeleteFunc(some, findsNothing); len(some) > 0 {
			byScore[found.score] = append(byScore[found.score], some...)
		}
	}
	for score, any := range byScore {
		s, err := c.either(any, unscoredOptions)
		if err != nil {
			return nil, err
		}
		u.searchers = append(u.searchers, &scored{s, score})
	}
	return u, nil
}

// findings returns the ways in which words may be found, as analysis.Pattern.In has them.
func (c *compiler) findings(w view.Words) (all []finding) {
	p := analysis.NewPattern(w)
	for _, f := range c.mapping.Searched(w) {
		add := func(how view.How, searchers finders) { all = append(all, finding{how.Score(f.Weight), searchers}) }
		if f.Kind == view.Keyword {
			want := analysis.Key(f, w.Text)
			add(view.AsWritten, func() ([]search.Searcher, error) { return one(c.term(keyOf+f.Path, want)) })
			if w.Prefix && utf8.RuneCountInString(want) >= view.MinPrefix {
				add(view.Begun, func() ([]search.Searcher, error) { return c.begun(keyOf+f.Path, want) })
			}
			continue
		}
		if len(p.Terms) == 0 {
			continue
		}
		c.inText(p, f, add)
	}
	return all
}

func (c *compiler) inText(p *analysis.Pattern, f *view.Field, add func(view.How, finders)) {
	field, last := wordsOf+f.Path, len(p.Terms)-1
	switch {
	case p.Phrase:
		lists := make([][]string, len(p.Terms))
		for i, term := range p.Terms {
			lists[i] = []string{term}
		}
		add(view.AsWritten, func() ([]search.Searcher, error) { return one(c.phrase(field, lists)) })
		if p.Prefix {
			add(view.Begun, func() ([]search.Searcher, error) {
				longer, err := c.beginning(field, p.Terms[last])
				if err != nil {
					return nil, err
				}
				lists := slices.Clone(lists)
				lists[last] = append(longer, p.Terms[last])
				return one(c.phrase(field, lists))
			})
		}
		return
	case p.Prefix:
		add(view.Begun, func() ([]search.Searcher, error) {
			begun, err := c.begun(field, p.Terms[last])
			if err != nil || last == 0 {
				return begun, err
			}
			any, err := c.either(begun, unscoredOptions)
			if err != nil {
				return nil, err
			}
			others, err := c.all(field, p.Terms[:last])
			if err != nil {
				return nil, err
			}
			return one(searcher.NewConjunctionSearcher(c.ctx, c.reader, []search.Searcher{others, any}, unscoredOptions))
		})
	default:
		add(view.Inflected, func() ([]search.Searcher, error) {
			var stems []string
			for _, term := range p.Terms {
				stems = append(stems, analysis.Stem(term))
			}
			return one(c.all(stemsOf+f.Path, stems))
		})
	}
	add(view.AsWritten, func() ([]search.Searcher, error) { return one(c.all(field, p.Terms)) })
	term, ok := p.Single()
	if !ok {
		return
	}
	if p.Loose&view.Beginning != 0 && utf8.RuneCountInString(term) >= view.MinPrefix {
		add(view.Completed, func() ([]search.Searcher, error) { return c.begun(field, term) })
	}
	if edits := analysis.Edits(term); p.Loose&view.Typos != 0 && edits > 0 {
		resembling := sync.OnceValues(func() ([][]string, error) { return c.resembling(field, term, edits) })
		off := func(edits int) finders {
			return func() ([]search.Searcher, error) {
				terms, err := resembling()
				if err != nil {
					return nil, err
				}
				return c.terms(field, terms[edits])
			}
		}
		add(view.OneTypo, off(1))
		if edits > 1 {
			add(view.TwoTypos, off(2))
		}
	}
}

// all finds documents that have all these terms in a field.
func (c *compiler) all(field string, terms []string) (search.Searcher, error) {
	var all []search.Searcher
	for _, term := range terms {
		s, err := c.term(field, term)
		if err != nil || findsNothing(s) {
			return s, err
		}
		all = append(all, s)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return searcher.NewConjunctionSearcher(c.ctx, c.reader, all, unscoredOptions)
}

// terms finds documents that have one of these terms in a field, each by itself.
func (c *compiler) terms(field string, terms []string) (all []search.Searcher, err error) {
	for _, term := range terms {
		s, err := c.term(field, term)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// phrase finds terms next to each other, any of each list.
func (c *compiler) phrase(field string, lists [][]string) (search.Searcher, error) {
	if len(lists) == 1 {
		any, err := c.terms(field, lists[0])
		if err != nil {
			return nil, err
		}
		return c.either(any, unscoredOptions)
	}
	return searcher.NewMultiPhraseSearcher(c.ctx, c.reader, lists, 0, false, field, 1, search.SearcherOptions{})
}

// begun finds terms that begin so.
func (c *compiler) begun(field, prefix string) ([]search.Searcher, error) {
	terms, err := c.beginning(field, prefix)
	if err != nil {
		return nil, err
	}
	return c.terms(field, terms)
}

// beginning returns the terms that begin so, none where that is too little to begin with.
func (c *compiler) beginning(field, prefix string) (terms []string, err error) {
	if utf8.RuneCountInString(prefix) < view.MinPrefix {
		return []string{prefix}, nil
	}
	err = c.dictionary(field, prefix, func(term string, _ uint64) bool {
		terms = append(terms, term)
		return len(terms) < maxBegun
	})
	return terms, err
}

// resembling returns the words that a misspelt one may stand for, up to so many letters off, by the number of these.
func (c *compiler) resembling(field, term string, edits int) ([][]string, error) {
	type near struct {
		term string
		off  int
	}
	var all []near
	err := c.dictionary(field, analysis.FirstRune(term), func(other string, _ uint64) bool {
		if d := analysis.Distance(term, other, edits); d <= edits {
			all = append(all, near{other, d})
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b near) int { return cmp.Or(cmp.Compare(a.off, b.off), strings.Compare(a.term, b.term)) })
	terms := make([][]string, edits+1)
	for _, n := range all[:min(len(all), view.MaxExpansions)] {
		terms[n.off] = append(terms[n.off], n.term)
	}
	return terms, nil
}

// dictionary gives each the terms of a field that begin so, in their order, with the number of documents that have or had
// them, until it is enough.
func (c *compiler) dictionary(field, prefix string, each func(term string, documents uint64) (more bool)) error {
	d, err := c.reader.FieldDictPrefix(field, []byte(prefix))
	if err != nil {
		return err
	}
	defer d.Close()
	for n := 1; ; n++ {
		entry, err := d.Next()
		if err != nil || entry == nil || !each(entry.Term, entry.Count) {
			return err
		}
		if n%checkEvery == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
	}
}
