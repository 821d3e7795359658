// Package wire holds the scalars and small values as the food-to-go services write them in JSON, in their events and in
// their answers over HTTP alike: money, times, ids, addresses, line items.
//
// Its types are lenient in the form they read, strict in what they accept, and write one canonical form, so that the
// same fact read from an event and from an owner's answer gives the same bytes.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Money is an exact decimal amount without a currency. It reads a JSON string or number of at most 15 digits before the
// point and 6 behind it, without an exponent; it writes a string with two decimals, or more where they are not zero.
type Money struct{ decimal.Decimal }

// ErrMoney reports an amount that is not a plain decimal within Money's bounds.
var ErrMoney = errors.New("not a decimal amount such as 61.70")

// ParseMoney reads a plain decimal such as "61.70". Exponents are refused: "1e999999999" is short to send and long to print.
func ParseMoney(s string) (Money, error) {
	digits := strings.TrimPrefix(s, "-")
	whole, fraction, hasPoint := strings.Cut(digits, ".")
	if !isDigits(whole, 15) || hasPoint && !isDigits(fraction, 6) {
		return Money{}, fmt.Errorf("%w: %.40q", ErrMoney, s)
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return Money{}, fmt.Errorf("%w: %.40q", ErrMoney, s)
	}
	return Money{d}, nil
}

func isDigits(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// String returns the canonical form: two decimals, or as many as the amount has beyond them.
func (m Money) String() string {
	if m.Equal(m.Round(2)) {
		return m.StringFixed(2)
	}
	return m.Decimal.String()
}

// Times returns the amount n times.
func (m Money) Times(n int) Money { return Money{m.Mul(decimal.NewFromInt(int64(n)))} }

// MarshalJSON writes the canonical form as a JSON string.
func (m Money) MarshalJSON() ([]byte, error) { return []byte(`"` + m.String() + `"`), nil }

// UnmarshalJSON reads a JSON string or number; null changes nothing.
func (m *Money) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	v, err := ParseMoney(unquote(data))
	if err != nil {
		return err
	}
	*m = v
	return nil
}

// Time is a moment in UTC with millisecond precision, the finest that every store keeps. It reads RFC 3339 and the
// zoneless form that Java's LocalDateTime has ("2026-03-01T11:32:00", with or without seconds), which is taken as UTC.
type Time struct{ time.Time }

// ErrTime reports a text that is no time that Time can read.
var ErrTime = errors.New("not a time such as 2026-03-01T11:32:00Z")

// At returns t as a Time: UTC, cut to milliseconds.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// ParseTime reads one of Time's forms. Years beyond 1 to 9999 are refused.
func ParseTime(s string) (Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			t = t.UTC()
			if t.Year() < 1 || t.Year() > 9999 {
				break
			}
			return At(t), nil
		}
	}
	return Time{}, fmt.Errorf("%w: %.40q", ErrTime, s)
}

// MarshalJSON writes RFC 3339 in UTC.
func (t Time) MarshalJSON() ([]byte, error) { return t.UTC().MarshalJSON() }

// UnmarshalJSON reads a JSON string; null changes nothing.
func (t *Time) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	if len(data) == 0 || data[0] != '"' {
		return fmt.Errorf("%w: %.40s", ErrTime, data)
	}
	v, err := ParseTime(unquote(data))
	if err != nil {
		return err
	}
	*t = v
	return nil
}

// ID is an aggregate's id: a JSON number of up to 19 digits or a string of 1 to 128 bytes, kept as a string. It writes a
// JSON number where it is one, as the services do.
type ID string

// ErrID reports an id that is neither an integer nor a short string.
var ErrID = errors.New("not an id: an integer, or a string of 1 to 128 bytes")

// MarshalJSON writes digits as a number, anything else as a string.
func (id ID) MarshalJSON() ([]byte, error) {
	if n, err := strconv.ParseInt(string(id), 10, 64); err == nil && strconv.FormatInt(n, 10) == string(id) {
		return []byte(id), nil
	}
	return json.Marshal(string(id))
}

// UnmarshalJSON reads a number or a string; null changes nothing.
func (id *ID) UnmarshalJSON(data []byte) error {
	if isNull(data) {
		return nil
	}
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		if s == "" || len(s) > 128 {
			return fmt.Errorf("%w: %d bytes", ErrID, len(s))
		}
		*id = ID(s)
		return nil
	}
	n, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %.40s", ErrID, data)
	}
	*id = ID(strconv.FormatInt(n, 10))
	return nil
}

// Address is a postal address.
type Address struct {
	Street1 string `json:"street1"`
	Street2 string `json:"street2,omitempty"`
	City    string `json:"city"`
	State   string `json:"state"`
	Zip     string `json:"zip"`
}

// LineItem is one line of an order. Total is price times quantity.
type LineItem struct {
	MenuItemID ID     `json:"menuItemId"`
	Name       string `json:"name"`
	Quantity   int    `json:"quantity"`
	Price      Money  `json:"price"`
	Total      Money  `json:"total"`
}

// Location is a point on Earth in degrees (WGS 84).
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

func isNull(data []byte) bool { return string(data) == "null" }

// unquote takes the quotes off a JSON string without escapes; other text it returns as it is.
func unquote(data []byte) string {
	return string(bytes.Trim(data, `"`))
}
