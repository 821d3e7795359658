package search

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// parser reads by recursive descent. Each method begins at pos and leaves pos behind what it read; those that return an
// Expr return nil where it was left out.
type parser struct {
	in       []rune
	units    []int // where each of in begins, and where the last ends; see Place
	pos      int
	depth    int  // parentheses around pos
	read     int  // conditions
	cut      bool // there is more text than in
	trailing bool // there is a space behind in
	deep     bool // there were too many parentheses within each other, and that was told
	warnings warnings
}

func newParser(text string, limit int) *parser {
	begun := strings.TrimLeftFunc(text, isBlank)
	content := strings.TrimRightFunc(begun, isBlank)
	p := &parser{trailing: len(content) < len(begun)}
	at := utf16Length(text[:len(text)-len(begun)])
	rest := ""
	for i, r := range content {
		p.units = append(p.units, at)
		if len(p.in) >= limit {
			p.cut, rest = true, content[i:]
			break
		}
		p.in = append(p.in, r)
		at += utf16.RuneLen(r)
	}
	if !p.cut {
		p.units = append(p.units, at)
		return p
	}
	// Half a word would find nothing.
	if r, _ := utf8.DecodeRuneInString(rest); !isBlank(r) {
		if end := lastBlank(p.in); end > 0 {
			rest = string(p.in[end:]) + rest
			p.in, p.units = p.in[:end], p.units[:end+1]
		}
	}
	beyond := strings.TrimLeftFunc(rest, isBlank)
	start := p.units[len(p.in)] + utf16Length(rest[:len(rest)-len(beyond)])
	told := quote([]rune(beyond[:min(len(beyond), maxQuote*utf8.UTFMax)]))
	p.warnings.add(Place{told, start, start + utf16Length(beyond)},
		fmt.Sprintf("The search is too long: what is beyond %d characters was left out.", MaxLength))
	return p
}

func lastBlank(in []rune) int {
	for i := len(in) - 1; i >= 0; i-- {
		if isBlank(in[i]) {
			return i
		}
	}
	return -1
}

func utf16Length(text string) int {
	n := 0
	for _, r := range text {
		n += utf16.RuneLen(r)
	}
	return n
}

// quote returns what a Place holds of a text.
func quote(runes []rune) string { return string(runes[:min(len(runes), maxQuote)]) }

func (p *parser) place(start, end int) Place {
	return Place{quote(p.in[start:end]), p.units[start], p.units[end]}
}

func (p *parser) warn(start int, message string) { p.warnings.add(p.place(start, p.pos), message) }

func (p *parser) end() bool { return p.pos == len(p.in) }

// peek returns the letter at an offset from pos, or -1 behind the end.
func (p *parser) peek(offset int) rune {
	if i := p.pos + offset; i < len(p.in) {
		return p.in[i]
	}
	return -1
}

// ends reports whether a word ends at an offset from pos.
func (p *parser) ends(offset int) bool {
	r := p.peek(offset)
	return r < 0 || isBlank(r) || r == ')'
}

// skip passes over all letters of a class.
func (p *parser) skip(class func(rune) bool) {
	for !p.end() && class(p.in[p.pos]) {
		p.pos++
	}
}

func is(r rune) func(rune) bool { return func(other rune) bool { return other == r } }

// keyword returns the operator at pos, or "".
func (p *parser) keyword() string {
	for _, word := range []string{"AND", "OR", "NOT"} {
		if n := len(word); p.pos+n <= len(p.in) && string(p.in[p.pos:p.pos+n]) == word &&
			(p.ends(n) || p.peek(n) == '(' || isQuote(p.peek(n))) {
			return word
		}
	}
	return ""
}

// comparators are the signs of the comparisons, longer ones first.
var comparators = []struct {
	sign string
	op   Op
}{
	{">=", AtLeast}, {"=>", AtLeast}, {"<=", AtMost}, {"=<", AtMost},
	{">", Above}, {"<", Below}, {"≥", AtLeast}, {"≤", AtMost}, {"=", Is},
}

