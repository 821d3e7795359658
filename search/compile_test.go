package search_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/search"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/viewtest"
)

func orders(t testing.TB) *view.Mapping {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := view.MappingOf(s, "orders")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func word(text string) view.Filter { return view.Words{Text: text} }

func in(field string, values ...any) view.Filter { return view.In{Field: field, Values: values} }

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

func day(text string) time.Time { return at(text + "T00:00:00Z") }

func TestCompile(t *testing.T) {
	m := viewtest.Mapping(t)
	placed := func(r view.Range) view.Filter {
		r.Field = "placedAt"
		return r
	}
	total := func(r view.Range) view.Filter {
		r.Field = "total"
		return r
	}
	for _, tt := range []struct {
		name string
		text string
		want view.Filter
	}{
		{"nothing", "", nil},
		{"everything", "*", nil},
		{"word", "soup", word("soup")},
		{"words", "green soup", view.And{word("green"), word("soup")}},
		{"phrase", `"green soup"`, view.Words{Text: "green soup", Phrase: true}},
		{"prefix", "so*", view.Words{Text: "so", Prefix: true}},
		{"prefix of a phrase", `"green so"*`, view.Words{Text: "green so", Phrase: true, Prefix: true}},
		{"picture", "🍕", word("🍕")},
		{"or", "a b OR c", view.Or{view.And{word("a"), word("b")}, word("c")}},
		{"not", "a -(b OR -c)", view.And{word("a"), view.Not{Filter: view.Or{word("b"), view.Not{Filter: word("c")}}}}},

		{"text", "note:soup", view.Words{Field: "note", Text: "soup"}},
		{"text, phrase", `note:"green soup"`, view.Words{Field: "note", Text: "green soup", Phrase: true}},
		{"text, prefix", "note:so*", view.Words{Field: "note", Text: "so", Prefix: true}},
		{"text, group", "note:(a OR -b)", view.Or{view.Words{Field: "note", Text: "a"},
			view.Not{Filter: view.Words{Field: "note", Text: "b"}}}},
		{"exists", "note:* -total:*", view.And{view.Exists{Field: "note"}, view.Not{Filter: view.Exists{Field: "total"}}}},

		{"keyword", "tag:VIP", in("tag", "VIP")},
		{"keyword, quoted", `tag:"two words"`, in("tag", "two words")},
		{"keyword, signs", "tag:?!", in("tag", "?!")},
		{"keyword, prefix", "tag:vi*", view.Words{Field: "tag", Text: "vi", Prefix: true}},
		{"enum", "state:OPEN", in("state", "OPEN")},
		{"enum, any case", "state:open", in("state", "OPEN")},
		{"enum, prefix", "state:o*", in("state", "OPEN")},

		{"boolean", "rush:yes rush:TRUE rush:no rush:false",
			view.And{in("rush", true), in("rush", true), in("rush", false), in("rush", false)}},

		{"number", "seats:4 seats:-2.50 seats:+1 seats:1e2 seats:.5 seats:3.",
			view.And{in("seats", 4.0), in("seats", -2.5), in("seats", 1.0), in("seats", 100.0), in("seats", 0.5),
				in("seats", 3.0)}},
		{"number, in a list", "quantity:>2", view.Range{Field: "items.quantity", GT: 2.0}},
		{"money", "total:12.50", in("total", 12.5)},
		{"money, with its sign", `total:>$20 total:"20 €"`, view.And{total(view.Range{GT: 20.0}), in("total", 20.0)}},
		{"money, comparisons", "total:>1 total:>=2 total:<3 total:<=4", view.And{total(view.Range{GT: 1.0}),
			total(view.Range{GTE: 2.0}), total(view.Range{LT: 3.0}), total(view.Range{LTE: 4.0})}},
		{"money, ranges", "total:1..2 total:*..2 total:1..", view.And{total(view.Range{GTE: 1.0, LTE: 2.0}),
			total(view.Range{LTE: 2.0}), total(view.Range{GTE: 1.0})}},
		{"money, group", "total:(<5 OR >50)", view.Or{total(view.Range{LT: 5.0}), total(view.Range{GT: 50.0})}},

		{"date, year", "placedAt:2026", placed(view.Range{GTE: day("2026-01-01"), LT: day("2027-01-01")})},
		{"date, month", "placedAt:2026-12", placed(view.Range{GTE: day("2026-12-01"), LT: day("2027-01-01")})},
		{"date, day", "placedAt:2026-02-28", placed(view.Range{GTE: day("2026-02-28"), LT: day("2026-03-01")})},
		{"date, without zeros", "placedAt:2026-3-1", placed(view.Range{GTE: day("2026-03-01"), LT: day("2026-03-02")})},
		{"date, minute", `placedAt:"2026-03-01 18:30"`,
			placed(view.Range{GTE: at("2026-03-01T18:30:00Z"), LT: at("2026-03-01T18:31:00Z")})},
		{"date, minute elsewhere", `placedAt:2026-03-01T18:30+01:00`,
			placed(view.Range{GTE: at("2026-03-01T17:30:00Z"), LT: at("2026-03-01T17:31:00Z")})},
		{"date, instant", "placedAt:2026-03-01T18:30:00.5+01:00", in("placedAt", at("2026-03-01T17:30:00.5Z"))},
		{"date, instant in UTC", "placedAt:2026-03-01T18:30:00", in("placedAt", at("2026-03-01T18:30:00Z"))},
		{"date, day's comparisons", "placedAt:>2026-03-01 placedAt:>=2026-03-01 placedAt:<2026-03-01 placedAt:<=2026-03-01",
			view.And{placed(view.Range{GTE: day("2026-03-02")}), placed(view.Range{GTE: day("2026-03-01")}),
				placed(view.Range{LT: day("2026-03-01")}), placed(view.Range{LT: day("2026-03-02")})}},
		{"date, instant's comparisons", "placedAt:>2026-03-01T00:00:00Z placedAt:>=2026-03-01t00:00:00z " +
			"placedAt:<2026-03-01T00:00:00Z placedAt:<=2026-03-01T00:00:00Z",
			view.And{placed(view.Range{GT: day("2026-03-01")}), placed(view.Range{GTE: day("2026-03-01")}),
				placed(view.Range{LT: day("2026-03-01")}), placed(view.Range{LTE: day("2026-03-01")})}},
		{"date, ranges", "placedAt:2026-01..2026-03 placedAt:*..2026 placedAt:2026..* placedAt:2026..2026-03-01T00:00:00Z",
			view.And{placed(view.Range{GTE: day("2026-01-01"), LT: day("2026-04-01")}),
				placed(view.Range{LT: day("2027-01-01")}), placed(view.Range{GTE: day("2026-01-01")}),
				placed(view.Range{GTE: day("2026-01-01"), LTE: day("2026-03-01")})}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, warnings := search.Parse(tt.text)
			got, more := search.FieldsOf(m).Compile(e, search.Options{})
			if warnings = append(warnings, more...); len(warnings) > 0 {
				t.Errorf("warnings %q", warned(warnings))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("filter (-want +got):\n%s", diff)
			}
			checkCompiled(t, m, tt.text)
		})
	}
}

