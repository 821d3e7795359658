package analysis_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
	"github.com/viewgate/viewgate/view/viewtest"
)

// marked returns highlights as text with brackets around what is found.
func marked(t testing.TB, all []analysis.Highlight) string {
	t.Helper()
	var texts []string
	for _, h := range all {
		units := utf16.Encode([]rune(h.Fragment))
		var text strings.Builder
		at := 0
		for _, r := range h.Ranges {
			if r.Start < at || r.End <= r.Start || r.End > len(units) {
				t.Fatalf("ranges %v in a fragment of %d", h.Ranges, len(units))
			}
			fmt.Fprintf(&text, "%s[%s]", string(utf16.Decode(units[at:r.Start])), string(utf16.Decode(units[r.Start:r.End])))
			at = r.End
		}
		texts = append(texts, h.Field+": "+text.String()+string(utf16.Decode(units[at:])))
	}
	return strings.Join(texts, "; ")
}

func TestHighlights(t *testing.T) {
	m := viewtest.Mapping(t)
	source := map[string]any{
		"mealId": "M-1", "title": "🍕 Crème brûlée, crèmes", "tag": "take-out", "note": "Cafe\u0301 noir & soup; take out",
		"items": []any{map[string]any{"dish": "Tom Yum Soup"}, map[string]any{"dish": "Bread"}, map[string]any{"dish": "soups"}},
	}
	word := func(text string) view.Filter { return view.Words{Text: text} }
	for _, tt := range []struct {
		name  string
		match view.Filter
		want  string
	}{
		{"behind a character of two units", word("brulee"), "title: 🍕 Crème [brûlée], crèmes"},
		{"every place, with the endings that are found", word("cremes"), "title: 🍕 [Crème] brûlée, [crèmes]"},
		{"another ending", word("creme"), "title: 🍕 [Crème] brûlée, [crèmes]"},
		{"normal form", word("café"), "note: [Café] noir & soup; take out"},
		{"values of a list, without the others", word("soups"), "items.dish: Tom Yum [Soup]; items.dish: [soups]; note: Café noir & [soup]; take out"},
		{"phrase", view.Words{Text: "take out", Phrase: true}, "note: Café noir & soup; [take out]"},
		{"pieces", word("take-out"), "note: Café noir & soup; [take] [out]"},
		{"prefix", view.Words{Text: "br", Prefix: true}, "items.dish: [Bread]; title: 🍕 Crème [brûlée], crèmes"},
		{"typo", view.Words{Text: "brulle", Loose: view.Typos}, "title: 🍕 Crème [brûlée], crèmes"},
		{"beginning", view.Words{Text: "bru", Loose: view.Beginning}, "title: 🍕 Crème [brûlée], crèmes"},
		{"keyword", word("m-1"), "mealId: [M-1]"},
		{"keyword that is not searched", word("take-out"), "note: Café noir & soup; [take] [out]"},
		{"keyword by its name", view.Words{Field: "tag", Text: "TAKE-OUT"}, "tag: [take-out]"},
		{"one field", view.Words{Field: "note", Text: "soup"}, "note: Café noir & [soup]; take out"},
		{"several", view.And{word("noir"), view.Or{word("soup"), word("nothing")}}, "items.dish: Tom Yum [Soup]; items.dish: [soups]; note: Café [noir] & [soup]; take out"},
		{"what must not be", view.And{word("noir"), view.Not{Filter: word("pizza")}}, "note: Café [noir] & soup; take out"},
		{"conditions", view.And{view.Exists{Field: "title"}}, ""},
		{"nothing", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, marked(t, analysis.Highlights(m, tt.match, source))); diff != "" {
				t.Errorf("highlights (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFragment: of a long text only a part is shown, and the ranges are right in it.
func TestFragment(t *testing.T) {
	m := viewtest.Mapping(t)
	rapid.Check(t, func(t *rapid.T) {
		filler := rapid.SampledFrom([]string{"ab ", "ÄÖ, ", "🍕 ", "日本 ", "abcdefghijklmnopqrstuvwxyz ", "a-b/"})
		var text strings.Builder
		for range rapid.IntRange(0, 80).Draw(t, "before") {
			text.WriteString(filler.Draw(t, "filler"))
		}
		text.WriteString("needle ")
		for range rapid.IntRange(0, 80).Draw(t, "after") {
			text.WriteString(filler.Draw(t, "filler"))
		}
		all := analysis.Highlights(m, view.Words{Text: "needle"}, map[string]any{"note": text.String()})
		if len(all) != 1 || len(all[0].Ranges) != 1 {
			t.Fatalf("highlights %+v", all)
		}
		h := all[0]
		units := utf16.Encode([]rune(h.Fragment))
		if got := string(utf16.Decode(units[h.Ranges[0].Start:h.Ranges[0].End])); got != "needle" {
			t.Errorf("found %q in %q", got, h.Fragment)
		}
		if !strings.Contains(text.String(), h.Fragment) || len(h.Fragment) > 300 {
			t.Errorf("fragment of %d bytes, %q", len(h.Fragment), h.Fragment)
		}
	})
}
