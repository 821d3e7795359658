package search

import (
	"strings"
	"unicode"
)

// The language's letters. Typographic quotes and dashes count as plain ones, since phones and word processors put them in.

func isQuote(r rune) bool { return strings.ContainsRune("\"“”„‟«»＂", r) }

func isDash(r rune) bool { return strings.ContainsRune("-–—−", r) }

func isComparator(r rune) bool { return strings.ContainsRune("<>=≤≥", r) }

// isBlank reports whether r is between words: a space, a control character, or one of the invisible marks that come along
// when text is copied.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) ||
		r == '\u200b' || r == '\u2060' || r == '\ufeff' || // of no width
		r == '\u200e' || r == '\u200f' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' // directions
}

func isKeyword(word string) bool { return word == "AND" || word == "OR" || word == "NOT" }

// normal returns a text with single spaces between its words and none around them.
func normal(text string) string { return strings.Join(strings.FieldsFunc(text, isBlank), " ") }

// nameEnd returns where a field's name ends that begins at a place; that place where none does. A name has letters, digits,
// underscores and hyphens, with dots between its parts; each part begins with a letter or an underscore.
func nameEnd(runes []rune, at int) int {
	begins := func(i int) bool { return i < len(runes) && (unicode.IsLetter(runes[i]) || runes[i] == '_') }
	if !begins(at) {
		return at
	}
	end := at + 1
	for end < len(runes) {
		r := runes[end]
		if !begins(end) && !unicode.IsDigit(r) && r != '-' && (r != '.' || !begins(end+1)) {
			break
		}
		end++
	}
	return end
}

// says reports whether there is anything in a text that an index can find: a letter, a digit, or a picture.
func says(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.So, r)
	})
}
