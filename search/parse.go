package search

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Parse reads a search. It takes any text: what is not closed ends with the text, an operator that joins nothing is passed
// over, and what is beyond the limits is left out; each with a warning. The Expr is never nil. AND binds more tightly than
// OR, and need not be written.
func Parse(text string) (Expr, []Warning) {
	limit := MaxLength
	for {
		p := newParser(text, limit)
		e := p.expression(name{})
		if e == nil {
			e = And{}
		}
		// Canonical form can be longer than what was typed, by a quote that was not closed for example. If it is too
		// long to be parsed again, less is read.
		over := utf8.RuneCountInString(e.String()) - MaxLength
		if over <= 0 {
			return e, p.warnings
		}
		limit -= (over + 1) / 2
	}
}

// name is a field's name as it was written.
type name struct {
	text string
	at   Place
}

// expression reads up to the parenthesis that closes it, or to the end. In is the field whose parentheses these are, if
// any.
func (p *parser) expression(in name) Expr {
	var either, all []Expr
	operand := false        // there is something before pos that an operator can join
	waiting, after := -1, 0 // the place of the operator that waits for what it joins
	for {
		p.skip(isBlank)
		start := p.pos
		if p.end() || p.peek(0) == ')' && p.depth > 0 {
			break
		}
		if p.peek(0) == ')' {
			p.pos++
			p.warn(start, "This parenthesis closes none and was passed over.")
			continue
		}
		if op := p.keyword(); op == "AND" || op == "OR" {
			p.pos += len(op)
			if !operand {
				p.warn(start, joinsNothing(op, "before"))
				continue
			}
			if op == "OR" {
				either, all = append(either, and(all...)), nil
			}
			operand, waiting, after = false, start, p.pos
			continue
		}
		all = append(all, p.operand(in))
		operand, waiting = true, -1
	}
	if waiting >= 0 {
		p.warnings.add(p.place(waiting, after), joinsNothing(string(p.in[waiting:after]), "behind"))
	}
	return or(append(either, and(all...))...)
}

func joinsNothing(op, side string) string {
	return fmt.Sprintf("%s joins two conditions, but there is none %s it. It was passed over. To find the word, write %[1]q.",
		op, side)
}

// operand reads what operators join, with what negates it.
func (p *parser) operand(in name) Expr {
	negative := false
	for {
		start := p.pos
		switch {
		case isDash(p.peek(0)):
			p.skip(isDash)
			if p.ends(0) {
				p.warn(start, "This dash stands alone and was passed over. To exclude a word, write -word without a space.")
				return nil
			}
			return signed(!negative, p.atom(in))
		case p.keyword() == "NOT":
			p.pos += len("NOT")
			p.skip(isBlank)
			if next := p.keyword(); p.ends(0) || next == "AND" || next == "OR" {
				p.pos = start + len("NOT")
				p.warn(start, "NOT excludes what is behind it, but there is nothing. It was passed over. "+
					`To find the word, write "NOT".`)
				return nil
			}
			negative = !negative
		default:
			return signed(negative, p.atom(in))
		}
	}
}

func signed(negative bool, e Expr) Expr {
	if negative {
		return not(e)
	}
	return e
}

// atom reads a word, a phrase, a condition, or parentheses.
func (p *parser) atom(in name) Expr {
	start := p.pos
	if p.peek(0) == '(' {
		return p.parentheses(in)
	}
	if field, ok := p.field(in); ok {
		return p.condition(start, field, in)
	}
	if in.text != "" {
		return p.condition(start, in, in)
	}
	return p.word()
}

// parentheses reads an expression in parentheses.
func (p *parser) parentheses(in name) Expr {
	start := p.pos
	p.pos++
	p.depth++
	p.skip(isBlank)
	empty := p.peek(0) == ')'
	e := p.expression(in)
	p.depth--
	if p.end() {
		if !p.cut {
			p.warnings.add(p.place(start, start+1), "This parenthesis is not closed. It was taken to close at the end.")
		}
	} else {
		p.pos++
	}
	if empty {
		p.warn(start, "There is nothing between these parentheses.")
	}
	if p.depth >= MaxDepth {
		if !p.deep {
			p.deep = true
			p.warn(start, fmt.Sprintf("There are more than %d parentheses within each other. The innermost were left out.",
				MaxDepth))
		}
		return nil
	}
	return e
}

