package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// checkText refuses bytes that must not reach a JSON decoder: what is not UTF-8, what is nested deeper than MaxDepth, and
// what holds more than MaxValues values, since an array of two bytes an element unfolds to a hundred times its size. It
// does not say that data is JSON.
func checkText(data []byte) error {
	if !utf8.Valid(data) {
		return failf(ReasonEncoding, "the text is not UTF-8")
	}
	depth, values := 0, 1
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			end := stringEnd(data, i)
			if end < 0 {
				return failf(ReasonFormat, "the text ends within a string")
			}
			i = end - 1
		case '{', '[':
			if depth++; depth > MaxDepth {
				return failf(ReasonTooLarge, "JSON nested deeper than %d", MaxDepth)
			}
		case '}', ']':
			depth--
		case ',':
			if values++; values > MaxValues {
				return failf(ReasonTooLarge, "JSON of more than %d values", MaxValues)
			}
		}
	}
	return nil
}

// members calls visit for each member of a JSON object, in its order: the name without quotes and escapes, the value as
// it stands. It allocates nothing but names with escapes. It reports whether data has an object's outline; inside the
// values, anything goes.
func members(data []byte, visit func(name, value []byte)) bool {
	i := skipSpace(data, 0)
	if i == len(data) || data[i] != '{' {
		return false
	}
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == '}' {
		return skipSpace(data, i+1) == len(data)
	}
	for i < len(data) && data[i] == '"' {
		end := stringEnd(data, i)
		if end < 0 {
			return false
		}
		name, ok := content(data[i:end])
		if i = skipSpace(data, end); !ok || i == len(data) || data[i] != ':' {
			return false
		}
		i = skipSpace(data, i+1)
		if end = valueEnd(data, i); end < 0 {
			return false
		}
		visit(name, data[i:end])
		if i = skipSpace(data, end); i == len(data) {
			return false
		}
		switch data[i] {
		case ',':
			i = skipSpace(data, i+1)
		case '}':
			return skipSpace(data, i+1) == len(data)
		default:
			return false
		}
	}
	return false
}

// content returns what a JSON string stands for.
func content(quoted []byte) ([]byte, bool) {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return nil, false
	}
	return []byte(s), true
}

// valueEnd returns the index after the value that begins at data[i], or -1 where there is none.
func valueEnd(data []byte, i int) int {
	depth := 0
	for start := i; i < len(data); i++ {
		switch data[i] {
		case '"':
			end := stringEnd(data, i)
			if end < 0 || depth == 0 {
				return end
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']', ',', ' ', '\t', '\r', '\n':
			if depth == 0 { // behind a number or a literal
				if i == start {
					return -1
				}
				return i
			}
			if data[i] == '}' || data[i] == ']' {
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	return -1
}

// stringEnd returns the index after the string whose opening quote is data[i], or -1 where it does not end.
func stringEnd(data []byte, i int) int {
	for i++; ; i++ {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return -1
		}
		start := i
		i += n
		escapes := 0
		for i-escapes > start && data[i-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\r' || data[i] == '\n') {
		i++
	}
	return i
}

// firstByte returns the first byte that is not white space, or 0.
func firstByte(data []byte) byte {
	if i := skipSpace(data, 0); i < len(data) {
		return data[i]
	}
	return 0
}

// scalar reads a JSON string, number or truth value as text: producers write counters as either of the first two.
type scalar string

// UnmarshalJSON implements json.Unmarshaler.
func (s *scalar) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '"':
		return json.Unmarshal(data, (*string)(s))
	case '{', '[':
		return errors.New("an object or an array where a string or a number should be")
	}
	*s = scalar(data)
	return nil
}
