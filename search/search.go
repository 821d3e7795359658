// Package search is the language in which people search a view: words, phrases, and conditions such as total:>20. It has
// two halves. Parse reads a text into an Expr and knows no view; Fields.Compile gives an Expr its meaning over a view's
// mapping, as a view.Filter. Neither ever fails: what cannot be understood is left out, and a Warning says so.
// doc/search.md explains the language to those who use it.
package search

// What one search may hold. What is beyond is left out, with a warning.
const (
	MaxLength     = 256 // characters, also of the Expr when printed
	MaxConditions = 16  // words, phrases and conditions on fields
	MaxDepth      = 5   // parentheses within parentheses
	MaxWarnings   = 16  // of Parse and of Compile, each; further ones are not told
)

// maxQuote is the longest text of a Place, in characters.
const maxQuote = MaxLength

// Place is a part of the text that was given to Parse.
type Place struct {
	// Text is what stands there, or the first 256 characters of that.
	Text string
	// Start and End are where it begins and ends, counted in UTF-16 code units as JavaScript's strings do: "é" is one,
	// "🍕" two. A byte that is no UTF-8 counts as one.
	Start, End int
}

// Warning says what was left out of a search, or read otherwise than it was written.
type Warning struct {
	Message string // for the person who searches, in whole sentences
	Place   Place
}

// warnings are collected in order, each once, MaxWarnings at most.
type warnings []Warning

func (w *warnings) add(at Place, message string) {
	if len(*w) == MaxWarnings {
		return
	}
	for _, other := range *w {
		if other.Message == message && other.Place.Start == at.Start {
			return
		}
	}
	*w = append(*w, Warning{message, at})
}