func TestCompileEnum(t *testing.T) {
	fields := search.FieldsOf(orders(t))
	for _, text := range []string{
		"status:ON_THE_WAY", `status:"on the way"`, "status:on-the-way", "status:onTheWay", "status:on*",
	} {
		e, _ := search.Parse(text)
		got, warnings := fields.Compile(e, search.Options{})
		if diff := cmp.Diff(in("status", "ON_THE_WAY"), got); diff != "" || len(warnings) > 0 {
			t.Errorf("%s: warnings %q, filter (-want +got):\n%s", text, warned(warnings), diff)
		}
	}
	e, _ := search.Parse("status:can* OR status:c*")
	got, _ := fields.Compile(e, search.Options{})
	want := view.Or{in("status", "CANCELLING", "CANCELLED"), in("status", "CONFIRMED", "CHANGING", "CANCELLING", "CANCELLED")}
	if diff := cmp.Diff(view.Filter(want), got); diff != "" {
		t.Errorf("beginnings (-want +got):\n%s", diff)
	}
}

func TestCompileWarnings(t *testing.T) {
	m := orders(t)
	const out = " The condition was left out."
	states := "it is one of APPROVAL_PENDING, APPROVED, REJECTED, CANCEL_PENDING, CANCELLED or REVISION_PENDING."
	for _, tt := range []struct {
		name string
		text string
		want view.Filter
		at   string
		says string
	}{
		{"unknown field", "soup vehicle:bike", word("soup"), "vehicle", "There is no field “vehicle”." + out},
		{"unknown field, mistyped", "citty:Berlin", nil, "citty", "There is no field “citty”. Did you mean city?" + out},
		{"unknown field, an object", "restaurant:Ajanta", nil, "restaurant",
			"There is no field “restaurant”. Did you mean restaurant.name or restaurantId?" + out},
		{"unknown field, part of a name", "courier:7", nil, "courier",
			"There is no field “courier”. Did you mean courierId?" + out},
		{"unknown field, told once", "size:(a OR b)", nil, "size", "There is no field “size”." + out},
		{"unknown field, long", strings.Repeat("x", 50) + ":a", nil, strings.Repeat("x", 50),
			"There is no field “" + strings.Repeat("x", 50) + "”." + out},
		{"ambiguous field", "name:Ada", nil, "name",
			"“name” may be consumer.name, lineItems.name or restaurant.name. The condition was left out: write which."},
		{"signs", "fish & chips", view.And{word("fish"), word("chips")}, "&",
			"There is no letter and no digit in “&”. It was left out."},
		{"signs in a field", "city:?!", nil, "city:?!", "There is no letter and no digit in “?!”. It was left out."},
		{"prefix", "a*", nil, "a*", "a* begins too many words: write at least two letters before the *. It was left out."},
		{"prefix of a phrase", `"green s"*`, nil, `"green s"*`,
			"green s* begins too many words: write at least two letters before the *. It was left out."},
		{"prefix of a keyword", "courierId:7*", nil, "courierId:7*",
			"7* begins too many words: write at least two letters before the *. It was left out."},
		{"text, compared", "city:>B", nil, "city:>B",
			`city is a text: write words, as in city:word or city:"two words".` + out},
		{"text, range", "city:a..b", nil, "city:a..b",
			`city is a text: write words, as in city:word or city:"two words".` + out},
		{"keyword, compared", "orderId:>5", nil, "orderId:>5",
			"orderId is no number and no date: write orderId:value." + out},
		{"enum, compared", "bill.state:>A", nil, "bill.state:>A",
			"bill.state is one of AUTHORIZED, AUTHORIZATION_FAILED, REVERSED or REVISED." + out},
		{"enum, value", "-state:canceled", nil, "state:canceled", "state is never “canceled”: " + states + out},
		{"enum, beginning", "state:zz*", nil, "state:zz*", "state is never “zz”: " + states + out},
		{"enum, signs", "state:_*", nil, "state:_*", "state is never “_”: " + states + out},
		{"number, value", "total:cheap", nil, "total:cheap",
			"total is a number, such as 12.50, not “cheap”." + out},
		{"number, comma", "total:>12,50", nil, "total:>12,50", "total is a number, such as 12.50, not “12,50”." + out},
		{"number, hexadecimal", "total:0x10", nil, "total:0x10", "total is a number, such as 12.50, not “0x10”." + out},
		{"number, infinite", "total:inf", nil, "total:inf", "total is a number, such as 12.50, not “inf”." + out},
		{"number, too large", "total:1e400", nil, "total:1e400", "total is a number, such as 12.50, not “1e400”." + out},
		{"number, a range's end", "total:1..many", nil, "total:1..many",
			"total is a number, such as 12.50, not “many”." + out},
		{"number, beginning", "total:12*", nil, "total:12*",
			"total is a number: for several, write total:10..20." + out},
		{"number, currency", "quantity:$5", nil, "quantity:$5", "quantity is a number, such as 12.50, not “$5”." + out},
		{"number, backwards", "total:20..10", view.Range{Field: "total", GTE: 10.0, LTE: 20.0}, "total:20..10",
			"The range begins behind its end. It was read as 10..20."},
		{"date, value", "createdAt:yesterday", nil, "createdAt:yesterday", "createdAt is a date, such as 2026, 2026-03, " +
			"2026-03-01 or 2026-03-01T18:30:00Z, not “yesterday”." + out},
		{"date, that is none", "createdAt:2026-02-30", nil, "createdAt:2026-02-30", "createdAt is a date, such as 2026, " +
			"2026-03, 2026-03-01 or 2026-03-01T18:30:00Z, not “2026-02-30”." + out},
		{"date, beginning", "createdAt:2026-*", nil, "createdAt:2026-*",
			"createdAt is a date: for a whole month, write createdAt:2026-03." + out},
		{"date, backwards", "createdAt:2027..2026",
			view.Range{Field: "createdAt", GTE: day("2026-01-01"), LT: day("2028-01-01")}, "createdAt:2027..2026",
			"The range begins behind its end. It was read as 2026..2027."},
		{"what is left of an OR", "soup OR total:x OR -(b:c)", word("soup"), "total:x",
			"total is a number, such as 12.50, not “x”." + out},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, _ := search.Parse(tt.text)
			got, warnings := search.FieldsOf(m).Compile(e, search.Options{})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("filter (-want +got):\n%s", diff)
			}
			if len(warnings) == 0 {
				t.Fatal("no warning")
			}
			if diff := cmp.Diff(tt.says, warnings[0].Message); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.at, warnings[0].Place.Text); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			checkCompiled(t, m, tt.text)
		})
	}
}

