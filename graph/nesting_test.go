package graph

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestNesting(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `1`: 0, `{}`: 1, `{"a": [1, {"b": []}], "c": [[]]}`: 4, `["]", "\"[[[", "\\", []]`: 2, `[[[`: 3, `]]][`: 0, `"[`: 0, `"\`: 0,
	} {
		if got := nesting([]byte(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// FuzzNesting compares with a decoder what is JSON.
func FuzzNesting(f *testing.F) {
	for _, seed := range []string{`{"query": "{ a }", "variables": {"x": [[1]]}}`, `"\""`, `["\\"]`, `[{"a":"}]"}]`, "[[", "\"\\u005b\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := nesting([]byte(text))
		if got < 0 || got > len(text) {
			t.Fatalf("%d", got)
		}
		if !json.Valid([]byte(text)) {
			return
		}
		deepest, depth := 0, 0
		for d := json.NewDecoder(strings.NewReader(text)); ; {
			token, err := d.Token()
			if err != nil {
				break
			}
			switch token {
			case json.Delim('['), json.Delim('{'):
				depth++
				deepest = max(deepest, depth)
			case json.Delim(']'), json.Delim('}'):
				depth--
			}
		}
		if got != deepest {
			t.Errorf("%d levels, want %d", got, deepest)
		}
	})
}
