// Package analysis splits texts into words and tells how a word is found in a text, for every store alike. Elasticsearch's
// own analyzers are set up to do the same; view/viewtest compares them.
package analysis

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis/char/asciifolding"
	segment "github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
	porter "github.com/blevesearch/go-porterstemmer"
	"golang.org/x/text/unicode/norm"

	"github.com/viewgate/viewgate/view"
)

// Word is a word of a text.
type Word struct {
	Term       string // folded
	Start, End int    // where it stands, in bytes of the text's normal form (Normal)
}

// Normal returns the text in Unicode's normal form C, in which it is split.
func Normal(text string) string { return norm.NFC.String(text) }

// Words splits a text at the word boundaries of Unicode's annex 29. A text of signs alone has none.
func Words(text string) []Word {
	if words, ok := plainWords(text); ok {
		return words
	}
	return wordsOf(text)
}

// plainWords is Words for texts of ASCII letters, digits and spaces alone, as most names are: annex 29 parts them at the
// spaces and nowhere else. Others are not ok.
func plainWords(text string) (words []Word, ok bool) {
	words = []Word{}
	start, lower := -1, strings.ToLower(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c == ' ':
			if start >= 0 {
				words, start = append(words, Word{lower[start:i], start, i}), -1
			}
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
			if start < 0 {
				start = i
			}
		default:
			return nil, false
		}
	}
	if start >= 0 {
		words = append(words, Word{lower[start:], start, len(text)})
	}
	return words, true
}

// wordsOf is Words for every text.
func wordsOf(text string) []Word {
	tokens := segment.NewUnicodeTokenizer().Tokenize(norm.NFC.Bytes([]byte(text)))
	words := make([]Word, 0, len(tokens))
	for _, t := range tokens {
		if connects(t.Term) {
			continue
		}
		words = append(words, Word{Term: Fold(string(t.Term)), Start: t.Start, End: t.End})
	}
	return words
}

// connects reports whether a text is of signs alone that join letters to words, such as the underscore.
func connects(text []byte) bool {
	return bytes.IndexFunc(text, func(r rune) bool { return !unicode.Is(unicode.Pc, r) }) < 0
}

// Terms returns the words alone.
func Terms(text string) []string {
	words := Words(text)
	terms := make([]string, len(words))
	for i, w := range words {
		terms[i] = w.Term
	}
	return terms
}

// Fold makes texts that differ in case and accents only equal. What has no form in ASCII stays as it is.
func Fold(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			s = string(asciifolding.New().Filter([]byte(norm.NFC.String(s))))
			break
		}
	}
	return strings.ToLower(s)
}

// maxStemmed is the length of the longest word that has a stem, in bytes: the time that it takes grows with the square of it.
const maxStemmed = 255

// Stem takes a folded word's English ending off, as Porter's stemmer of 1980 does.
func Stem(term string) string {
	if len(term) > maxStemmed {
		return term
	}
	return string(porter.StemWithoutLowerCasing([]rune(term)))
}

// inflects reports whether a word has this stem, which begins as it does.
func inflects(term, stem string) bool { return term[0] == stem[0] && Stem(term) == stem }

// Edits returns how many letters may be wrong in a folded word, as view.Typos says.
func Edits(term string) int {
	n := 0
	for _, r := range term {
		if !unicode.IsLetter(r) {
			return 0
		}
		n++
	}
	switch {
	case n >= 8:
		return 2
	case n >= 5:
		return 1
	}
	return 0
}

// Distance returns how many letters must be changed, added, taken away or swapped with their neighbour to make one word
// the other, if that is at most most; else a number above it. No place is changed twice (optimal string alignment).
func Distance(a, b string, most int) int {
	x, y := []rune(a), []rune(b)
	if d := len(x) - len(y); d > most || -d > most {
		return most + 1
	}
	before, last, now := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		now[0] = i
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		if slices.Min(now) > most {
			return most + 1
		}
		before, last, now = last, now, before
	}
	return last[len(y)]
}

// FirstRune returns a text's first character.
func FirstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// Pattern is a view.Words, ready to be looked for.
type Pattern struct {
	view.Words
	Terms []string // of its text
	stems []string
}

// NewPattern returns the pattern of w.
func NewPattern(w view.Words) *Pattern {
	p := &Pattern{Words: w, Terms: Terms(w.Text)}
	for _, t := range p.Terms {
		p.stems = append(p.stems, Stem(t))
	}
	return p
}

// Single returns the only word of a pattern that may be found loosely; not ok where there are several, or they must be as
// they are.
func (p *Pattern) Single() (term string, ok bool) {
	if len(p.Terms) != 1 || p.Phrase || p.Prefix {
		return "", false
	}
	return p.Terms[0], true
}

// Key returns what a keyword's or a whole text's value is compared by.
func Key(f *view.Field, value string) string {
	if f.Exact() {
		return value
	}
	return Fold(value)
}

