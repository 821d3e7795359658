package event

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadCloudEvent(t *testing.T) {
	at := time.Date(2026, 3, 1, 11, 7, 0, 123e6, time.UTC)
	recordTime := time.Date(2026, 3, 1, 11, 7, 9, 0, time.UTC)
	header := func(name, value string) Header { return Header{name, []byte(value)} }
	required := []Header{
		header("ce_specversion", "1.0"), header("ce_id", "a"), header("ce_source", "/orders"),
		header("ce_type", "com.example.OrderAuthorized"),
	}
	with := func(more ...Header) []Header { return append(append([]Header(nil), required...), more...) }
	structured := []Header{header("Content-Type", "application/cloudevents+json")}
	const attributes = `"specversion":"1.0","id":"a","source":"/orders","type":"com.example.OrderAuthorized"`
	type want struct {
		ID, Key string
		Version uint64
		Time    time.Time
		Data    string
	}
	tests := []struct {
		name    string
		headers []Header
		value   string
		want    want
		reason  Reason
	}{
		// Binary mode.
		{"the least", required, `{}`, want{"a", "1", 0, recordTime, `{}`}, ""},
		{"subject", with(header("ce_subject", "1")), `{}`, want{"a", "1", 0, recordTime, `{}`}, ""},
		{"names in capitals", []Header{
			header("CE_SpecVersion", "1.0"), header("Ce_Id", "a"), header("CE_TYPE", "OrderAuthorized"),
			header("CE_SEQUENCE", "3"), header("CE_TIME", "2026-03-01T11:07:00.1239Z"),
			header("CONTENT-TYPE", "Application/JSON;charset=UTF-8"),
		}, `{}`, want{"a", "1", 3, at, `{}`}, ""},
		{"padded sequence", with(header("ce_sequence", "00000000000000000007")), `{}`,
			want{"a", "1", 7, recordTime, `{}`}, ""},
		{"largest sequence", with(header("ce_sequence", "9223372036854775807")), `{}`,
			want{"a", "1", 9223372036854775807, recordTime, `{}`}, ""},
		{"time with an offset", with(header("ce_time", "2026-03-01T12:07:00.123+01:00")), `{}`,
			want{"a", "1", 0, at, `{}`}, ""},
		{"time without a zone", with(header("ce_time", "2026-03-01T11:07:00.123")), `{}`,
			want{"a", "1", 0, at, `{}`}, ""},
		{"the last of two", with(header("ce_id", "b")), `{}`, want{"b", "1", 0, recordTime, `{}`}, ""},
		{"vendor's JSON", with(header("content-type", "application/vnd.ftgo+json")), `{}`,
			want{"a", "1", 0, recordTime, `{}`}, ""},
		{"other version of the specification", []Header{header("ce_specversion", "0.3"), header("ce_id", "a")}, `{}`,
			want{}, ReasonFormat},
		{"no id", []Header{required[0], required[3]}, `{}`, want{}, ReasonMissing},
		{"no type", required[:3], `{}`, want{}, ReasonMissing},
		{"subject of another", with(header("ce_subject", "2")), `{}`, want{}, ReasonAggregate},
		{"negative sequence", with(header("ce_sequence", "-1")), `{}`, want{}, ReasonVersion},
		{"sequence of 0", with(header("ce_sequence", "00000000000000000000")), `{}`, want{}, ReasonVersion},
		{"empty sequence", with(header("ce_sequence", "")), `{}`, want{}, ReasonVersion},
		{"signed sequence", with(header("ce_sequence", "+1")), `{}`, want{}, ReasonVersion},
		{"overflowing sequence", with(header("ce_sequence", "9223372036854775808")), `{}`, want{}, ReasonVersion},
		{"far overflowing sequence", with(header("ce_sequence", "99999999999999999999999")), `{}`, want{}, ReasonVersion},
		{"broken sequence", with(header("ce_sequence", "1.0")), `{}`, want{}, ReasonVersion},
		{"bad time", with(header("ce_time", "yesterday")), `{}`, want{}, ReasonTime},
		{"time before year 1", with(header("ce_time", "0000-12-31T00:00:00Z")), `{}`, want{}, ReasonTime},
		{"time beyond year 9999", with(header("ce_time", "9999-12-31T23:59:59-01:00")), `{}`, want{}, ReasonTime},
		{"id that is not UTF-8", with(header("ce_id", "\xff")), `{}`, want{}, ReasonEncoding},
		{"type that is not UTF-8", with(header("ce_type", "Order\xff")), `{}`, want{}, ReasonEncoding},
		{"subject that is not UTF-8", with(header("ce_subject", "\xff")), `{}`, want{}, ReasonEncoding},
		{"Avro", with(header("content-type", "application/avro")), `{}`, want{}, ReasonFormat},
		{"empty", required, ``, want{}, ReasonBody},
		{"null", required, `null`, want{}, ReasonMissing},

		// Structured mode.
		{"the least, structured", structured, `{` + attributes + `,"data":{ }}`, want{"a", "1", 0, recordTime, `{ }`}, ""},
		{"no content-type", nil, `{` + attributes + `,"data":{}}`, want{"a", "1", 0, recordTime, `{}`}, ""},
		{"all of it", structured, `{` + attributes + `,"subject":"1","time":"2026-03-01T11:07:00.123456Z",` +
			`"datacontenttype":"application/json","sequence":"00000000000000000012","data":{"x":"\u00e9"}}`,
			want{"a", "1", 12, at, `{"x":"\u00e9"}`}, ""},
		{"sequence as a number", structured, `{` + attributes + `,"sequence":12,"data":{}}`,
			want{"a", "1", 12, recordTime, `{}`}, ""},
		{"null sequence", structured, `{` + attributes + `,"sequence":null,"data":{}}`,
			want{"a", "1", 0, recordTime, `{}`}, ""},
		{"base64", structured, `{` + attributes + `,"data":null,"data_base64":"e30="}`,
			want{"a", "1", 0, recordTime, `{}`}, ""},
		{"headers that only look binary", append(with(header("ce_id", "other")), structured...),
			`{` + attributes + `,"data":{}}`, want{"a", "1", 0, recordTime, `{}`}, ""},
		{"both data", structured, `{` + attributes + `,"data":{},"data_base64":"e30="}`, want{}, ReasonFormat},
		{"no data", structured, `{` + attributes + `}`, want{}, ReasonMissing},
		{"null data", structured, `{` + attributes + `,"data":null}`, want{}, ReasonMissing},
		{"bad base64", structured, `{` + attributes + `,"data_base64":"e30"}`, want{}, ReasonFormat},
		{"base64 of no JSON", structured, `{` + attributes + `,"data_base64":"e3t7"}`, want{}, ReasonBody},
		{"data as a string", structured, `{` + attributes + `,"data":"{}"}`, want{}, ReasonBody},
		{"XML", structured, `{` + attributes + `,"datacontenttype":"application/xml","data":"<a/>"}`, want{}, ReasonFormat},
		{"sequence of 0, structured", structured, `{` + attributes + `,"sequence":0,"data":{}}`, want{}, ReasonVersion},
		{"sequence with an exponent", structured, `{` + attributes + `,"sequence":1e3,"data":{}}`, want{}, ReasonVersion},
		{"sequence in an array", structured, `{` + attributes + `,"sequence":[1],"data":{}}`, want{}, ReasonFormat},
		{"id as a number", structured, `{"specversion":"1.0","id":1,"type":"OrderAuthorized","data":{}}`,
			want{}, ReasonFormat},
		{"no specversion", structured, `{"id":"a","type":"OrderAuthorized","data":{}}`, want{}, ReasonMissing},
		{"an array", structured, `[{` + attributes + `,"data":{}}]`, want{}, ReasonFormat},
		{"a batch", []Header{header("content-type", "application/cloudevents-batch+json")},
			`[{` + attributes + `,"data":{}}]`, want{}, ReasonFormat},
		{"a structured event in Avro", []Header{header("content-type", "application/cloudevents+avro")},
			`{}`, want{}, ReasonFormat},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDecoder(t, CloudEvents)
			r := Record{
				Topic: TopicOf(Order), Key: []byte("1"), Headers: test.headers, Value: []byte(test.value), Time: recordTime,
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
			if _, ok := e.Payload.(*OrderAuthorized); !ok || e.Type != "OrderAuthorized" {
				t.Errorf("got a %T of type %s", e.Payload, e.Type)
			}
			if diff := cmp.Diff(e, mustDecode(t, newDecoder(t, Auto), r)); diff != "" {
				t.Errorf("told by itself (-as CloudEvents +got):\n%s", diff)
			}
		})
	}
}

