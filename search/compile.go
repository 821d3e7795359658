package search

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/viewgate/viewgate/view"
)

// Options say how to compile a search.
type Options struct {
	// Value returns the value that a keyword is compared with, given what was written, and "" if it cannot be one. It is
	// where global ids become the services' own. It is asked for keywords without an enum and not for beginnings. Nil
	// means that a value is what was written.
	Value func(field *view.Field, written string) string
	// Loose is what single words find besides: words anywhere or in a text, that are not quoted, not excluded and end in
	// no *. Beginning is for the last of them only, and only if the search's text ends with it. Conditions on other
	// fields are never loose.
	Loose view.Loose
}

// Compile returns what a search means over the fields, as a filter that view.Query.Check allows; nil if it limits nothing.
// E is one that Parse returned. A condition on an unknown field or with a value that the field cannot have is left out with
// a warning; the others keep their meaning. Of the clock it knows nothing: the same search always gives the same filter.
// Dates are in UTC.
func (f *Fields) Compile(e Expr, o Options) (view.Filter, []Warning) {
	c := compiler{fields: f, options: o}
	return c.filter(e, false), c.warnings
}

// compiler returns nil filters for what is left out.
type compiler struct {
	fields   *Fields
	options  Options
	warnings warnings
}

func (c *compiler) warn(at Place, format string, args ...any) {
	c.warnings.add(at, fmt.Sprintf(format, args...))
}

func (c *compiler) filter(e Expr, negated bool) view.Filter {
	switch e := e.(type) {
	case And:
		return joined(c.filters(e, negated), func(list []view.Filter) view.Filter { return view.And(list) })
	case Or:
		return joined(c.filters(e, negated), func(list []view.Filter) view.Filter { return view.Or(list) })
	case Not:
		if f := c.filter(e.Expr, true); f != nil {
			return view.Not{Filter: f}
		}
	case Group:
		return c.filter(e.Expr, negated)
	case Word:
		return c.words(view.Words{Text: e.Text, Phrase: e.Phrase, Prefix: e.Prefix}, e.At, !negated, e.Unfinished)
	case Condition:
		return c.condition(e, negated)
	}
	return nil
}

func (c *compiler) filters(list []Expr, negated bool) (filters []view.Filter) {
	for _, e := range list {
		if f := c.filter(e, negated); f != nil {
			filters = append(filters, f)
		}
	}
	return filters
}

func joined(filters []view.Filter, join func([]view.Filter) view.Filter) view.Filter {
	switch len(filters) {
	case 0:
		return nil
	case 1:
		return filters[0]
	}
	return join(filters)
}

// words checks what is looked for as words, and makes it loose if it may be.
func (c *compiler) words(w view.Words, at Place, loose, unfinished bool) view.Filter {
	if !says(w.Text) {
		c.warn(at, "There is no letter and no digit in %s. It was left out.", cited(w.Text))
		return nil
	}
	if w.Prefix && tooShort(w.Text) {
		c.warn(at, "%s* begins too many words: write at least two letters before the *. It was left out.", w.Text)
		return nil
	}
	if loose && !w.Phrase && !w.Prefix {
		w.Loose = c.options.Loose
		if !unfinished {
			w.Loose &^= view.Beginning
		}
	}
	return w
}

// tooShort reports whether the last word of a text has less than two letters or digits.
func tooShort(text string) bool {
	n := 0
	for _, r := range text[strings.LastIndexByte(text, ' ')+1:] {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			n++
		}
	}
	return n < 2
}

func (c *compiler) condition(e Condition, negated bool) view.Filter {
	field, meant := c.fields.Find(e.Field)
	if field == nil {
		c.unknown(e, meant)
		return nil
	}
	if e.Op == Exists {
		return view.Exists{Field: field.Path}
	}
	op := e.Op
	if op == Is && e.Prefix {
		op = Prefix
	}
	if !slices.Contains(field.Operators, op) {
		c.warn(e.At, "%s. The condition was left out.", cannot(e.Field, field, op))
		return nil
	}
	switch field.Kind {
	case view.Text:
		return c.words(view.Words{Field: field.Path, Text: e.Value, Phrase: e.Phrase, Prefix: e.Prefix}, e.At,
			!negated, e.Unfinished)
	case view.Keyword:
		return c.keyword(e, field)
	case view.Boolean:
		return c.boolean(e, field)
	case view.Date:
		return c.date(e, field)
	}
	return c.number(e, field)
}

func (c *compiler) unknown(e Condition, meant []string) {
	_, several := c.fields.find(e.Field)
	switch {
	case len(several) > 0:
		c.warn(e.Named, "%s may be %s. The condition was left out: write which.", cited(e.Field), alternatives(meant))
	case len(meant) > 0:
		c.warn(e.Named, "There is no field %s. Did you mean %s? The condition was left out.", cited(e.Field),
			alternatives(meant))
	default:
		c.warn(e.Named, "There is no field %s. The condition was left out.", cited(e.Field))
	}
}

// cannot says why a field is not compared so.
func cannot(name string, field *Field, op Op) string {
	can := name + " can only be asked for with " + name + ":*"
	switch {
	case field.Kind == view.Text:
		can = name + " is a text: write words, as in " + name + ":word or " + name + `:"two words"`
	case field.Enum != nil:
		can = name + " is one of " + alternatives(field.Enum)
	case field.Kind == view.Keyword:
		can = name + " is no number and no date: write " + name + ":value"
	case field.Kind == view.Boolean:
		can = name + " is yes or no"
	case op == Prefix && field.Kind == view.Date:
		can = name + " is a date: for a whole month, write " + name + ":2026-03"
	case op == Prefix:
		can = name + " is a number: for several, write " + name + ":10..20"
	}
	return can
}

// maxAlternatives is how many values a warning lists.
const maxAlternatives = 16

// alternatives returns "a, b or c".
func alternatives(list []string) string {
	if len(list) > maxAlternatives {
		return strings.Join(list[:maxAlternatives], ", ") + " or another"
	}
	if last := len(list) - 1; last > 0 {
		return strings.Join(list[:last], ", ") + " or " + list[last]
	}
	return strings.Join(list, "")
}

// cited returns what was written as a warning shows it.
func cited(text string) string { return "“" + text + "”" }
