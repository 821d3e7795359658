package search_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/search"
)

// samePlaces compares searches wherever their parts were found.
var samePlaces = cmp.Options{
	cmpopts.IgnoreFields(search.Word{}, "At", "Unfinished"),
	cmpopts.IgnoreFields(search.Condition{}, "At", "Named", "Unfinished"),
}

func TestWordsReplace(t *testing.T) {
	e, _ := search.Parse(`gren "a b" -not (soop OR so* OR city:Berlin) city:(x OR y) -(z -w)`)
	var got []string
	for _, w := range search.Words(e) {
		got = append(got, w.Text+" at "+w.At.Text)
	}
	if diff := cmp.Diff([]string{"gren at gren", "soop at soop"}, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
	before := e.String()
	for _, tt := range []struct {
		i          int
		word, want string
	}{
		{0, "green", strings.Replace(before, "gren", "green", 1)},
		{1, "soup", strings.Replace(before, "soop", "soup", 1)},
		{1, "OR", strings.Replace(before, "soop", `\OR`, 1)},
		{0, "two words", strings.Replace(before, "gren", `two\ words`, 1)},
		{0, " ", before},
		{-1, "x", before},
		{2, "x", before},
	} {
		if got := search.Replace(e, tt.i, tt.word).String(); got != tt.want {
			t.Errorf("Replace(%d, %q) = %s, want %s", tt.i, tt.word, got, tt.want)
		}
	}
	if e.String() != before {
		t.Errorf("Replace changed its argument to %s", e)
	}
}

func TestEqual(t *testing.T) {
	parse := func(text string) search.Expr {
		e, _ := search.Parse(text)
		return e
	}
	for _, same := range []string{"a b", " a  AND b ", "(a) (b)", "a AND (b)"} {
		if !search.Equal(parse("a b"), parse(same)) {
			t.Errorf("%q is not a b", same)
		}
	}
	for _, other := range []string{"", "a", "b a", "a OR b", `"a b"`, "a b*", "a -b", "a:b", `a\ b`} {
		if search.Equal(parse("a b"), parse(other)) {
			t.Errorf("%q is a b", other)
		}
	}
}

// pieces are what random values are made of.
var pieces = []string{
	"a", "soup", "Z", "é", "🍕", "5", "-", "–", "_", ".", "..", ":", "://", "*", "\\", `"`, "”", "(", ")", "<", ">", "=", "≥",
	"OR", "AND", "NOT", "'", "+", "€", "/", ",", "\ufffd", " b",
}

func drawValue(t *rapid.T) string {
	for {
		value := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 3).Draw(t, "value"), "")
		if value = strings.TrimSpace(value); value != "" {
			return value
		}
	}
}

// drawExpr draws a search in normal form, in the parentheses of a field if that is not "". Not tells which kinds are
// excluded where it stands.
func drawExpr(t *rapid.T, field string, depth int, not string) search.Expr {
	kinds := []string{"leaf", "leaf", "and", "or", "not", "group"}
	if depth == 0 {
		kinds = kinds[:1]
	}
	kind := rapid.SampledFrom(kinds).Filter(func(kind string) bool { return kind != not }).Draw(t, "kind")
	list := func(kind string) (parts []search.Expr) {
		for range rapid.IntRange(2, 3).Draw(t, "parts") {
			parts = append(parts, drawExpr(t, field, depth-1, kind))
		}
		return parts
	}
	switch kind {
	case "and":
		return search.And(list(kind))
	case "or":
		return search.Or(list(kind))
	case "not":
		return search.Not{Expr: drawExpr(t, field, depth-1, kind)}
	case "group":
		g := search.Group{Field: drawField(t)}
		if g.Field == field {
			g.Field += "x"
		}
		if rapid.Bool().Draw(t, "either") {
			g.Expr = search.Or{drawExpr(t, g.Field, depth-1, "or"), drawExpr(t, g.Field, 0, "")}
		} else {
			g.Expr = search.And{drawExpr(t, g.Field, 0, ""), drawExpr(t, g.Field, depth-1, "and")}
		}
		return g
	}
	if field == "" && rapid.Bool().Draw(t, "word") {
		w := search.Word{Text: drawValue(t), Phrase: rapid.Bool().Draw(t, "phrase"), Prefix: rapid.Bool().Draw(t, "prefix")}
		return w
	}
	c := search.Condition{Field: field, Op: rapid.SampledFrom([]search.Op{search.Is, search.Is, search.Above, search.AtLeast,
		search.Below, search.AtMost, search.Between, search.Exists}).Draw(t, "op")}
	if field == "" || rapid.IntRange(0, 3).Draw(t, "of another") == 0 {
		c.Field = drawField(t)
	}
	switch c.Op {
	case search.Exists:
		return c
	case search.Is:
		c.Phrase, c.Prefix = rapid.Bool().Draw(t, "phrase"), rapid.Bool().Draw(t, "prefix")
	case search.Between:
		if c.To = drawValue(t); rapid.Bool().Draw(t, "open") {
			return c
		}
		if rapid.IntRange(0, 2).Draw(t, "open above") == 0 {
			c.To = ""
		}
	}
	c.Value = drawValue(t)
	return c
}

func drawField(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "city", "ticket.state", "total", "a-b", "OR", "NOT", "x_1", "größe", "nothing"}).Draw(t, "field")
}

// TestRoundTrip checks that a search is read as it was printed.
func TestRoundTrip(t *testing.T) {
	kept := 0
	rapid.Check(t, func(t *rapid.T) {
		e := drawExpr(t, "", rapid.IntRange(0, 3).Draw(t, "depth"), "")
		printed := e.String()
		again, warnings := search.Parse(printed)
		for _, w := range warnings {
			if strings.Contains(w.Message, "too long") || strings.Contains(w.Message, "more than") {
				t.SkipNow()
			}
		}
		kept++
		if len(warnings) > 0 {
			t.Errorf("Parse(%s): warnings %q", printed, warned(warnings))
		}
		if diff := cmp.Diff(e, again, samePlaces); diff != "" {
			t.Errorf("%s (-printed +parsed):\n%s", printed, diff)
		}
		if !search.Equal(e, again) {
			t.Errorf("%s is not equal to itself", printed)
		}
	})
	if kept == 0 {
		t.Error("nothing was checked")
	}
}

// drawText draws a text of what the language is made of.
func drawText(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom(append([]string{" ", " ", "city:", "total:>", "state:(", "*..", "total > 5", "name:", "rush:no",
			"placedAt:2026-03", "state:open", " OR ", "NOT ", "\t"}, pieces...)),
		rapid.StringN(0, 4, -1),
	), 0, 40).Draw(t, "text"), "")
}

// TestAnyText checks that nothing fails, and that canonical form stays as it is.
func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkParsed(t, drawText(t)) })
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "green soup", `city:"New York" -status:READY`, "total:>=20 OR total:1..5",
		"a:(b OR c:(d -e)) f*", `"x`, "((", `\`, "a > 5", "🍕 \xff", "city: -x", `a"b" c"`, `-("*")*`, `a:"b"..c d`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkParsed(t, text) })
}