// field reads a field's name and what separates it from its value, if that is what stands at pos. A comparator is left for
// condition to read. In parentheses that belong to a field, another field's name needs its colon.
func (p *parser) field(in name) (field name, ok bool) {
	end, next := fieldAt(p.in, p.pos, in.text != "")
	if next < 0 {
		return name{}, false
	}
	field = name{string(p.in[p.pos:end]), p.place(p.pos, end)}
	p.pos = next
	return field, true
}

// condition reads the rest of a condition on a field, of which what began at start is read. It stands in the parentheses
// of the field in, if any.
func (p *parser) condition(start int, field, in name) Expr {
	before := p.pos
	p.skip(isBlank)
	comparator := p.pos
	op := p.comparator()
	explicit := p.pos > comparator
	if explicit {
		p.skip(isBlank)
	}
	spaced := p.pos > before && isBlank(p.in[p.pos-1])
	if op == Is && p.peek(0) == '(' {
		e := p.parentheses(field)
		if field.text == in.text {
			return e
		}
		return group(field.text, e)
	}
	if p.ends(0) || p.peek(0) == '(' || spaced && p.another() {
		for p.pos > before && isBlank(p.in[p.pos-1]) {
			p.pos--
		}
		p.warn(start, noValue(field.text))
		return nil
	}
	c := Condition{Field: field.text, Op: op, Named: field.at}
	value := p.literal(op == Is)
	switch {
	case op != Is:
		c.Value = value.bound()
	case p.peek(0) == '.' && p.peek(1) == '.':
		p.skip(is('.'))
		to := literal{star: true}
		if !p.ends(0) && p.peek(0) != '(' {
			to = p.literal(false)
		}
		c.Op, c.Value, c.To = Between, value.bound(), to.bound()
		if c.Value == "" && c.To == "" && (value.star || value.text != "") {
			c.Op = Exists
		}
	case value.star && value.text == "" && !value.quoted:
		c.Op = Exists
	default:
		if value.misplaced {
			p.warn(start, misplacedStar)
			return nil
		}
		c.Value, c.Phrase, c.Prefix = value.text, value.quoted, value.star
	}
	if c.Op != Exists && c.Value == "" && c.To == "" {
		if !value.quoted { // else it is told that there is nothing between the quotes
			p.warn(start, noValue(field.text))
		}
		return nil
	}
	c.At, c.Unfinished = p.place(start, p.pos), p.unfinished()
	if !p.room(start) {
		return nil
	}
	return c
}

func noValue(field string) string {
	return "There is no value for " + field + ". The condition was left out."
}

// another reports whether what stands at pos, behind a field's name and a space, is no value but begins anew.
func (p *parser) another() bool {
	if p.keyword() != "" || isDash(p.peek(0)) && !unicode.IsDigit(p.peek(1)) {
		return true
	}
	pos := p.pos
	_, ok := p.field(name{text: "any"})
	p.pos = pos
	return ok
}

const misplacedStar = "A * can only stand at the end of a word, for all words that begin so. This was left out."

// word reads a word or a phrase that is looked for everywhere.
func (p *parser) word() Expr {
	start := p.pos
	value := p.literal(false)
	switch {
	case value.misplaced:
		p.warn(start, misplacedStar)
		return nil
	case value.text == "":
		// A * alone is everything. That two quotes hold nothing is told by who reads them.
		return nil
	}
	if !p.room(start) {
		return nil
	}
	return Word{value.text, value.quoted, value.star, p.place(start, p.pos), p.unfinished()}
}

// unfinished reports whether the text ends at pos, without a space behind.
func (p *parser) unfinished() bool { return p.end() && !p.cut && !p.trailing }

// room reports whether a condition that began at start is among those that are read.
func (p *parser) room(start int) bool {
	p.read++
	if p.read == MaxConditions+1 {
		p.warnings.add(p.place(start, len(p.in)),
			fmt.Sprintf("There are more than %d words and conditions. The others were left out.", MaxConditions))
	}
	return p.read <= MaxConditions
}
