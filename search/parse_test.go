package search_test

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/search"
)

// warned returns the warnings as "text: message", the message up to its first full stop or colon.
func warned(list []search.Warning) (lines []string) {
	for _, w := range list {
		message, _, _ := strings.Cut(w.Message, ".")
		message, _, _ = strings.Cut(message, ":")
		lines = append(lines, w.Place.Text+": "+message)
	}
	return lines
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		want string // in canonical form; "=" for as it is
	}{
		{"nothing", "", "="},
		{"spaces", " \t\n\u00a0\u200b ", ""},
		{"everything", "*", ""},
		{"everything, and a word", "* soup **", "soup"},
		{"word", "soup", "="},
		{"words", "  green   soup ", "green soup"},
		{"word with signs inside", "take-out O'Brien 12:30 a.b@c.de #17", "="},
		{"phrase", `"green soup"`, "="},
		{"phrase, spaced", "\" green \t soup \"", `"green soup"`},
		{"phrase, typographic", "“green soup” „weiß“ «vert»", `"green soup" "weiß" "vert"`},
		{"phrase of one word", `"soup"`, "="},
		{"phrase beside a word", `a"green soup"b`, `a "green soup" b`},
		{"quote in a phrase", `"12\" pizza"`, "="},
		{"prefix", "veg*", "="},
		{"prefix, several stars", "veg***", "veg*"},
		{"prefix of a phrase", `"green so"*`, "="},
		{"star that means itself", `5\*`, "="},

		{"and", "a AND b", "a b"},
		{"or", "a OR b OR c", "="},
		{"or binds less", "a b OR c d", "="},
		{"parentheses", "a (b OR c)", "="},
		{"parentheses that change nothing", "(a (b)) ((c))", "a b c"},
		{"parentheses close to words", "a(b OR c)d", "a (b OR c) d"},
		{"lower case is a word", "salt and pepper or not", "="},
		{"operators as words", `"OR" \NOT and-or ORDER`, `"OR" \NOT and-or ORDER`},
		{"dash", "-soup", "="},
		{"dash, typographic", "–soup", "-soup"},
		{"dashes", "--soup", "-soup"},
		{"not", "NOT soup", "-soup"},
		{"not, twice", "NOT NOT soup NOT -bread", "soup bread"},
		{"not of parentheses", "-(a b) NOT (c OR d)", "-(a b) -(c OR d)"},
		{"not of a phrase", `-"a b"`, "="},
		{"not of an operator", "-OR", `-\OR`},

		{"field", "city:Berlin", "="},
		{"field, space after the colon", "city: Berlin total:> 5", "city:Berlin total:>5"},
		{"field, path", "ticket.state:PREPARING", "="},
		{"field, phrase", `city:"New York"`, "="},
		{"field, spaces escaped", `city:New\ York`, "="},
		{"field, prefix", "city:Ber*", "="},
		{"field, phrase's prefix", `city:"New Yo"*`, "="},
		{"field exists", "city:*", "="},
		{"field negated", "-city:Berlin NOT city:*", "-city:Berlin -city:*"},
		{"field, value with colons", "createdAt:2026-03-01T18:30:00Z", "="},
		{"field, equals", "status=READY total:=5", "status:READY total:5"},
		{"comparisons", "a:>1 a:>=2 a:<3 a:<=4", "="},
		{"comparisons, other signs", "a:≥1 a:≤2 a:=>3 a:=<4", "a:>=1 a:<=2 a:>=3 a:<=4"},
		{"comparisons without colon", "a>1 a>=2 a < 3 a <= 4 a≤5", "a:>1 a:>=2 a:<3 a:<=4 a:<=5"},
		{"comparison, negative", "a:>-5 a:-5", "="},
		{"comparison, negative, spaced", "a:> -5 a > -5", "a:>-5 a:>-5"},
		{"comparison, quoted", `a:>"2026-03-01 18:30"`, "="},
		{"comparison, quoted for nothing", `a:>"5"`, "a:>5"},
		{"range", "a:1..5 a:*..5 a:1..*", "="},
		{"range, open", "a:..5 a:1.. a:*..*", "a:*..5 a:1..* a:*"},
		{"range, three dots", "a:1...5", "a:1..5"},
		{"range, quoted", `a:"b c".."d e"`, "="},
		{"dots that mean themselves", `a:b\..c`, `a:b\.\.c`},
		{"group", "city:(Berlin OR Bonn)", "="},
		{"group of conditions", `a:(>1 <5 -3 OR "x y" OR z* OR 7..9 OR *)`, "="},
		{"group of one", "city:(Berlin) city:(-Bonn)", "city:Berlin -city:Bonn"},
		{"group in its own", "a:(b OR a:(c d) OR a:e)", "a:(b OR c d OR e)"},
		{"group with another field", "a:(b OR c:d OR e:(f OR g))", "="},
		{"group negated", "-city:(Berlin OR Bonn)", "="},
		{"group, negative numbers", `a:(\-5 OR "-7"..3)`, "="},

		{"no field: a time", "12:30", "="},
		{"no field: an address", "https://example.com/?a=b", "="},
		{"no field: base64", "T3JkZXI6MQ== T3JkZXI6MTc=", "="},
		{"no field: escaped", `Re\:Order`, "="},
		{"no field: no name before", ":x >5 <3", `:x \>5 \<3`},
		{"no field: signs behind", `a=\) state:(//) a:(a..": a")`, `a:\) state:\// a:a..": a"`},
		{"no comparison: escaped", `total \>5`, "="},
		{"backslash at the end", `a\`, `a\\`},
		{"no UTF-8", "a\xffb", "a\ufffdb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, warnings := search.Parse(tt.text)
			if tt.want == "=" {
				tt.want = tt.text
			}
			if diff := cmp.Diff(tt.want, e.String()); diff != "" {
				t.Errorf("canonical form (-want +got):\n%s", diff)
			}
			if len(warnings) > 0 {
				t.Errorf("warnings %q", warned(warnings))
			}
			checkParsed(t, tt.text)
		})
	}
}

func TestParseWarnings(t *testing.T) {
	long := strings.Repeat("abcdefg ", 40)
	for _, tt := range []struct {
		name     string
		text     string
		want     string
		warnings []string
	}{
		{"quote, not closed", `soup "green cur`, `soup "green cur"`, []string{`": This quote is not closed`}},
		{"quote, alone", `soup "`, "soup", []string{`": This quote is not closed`}},
		{"quote that opens nothing", `12" soup" (a")`, "12 soup a", []string{
			`": This quote opens nothing and was passed over`, `": This quote opens nothing and was passed over`,
			`": This quote opens nothing and was passed over`}},
		{"quotes around nothing", `soup "" -" "`, "soup",
			[]string{`"": There is nothing between these quotes`, `" ": There is nothing between these quotes`}},
		{"parenthesis, not closed", "a (b OR c", "a (b OR c)", []string{"(: This parenthesis is not closed"}},
		{"parenthesis of a field, not closed", "city:(a OR b", "city:(a OR b)", []string{"(: This parenthesis is not closed"}},
		{"parenthesis, alone", "a (", "a", []string{"(: This parenthesis is not closed"}},
		{"parenthesis that closes none", "a) b", "a b", []string{"): This parenthesis closes none and was passed over"}},
		{"parentheses around nothing", "a () ( )", "a",
			[]string{"(): There is nothing between these parentheses", "( ): There is nothing between these parentheses"}},
		{"parentheses, deep", "((((((a)))))) b", "b",
			[]string{"(a): There are more than 5 parentheses within each other"}},
		{"parentheses, deepest that is read", "(((((a))))) b", "a b", nil},
		{"parentheses, deep and negated", "-(-(-(-(-(-(a b) c) d) e) f) g)", "-(-(-(-(-c d) e) f) g)",
			[]string{"(a b): There are more than 5 parentheses within each other"}},
		{"OR before all", "OR a", "a", []string{"OR: OR joins two conditions, but there is none before it"}},
		{"OR behind all", "Portland OR", "Portland", []string{"OR: OR joins two conditions, but there is none behind it"}},
		{"OR twice", "a OR OR b", "a OR b", []string{"OR: OR joins two conditions, but there is none before it"}},
		{"AND in parentheses", "(AND a AND)", "a", []string{"AND: AND joins two conditions, but there is none before it",
			"AND: AND joins two conditions, but there is none behind it"}},
		{"NOT of nothing", "a NOT", "a", []string{"NOT: NOT excludes what is behind it, but there is nothing"}},
		{"NOT of an operator", "a NOT OR b", "a OR b", []string{"NOT: NOT excludes what is behind it, but there is nothing"}},
		{"dash alone", "a - b –", "a b",
			[]string{"-: This dash stands alone and was passed over", "–: This dash stands alone and was passed over"}},
		{"star before", "*soup", "", []string{"*soup: A * can only stand at the end of a word, for all words that begin so"}},
		{"star within", "a -so*up", "a",
			[]string{"so*up: A * can only stand at the end of a word, for all words that begin so"}},
		{"star before a value", "city:*lin", "",
			[]string{"city:*lin: A * can only stand at the end of a word, for all words that begin so"}},
		{"what is left out leaves no operator", "*a OR b", "b",
			[]string{"*a: A * can only stand at the end of a word, for all words that begin so"}},
		{"no value", "city:", "", []string{"city:: There is no value for city"}},
		{"no value, comparison", "(total:> ) total>", "",
			[]string{"total:>: There is no value for total", "total>: There is no value for total"}},
		{"no value, another condition", "city: state:CA", "state:CA", []string{"city:: There is no value for city"}},
		{"no value, an operator", "city: OR b", "b", []string{"city:: There is no value for city"}},
		{"no value, negation", "city: -b", "-b", []string{"city:: There is no value for city"}},
		{"no value, parenthesis", "(city: )", "", []string{"city:: There is no value for city"}},
		{"no value, quotes", `city:""`, "", []string{`"": There is nothing between these quotes`}},
		{"no value, range", "a:..", "", []string{"a:..: There is no value for a"}},
		{"no value, everything", "a:>*", "", []string{"a:>*: There is no value for a"}},
		{"no values", "a:()", "", []string{"(): There is nothing between these parentheses"}},
		{"conditions", "a b c d e f g h i j k l m n o p q r:s", "a b c d e f g h i j k l m n o p",
			[]string{"q r:s: There are more than 16 words and conditions"}},
		{"length", strings.TrimSpace(long), strings.TrimSpace(long[:8*16]),
			[]string{strings.TrimSpace(long[8*32:]) + ": The search is too long",
				long[8*16:8*31] + "abcdefg: There are more than 16 words and conditions"}},
		{"length of a word", strings.Repeat("a", 257), strings.Repeat("a", 256), []string{"a: The search is too long"}},
		{"length of a canonical form", `"` + strings.Repeat("ab ", 84) + "abc",
			`"` + strings.TrimSpace(strings.Repeat("ab ", 84)) + `"`, []string{"abc: The search is too long"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, warnings := search.Parse(tt.text)
			if diff := cmp.Diff(tt.want, e.String()); diff != "" {
				t.Errorf("canonical form (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.warnings, warned(warnings)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			checkParsed(t, tt.text)
		})
	}
}

// checkParsed checks what holds for any text.
func checkParsed(t interface {
	Helper()
	Errorf(string, ...any)
}, text string) {
	t.Helper()
	e, warnings := search.Parse(text)
	printed := e.String()
	if n := utf8.RuneCountInString(printed); n > search.MaxLength {
		t.Errorf("Parse(%q): %d characters", text, n)
	}
	again, none := search.Parse(printed)
	if len(none) > 0 {
		t.Errorf("Parse(%q) = %q: warnings %q", text, printed, warned(none))
	}
	if diff := cmp.Diff(e, again, samePlaces); diff != "" {
		t.Errorf("Parse(%q) = %q, parsed again (-first +second):\n%s", text, printed, diff)
	}
	if !search.Equal(e, again) {
		t.Errorf("Parse(%q) = %q does not equal itself", text, printed)
	}
	checkWarnings(t, text, warnings)
}

// checkWarnings checks that warnings are few and stand where they say.
func checkWarnings(t interface {
	Helper()
	Errorf(string, ...any)
}, text string, warnings []search.Warning) {
	t.Helper()
	if len(warnings) > search.MaxWarnings {
		t.Errorf("%q: %d warnings", text, len(warnings))
	}
	units := utf16.Encode([]rune(text))
	for _, w := range warnings {
		at := w.Place
		if at.Start < 0 || at.End < at.Start || at.End > len(units) {
			t.Errorf("%q: warning at %d..%d of %d", text, at.Start, at.End, len(units))
			continue
		}
		there := string(utf16.Decode(units[at.Start:at.End]))
		if !strings.HasPrefix(there, at.Text) || there != at.Text && utf8.RuneCountInString(at.Text) != search.MaxLength {
			t.Errorf("%q: warning of %q, but at %d..%d is %q", text, at.Text, at.Start, at.End, there)
		}
		if w.Message == "" || !utf8.ValidString(w.Message) || len(w.Message) > 4096 {
			t.Errorf("%q: message %q", text, w.Message)
		}
	}
}

func TestPlaces(t *testing.T) {
	text := `🍕 é city:"x` // the pizza is two units long
	_, warnings := search.Parse(text)
	want := []search.Warning{{
		Message: "This quote is not closed. It was taken to close at the end.",
		Place:   search.Place{Text: `"`, Start: 10, End: 11},
	}}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	e, _ := search.Parse("  🍕 city: Bonn bread")
	want2 := search.And{
		search.Word{Text: "🍕", At: search.Place{Text: "🍕", Start: 2, End: 4}},
		search.Condition{Field: "city", Op: search.Is, Value: "Bonn",
			At: search.Place{Text: "city: Bonn", Start: 5, End: 15}, Named: search.Place{Text: "city", Start: 5, End: 9}},
		search.Word{Text: "bread", At: search.Place{Text: "bread", Start: 16, End: 21}, Unfinished: true},
	}
	if diff := cmp.Diff(search.Expr(want2), e); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

func TestLongText(t *testing.T) {
	for _, unit := range []string{"(", ")", `"`, "-", "a ", "a:(", "*", `\`, "OR ", " ", "🍕", "\xff", "a..", "NOT ", "a:b OR "} {
		checkParsed(t, strings.Repeat(unit, 100_000/len(unit)))
	}
}

func TestUnfinished(t *testing.T) {
	for text, want := range map[string]bool{
		"green cur": true, "green cur ": false, "(green cur": true, "(green cur)": false, "": false,
		"city:Ber": true, "city:Ber\t": false, strings.Repeat("abcdef ", 40) + "x": false,
	} {
		e, _ := search.Parse(text)
		got := false
		var last func(search.Expr)
		last = func(e search.Expr) {
			switch e := e.(type) {
			case search.And:
				if len(e) > 0 {
					last(e[len(e)-1])
				}
			case search.Word:
				got = e.Unfinished
			case search.Condition:
				got = e.Unfinished
			}
		}
		last(e)
		if got != want {
			t.Errorf("%q: unfinished %t", text, got)
		}
	}
}