func TestEncodeCloudEvent(t *testing.T) {
	key, headers, value := EncodeCloudEvent(Envelope{
		ID: "a", Aggregate: Ticket, AggregateID: "42", Type: "TicketCancelled", Version: 7,
		Time: time.Date(2026, 3, 1, 12, 7, 0, 123456789, time.FixedZone("", 3600)), Data: json.RawMessage(`{}`),
		TraceParent: sampleTrace,
	})
	if string(key) != "42" || string(value) != "{}" {
		t.Errorf("got the key %q and the value %q", key, value)
	}
	got := map[string]string{}
	for _, h := range headers {
		got[h.Key] = string(h.Value)
	}
	want := map[string]string{
		"ce_specversion": "1.0",
		"ce_id":          "a",
		"ce_source":      "/ftgo/kitchenservice",
		"ce_type":        "net.chrisrichardson.ftgo.kitchenservice.api.events.TicketCancelled",
		"ce_subject":     "42",
		"ce_time":        "2026-03-01T11:07:00.123Z",
		"ce_sequence":    "00000000000000000007",
		"ce_traceparent": sampleTrace,
		"content-type":   "application/json",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	_, headers, _ = EncodeCloudEvent(Envelope{ID: "a", Aggregate: Order, AggregateID: "1", Type: "OrderAuthorized"})
	for _, h := range headers {
		switch h.Key {
		case "ce_time", "ce_sequence", "ce_traceparent":
			t.Errorf("got %s of %q, want none", h.Key, h.Value)
		}
	}
}
