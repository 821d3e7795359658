package event

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadDebezium(t *testing.T) {
	at := time.Date(2026, 3, 1, 11, 7, 0, 123e6, time.UTC)
	recordTime := time.Date(2026, 3, 1, 11, 7, 9, 0, time.UTC)
	header := func(name, value string) Header { return Header{name, []byte(value)} }
	typ := header("eventType", "OrderRejected")
	type want struct {
		ID, AggregateID string
		Version         uint64
		Time            time.Time
		Data            string
	}
	tests := []struct {
		name    string
		fields  DebeziumFields
		key     string
		headers []Header
		value   string
		want    want
		reason  Reason
	}{
		{"the least", DebeziumFields{}, `1`, []Header{typ}, `{}`, want{"", "1", 0, recordTime, `{}`}, ""},
		{"all headers", DebeziumFields{}, `1`,
			[]Header{typ, header("id", "u-1"), header("version", "4"), header("timestamp", "1772363220123")},
			`{"reason":"x"}`, want{"u-1", "1", 4, at, `{"reason":"x"}`}, ""},
		{"headers as JSON", DebeziumFields{}, `"1"`,
			[]Header{header("eventType", `"OrderRejected"`), header("id", `{"schema":{"type":"string"},"payload":"u-1"}`),
				header("version", `{"schema":{"type":"int64"},"payload":4}`), header("timestamp", `"2026-03-01T11:07:00.123Z"`)},
			`{}`, want{"u-1", "1", 4, at, `{}`}, ""},
		{"other names", DebeziumFields{ID: "eid", Type: "kind", Version: "rev", Time: "at", Payload: "body"}, `1`, nil,
			`{"eid":"u-1","kind":"OrderRejected","rev":4,"at":1772363220123,"body":{"payload":"kept"},"version":"unread"}`,
			want{"u-1", "1", 4, at, `{"payload":"kept"}`}, ""},
		{"a header before the envelope", DebeziumFields{}, `1`, []Header{typ, header("version", "4")},
			`{"eventType":"Other","version":3,"payload":{}}`, want{"", "1", 4, recordTime, `{}`}, ""},
		{"null fields", DebeziumFields{}, `1`, []Header{typ},
			`{"id":null,"version":null,"timestamp":null,"payload":"{}"}`, want{"", "1", 0, recordTime, `{}`}, ""},
		{"the body's own fields", DebeziumFields{}, `1`, []Header{typ},
			`{"id":"mine","version":"mine","timestamp":"mine","eventType":"mine"}`,
			want{"", "1", 0, recordTime, `{"id":"mine","version":"mine","timestamp":"mine","eventType":"mine"}`}, ""},
		{"field with an escaped name", DebeziumFields{}, `1`, []Header{typ}, `{"\u0070ayload":{"reason":"x"}}`,
			want{"", "1", 0, recordTime, `{"reason":"x"}`}, ""},
		{"a string", DebeziumFields{}, `1`, []Header{typ}, ` "{\"reason\":\"x\"} " `,
			want{"", "1", 0, recordTime, `{"reason":"x"}`}, ""},
		{"a string in a schema", DebeziumFields{}, `{"schema":null,"payload":"1"}`, []Header{typ},
			`{"schema":{"type":"string"},"payload":"{\"reason\":\"x\"}"}`, want{"", "1", 0, recordTime, `{"reason":"x"}`}, ""},
		{"an envelope in a schema", DebeziumFields{}, `1`, nil,
			`{"schema":{},"payload":{"eventType":"OrderRejected","version":"4","payload":"{\"reason\":\"x\"}"}}`,
			want{"", "1", 4, recordTime, `{"reason":"x"}`}, ""},
		{"time before 1970", DebeziumFields{}, `1`, []Header{typ, header("timestamp", "-1")}, `{}`,
			want{"", "1", 0, time.UnixMilli(-1).UTC(), `{}`}, ""},

		{"no key", DebeziumFields{}, ``, []Header{typ}, `{}`, want{}, ReasonMissing},
		{"empty key in a schema", DebeziumFields{}, `{"schema":{}}`, []Header{typ}, `{}`, want{}, ReasonMissing},
		{"key that is a record", DebeziumFields{}, `{"payload":{"id":1}}`, []Header{typ}, `{}`, want{}, ReasonFormat},
		{"broken key", DebeziumFields{}, `"1`, []Header{typ}, `{}`, want{}, ReasonFormat},
		{"key that is not UTF-8", DebeziumFields{}, "\xff", []Header{typ}, `{}`, want{}, ReasonEncoding},
		{"quoted key that is not UTF-8", DebeziumFields{}, "\"\xff\"", []Header{typ}, `{}`, want{}, ReasonEncoding},
		{"broken id", DebeziumFields{}, `1`, []Header{typ, header("id", `"u`)}, `{}`, want{}, ReasonFormat},
		{"broken type", DebeziumFields{}, `1`, []Header{header("eventType", `{"payload":7`)}, `{}`, want{}, ReasonFormat},
		{"broken version", DebeziumFields{}, `1`, []Header{typ, header("version", `{"payload":[7]}`)}, `{}`,
			want{}, ReasonFormat},
		{"broken header of the time", DebeziumFields{}, `1`, []Header{typ, header("timestamp", `"x`)}, `{}`,
			want{}, ReasonFormat},
		{"two strings for a type", DebeziumFields{}, `1`, []Header{header("eventType", `"a" "b"`)}, `{}`,
			want{}, ReasonFormat},
		{"a string with a bad escape in a string", DebeziumFields{}, `1`, []Header{typ}, `"\"\\x\""`, want{}, ReasonFormat},
		{"no type", DebeziumFields{}, `1`, nil, `{}`, want{}, ReasonMissing},
		{"no type in the envelope", DebeziumFields{}, `1`, nil, `{"payload":{}}`, want{}, ReasonMissing},
		{"type that is an object", DebeziumFields{}, `1`, nil, `{"payload":{},"eventType":{}}`, want{}, ReasonMissing},
		{"null payload", DebeziumFields{}, `1`, []Header{typ}, `{"payload":null}`, want{}, ReasonMissing},
		{"null", DebeziumFields{}, `1`, []Header{typ}, `null`, want{}, ReasonMissing},
		{"empty", DebeziumFields{}, `1`, []Header{typ}, ``, want{}, ReasonFormat},
		{"not JSON", DebeziumFields{}, `1`, []Header{typ}, `{"payload":{}`, want{}, ReasonFormat},
		{"a lone quote in a string", DebeziumFields{}, `1`, []Header{typ}, `"\""`, want{}, ReasonFormat},
		{"a string that does not end in a string", DebeziumFields{}, `1`, []Header{typ}, `"\"x"`, want{}, ReasonFormat},
		{"text in a string", DebeziumFields{}, `1`, []Header{typ}, `"plain"`, want{}, ReasonBody},
		{"payload that is an array", DebeziumFields{}, `1`, []Header{typ}, `{"payload":[]}`, want{}, ReasonBody},
		{"version of 0", DebeziumFields{}, `1`, []Header{typ, header("version", "0")}, `{}`, want{}, ReasonVersion},
		{"empty version", DebeziumFields{}, `1`, []Header{typ, header("version", "")}, `{}`, want{}, ReasonVersion},
		{"negative version", DebeziumFields{}, `1`, []Header{typ}, `{"payload":{},"version":-1}`, want{}, ReasonVersion},
		{"version in an array", DebeziumFields{}, `1`, []Header{typ}, `{"payload":{},"version":[1]}`, want{}, ReasonVersion},
		{"bad time", DebeziumFields{}, `1`, []Header{typ, header("timestamp", "soon")}, `{}`, want{}, ReasonTime},
		{"time in microseconds", DebeziumFields{}, `1`, []Header{typ, header("timestamp", "1772363220123000")}, `{}`,
			want{}, ReasonTime},
		{"overflowing time", DebeziumFields{}, `1`, []Header{typ, header("timestamp", "99999999999999999999")}, `{}`,
			want{}, ReasonTime},
		{"deep string", DebeziumFields{}, `1`, []Header{typ}, `"` + nested(MaxDepth+1) + `"`, want{}, ReasonTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := NewDecoder([]Source{{
				Topic: "outbox.event.order", Aggregate: Order, Format: Debezium, Debezium: test.fields,
			}})
			if err != nil {
				t.Fatal(err)
			}
			r := Record{
				Topic: "outbox.event.order", Key: []byte(test.key), Headers: test.headers, Value: []byte(test.value),
				Time: recordTime,
			}
			if test.reason != "" {
				_, err := d.Decode(r)
				wantError(t, err, test.reason)
				return
			}
			e := mustDecode(t, d, r)
			if diff := cmp.Diff(test.want, want{e.ID, e.AggregateID, e.Version, e.Time, string(e.Data)}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, ok := e.Payload.(*OrderRejected); !ok {
				t.Errorf("got a %T of type %s", e.Payload, e.Type)
			}
		})
	}
}