func TestCompileBoolean(t *testing.T) {
	m := viewtest.Mapping(t)
	for text, want := range map[string]string{
		"rush:maybe": "rush is yes or no, not “maybe”. The condition was left out.",
		"rush:>no":   "rush is yes or no. The condition was left out.",
		"rush:y*":    "rush is yes or no. The condition was left out.",
	} {
		e, _ := search.Parse(text)
		filter, warnings := search.FieldsOf(m).Compile(e, search.Options{})
		if filter != nil || len(warnings) != 1 || warnings[0].Message != want {
			t.Errorf("%s: %v %q", text, filter, warned(warnings))
		}
	}
}

func TestValue(t *testing.T) {
	options := search.Options{Value: func(f *view.Field, written string) string {
		if f.Path == "consumer.consumerId" && written == "bad" {
			return ""
		}
		return f.Path + "/" + written
	}}
	e, _ := search.Parse("consumerId:7 consumerId:bad consumerId:77* state:approved city:x total:5 consumerId:*")
	got, warnings := search.FieldsOf(orders(t)).Compile(e, options)
	want := view.And{
		in("consumer.consumerId", "consumer.consumerId/7"),
		view.Words{Field: "consumer.consumerId", Text: "77", Prefix: true},
		in("state", "APPROVED"),
		view.Words{Field: "deliveryAddress.city", Text: "x"},
		in("total", 5.0),
		view.Exists{Field: "consumer.consumerId"},
	}
	if diff := cmp.Diff(view.Filter(want), got); diff != "" {
		t.Errorf("filter (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"consumerId:bad: consumerId can have no value “bad”"}, warned(warnings)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestLoose(t *testing.T) {
	const all = view.Typos | view.Beginning
	loose := func(field, text string, how view.Loose) view.Filter {
		return view.Words{Field: field, Text: text, Loose: how}
	}
	for _, tt := range []struct {
		text string
		want view.Filter
	}{
		{"green cur", view.And{loose("", "green", view.Typos), loose("", "cur", all)}},
		{"green cur ", view.And{loose("", "green", view.Typos), loose("", "cur", view.Typos)}},
		{"(a OR cur", view.Or{loose("", "a", view.Typos), loose("", "cur", all)}},
		{"cur &", loose("", "cur", view.Typos)},
		{"note:cur", loose("note", "cur", all)},
		{"a -b", view.And{loose("", "a", view.Typos), view.Not{Filter: word("b")}}},
		{"a -(b c)", view.And{loose("", "a", view.Typos), view.Not{Filter: view.And{word("b"), word("c")}}}},
		{`"a b"`, view.Words{Text: "a b", Phrase: true}},
		{"abc*", view.Words{Text: "abc", Prefix: true}},
		{"tag:abc*", view.Words{Field: "tag", Text: "abc", Prefix: true}},
		{"a tag:x", view.And{loose("", "a", view.Typos), in("tag", "x")}},
	} {
		e, _ := search.Parse(tt.text)
		got, _ := search.FieldsOf(viewtest.Mapping(t)).Compile(e, search.Options{Loose: all})
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.text, diff)
		}
	}
}