// comparator reads how a condition compares.
func (p *parser) comparator() Op {
	for _, c := range comparators {
		n := 0
		for _, r := range c.sign {
			if p.peek(n) != r {
				n = 0
				break
			}
			n++
		}
		if n > 0 {
			p.pos += n
			return c.op
		}
	}
	return Is
}

// fieldAt returns where the field's name ends that begins at a place, and where what is behind its colon begins, or its
// comparator. Next is -1 where there is no field.
func fieldAt(in []rune, start int, colon bool) (end, next int) {
	p := parser{in: in, pos: nameEnd(in, start)} // looks ahead
	end = p.pos
	if end == start {
		return end, -1
	}
	switch r := p.peek(0); {
	case r == ':':
		if p.peek(1) != '/' || p.peek(2) != '/' { // no address of a page
			return end, end + 1
		}
	case colon:
	case r == '=': // but not at the end, where base64 has it
		if !p.ends(1) && p.peek(1) != '=' {
			return end, end
		}
	case isComparator(r):
		return end, end
	case isBlank(r):
		p.skip(isBlank)
		next = p.pos
		if r := p.peek(0); !isComparator(r) || r == '=' || isKeyword(string(in[start:end])) {
			return end, -1
		}
		p.comparator()
		p.skip(isBlank)
		if !p.ends(0) {
			return end, next
		}
	}
	return end, -1
}

// literal is a value as it was written.
type literal struct {
	text      string
	quoted    bool
	star      bool // there is a * at its end, or alone
	misplaced bool // there is a * elsewhere
}

// bound returns the value as an end of a range, where a * alone is "", for none, and has no other meaning.
func (l literal) bound() string {
	if l.star && l.text != "" {
		return l.text + "*"
	}
	return l.text
}

// literal reads a quoted text or a word; a word only up to dots that make a range, if asked to look for them. No blank and
// no closing parenthesis may stand at pos.
func (p *parser) literal(dots bool) literal {
	if isQuote(p.peek(0)) {
		l := literal{text: p.quotation(), quoted: true}
		if l.text != "" && p.peek(0) == '*' {
			p.skip(is('*'))
			l.star = true
		}
		return l
	}
	var l literal
	var b strings.Builder
	start, stars := p.pos, 0
	for !p.ends(0) && p.peek(0) != '(' && !isQuote(p.peek(0)) && !(dots && p.peek(0) == '.' && p.peek(1) == '.') {
		r := p.in[p.pos]
		p.pos++
		if r == '*' {
			stars++
			continue
		}
		if stars > 0 {
			l.misplaced = true
			b.WriteString(strings.Repeat("*", stars))
			stars = 0
		}
		if r == '\\' && !p.end() {
			r = p.in[p.pos]
			p.pos++
		}
		b.WriteRune(r)
	}
	l.text, l.star = normal(b.String()), stars > 0
	if stray := p.pos; stray > start && isQuote(p.peek(0)) && p.ends(1) {
		p.pos++
		p.warn(stray, "This quote opens nothing and was passed over.")
	}
	return l
}

// quotation reads a quoted text.
func (p *parser) quotation() string {
	start := p.pos
	p.pos++
	var b strings.Builder
	for !p.end() && !isQuote(p.in[p.pos]) {
		if p.in[p.pos] == '\\' && p.pos+1 < len(p.in) {
			p.pos++
		}
		b.WriteRune(p.in[p.pos])
		p.pos++
	}
	text := normal(b.String())
	if p.end() {
		if !p.cut {
			p.warnings.add(p.place(start, start+1), "This quote is not closed. It was taken to close at the end.")
		}
		return text
	}
	p.pos++
	if text == "" {
		p.warn(start, "There is nothing between these quotes.")
	}
	return text
}
