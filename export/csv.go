package export

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/viewgate/viewgate/view"
)

// CSV writes documents as RFC 4180 has it: a row for each with a cell for each column, lines that end in CR LF, quotes where
// they are needed.
//
// A cell holds the field's value as it stands in the document: of money the exact amount, of a place the latitude, a comma
// and the longitude, of a boolean true or false, and nothing where there is none. Values of a list are joined by "; ", one
// for each of its elements, so that those of two columns of the list belong together by their place.
//
// A spreadsheet takes a text that begins with = + - @, a tab or a CR for a formula, and runs it. So an
// apostrophe is put before it; a number is left as it is.
type CSV struct{ columns []*view.Field }

// NewCSV returns the encoder of these columns, one at least.
func NewCSV(columns []*view.Field) *CSV { return &CSV{columns} }

// Header returns the first line: the columns' paths.
func (c *CSV) Header() []byte {
	var cells []string
	for _, f := range c.columns {
		cells = append(cells, f.Path)
	}
	return appendRow(nil, cells)
}

// Append appends a document's row.
func (c *CSV) Append(into []byte, document json.RawMessage) ([]byte, error) {
	source, err := view.DecodeSource(document)
	if err != nil {
		return nil, err
	}
	cells := make([]string, len(c.columns))
	for i, f := range c.columns {
		cells[i] = cellOf(f, source)
	}
	return appendRow(into, cells), nil
}

// separator stands between the values of a list.
const separator = "; "

// item is one value of a cell.
type item struct {
	text   string
	number bool
}

func cellOf(f *view.Field, source map[string]any) string {
	var texts []string
	empty, numbers := true, true
	for _, it := range items(nil, f.Kind, source, f.Path, false) {
		texts = append(texts, it.text)
		empty = empty && it.text == ""
		numbers = numbers && (it.number || it.text == "")
	}
	if empty {
		return ""
	}
	cell := strings.Join(texts, separator)
	if numbers {
		return cell
	}
	return guard(cell)
}

// items appends the values at a path below from. An element of a list that has none there is an empty one.
func items(into []item, kind view.Kind, from any, path string, listed bool) []item {
	if list, is := from.([]any); is {
		for _, element := range list {
			into = items(into, kind, element, path, true)
		}
		return into
	}
	object, isObject := from.(map[string]any)
	if isObject && path != "" {
		name, rest, _ := strings.Cut(path, ".")
		return items(into, kind, object[name], rest, listed)
	}
	var it item
	switch {
	case path != "":
	case kind == view.Money && isObject:
		it = itemOf(kind, object["amount"])
	case kind == view.Geo && isObject:
		latitude, longitude := itemOf(kind, object["latitude"]), itemOf(kind, object["longitude"])
		if latitude.text != "" && longitude.text != "" {
			it = item{latitude.text + "," + longitude.text, latitude.number && longitude.number}
		}
	default:
		it = itemOf(kind, from)
	}
	if it.text == "" && !listed {
		return into
	}
	return append(into, it)
}

func itemOf(kind view.Kind, value any) item {
	switch v := value.(type) {
	case json.Number:
		return item{v.String(), true}
	case string:
		return item{v, (kind == view.Number || kind == view.Money) && isDecimal(v)}
	case bool:
		return item{strconv.FormatBool(v), false}
	}
	return item{}
}

// isDecimal reports whether a text is a decimal number and nothing else.
func isDecimal(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil && strings.Trim(text, "+-.0123456789eE") == ""
}

// formula is what a text begins with that a spreadsheet takes for a formula.
const formula = "=+-@\t\r"

// guard returns a text that no spreadsheet takes for a formula. One that has apostrophes before a formula already gets
// another, so that what was guarded is told from what was not.
func guard(text string) string {
	if guarded(text) {
		return "'" + text
	}
	return text
}

func guarded(text string) bool {
	rest := strings.TrimLeft(text, "'")
	return rest != "" && strings.IndexByte(formula, rest[0]) >= 0
}

func appendRow(into []byte, cells []string) []byte {
	for i, cell := range cells {
		if i > 0 {
			into = append(into, ',')
		}
		// A row of one empty cell would be an empty line, which readers skip. Some trim spaces where there are no quotes.
		if cell == "" && len(cells) > 1 || cell != "" && !strings.ContainsAny(cell, ",\"\r\n") && strings.TrimSpace(cell) == cell {
			into = append(into, cell...)
			continue
		}
		into = append(into, '"')
		into = append(into, strings.ReplaceAll(cell, `"`, `""`)...)
		into = append(into, '"')
	}
	return append(into, '\r', '\n')
}
