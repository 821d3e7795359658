package analysis_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view/analysis"
)

func TestTerms(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", []string{}},
		{" ,.-!", []string{}},
		{"Two  words", []string{"two", "words"}},
		{"take-out", []string{"take", "out"}},
		{"take _ out_side __", []string{"take", "out_side"}},
		{"don't", []string{"don't"}},
		{"Café CAFÉ Cafe\u0301", []string{"cafe", "cafe", "cafe"}},
		{"Straße Æon İzmir", []string{"strasse", "aeon", "izmir"}},
		{"ΑΘΗΝΑ", []string{"αθηνα"}},
		{"3.14 x1", []string{"3.14", "x1"}},
	} {
		t.Run(tt.text, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, analysis.Terms(tt.text)); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlainWords compares plain texts, which are split in a shorter way, with the beginning of texts that are not plain.
func TestPlainWords(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aZkx09   ")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		s := text.Draw(t, "text")
		longer := analysis.Words(s + " é")
		if diff := cmp.Diff(longer[:len(longer)-1], analysis.Words(s)); diff != "" {
			t.Errorf("words of %q (-want +got):\n%s", s, diff)
		}
	})
}

func FuzzFold(f *testing.F) {
	for _, text := range []string{"", "Café", "Cafe\u0301", "\xff\x00", "ẞ", "İ", "ﬁ"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := analysis.Fold(text)
		if again := analysis.Fold(once); again != once {
			t.Errorf("%q folds to %q, that to %q", text, once, again)
		}
		for _, word := range analysis.Terms(text) {
			if word == "" {
				t.Errorf("%q has an empty word", text)
			}
		}
	})
}

// TestDistance compares with the definition, by recursion.
func TestDistance(t *testing.T) {
	var plain func(a, b []rune) int
	plain = func(a, b []rune) int {
		if len(a) == 0 || len(b) == 0 {
			return len(a) + len(b)
		}
		change := 1
		if a[len(a)-1] == b[len(b)-1] {
			change = 0
		}
		least := min(plain(a[:len(a)-1], b)+1, plain(a, b[:len(b)-1])+1, plain(a[:len(a)-1], b[:len(b)-1])+change)
		if n, m := len(a), len(b); n > 1 && m > 1 && a[n-1] == b[m-2] && a[n-2] == b[m-1] {
			least = min(least, plain(a[:n-2], b[:m-2])+1)
		}
		return least
	}
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abé")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b, most := word.Draw(t, "a"), word.Draw(t, "b"), rapid.IntRange(0, 4).Draw(t, "most")
		want, got := plain([]rune(a), []rune(b)), analysis.Distance(a, b, most)
		if want <= most && got != want || want > most && got <= most {
			t.Errorf("from %q to %q is %d within %d, want %d", a, b, got, most, want)
		}
	})
}

func TestStem(t *testing.T) {
	for word, want := range map[string]string{
		"": "", "go": "go", "curries": "curri", "curry": "curri", "dishes": "dish", "fried": "fri", "frying": "fry",
		"noodles": "noodl", "noodle": "noodl", "94612": "94612", "żurek": "żurek", "don't": "don't", "potatoes": "potato",
	} {
		if got := analysis.Stem(word); got != want {
			t.Errorf("the stem of %q is %q, want %q", word, got, want)
		}
	}
}

// TestStemBegins tests what lets most words be told apart from a stem by their first letter.
func TestStemBegins(t *testing.T) {
	word := rapid.Custom(func(t *rapid.T) string {
		ending := rapid.SampledFrom([]string{"", "s", "ies", "ied", "ed", "eed", "ing", "y", "ational", "fulness", "ement"})
		return rapid.StringMatching("[a-z]{1,4}").Draw(t, "word") + ending.Draw(t, "ending")
	})
	rapid.Check(t, func(t *rapid.T) {
		if w := word.Draw(t, "w"); analysis.FirstRune(analysis.Stem(w)) != analysis.FirstRune(w) {
			t.Errorf("the stem of %q is %q", w, analysis.Stem(w))
		}
	})
}

func TestEdits(t *testing.T) {
	for word, want := range map[string]int{"": 0, "soup": 0, "curry": 1, "chicken": 1, "vindaloo": 2, "café": 0, "crème": 1, "94612": 0,
		"x1000000": 0, "don't": 0} {
		if got := analysis.Edits(word); got != want {
			t.Errorf("%q may have %d letters wrong, want %d", word, got, want)
		}
	}
}

func FuzzStem(f *testing.F) {
	for _, word := range []string{"", "s", "ies", "curries", "y", "yyy", "ing", "żurek", "'s", "1ed", "eed"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		for _, term := range analysis.Terms(word) {
			if stem := analysis.Stem(term); len(stem) > len(term)+1 {
				t.Errorf("the stem of %q is %q", term, stem)
			}
		}
	})
}
