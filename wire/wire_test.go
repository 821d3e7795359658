package wire_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/viewgate/viewgate/wire"
)

// TestRead: each line is read into the type named and written again, in the canonical form or as an error.
func TestRead(t *testing.T) {
	money := func() any { return &wire.Money{} }
	moment := func() any { return &wire.Time{} }
	id := func() any { return new(wire.ID) }
	tests := []struct {
		name string
		new  func() any
		in   string
		want string // "" for an error
	}{
		{"money as text", money, `"61.70"`, `"61.70"`},
		{"money as number", money, `61.7`, `"61.70"`},
		{"whole money", money, `"5"`, `"5.00"`},
		{"negative money", money, `"-0.5"`, `"-0.50"`},
		{"fractions of a cent", money, `"0.125"`, `"0.125"`},
		{"largest money", money, `"999999999999999.999999"`, `"999999999999999.999999"`},
		{"null money", money, `null`, `"0.00"`},
		{"money with an exponent", money, `1e999999999`, ""},
		{"too many digits", money, `"1234567890123456"`, ""},
		{"too many decimals", money, `"1.1234567"`, ""},
		{"no digits", money, `"."`, ""},
		{"plus", money, `"+1"`, ""},
		{"words for money", money, `"much"`, ""},
		{"object for money", money, `{}`, ""},
		{"RFC 3339", moment, `"2026-03-01T11:32:00Z"`, `"2026-03-01T11:32:00Z"`},
		{"with an offset", moment, `"2026-03-01T11:32:00+02:00"`, `"2026-03-01T09:32:00Z"`},
		{"nanoseconds", moment, `"2026-03-01T11:32:00.123456789Z"`, `"2026-03-01T11:32:00.123Z"`},
		{"zoneless", moment, `"2026-03-01T11:32:00"`, `"2026-03-01T11:32:00Z"`},
		{"zoneless without seconds", moment, `"2026-03-01T11:32"`, `"2026-03-01T11:32:00Z"`},
		{"year 0", moment, `"0000-01-01T00:00:00Z"`, ""},
		{"year 1 before UTC's", moment, `"0001-01-01T00:00:00+14:00"`, ""},
		{"a number for a time", moment, `1772364720`, ""},
		{"a date", moment, `"2026-03-01"`, ""},
		{"number for an id", id, `1511300065921`, `1511300065921`},
		{"digits for an id", id, `"17"`, `17`},
		{"digits with a zero before", id, `"017"`, `"017"`},
		{"text for an id", id, `"a-7"`, `"a-7"`},
		{"empty id", id, `""`, ""},
		{"long id", id, `"` + strings.Repeat("x", 129) + `"`, ""},
		{"fraction for an id", id, `1.5`, ""},
		{"id beyond 64 bits", id, `99999999999999999999`, ""},
		{"boolean for an id", id, `true`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := test.new()
			err := json.Unmarshal([]byte(test.in), v)
			if (err != nil) != (test.want == "") {
				t.Fatalf("got error %v", err)
			}
			if err != nil {
				return
			}
			got, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCanonical: what is written is read as the same, and written the same again.
func TestCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := wire.ParseMoney(rapid.StringMatching(`-?[0-9]{1,15}(\.[0-9]{1,6})?`).Draw(t, "money"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := wire.ParseMoney(m.String())
		if err != nil || !again.Equal(m.Decimal) || again.String() != m.String() {
			t.Fatalf("%s became %s: %v", m, again, err)
		}
		at := wire.At(time.UnixMilli(rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "ms")))
		text, err := json.Marshal(at)
		if err != nil {
			t.Fatal(err)
		}
		var back wire.Time
		if err := json.Unmarshal(text, &back); err != nil || !back.Equal(at.Time) {
			t.Fatalf("%s became %s: %v", at, back, err)
		}
	})
}
