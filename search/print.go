package search

import (
	"strings"
	"unicode"
)

// printer writes canonical form.
type printer struct{ strings.Builder }

// scope is where an Expr is written.
type scope struct {
	field string // of the Group that it is in
	tight bool   // an Or needs parentheses
	every bool   // an And needs them, too
}

func text(e Expr) string {
	var p printer
	e.write(&p, scope{})
	return p.String()
}

func (e And) String() string       { return text(e) }
func (e Or) String() string        { return text(e) }
func (e Not) String() string       { return text(e) }
func (e Word) String() string      { return text(e) }
func (e Condition) String() string { return text(e) }
func (e Group) String() string     { return text(e) }

func (e And) write(p *printer, in scope) {
	p.list(e, " ", in.every, scope{field: in.field, tight: true})
}

func (e Or) write(p *printer, in scope) {
	p.list(e, " OR ", in.tight, scope{field: in.field})
}

func (e Not) write(p *printer, in scope) {
	p.WriteByte('-')
	e.Expr.write(p, scope{in.field, true, true})
}

func (e Group) write(p *printer, _ scope) {
	p.WriteString(e.Field + ":(")
	e.Expr.write(p, scope{field: e.Field})
	p.WriteByte(')')
}

func (p *printer) list(parts []Expr, between string, parentheses bool, in scope) {
	if parentheses {
		p.WriteByte('(')
	}
	for i, e := range parts {
		if i > 0 {
			p.WriteString(between)
		}
		e.write(p, in)
	}
	if parentheses {
		p.WriteByte(')')
	}
}

func (e Word) write(p *printer, _ scope) {
	p.literal(e.Text, e.Phrase, e.Prefix, true, false)
}

func (e Condition) write(p *printer, in scope) {
	bare := in.field == e.Field // the Group has said it
	if !bare {
		p.WriteString(e.Field + ":")
	}
	switch e.Op {
	case Is:
		p.literal(e.Value, e.Phrase, e.Prefix, bare, true)
	case Exists:
		p.WriteByte('*')
	case Between:
		p.bound(e.Value, bare)
		p.WriteString("..")
		p.bound(e.To, false)
	default:
		p.WriteString(strings.TrimPrefix(string(e.Op), ":"))
		p.bound(e.Value, false)
	}
}

// literal writes a word or a quoted text. Dots tells that it may be read as a range; bare is as for escape.
func (p *printer) literal(value string, phrase, prefix, bare, dots bool) {
	switch {
	case phrase && prefix:
		p.quote(value)
		p.WriteByte('*')
	case phrase:
		p.quote(value)
	case dots:
		p.WriteString(strings.ReplaceAll(escape(value, prefix, bare), "..", `\.\.`))
	default:
		p.WriteString(escape(value, prefix, bare))
	}
}

// bound writes a value that is compared with, quoted unless it is plain. It is bare if it may be read as something else
// than a bound; see escape.
func (p *printer) bound(value string, bare bool) {
	special := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Sc, r) && !strings.ContainsRune("-+:._/", r)
	}
	switch {
	case value == "":
		p.WriteByte('*')
	case strings.ContainsFunc(value, special), strings.Contains(value, ".."), strings.Trim(value, ".") != value,
		escape(value, false, bare) != value:
		p.quote(value)
	default:
		p.WriteString(value)
	}
}

func (p *printer) quote(value string) {
	p.WriteByte('"')
	for _, r := range value {
		if r == '\\' || isQuote(r) {
			p.WriteByte('\\')
		}
		p.WriteRune(r)
	}
	p.WriteByte('"')
}

// escape returns a value with a backslash before all that would be read as something else, and a * behind it if it is a
// prefix. A value that follows its field's name is not bare: it may look like an operator or like another condition.
func escape(value string, prefix, bare bool) string {
	var b strings.Builder
	for i, r := range value {
		switch {
		case r == '\\', r == '*', r == '(', r == ')', isQuote(r), isBlank(r),
			i == 0 && (isComparator(r) || bare && isDash(r)),
			i == 0 && (bare && isKeyword(value) || !bare && strings.HasPrefix(value, "//")):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	if prefix {
		b.WriteByte('*')
	}
	if bare {
		runes := []rune(b.String())
		if end, next := fieldAt(runes, 0, false); next >= 0 {
			return string(runes[:end]) + `\` + string(runes[end:])
		}
	}
	return b.String()
}