// checkCompiled checks what holds for any text.
func checkCompiled(t interface {
	Helper()
	Errorf(string, ...any)
}, m *view.Mapping, text string) {
	t.Helper()
	e, _ := search.Parse(text)
	for _, loose := range []view.Loose{0, view.Typos | view.Beginning} {
		f, warnings := search.FieldsOf(m).Compile(e, search.Options{Loose: loose})
		checkWarnings(t, text, warnings)
		if err := (&view.Query{Filter: f}).Check(m); err != nil {
			t.Errorf("%q is compiled to %#v: %v", text, f, err)
		}
	}
	canonical, _ := search.Parse(e.String())
	want, _ := search.FieldsOf(m).Compile(e, search.Options{})
	if got, _ := search.FieldsOf(m).Compile(canonical, search.Options{}); !cmp.Equal(want, got) {
		t.Errorf("%q and %q differ:\n%s", text, e, cmp.Diff(want, got))
	}
}

// TestCompileAny checks that a filter is one that stores take.
func TestCompileAny(t *testing.T) {
	for _, m := range []*view.Mapping{viewtest.Mapping(t), orders(t)} {
		rapid.Check(t, func(t *rapid.T) { checkCompiled(t, m, drawSearch(t, m)) })
	}
}

// drawSearch draws a search that is about the mapping's fields, more or less.
func drawSearch(t *rapid.T, m *view.Mapping) string {
	var b strings.Builder
	for range rapid.IntRange(1, 12).Draw(t, "parts") {
		switch rapid.IntRange(0, 5).Draw(t, "part") {
		case 0:
			b.WriteString(rapid.SampledFrom([]string{" ", " OR ", " -", "(", ")", " NOT "}).Draw(t, "operator"))
		case 1:
			b.WriteString(" " + drawText(t))
		default:
			field := rapid.SampledFrom(m.Fields).Draw(t, "field")
			values := append([]string{"*", "a", "so*", "5", "-1.5", "yes", "2026", "2026-03-01", "2026-03-01T18:30:00Z",
				"1..5", "*..2026", "9..1", ">5", "<=2026-03", `"two words"`, "(a OR b)", "1e308", "inf", "1e999", "0001", "9999-12-31"}, field.Enum...)
			b.WriteString(" " + field.Path + ":" + rapid.SampledFrom(values).Draw(t, "value"))
		}
	}
	return b.String()
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{"green soup", "state:open", "placedAt:2026-03..*", "total:>=20", "rush:no", "tag:(a OR b*)",
		"items.quantity:5", "guestid:x", "name:x", "sate:x", "placedAt:<=2026-03-01T18:30:00Z"} {
		f.Add(text)
	}
	m := viewtest.Mapping(f)
	f.Fuzz(func(t *testing.T, text string) { checkCompiled(t, m, text) })
}

