package analysis

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/viewgate/viewgate/view"
)

// Like tells which values look like a view.Like.
type Like struct {
	begin      []string
	resembling string
	most       int // letters that may be wrong
	any        bool
}

// NewLike returns what tells it.
func NewLike(l view.Like) *Like {
	like := &Like{begin: Terms(l.Beginning), any: l.Beginning == "" && l.Resembling == ""}
	if terms := Terms(l.Resembling); len(terms) == 1 {
		like.resembling, like.most = terms[0], Resemblance(terms[0])
	}
	return like
}

// Resemblance returns how many letters may be wrong between a word and one that resembles it.
func Resemblance(term string) int {
	if Edits(term) == 0 && strings.ContainsAny(term, "0123456789") {
		return 0
	}
	switch n := utf8.RuneCountInString(term); {
	case n >= 6:
		return 2
	case n >= 3:
		return 1
	}
	return 0
}

// Fits reports whether a value looks like it.
func (l *Like) Fits(value string) bool {
	switch {
	case l.any:
		return true
	case len(l.begin) > 0:
		terms := Terms(value)
		for i, piece := range l.begin {
			last := i == len(l.begin)-1
			if !slices.ContainsFunc(terms, func(term string) bool {
				return term == piece || last && strings.HasPrefix(term, piece)
			}) {
				return false
			}
		}
		return true
	case l.most > 0:
		_, found := l.Nearest(value)
		return found
	}
	return false
}

// Nearest returns the word of a value that resembles what is asked for most.
func (l *Like) Nearest(value string) (term string, found bool) {
	least := l.most + 1
	for _, t := range Terms(value) {
		if d := Distance(l.resembling, t, l.most); d > 0 && d < least {
			term, least, found = t, d, true
		}
	}
	return term, found
}
