package search

// Expr is a search as it was understood: And, Or, Not, Word, Condition or Group. Parse returns it in normal form: an And in
// no And and an Or in no Or; neither of fewer than two parts, but for And{}, the search without any condition; a Not
// around no Not. An Expr is not changed once it is made.
type Expr interface {
	// String returns the search in canonical form: Parse reads the same Expr from it, without a warning.
	String() string
	write(p *printer, in scope)
}

// And holds if all hold. And{} is the empty search and limits nothing.
type And []Expr

// Or holds if any holds.
type Or []Expr

// Not holds if the other does not.
type Not struct{ Expr Expr }

// Word is a word that is looked for everywhere, or a phrase.
type Word struct {
	Text   string
	Phrase bool  // was quoted: the words stand next to each other in this order
	Prefix bool  // ended with a *: the last word may be the beginning of a longer one
	At     Place // where it was found
	// Unfinished tells that the text ends with this word, without even a space: it may still be being typed.
	Unfinished bool
}

// Op is how a Condition compares.
type Op string

// The comparisons.
const (
	Is      Op = ":"   // field:value; with Condition.Phrase or Condition.Prefix field:"two words" and field:begin*
	Above   Op = ":>"  // field:>value
	AtLeast Op = ":>=" // field:>=value
	Below   Op = ":<"  // field:<value
	AtMost  Op = ":<=" // field:<=value
	Between Op = ".."  // field:a..b, both included
	Exists  Op = ":*"  // field:*, it has a value
)

// Condition is what is asked of one field.
type Condition struct {
	Field      string // as written
	Op         Op
	Value      string // what is compared with; of Between the lower end, "" for none; of Exists ""
	To         string // of Between the upper end, "" for none; not both ends are ""
	Phrase     bool   // of Is, as in Word
	Prefix     bool   // of Is, as in Word
	At         Place  // where it was found
	Named      Place  // where Field was
	Unfinished bool   // as in Word
}

// Group is field:(a OR b). It tells how the conditions inside were written and means nothing by itself: each Condition in
// it names its field. Its Expr is neither a Condition, nor a Not of one, nor a Group of the same field.
type Group struct {
	Field string
	Expr  Expr
}

// Equal reports whether two searches are the same, wherever their parts were found.
func Equal(a, b Expr) bool { return a.String() == b.String() }

// Words returns the single words that are looked for everywhere, in their order: no phrases, no beginnings, and nothing
// below a Not. They are what a person may have mistyped.
func Words(e Expr) []Word {
	var found []Word
	replace(e, func(w Word) Expr {
		found = append(found, w)
		return w
	})
	return found
}

// Replace returns e with another word in the place of Words(e)[i]. Without such a word it returns e.
func Replace(e Expr, i int, word string) Expr {
	if word = normal(word); word == "" {
		return e
	}
	at := -1
	return replace(e, func(w Word) Expr {
		if at++; at == i {
			w.Text = word
		}
		return w
	})
}

// replace returns e with each of Words(e) replaced.
func replace(e Expr, by func(Word) Expr) Expr {
	switch e := e.(type) {
	case And:
		return And(replaceAll(e, by))
	case Or:
		return Or(replaceAll(e, by))
	case Group:
		return Group{e.Field, replace(e.Expr, by)}
	case Word:
		if !e.Phrase && !e.Prefix {
			return by(e)
		}
	}
	return e
}

func replaceAll(list []Expr, by func(Word) Expr) []Expr {
	replaced := make([]Expr, len(list))
	for i, e := range list {
		replaced[i] = replace(e, by)
	}
	return replaced
}

// The functions below make normal forms. They take nil for what was left out, and return nil where nothing is left.

func and(parts ...Expr) Expr {
	var all And
	for _, e := range parts {
		switch e := e.(type) {
		case nil:
		case And:
			all = append(all, e...)
		default:
			all = append(all, e)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

func or(parts ...Expr) Expr {
	var either Or
	for _, e := range parts {
		switch e := e.(type) {
		case nil:
		case Or:
			either = append(either, e...)
		default:
			either = append(either, e)
		}
	}
	switch len(either) {
	case 0:
		return nil
	case 1:
		return either[0]
	}
	return either
}

func not(e Expr) Expr {
	switch e := e.(type) {
	case nil:
		return nil
	case Not:
		return e.Expr
	}
	return Not{e}
}

func group(field string, e Expr) Expr {
	inner := e
	if n, ok := e.(Not); ok {
		inner = n.Expr
	}
	switch inner := inner.(type) {
	case nil:
		return nil
	case Condition:
		return e
	case Group:
		if inner.Field == field {
			return e
		}
	}
	return Group{field, e}
}