func BenchmarkSearch(b *testing.B) {
	text := `green (curry OR "massaman curry") -peanut* city:Oakland restaurant.name:("thai kitchen" OR ajanta) ` +
		`status:(on-the-way OR ready) total:20..50 createdAt:>=2026-03-01 delivery.courierId:* -ticket.state:cancelled ` +
		`consumer.name:ada citty:Berlin`
	if n := len(text); n > search.MaxLength {
		b.Fatalf("%d characters", n)
	}
	fields := search.FieldsOf(orders(b))
	b.ReportAllocs()
	for b.Loop() {
		e, _ := search.Parse(text)
		if f, _ := fields.Compile(e, search.Options{}); f == nil {
			b.Fatal("nothing is left")
		}
	}
}

// BenchmarkWorst is what costs most among texts that are as long as a request may be.
func BenchmarkWorst(b *testing.B) {
	fields := search.FieldsOf(orders(b))
	for name, text := range map[string]string{
		"quotes":     strings.Repeat(`\"`, 50_000),
		"unknown":    strings.Repeat("deliveryAdress:x ", 6_000),
		"nested":     strings.Repeat("-(a ", 25_000),
		"unclosed":   `"` + strings.Repeat(`\\`, 127) + `x` + strings.Repeat(`a`, 100_000),
		"one letter": strings.Repeat("a", 100_000),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e, _ := search.Parse(text)
				fields.Compile(e, search.Options{})
			}
		})
	}
}
