package embedded

import (
	"github.com/blevesearch/bleve/v2/search"
	index "github.com/blevesearch/bleve_index_api"
)

// scored gives what a searcher finds a score.
type scored struct {
	search.Searcher
	score float64
}

// Next implements search.Searcher.
func (s *scored) Next(ctx *search.SearchContext) (*search.DocumentMatch, error) {
	return s.set(s.Searcher.Next(ctx))
}

// Advance implements search.Searcher.
func (s *scored) Advance(ctx *search.SearchContext, id index.IndexInternalID) (*search.DocumentMatch, error) {
	return s.set(s.Searcher.Advance(ctx, id))
}

func (s *scored) set(m *search.DocumentMatch, err error) (*search.DocumentMatch, error) {
	if m != nil {
		m.Score = s.score
	}
	return m, err
}

// union finds what any of its searchers finds, with the best of their scores, or the sum if add. The library's own
// disjunctions score otherwise.
type union struct {
	searchers []search.Searcher
	add       bool

	begun bool
	at    []*search.DocumentMatch // what each searcher has found last; nil: nothing more
}

// Next implements search.Searcher.
func (u *union) Next(ctx *search.SearchContext) (*search.DocumentMatch, error) {
	return u.next(ctx, func(s search.Searcher, _ *search.DocumentMatch) (*search.DocumentMatch, error) { return s.Next(ctx) })
}

// Advance implements search.Searcher.
func (u *union) Advance(ctx *search.SearchContext, id index.IndexInternalID) (*search.DocumentMatch, error) {
	advance := func(s search.Searcher, at *search.DocumentMatch) (*search.DocumentMatch, error) {
		if at != nil && at.IndexInternalID.Compare(id) >= 0 {
			return at, nil
		}
		if at != nil {
			ctx.DocumentMatchPool.Put(at)
		}
		return s.Advance(ctx, id)
	}
	if u.begun {
		for i, s := range u.searchers {
			if u.at[i] == nil {
				continue
			}
			var err error
			if u.at[i], err = advance(s, u.at[i]); err != nil {
				return nil, err
			}
		}
	}
	return u.next(ctx, advance)
}

// next returns the first of what the searchers have found, and lets those go on that found it. The first time it begins
// them all.
func (u *union) next(ctx *search.SearchContext,
	begin func(search.Searcher, *search.DocumentMatch) (*search.DocumentMatch, error)) (*search.DocumentMatch, error) {

	if !u.begun {
		u.begun, u.at = true, make([]*search.DocumentMatch, len(u.searchers))
		for i, s := range u.searchers {
			var err error
			if u.at[i], err = begin(s, nil); err != nil {
				return nil, err
			}
		}
	}
	var first *search.DocumentMatch
	for _, m := range u.at {
		if m != nil && (first == nil || m.IndexInternalID.Compare(first.IndexInternalID) < 0) {
			first = m
		}
	}
	if first == nil {
		return nil, nil
	}
	score := 0.0
	for i, m := range u.at {
		if m == nil || m != first && m.IndexInternalID.Compare(first.IndexInternalID) != 0 {
			continue
		}
		if u.add {
			score += m.Score
		} else {
			score = max(score, m.Score)
		}
		if m != first {
			ctx.DocumentMatchPool.Put(m)
		}
		var err error
		if u.at[i], err = u.searchers[i].Next(ctx); err != nil {
			return nil, err
		}
	}
	first.Score = score
	return first, nil
}

// Close implements search.Searcher.
func (u *union) Close() (err error) {
	for _, s := range u.searchers {
		if e := s.Close(); err == nil {
			err = e
		}
	}
	return err
}

// Weight implements search.Searcher: a union scores by itself.
func (u *union) Weight() float64 { return 0 }

// SetQueryNorm implements search.Searcher.
func (u *union) SetQueryNorm(float64) {}

// Count implements search.Searcher.
func (u *union) Count() (sum uint64) {
	for _, s := range u.searchers {
		sum += s.Count()
	}
	return sum
}

// Min implements search.Searcher.
func (u *union) Min() int { return 0 }

// Size implements search.Searcher.
func (u *union) Size() (sum int) {
	for _, s := range u.searchers {
		sum += s.Size()
	}
	return sum
}

// DocumentMatchPoolSize implements search.Searcher.
func (u *union) DocumentMatchPoolSize() (sum int) {
	for _, s := range u.searchers {
		sum += s.DocumentMatchPoolSize()
	}
	return sum + len(u.searchers)
}
