package embedded

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"

	bleveanalysis "github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/numeric"
	index "github.com/blevesearch/bleve_index_api"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/analysis"
)

// Names of index fields; the package comment tells what each is for.
const (
	wordsOf = "w:"
	stemsOf = "m:"
	placeOf = "g:"
	keyOf   = "k:"
	valueOf = "v:"
	rangeOf = "n:"
	orderOf = "s:"

	fieldPaths   = "_paths"   // each path that has a value
	fieldVisible = "_visible" // termVisible
	fieldRecord  = "_record"  // stored, not indexed: see record

	termVisible = "1"
)

// Options of index fields. Only words have places, for phrases.
const (
	placed   = index.IndexField | index.IncludeTermVectors
	unscored = index.IndexField | index.SkipFreqNorm
	columned = unscored | column
	column   = index.DocValues | index.SkipDVChunking | index.SkipDVCompression
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
		for j, v := range values {
			addValue(d, f, uint64(j), v)
		}
	}
	return d, nil
}

// addValue adds a field's value, the number of which tells its words from those of the others.
func addValue(d *document.Document, f *view.Field, number uint64, v any) {
	switch f.Kind {
	case view.Text:
		if f.Weight > 0 {
			text := v.(string)
			d.AddField(document.NewTextFieldCustom(wordsOf+f.Path, []uint64{number}, []byte(text), placed, wordAnalyzer{}))
			for _, term := range analysis.Terms(text) {
				addTerm(d, stemsOf+f.Path, analysis.Stem(term), unscored)
			}
		}
		fallthrough
	case view.Keyword, view.Boolean:
		if f.Facet {
			addTerm(d, valueOf+f.Path, shown(v), columned)
		}
		if f.Whole() {
			options := unscored
			if f.Sortable {
				options |= column
			}
			addTerm(d, keyOf+f.Path, key(f, v), options)
		}
	case view.Number, view.Money, view.Date:
		n := numberOf(v)
		d.AddField(document.NewNumericFieldWithIndexingOptions(rangeOf+f.Path, nil, n, unscored))
		if f.Sortable || f.Facet {
			addTerm(d, orderOf+f.Path, string(numberTerm(n)), columned)
		}
	case view.Geo:
		if number == 0 {
			p := v.(view.Point)
			d.AddField(document.NewNumericFieldWithIndexingOptions(rangeOf+f.Path, nil, p.Latitude, unscored))
			addTerm(d, placeOf+f.Path, placeTerm(p), columned)
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
	return analysis.Fold(v.(string))
}

// placeTerm returns a point as a term.
func placeTerm(p view.Point) string {
	term := binary.BigEndian.AppendUint64(nil, math.Float64bits(p.Latitude))
	return string(binary.BigEndian.AppendUint64(term, math.Float64bits(p.Longitude)))
}

// termPlace is the inverse of placeTerm.
func termPlace(term []byte) (view.Point, error) {
	if len(term) != 16 {
		return view.Point{}, fmt.Errorf("place term of %d bytes", len(term))
	}
	return view.Point{
		Latitude:  math.Float64frombits(binary.BigEndian.Uint64(term)),
		Longitude: math.Float64frombits(binary.BigEndian.Uint64(term[8:])),
	}, nil
}

// numberOf returns a number, an amount or a date as the index compares it: a date is milliseconds since 1970 UTC.
func numberOf(v any) float64 {
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

// wordAnalyzer splits a text into its words.
type wordAnalyzer struct{}

// Analyze implements analysis.Analyzer.
func (wordAnalyzer) Analyze(text []byte) bleveanalysis.TokenStream {
	words := analysis.Words(string(text))
	tokens := make(bleveanalysis.TokenStream, len(words))
	for i, w := range words {
		tokens[i] = &bleveanalysis.Token{Term: []byte(w.Term), Start: w.Start, End: w.End, Position: i + 1}
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
