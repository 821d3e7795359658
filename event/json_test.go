package event

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nested returns n arrays within each other.
func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestCheckText(t *testing.T) {
	tests := []struct {
		name, text string
		reason     Reason
	}{
		{"empty", ``, ""},
		{"deepest", nested(MaxDepth), ""},
		{"too deep", nested(MaxDepth + 1), ReasonTooLarge},
		{"too deep and broken", strings.Repeat(`{"a":`, MaxDepth+1), ReasonTooLarge},
		{"side by side", "[" + strings.Repeat("[],", 1000) + "[]]", ""},
		{"brackets in a string", `"` + strings.Repeat("[", 1000) + `"`, ""},
		{"brackets behind an escaped quote", `"\"` + strings.Repeat("[", 1000) + `"`, ""},
		{"brackets behind an escaped escape", `"\\"` + nested(MaxDepth+1), ReasonTooLarge},
		{"the most values", "[" + strings.Repeat("0,", MaxValues-1) + "0]", ""},
		{"too many values", "[" + strings.Repeat("0,", MaxValues) + "0]", ReasonTooLarge},
		{"commas in a string", `"` + strings.Repeat(",", 2*MaxValues) + `"`, ""},
		{"open string", `"abc`, ReasonFormat},
		{"open string behind an escape", `"abc\"`, ReasonFormat},
		{"not UTF-8", "\"\xc3\x28\"", ReasonEncoding},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", ReasonEncoding},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := checkText([]byte(test.text))
			if test.reason == "" {
				if err != nil {
					t.Fatalf("got error %v, want none", err)
				}
				return
			}
			wantError(t, err, test.reason)
		})
	}
}

func TestMembers(t *testing.T) {
	tests := []struct {
		text string
		want []string // names and values, nil for no object
	}{
		{`{}`, []string{}},
		{" {\t}\r\n", []string{}},
		{`{"a":1}`, []string{`a`, `1`}},
		{` { "a" : 1 , "b" : "x,}" } `, []string{`a`, `1`, `b`, `"x,}"`}},
		{`{"a":{"b":[1,{"c":"]"}]},"d":[]}`, []string{`a`, `{"b":[1,{"c":"]"}]}`, `d`, `[]`}},
		{`{"a":"\\","b":"\"","\u0063":null}`, []string{`a`, `"\\"`, `b`, `"\""`, `c`, `null`}},
		{`{"a":1,"a":2}`, []string{`a`, `1`, `a`, `2`}},
		{``, nil},
		{`[]`, nil},
		{`{`, nil},
		{`{"a"`, nil},
		{`{"a":`, nil},
		{`{"a":}`, nil},
		{`{"a":1`, nil},
		{`{"a":1,}`, nil},
		{`{"a":1 2}`, nil},
		{`{"a" 1}`, nil},
		{`{a:1}`, nil},
		{`{"a":1}}`, nil},
		{`{} {}`, nil},
		{`{"\x":1}`, nil},
		{`{"a":[}`, nil},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got := []string{}
			if !members([]byte(test.text), func(name, value []byte) { got = append(got, string(name), string(value)) }) {
				got = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzMembers holds members against encoding/json: of a JSON object they see the same.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":{"b":[1,"]"]},"\u0063":"\\","":null,"a":-1.5e3}`, `[1]`, `{"a":"\"`, `{"a":1,}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := map[string]string{}
		ok := members(text, func(name, value []byte) { got[string(name)] = string(value) })
		var object map[string]json.RawMessage
		if checkText(text) != nil || json.Unmarshal(text, &object) != nil || object == nil {
			return // it must not panic, no more
		}
		want := map[string]string{}
		for name, value := range object {
			want[name] = string(value)
		}
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%v of %q (-want +got):\n%s", ok, text, diff)
		}
	})
}
