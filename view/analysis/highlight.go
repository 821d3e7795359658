package analysis

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/viewgate/viewgate/view"
)

// Highlight is a value in which words were found.
type Highlight struct {
	Field    string
	Fragment string // the value, or of a long one the part where the words are, in Unicode's normal form C
	Ranges   []Range
}

// Range is a part of a fragment, counted in UTF-16 code units.
type Range struct{ Start, End int }

// maxFragment is the length of the longest fragment, and lead how much of it is before the first word, in bytes.
const (
	maxFragment = 200
	lead        = 40
)

// Highlights tells where in a document, decoded by view.DecodeSource, the words of a condition that holds for it were
// found, in the order of the mapping's fields and of their values. Of a list the values without any are left out.
func Highlights(m *view.Mapping, match view.Filter, source map[string]any) (all []Highlight) {
	patterns := positive(match)
	for i := range m.Fields {
		f := &m.Fields[i]
		switch f.Kind {
		case view.Text:
			all = inText(all, patterns, f, source)
		case view.Keyword:
			all = inKeyword(all, patterns, f, source)
		}
	}
	return all
}

// lookedFor reports whether the pattern is looked for in a field.
func (p *Pattern) lookedFor(f *view.Field) bool {
	return p.Field == f.Path || p.Field == "" && f.Weight > 0
}

// inText adds what is found in a text.
func inText(all []Highlight, patterns []*Pattern, f *view.Field, source map[string]any) []Highlight {
	var values []any
	var words [][]Word // of each value, split once for all patterns
	var marks [][]mark
	for _, p := range patterns {
		if len(p.Terms) == 0 || !p.lookedFor(f) {
			continue
		}
		if words == nil {
			values = f.Values(source)
			words, marks = split(values), make([][]mark, len(values))
		}
		how, found := p.inTexts(words)
		for j := 0; found && j < len(words); j++ {
			marks[j] = append(marks[j], p.marks(how, words[j])...)
		}
	}
	for j, found := range marks {
		if len(found) > 0 {
			all = append(all, highlight(f, values[j].(string), found))
		}
	}
	return all
}

// inKeyword adds those of a keyword's values that a pattern finds.
func inKeyword(all []Highlight, patterns []*Pattern, f *view.Field, source map[string]any) []Highlight {
	patterns = slices.DeleteFunc(slices.Clone(patterns), func(p *Pattern) bool { return !p.lookedFor(f) })
	if len(patterns) == 0 {
		return all
	}
	for _, v := range f.Values(source) {
		found := func(p *Pattern) bool { _, found := p.inKeyword(f, []any{v}); return found }
		if slices.ContainsFunc(patterns, found) {
			value := v.(string)
			all = append(all, highlight(f, value, []mark{{0, len(Normal(value))}}))
		}
	}
	return all
}

// positive returns the words that a condition wants to be there.
func positive(f view.Filter) (patterns []*Pattern) {
	var parts []view.Filter
	switch f := f.(type) {
	case view.Words:
		return []*Pattern{NewPattern(f)}
	case view.And:
		parts = f
	case view.Or:
		parts = f
	}
	for _, part := range parts {
		patterns = append(patterns, positive(part)...)
	}
	return patterns
}

// mark is a part of a value's normal form, in bytes.
type mark struct{ start, end int }

// marks returns those of a text's words that make the pattern be found so in its field.
func (p *Pattern) marks(how view.How, words []Word) (all []mark) {
	for i, w := range words {
		if p.Phrase {
			if n := len(p.Terms); p.at(words, i, how == view.Begun) {
				all = append(all, mark{w.Start, words[i+n-1].End})
			}
			continue
		}
		for j, term := range p.Terms {
			found := w.Term == term
			switch how {
			case view.AsWritten, view.Inflected: // other endings, too: readers take them for the same word
				found = found || !p.Prefix && inflects(w.Term, p.stems[j])
			case view.Begun:
				found = p.same(w.Term, term, j == len(p.Terms)-1)
			case view.Completed, view.OneTypo, view.TwoTypos:
				if loose, ok := p.loosely(term, w.Term); ok && loose <= how {
					found = true
				}
			}
			if found {
				all = append(all, mark{w.Start, w.End})
				break
			}
		}
	}
	return all
}

// highlight makes one of the marks in a value, which may overlap.
func highlight(f *view.Field, value string, marks []mark) Highlight {
	text := Normal(value)
	slices.SortFunc(marks, func(a, b mark) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	from, to := 0, len(text)
	if to > maxFragment {
		from = max(0, marks[0].start-lead)
		to = min(len(text), max(from+maxFragment, marks[0].end))
		for _, w := range Words(text) { // begin and end between words
			if w.Start < from && from < w.End {
				from = w.Start
			}
			if w.Start < to && to < w.End {
				to = w.End
			}
		}
		for !utf8.RuneStart(text[from]) {
			from--
		}
		for to < len(text) && !utf8.RuneStart(text[to]) {
			to++
		}
	}
	h := Highlight{Field: f.Path, Fragment: text[from:to]}
	for _, m := range marks {
		if m.start < from || m.end > to {
			continue
		}
		r := Range{units(text[from:m.start]), units(text[from:m.end])}
		if n := len(h.Ranges); n > 0 && r.Start < h.Ranges[n-1].End {
			h.Ranges[n-1].End = max(r.End, h.Ranges[n-1].End)
			continue
		}
		h.Ranges = append(h.Ranges, r)
	}
	return h
}

// units returns the length of a text in UTF-16 code units.
func units(text string) (n int) {
	for _, r := range text {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}
