package embedded

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/char/asciifolding"
	"github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/numeric"
	index "github.com/blevesearch/bleve_index_api"
	"golang.org/x/text/unicode/norm"

	"github.com/viewgate/viewgate/view"
)

// Names of index fields; the package comment tells what each is for.
const (
	wordsOf = "w:"
	keyOf   = "k:"
	valueOf = "v:"
	rangeOf = "n:"
	orderOf = "s:"

	fieldPaths   = "_paths"   // each path that has a value
	fieldVisible = "_visible" // termVisible
	fieldRecord  = "_record"  // stored, not indexed: see record

	termVisible = "1"
)

// Options of index fields. Frequencies and lengths are kept only where they are scored by.
const (
	scored   = index.IndexField
	unscored = index.IndexField | index.SkipFreqNorm
	columned = unscored | index.DocValues
)

// indexable returns the document with all its index fields but the record.
func indexable(m *view.Mapping, w view.Write) (*document.Document, error) {
	source, err := w.Check()
	if err != nil {
		return nil, err
	}
	d := document.NewDocument(w.ID)
	if w.Hidden {
		return d, nil
	}
	addTerm(d, fieldVisible, termVisible, unscored)
	for i := range m.Fields {
		f := &m.Fields[i]
		values := f.Values(source)
		if len(values) > 0 {
			addTerm(d, fieldPaths, f.Path, unscored)
		}
		for _, v := range values {
			addValue(d, f, v)
		}
	}
	return d, nil
}

func addValue(d *document.Document, f *view.Field, v any) {
	switch f.Kind {
	case view.Text:
		if f.Weight > 0 {
			d.AddField(document.NewTextFieldCustom(wordsOf+f.Path, nil, []byte(v.(string)), scored, wordAnalyzer{}))
		}
		fallthrough
	case view.Keyword, view.Boolean:
		if f.Facet {
			addTerm(d, valueOf+f.Path, shown(v), columned)
		}
		if f.Whole() {
			options := unscored
			if f.Kind == view.Keyword && f.Weight > 0 {
				options = scored
			}
			if f.Sortable {
				options |= index.DocValues
			}
			addTerm(d, keyOf+f.Path, key(f, v), options)
		}
	case view.Number, view.Money, view.Date:
		n := number(v)
		d.AddField(document.NewNumericFieldWithIndexingOptions(rangeOf+f.Path, nil, n, unscored))
		if f.Sortable {
			addTerm(d, orderOf+f.Path, string(numberTerm(n)), columned)
		}
	}
}

func addTerm(d *document.Document, field, term string, options index.FieldIndexingOptions) {
	d.AddField(document.NewTextFieldCustom(field, nil, []byte(term), options, nil))
}

// shown returns a value as a facet shows it.
func shown(v any) string {
	if b, ok := v.(bool); ok {
		return strconv.FormatBool(b)
	}
	return v.(string)
}

// key returns what a field's value is compared and ordered by.
func key(f *view.Field, v any) string {
	if f.Kind == view.Boolean || f.Exact() {
		return shown(v)
	}
	return fold(v.(string))
}

// number returns a number, an amount or a date as the index compares it: a date is milliseconds since 1970 UTC.
func number(v any) float64 {
	if t, ok := v.(time.Time); ok {
		return float64(t.UnixMilli())
	}
	return v.(float64) + 0 // the sum makes a negative zero a zero
}

// numberTerm returns n as a term, ordered by its bytes as the numbers are.
func numberTerm(n float64) []byte {
	return numeric.MustNewPrefixCodedInt64(numeric.Float64ToInt64(n), 0)
}

// termNumber is the inverse of numberTerm.
func termNumber(term string) (float64, error) {
	n, err := numeric.PrefixCoded(term).Int64()
	if err != nil {
		return 0, fmt.Errorf("order term %q: %w", term, err)
	}
	return numeric.Int64ToFloat64(n), nil
}

// fold makes texts that differ in case and accents only equal. What has no form in ASCII stays as it is.
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			s = string(asciifolding.New().Filter([]byte(norm.NFC.String(s))))
			break
		}
	}
	return strings.ToLower(s)
}

// words splits a text as wordAnalyzer does. A text of signs alone has none.
func words(s string) []string {
	var found []string
	for _, token := range (wordAnalyzer{}).Analyze([]byte(s)) {
		found = append(found, string(token.Term))
	}
	return found
}

// wordAnalyzer splits a text at the word boundaries of Unicode's annex 29 and folds each word. It does not stem: names
// of dishes and streets are in no one language.
type wordAnalyzer struct{}

// Analyze implements analysis.Analyzer.
func (wordAnalyzer) Analyze(text []byte) analysis.TokenStream {
	tokens := unicode.NewUnicodeTokenizer().Tokenize(norm.NFC.Bytes(text))
	for _, token := range tokens {
		token.Term = []byte(fold(string(token.Term)))
	}
	return tokens
}

// record is what is stored of a document: its source, as it was written, behind 8 bytes of counter and 1 of flags.
type record []byte

const recordHead = 9

func newRecord(counter uint64, w view.Write) record {
	r := make(record, 0, recordHead+len(w.Source))
	r = binary.BigEndian.AppendUint64(r, counter)
	if w.Hidden {
		r = append(r, 1)
	} else {
		r = append(r, 0)
	}
	return append(r, w.Source...)
}

func (r record) counter() uint64 { return binary.BigEndian.Uint64(r) }
func (r record) hidden() bool    { return r[8] == 1 }
func (r record) source() []byte  { return r[recordHead:] }
