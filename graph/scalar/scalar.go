// Package scalar reads and writes the schema's scalars. Each is strict in what it takes, also from variables, which the
// GraphQL library hands over as they came.
package scalar

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/wire"
)

// Error says what is wrong with a value that a client sent, in words for the client.
type Error struct{ Reason string }

func (e *Error) Error() string { return e.Reason }

func wrong(v any, what string) error {
	return &Error{fmt.Sprintf("%.40q is not %s", fmt.Sprint(v), what)}
}

// MarshalInt writes an Int.
func MarshalInt(i int) graphql.Marshaler { return graphql.MarshalInt(i) }

// UnmarshalInt reads an Int: a whole number of 32 bits. A string is none, whatever it holds.
func UnmarshalInt(v any) (int, error) {
	n, err := strconv.ParseInt(number(v), 10, 32)
	if err != nil {
		return 0, wrong(v, "an Int: a whole number of 32 bits")
	}
	return int(n), nil
}

// number returns a JSON number's text, "" for what is none.
func number(v any) string {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

// MarshalVersion writes a Version as a number.
func MarshalVersion(v view.Version) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { io.WriteString(w, strconv.FormatUint(uint64(v), 10)) })
}

// UnmarshalVersion reads a Version from a number, or from a string of digits for clients whose numbers end at 2^53.
func UnmarshalVersion(v any) (view.Version, error) {
	text, isString := v.(string)
	if !isString {
		text = number(v)
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, wrong(v, "a Version: a whole number from 0 to 2^64-1")
	}
	return view.Version(n), nil
}

// MarshalDecimal writes a Decimal as the string that it is kept as.
func MarshalDecimal(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalDecimal reads a Decimal and returns its canonical form. A JSON number is not one, since it may have been
// rounded on its way.
func UnmarshalDecimal(v any) (string, error) {
	text, ok := v.(string)
	if !ok {
		return "", wrong(v, `a Decimal: a string such as "61.70"`)
	}
	m, err := wire.ParseMoney(text)
	if err != nil {
		return "", wrong(v, `a Decimal: a string such as "61.70"`)
	}
	return m.String(), nil
}

// dateTime writes milliseconds only where there are any.
const dateTime = "2006-01-02T15:04:05.999Z07:00"

// MarshalDateTime writes a DateTime in UTC.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.MarshalString(t.UTC().Truncate(time.Millisecond).Format(dateTime))
}

// UnmarshalDateTime reads RFC 3339 with any offset.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, wrong(v, `a DateTime: RFC 3339 such as "2026-03-01T11:07:00Z"`)
	}
	return wire.At(t).Time, nil
}
