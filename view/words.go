package view

import "strings"

// Words holds if the text's words are found: each of them, in one and the same field, next to each other and in their
// order if Phrase; if Prefix, the last may be the beginning of a longer word.
type Words struct {
	Field  string // "": in any field that is searched for words (Field.Weight > 0)
	Text   string
	Phrase bool
	Prefix bool
	Loose  Loose // what is found besides, and ranks behind
}

// Loose is what is found besides the words themselves.
type Loose uint8

// The ways to be loose, which may be combined.
const (
	Typos     Loose = 1 << iota // words with a letter wrong
	Beginning                   // longer words that the last one begins
)

func (f Words) check(m *Mapping, left *int) error {
	if strings.TrimSpace(f.Text) == "" {
		return invalid(f.Field, "words are missing")
	}
	if f.Field != "" {
		field := m.Field(f.Field)
		if field == nil {
			return invalid(f.Field, "not an indexed field")
		}
		if field.Kind != Text && field.Kind != Keyword {
			return invalid(f.Field, "a %s has no words", field.Kind)
		}
	}
	return spend(left, 1)
}
