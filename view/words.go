package view

import "strings"

// Words holds if the text's words are found: each of them, and all in one and the same field. A text is split into words
// as Unicode's annex 29 does; they are compared blind to case and accents, and to the English endings that Porter's stemmer
// takes off. A keyword has no words: it must be the whole text, in its own case where Field.Exact. A text of signs alone is
// found nowhere.
type Words struct {
	Field  string // "": in any field that is searched for words (Field.Weight > 0)
	Text   string
	Phrase bool  // the words are next to each other, in their order, with their endings
	Prefix bool  // the last word may be the beginning of a longer one
	Loose  Loose // what is found besides, and ranks behind
	By     Role  // who asks: with no Field, fields that this role does not always see are left out. Stores set it
}

// Loose says what else than the words themselves is found. It concerns single words in texts, neither phrases nor prefixes.
type Loose uint8

const (
	// Typos finds words with letters wrong, missing, too many or changed for their neighbour: one in words of five letters
	// and more, two in eight and more. The first letter must be right, and words with digits have no typos.
	Typos Loose = 1 << iota
	// Beginning finds longer words that begin like this one, for somebody who is still typing.
	Beginning
)

// MaxExpansions is how many different words of an index one that is looked for with Typos may stand for: the nearest.
const MaxExpansions = 50

// MinPrefix is how many characters the beginning of a word has at least.
const MinPrefix = 2

func (f Words) check(m *Mapping, left *int) error {
	if f.Field != "" {
		field := m.Field(f.Field)
		if field == nil {
			return invalid(f.Field, "not an indexed field")
		}
		switch {
		case field.Kind != Text && field.Kind != Keyword:
			return invalid(f.Field, "a %s has no words", field.Kind)
		case field.Kind == Text && field.Weight == 0:
			return invalid(f.Field, "words are not looked for in it")
		}
	}
	return spend(left, wordCost*max(1, len(strings.Fields(f.Text))))
}

// How is the way in which a Words is found in a field.
type How int

// The ways, the better the earlier.
const (
	AsWritten How = iota
	Inflected     // with another ending
	Begun         // by its beginning, as Words.Prefix asks
	Completed     // by its beginning, as Beginning allows
	OneTypo
	TwoTypos
)

// Score returns how much it counts that a Words is found in this way in a field of this weight. What is found as it was
// asked for counts more than what is found loosely, wherever; else the weight decides, and then the way. All numbers are
// small multiples of a power of two where the weight is, so that every store adds them up to the same.
func (h How) Score(weight float64) float64 {
	weight = min(weight, MaxWeight)
	switch h {
	case AsWritten:
		return 128 + weight
	case Inflected:
		return 128 + weight/2
	case Begun:
		return 128 + weight/4
	case Completed:
		return 64 + weight/4
	case OneTypo:
		return 32 + weight/4
	}
	return 16 + weight/4
}

// MaxWeight is the largest weight that a field can have.
const MaxWeight = 64

// scores reports whether a condition has words whose finding counts.
func scores(f Filter) bool {
	var parts []Filter
	switch f := f.(type) {
	case Words:
		return true
	case And:
		parts = f
	case Or:
		parts = f
	}
	for _, part := range parts {
		if scores(part) {
			return true
		}
	}
	return false
}

// Scores reports whether the query has words whose finding counts.
func (q *Query) Scores() bool { return scores(q.Match) }
