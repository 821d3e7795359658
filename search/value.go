package search

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/viewgate/viewgate/view"
)

func (c *compiler) keyword(e Condition, field *Field) view.Filter {
	switch {
	case field.Enum != nil:
		return c.enum(e, field)
	case e.Prefix:
		return c.words(view.Words{Field: field.Path, Text: e.Value, Prefix: true}, e.At, false, false)
	}
	value := e.Value
	if c.options.Value != nil {
		if value = c.options.Value(field.Field, e.Value); value == "" {
			c.warn(e.At, "%s can have no value %s. The condition was left out.", e.Field, cited(e.Value))
			return nil
		}
	}
	return view.In{Field: field.Path, Values: []any{value}}
}

// enum finds the values that are written so, blind to case, spaces, hyphens and underscores, or begin so.
func (c *compiler) enum(e Condition, field *Field) view.Filter {
	in, asked := view.In{Field: field.Path}, fold(e.Value)
	for _, value := range field.Enum {
		folded := fold(value)
		if folded == asked || e.Prefix && asked != "" && strings.HasPrefix(folded, asked) {
			in.Values = append(in.Values, value)
		}
	}
	if len(in.Values) == 0 {
		c.warn(e.At, "%s is never %s: it is one of %s. The condition was left out.", e.Field, cited(e.Value),
			alternatives(field.Enum))
		return nil
	}
	return in
}

func (c *compiler) boolean(e Condition, field *Field) view.Filter {
	switch strings.ToLower(e.Value) {
	case "yes", "true":
		return view.In{Field: field.Path, Values: []any{true}}
	case "no", "false":
		return view.In{Field: field.Path, Values: []any{false}}
	}
	c.warn(e.At, "%s is yes or no, not %s. The condition was left out.", e.Field, cited(e.Value))
	return nil
}

func (c *compiler) number(e Condition, field *Field) view.Filter {
	value, ok := number(e.Value, field.Kind)
	to, toOK := number(e.To, field.Kind)
	if wrong := e.Value; !ok || !toOK {
		if ok {
			wrong = e.To
		}
		c.warn(e.At, "%s is a number, such as 12.50, not %s. The condition was left out.", e.Field, cited(wrong))
		return nil
	}
	r := view.Range{Field: field.Path}
	switch e.Op {
	case Is:
		return view.In{Field: field.Path, Values: []any{value}}
	case Above:
		r.GT = value
	case AtLeast:
		r.GTE = value
	case Below:
		r.LT = value
	case AtMost:
		r.LTE = value
	case Between:
		if value != nil && to != nil && value.(float64) > to.(float64) {
			c.swapped(e)
			value, to = to, value
		}
		r.GTE, r.LTE = value, to
	}
	return r
}

func (c *compiler) swapped(e Condition) {
	c.warn(e.At, "The range begins behind its end. It was read as %s..%s.", e.To, e.Value)
}

// decimal is a number as people and JSON write it.
var decimal = regexp.MustCompile(`^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?$`)

// number reads a float64, of money with a currency's sign; nil of "", an open end.
func number(text string, kind view.Kind) (value any, ok bool) {
	if text == "" {
		return nil, true
	}
	if kind == view.Money {
		text = strings.TrimFunc(text, func(r rune) bool { return r == ' ' || unicode.Is(unicode.Sc, r) })
	}
	if !decimal.MatchString(text) {
		return nil, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

func (c *compiler) date(e Condition, field *Field) view.Filter {
	from, ok := span(e.Value)
	to, toOK := span(e.To)
	if wrong := e.Value; !ok || !toOK {
		if ok {
			wrong = e.To
		}
		c.warn(e.At, "%s is a date, such as 2026, 2026-03, 2026-03-01 or 2026-03-01T18:30:00Z, not %s. "+
			"The condition was left out.", e.Field, cited(wrong))
		return nil
	}
	r := view.Range{Field: field.Path}
	switch e.Op {
	case Is:
		if from.instant {
			return view.In{Field: field.Path, Values: []any{from.begin}}
		}
		r.GTE, r.LT = from.begin, from.end
	case Above:
		if from.instant {
			r.GT = from.begin
		} else {
			r.GTE = from.end
		}
	case AtLeast:
		r.GTE = from.begin
	case Below:
		r.LT = from.begin
	case AtMost:
		from.until(&r)
	case Between:
		if e.Value != "" && e.To != "" && from.begin.After(to.begin) {
			c.swapped(e)
			from, to, e.Value, e.To = to, from, e.To, e.Value
		}
		if e.Value != "" {
			r.GTE = from.begin
		}
		if e.To != "" {
			to.until(&r)
		}
	}
	return r
}

// interval is the time that a date stands for.
type interval struct {
	begin, end time.Time // the end is not part of it
	instant    bool      // it is begin alone
}

// until bounds a range so that it ends with the interval.
func (i interval) until(r *view.Range) {
	if i.instant {
		r.LTE = i.begin
	} else {
		r.LT = i.end
	}
}

// span reads a year, month, day or minute, which lasts from its beginning to the next one's, or an instant; "" is an open
// end. What names no time zone is in UTC.
func span(text string) (interval, bool) {
	if text == "" {
		return interval{}, true
	}
	text = strings.ToUpper(strings.Replace(text, " ", "T", 1)) // RFC 3339 allows both
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return interval{begin: t.UTC(), instant: true}, true
		}
	}
	for _, unit := range []struct {
		layout              string
		years, months, days int
		clock               time.Duration
	}{
		{"2006", 1, 0, 0, 0},
		{"2006-1", 0, 1, 0, 0},
		{"2006-1-2", 0, 0, 1, 0},
		{"2006-1-2T15:04", 0, 0, 0, time.Minute},
		{"2006-1-2T15:04Z07:00", 0, 0, 0, time.Minute},
	} {
		if t, err := time.Parse(unit.layout, text); err == nil {
			t = t.UTC()
			return interval{begin: t, end: t.AddDate(unit.years, unit.months, unit.days).Add(unit.clock)}, true
		}
	}
	return interval{}, false
}