// In tells how the pattern is found in the values of a field, at its best.
func (p *Pattern) In(f *view.Field, values []any) (how view.How, found bool) {
	if f.Kind == view.Keyword {
		return p.inKeyword(f, values)
	}
	if len(p.Terms) == 0 {
		return 0, false
	}
	return p.inTexts(split(values))
}

// split returns the words of each text.
func split(texts []any) [][]Word {
	all := make([][]Word, len(texts))
	for i, text := range texts {
		all[i] = Words(text.(string))
	}
	return all
}

// inTexts is In for the words of a field's texts. The pattern has words.
func (p *Pattern) inTexts(all [][]Word) (how view.How, found bool) {
	best := view.How(-1)
	look := func(how view.How, found bool) {
		if found && (best < 0 || how < best) {
			best = how
		}
	}
	if p.Phrase {
		for _, words := range all {
			for i := range words {
				look(view.AsWritten, p.at(words, i, false))
				look(view.Begun, p.Prefix && p.at(words, i, true))
			}
		}
		return best, best >= 0
	}
	words := slices.Concat(all...)
	each := func(pieces []string, same func(w Word, piece string, last bool) bool) bool {
		for i, piece := range pieces {
			if !slices.ContainsFunc(words, func(w Word) bool { return same(w, piece, i == len(pieces)-1) }) {
				return false
			}
		}
		return true
	}
	if each(p.Terms, func(w Word, piece string, _ bool) bool { return w.Term == piece }) {
		return view.AsWritten, true
	}
	if p.Prefix {
		look(view.Begun, each(p.Terms, func(w Word, piece string, last bool) bool { return p.same(w.Term, piece, last) }))
		return best, best >= 0
	}
	look(view.Inflected, each(p.stems, func(w Word, stem string, _ bool) bool { return inflects(w.Term, stem) }))
	if term, ok := p.Single(); ok {
		for _, w := range words {
			how, found := p.loosely(term, w.Term)
			look(how, found)
		}
	}
	return best, best >= 0
}

// same reports whether a word is a piece of a pattern with Prefix.
func (p *Pattern) same(term, piece string, last bool) bool {
	return term == piece || last && utf8.RuneCountInString(piece) >= view.MinPrefix && strings.HasPrefix(term, piece)
}

// at reports whether the phrase begins at a word.
func (p *Pattern) at(words []Word, i int, begun bool) bool {
	if i+len(p.Terms) > len(words) {
		return false
	}
	for j, piece := range p.Terms {
		if term := words[i+j].Term; term != piece && !(begun && p.same(term, piece, j == len(p.Terms)-1)) {
			return false
		}
	}
	return true
}

// loosely tells how a single word is found in another where that may be loose.
func (p *Pattern) loosely(term, in string) (view.How, bool) {
	if p.Loose&view.Beginning != 0 && utf8.RuneCountInString(term) >= view.MinPrefix && strings.HasPrefix(in, term) {
		return view.Completed, true
	}
	edits := Edits(term)
	if p.Loose&view.Typos == 0 || edits == 0 || FirstRune(term) != FirstRune(in) {
		return 0, false
	}
	switch d := Distance(term, in, edits); {
	case d > edits:
		return 0, false
	case d <= 1:
		return view.OneTypo, true
	}
	return view.TwoTypos, true
}

func (p *Pattern) inKeyword(f *view.Field, values []any) (view.How, bool) {
	how, found := view.Begun, false
	want := Key(f, p.Text)
	for _, v := range values {
		have := Key(f, v.(string))
		switch {
		case have == want:
			return view.AsWritten, true
		case p.Prefix && utf8.RuneCountInString(want) >= view.MinPrefix && strings.HasPrefix(have, want):
			found = true
		}
	}
	return how, found
}

// Score tells whether a condition holds in which only Words may be and what is made of them, and how much that counts:
// a Words as much as its best field, a conjunction as much as its parts together, a disjunction as much as those that
// hold. Other conditions are asked of holds, and count nothing.
func Score(m *view.Mapping, f view.Filter, source map[string]any, holds func(view.Filter) bool) (score float64, found bool) {
	switch f := f.(type) {
	case view.Words:
		p := NewPattern(f)
		for _, field := range m.Searched(f) {
			if how, ok := p.In(field, field.Values(source)); ok {
				score, found = max(score, how.Score(field.Weight)), true
			}
		}
		return score, found
	case view.And:
		for _, part := range f {
			s, ok := Score(m, part, source, holds)
			if !ok {
				return 0, false
			}
			score += s
		}
		return score, true
	case view.Or:
		for _, part := range f {
			if s, ok := Score(m, part, source, holds); ok {
				score, found = score+s, true
			}
		}
		return score, found
	case view.Not:
		_, ok := Score(m, f.Filter, source, holds)
		return 0, !ok
	}
	return 0, holds(f)
}
