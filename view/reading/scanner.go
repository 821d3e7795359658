package reading

import (
	"encoding/binary"
	"math/bits"
	"reflect"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// scanner is a place in a source. What it cannot read it reports as false; where it is then means nothing.
type scanner struct {
	source []byte
	text   string // the source; "" where strings are copied one by one
	at     int
	levels int
}

// next skips white space and returns the byte at which the next token begins; 0 at the end.
func (s *scanner) next() byte {
	if s.at < len(s.source) && s.source[s.at] > ' ' {
		return s.source[s.at]
	}
	return s.nextBeyond()
}

func (s *scanner) nextBeyond() byte {
	for ; s.at < len(s.source); s.at++ {
		switch c := s.source[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take takes the next token, if it is this byte.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

// quoted takes a string and returns where its text is in the source. It is plain if it stands there as it is, in ASCII.
func (s *scanner) quoted() (from, to int, plain, ok bool) {
	if !s.take('"') {
		return 0, 0, false, false
	}
	from, plain = s.at, true
	for i := from; i < len(s.source); i++ {
		if i += plainBytes(s.source[i:]); i == len(s.source) {
			break
		}
		switch c := s.source[i]; {
		case c == '"':
			s.at = i + 1
			return from, i, plain, true
		case c < ' ':
			return 0, 0, false, false
		case c == '\\':
			i++
			fallthrough
		default:
			plain = false
		}
	}
	return 0, 0, false, false
}

// plainBytes returns how many bytes at the beginning of a text are in ASCII, and neither quotes, backslashes nor control
// characters. It looks at eight at a time: https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord.
func plainBytes(text []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; n+8 <= len(text); n += 8 {
		word := binary.LittleEndian.Uint64(text[n:])
		quote, backslash := word^(ones*'"'), word^(ones*'\\')
		other := (quote-ones)&^quote | (backslash-ones)&^backslash | (word - ones*' ') | word
		if other &= tops; other != 0 {
			return n + bits.TrailingZeros64(other)/8
		}
	}
	for n < len(text) && text[n] >= ' ' && text[n] < utf8.RuneSelf && text[n] != '"' && text[n] != '\\' {
		n++
	}
	return n
}

// skip takes a value, of which it looks at nothing but quotes and brackets.
func (s *scanner) skip() bool {
	switch s.next() {
	case '"':
		_, _, _, ok := s.quoted()
		return ok
	case '{', '[':
		return s.skipBelow()
	case 0, '}', ']', ',', ':':
		return false
	}
	for s.at < len(s.source) && !ends[s.source[s.at]] {
		s.at++
	}
	return true
}

// skipBelow takes a list or an object.
func (s *scanner) skipBelow() bool {
	depth := 0
	for s.at < len(s.source) {
		c := s.source[s.at]
		s.at++
		switch marks[c] {
		case opens:
			depth++
		case closes:
			if depth--; depth == 0 {
				return true
			}
		case quotes:
			s.at--
			if _, _, _, ok := s.quoted(); !ok {
				return false
			}
		}
	}
	return false
}

// What skipBelow looks for.
const (
	opens = iota + 1
	closes
	quotes
)

var marks = [256]byte{'{': opens, '[': opens, '}': closes, ']': closes, '"': quotes}

// ends are the bytes that end a number or a word.
var ends = [256]bool{' ': true, '\t': true, '\r': true, '\n': true, ',': true, ':': true, ']': true, '}': true, '[': true, '{': true, '"': true}

// unplanned returns what has the other package read values of a type.
func unplanned(reflect.Type) reader {
	return func(s *scanner, v reflect.Value) bool {
		s.next()
		from := s.at
		return s.skip() && jsonv2.Unmarshal(s.source[from:s.at], v.Addr().Interface(), asWritten) == nil
	}
}

// orNull returns what reads null as the other package does, and what is not null as read does.
func orNull(t reflect.Type, read reader) reader {
	null := unplanned(t)
	return func(s *scanner, v reflect.Value) bool {
		if s.next() == 'n' {
			return null(s, v)
		}
		return read(s, v)
	}
}

func readRaw(s *scanner, v reflect.Value) bool {
	s.next()
	from := s.at
	if !s.skip() {
		return false
	}
	v.SetBytes(s.source[from:s.at:s.at])
	return true
}

func readString(s *scanner, v reflect.Value) bool {
	from, to, plain, ok := s.quoted()
	switch {
	case !ok:
		return false
	case plain || !hasEscape(s.source[from:to]) && utf8.Valid(s.source[from:to]):
		if s.text != "" {
			v.SetString(s.text[from:to])
		} else {
			v.SetString(string(s.source[from:to]))
		}
		return true
	}
	text, err := jsontext.AppendUnquote(nil, s.source[from-1:to+1])
	if err != nil {
		return false
	}
	v.SetString(string(text))
	return true
}

func hasEscape(text []byte) bool {
	for _, c := range text {
		if c == '\\' {
			return true
		}
	}
	return false
}

func readBool(s *scanner, v reflect.Value) bool {
	word := s.word()
	v.SetBool(word == "true")
	return word == "true" || word == "false"
}

// word takes a number or a word.
func (s *scanner) word() string {
	s.next()
	from := s.at
	for s.at < len(s.source) && !ends[s.source[s.at]] {
		s.at++
	}
	if s.text != "" {
		return s.text[from:s.at]
	}
	return string(s.source[from:s.at])
}

// wholeNumber takes a number that is written with digits alone.
func (s *scanner) wholeNumber() (n uint64, ok bool) {
	from := s.at
	for s.at < len(s.source) && s.source[s.at]-'0' <= 9 {
		n = n*10 + uint64(s.source[s.at]-'0')
		s.at++
	}
	digits := s.at - from
	return n, digits > 0 && digits < 19 && (digits == 1 || s.source[from] != '0') && (s.at == len(s.source) || ends[s.source[s.at]])
}

func readUint(s *scanner, v reflect.Value) bool {
	s.next()
	n, ok := s.wholeNumber()
	v.SetUint(n)
	return ok && !v.OverflowUint(n)
}

func readInt(s *scanner, v reflect.Value) bool {
	negative := s.take('-')
	u, ok := s.wholeNumber()
	n := int64(u)
	if negative {
		n = -n
	}
	v.SetInt(n)
	return ok && !v.OverflowInt(n)
}

// readTime reads a time in UTC without fractions itself, as most are.
func readTime(s *scanner, v reflect.Value) bool {
	s.next()
	start := s.at
	from, to, _, ok := s.quoted()
	if !ok {
		return false
	}
	into := v.Addr().Interface().(*time.Time)
	if *into, ok = wholeSecond(s.source[from:to]); ok {
		return true
	}
	return jsonv2.Unmarshal(s.source[start:s.at], into, asWritten) == nil
}

// wholeSecond reads a time such as 2026-03-01T12:07:00Z.
func wholeSecond(text []byte) (time.Time, bool) {
	const form = "0000-00-00T00:00:00Z"
	if len(text) != len(form) {
		return time.Time{}, false
	}
	for i := range len(form) {
		if c := text[i]; form[i] == '0' && c-'0' > 9 || form[i] != '0' && c != form[i] {
			return time.Time{}, false
		}
	}
	two := func(at int) int { return int(text[at]-'0')*10 + int(text[at+1]-'0') }
	year, month, day := two(0)*100+two(2), time.Month(two(5)), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	return t, t.Month() == month && t.Day() == day
}
