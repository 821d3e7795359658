package view

// ValueQuery asks for up to Size values of a @facet field of texts or keywords that look Like something.
type ValueQuery struct {
	Field string
	Like  Like
	Size  int // 1 to MaxSize
}

// Like is what a value looks like. The zero Like fits every value.
type Like struct {
	// Beginning fits values in which each word of this text begins a word, and all but the last are whole words.
	Beginning string
	// Resembling fits values one word of which is not this one but like it: up to one letter is wrong in words of three
	// letters and more, two in six and more (see Typos; the first letter may be the one).
	Resembling string
}

// Check reports the first thing that the mapping does not allow, as an *InvalidError. Stores call it first.
func (q *ValueQuery) Check(m *Mapping) error {
	f := m.Field(q.Field)
	if f == nil || !f.Facet || f.Kind != Text && f.Kind != Keyword {
		return invalid(q.Field, "not a field with values to look for")
	}
	if q.Size < 1 || q.Size > MaxSize {
		return invalid(q.Field, "%d values: 1 to %d are possible", q.Size, MaxSize)
	}
	return nil
}

// CheckScan is Check for a query that is scanned.
func (q *Query) CheckScan(m *Mapping) error {
	switch {
	case q.Backward || q.From != nil || len(q.Facets) > 0:
		return invalid("", "what is scanned has no place to begin from and no facets")
	case q.Size < 1:
		return invalid("", "pages of %d documents", q.Size)
	}
	return q.Check(m)
}
