package scalar

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/view"
)

func written(m graphql.Marshaler) string {
	var b bytes.Buffer
	m.MarshalGQL(&b)
	return b.String()
}

func TestUnmarshal(t *testing.T) {
	reads := map[string]func(any) (any, error){
		"Int":      func(v any) (any, error) { return UnmarshalInt(v) },
		"Version":  func(v any) (any, error) { return UnmarshalVersion(v) },
		"Decimal":  func(v any) (any, error) { return UnmarshalDecimal(v) },
		"DateTime": func(v any) (any, error) { return UnmarshalDateTime(v) },
	}
	moment := time.Date(2026, 3, 1, 11, 7, 0, 5e6, time.UTC)
	for _, test := range []struct {
		scalar string
		from   any
		want   any // nil: refused
	}{
		{"Int", json.Number("5"), 5},
		{"Int", int64(-5), -5},
		{"Int", 7, 7},
		{"Int", json.Number("2147483647"), 2147483647},
		{"Int", json.Number("2147483648"), nil},
		{"Int", json.Number("-2147483649"), nil},
		{"Int", json.Number("1.5"), nil},
		{"Int", json.Number("1e3"), nil},
		{"Int", "5", nil},
		{"Int", true, nil},
		{"Int", nil, nil},
		{"Version", json.Number("18446744073709551615"), view.Version(1<<64 - 1)},
		{"Version", "18446744073709551615", view.Version(1<<64 - 1)},
		{"Version", json.Number("18446744073709551616"), nil},
		{"Version", int64(3), view.Version(3)},
		{"Version", "0", view.Version(0)},
		{"Version", int64(-1), nil},
		{"Version", "-1", nil},
		{"Version", "+1", nil},
		{"Version", " 1", nil},
		{"Version", "1.0", nil},
		{"Version", json.Number("1.5"), nil},
		{"Version", "", nil},
		{"Version", 1.5, nil},
		{"Version", nil, nil},
		{"Decimal", "61.7", "61.70"},
		{"Decimal", "-0.125", "-0.125"},
		{"Decimal", "1e9", nil},
		{"Decimal", json.Number("61.7"), nil},
		{"Decimal", "", nil},
		{"DateTime", "2026-03-01T11:07:00.005999Z", moment},
		{"DateTime", "2026-03-01T12:07:00.005+01:00", moment},
		{"DateTime", "2026-03-01T11:07:00", nil},
		{"DateTime", "2026-03-01", nil},
		{"DateTime", json.Number("5"), nil},
		{"DateTime", []any{}, nil},
	} {
		got, err := reads[test.scalar](test.from)
		if test.want == nil {
			if refused := (*Error)(nil); !errors.As(err, &refused) {
				t.Errorf("%s %v (%T) is %v, error %v; want an *Error", test.scalar, test.from, test.from, got, err)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s %v (%T) is %v, error %v; want %v", test.scalar, test.from, test.from, got, err, test.want)
		}
	}
}

func TestMarshal(t *testing.T) {
	for _, test := range []struct {
		value graphql.Marshaler
		want  string
	}{
		{MarshalInt(-5), `-5`},
		{MarshalVersion(1<<64 - 1), `18446744073709551615`},
		{MarshalDecimal("61.70"), `"61.70"`},
		{MarshalDateTime(time.Date(2026, 3, 1, 11, 7, 0, 0, time.UTC)), `"2026-03-01T11:07:00Z"`},
		{MarshalDateTime(time.Date(2026, 3, 1, 12, 7, 0, 50e6, time.FixedZone("", 3600))), `"2026-03-01T11:07:00.05Z"`},
	} {
		if got := written(test.value); got != test.want {
			t.Errorf("wrote %s, want %s", got, test.want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version := view.Version(rapid.Uint64().Draw(t, "version"))
		if got, err := UnmarshalVersion(json.Number(written(MarshalVersion(version)))); err != nil || got != version {
			t.Fatalf("version %d became %d, %v", version, got, err)
		}
		moment := time.UnixMilli(rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "ms")).UTC()
		var text string
		if err := json.Unmarshal([]byte(written(MarshalDateTime(moment))), &text); err != nil {
			t.Fatal(err)
		}
		if got, err := UnmarshalDateTime(text); err != nil || !got.Equal(moment) {
			t.Fatalf("%v became %v, %v", moment, got, err)
		}
	})
}
