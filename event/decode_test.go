package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sampleTrace is the example of the W3C recommendation.
const sampleTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// newDecoder reads the topics of food to go, all in one format.
func newDecoder(t testing.TB, format Format) *Decoder {
	t.Helper()
	sources := DefaultSources()
	for i := range sources {
		sources[i].Format = format
	}
	d, err := NewDecoder(sources)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// sampleEnvelope is an event as the writers take it and Decode must give it back.
func sampleEnvelope(a Aggregate, typ, body string) Envelope {
	at := time.Date(2026, 3, 1, 11, 7, 0, 123e6, time.UTC)
	return Envelope{
		ID: tramID(at, 1), Aggregate: a, AggregateID: "1", Type: typ, Version: 7, Time: at, Data: json.RawMessage(body),
		Payload: ParsePayload(a, typ, json.RawMessage(body)), TraceParent: sampleTrace,
		Topic: TopicOf(a), Partition: 3, Offset: 41,
	}
}

func tramID(at time.Time, n uint64) string { return fmt.Sprintf("%016x-%016x", at.UnixMilli(), n) }

func mustDecode(t *testing.T, d *Decoder, r Record) Envelope {
	t.Helper()
	envelopes, err := d.Decode(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(envelopes) != 1 {
		t.Fatalf("got %d events, want 1", len(envelopes))
	}
	return envelopes[0]
}

// wantError fails the test unless err is an *Error with this reason and a printable detail.
func wantError(t *testing.T, err error, reason Reason) {
	t.Helper()
	e := (*Error)(nil)
	if !errors.As(err, &e) || e.Reason != reason {
		t.Fatalf("got error %v, want one with reason %s", err, reason)
	}
	if e.Detail == "" || len(e.Detail) > 400 || !utf8.ValidString(e.Detail) {
		t.Errorf("got the detail %q (%d bytes)", e.Detail, len(e.Detail))
	}
}

func TestDecodeEveryTypeInEveryForm(t *testing.T) {
	auto := newDecoder(t, Auto)
	for _, w := range writers {
		t.Run(w.name, func(t *testing.T) {
			d := newDecoder(t, w.format)
			for _, s := range bodies {
				want := sampleEnvelope(s.aggregate, s.typ, s.body)
				if want.Payload == nil {
					t.Fatalf("%s has no payload", s.typ)
				}
				r := w.write(t, want)
				if diff := cmp.Diff(want, mustDecode(t, d, r)); diff != "" {
					t.Errorf("%s as %s (-want +got):\n%s", s.typ, w.format, diff)
				}
				if diff := cmp.Diff(want, mustDecode(t, auto, r)); diff != "" {
					t.Errorf("%s told by itself (-want +got):\n%s", s.typ, diff)
				}
			}
		})
	}
}

func TestDecodeGivesBackWhatWasWritten(t *testing.T) {
	d := newDecoder(t, Auto)
	printable := rapid.StringMatching(`[^\pC]{1,30}`)
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(bodies).Draw(rt, "sample")
		want := sampleEnvelope(s.aggregate, s.typ, s.body)
		if rapid.Bool().Draw(rt, "unknown") {
			want.Type = "Unheard" + rapid.StringMatching(`[A-Za-z0-9_-]{0,40}`).Draw(rt, "type")
			want.Data = encodeJSON(t, rapid.MapOf(printable, rapid.Int()).Draw(rt, "body"))
			want.Payload = nil
		}
		// Debezium's key may be JSON, so that there an id that looks like it cannot be told from it.
		want.AggregateID = rapid.StringMatching(`[^\pC\pZ"{][^\pC]{0,30}`).Draw(rt, "aggregate id")
		want.Version = rapid.Uint64Range(0, math.MaxInt64).Draw(rt, "version")
		lastMillisecond := time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli()
		want.Time = time.UnixMilli(rapid.Int64Range(1, lastMillisecond).Draw(rt, "time")).UTC()
		want.ID = tramID(want.Time, rapid.Uint64().Draw(rt, "machine and counter"))
		want.TraceParent = rapid.SampledFrom([]string{"", sampleTrace}).Draw(rt, "trace")
		want.Partition = rapid.Int32Min(0).Draw(rt, "partition")
		want.Offset = rapid.Int64Min(0).Draw(rt, "offset")
		w := rapid.SampledFrom(writers).Draw(rt, "form")
		got, err := d.Decode(w.write(t, want))
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff([]Envelope{want}, got); diff != "" {
			rt.Fatalf("%s (-want +got):\n%s", w.name, diff)
		}
	})
}

// A record cut short, by a broken producer or a truncated dump, is refused whole.
func TestDecodeTruncated(t *testing.T) {
	want := sampleEnvelope(Order, "OrderCreatedEvent", orderCreated)
	for _, w := range writers {
		for _, format := range []Format{w.format, Auto} {
			t.Run(w.name+" as "+string(format), func(t *testing.T) {
				d := newDecoder(t, format)
				r := w.write(t, want)
				for n := range r.Value {
					cut := r
					cut.Value = slices.Clip(r.Value[:n])
					if envelopes, err := d.Decode(cut); err == nil {
						t.Fatalf("%d of %d bytes give %v", n, len(r.Value), envelopes)
					}
				}
				for i := range r.Headers {
					cut := r
					cut.Headers = slices.Delete(slices.Clone(r.Headers), i, i+1)
					_, _ = d.Decode(cut) // most headers can be done without
				}
			})
		}
	}
}

func TestDecodeTombstone(t *testing.T) {
	for _, format := range []Format{Auto, CloudEvents, Tram, Debezium} {
		got, err := newDecoder(t, format).Decode(Record{Topic: TopicOf(Order), Key: []byte("1")})
		if err != nil || len(got) > 0 {
			t.Errorf("%s: got %v and %v, want neither events nor an error", format, got, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat("[", 1+MaxDepth) + strings.Repeat("]", 1+MaxDepth)
	tests := []struct {
		name   string
		typ    string // OrderAuthorized where it is empty
		body   string
		change func(*Envelope)
		reason Reason
	}{
		{name: "empty value", body: ` `, reason: ReasonBody},
		{name: "not JSON", body: `{"a":}`, reason: ReasonBody},
		{name: "two values", body: `{} {}`, reason: ReasonBody},
		{name: "not JSON, of an unknown type", typ: "Unheard", body: `{"a":}`, reason: ReasonBody},
		{name: "no object", body: `[]`, reason: ReasonBody},
		{name: "a number", body: `7`, reason: ReasonBody},
		{name: "too deep", body: `{"x":` + deep + `}`, reason: ReasonTooLarge},
		{name: "too deep, of an unknown type", typ: "Unheard", body: deep, reason: ReasonTooLarge},
		{name: "too many values", body: `{"x":[0` + strings.Repeat(",0", MaxValues) + `]}`, reason: ReasonTooLarge},
		{name: "too large", body: `{"x":"` + strings.Repeat("x", MaxBody) + `"}`, reason: ReasonTooLarge},
		{name: "no aggregate id", change: func(e *Envelope) { e.AggregateID = "" }, reason: ReasonMissing},
		{name: "long aggregate id", change: func(e *Envelope) { e.AggregateID = strings.Repeat("1", 129) },
			reason: ReasonAggregate},
		{name: "control character", change: func(e *Envelope) { e.AggregateID = "1\x00" }, reason: ReasonAggregate},
		{name: "C1 control character", change: func(e *Envelope) { e.AggregateID = "1\u0085" }, reason: ReasonAggregate},
		{name: "no type", change: func(e *Envelope) { e.Type = "" }, reason: ReasonMissing},
		{name: "long type", change: func(e *Envelope) { e.Type = strings.Repeat("T", 129) }, reason: ReasonFormat},
		{name: "long event id", change: func(e *Envelope) { e.ID = strings.Repeat("1", 129) }, reason: ReasonFormat},
		{name: "overflowing version", change: func(e *Envelope) { e.Version = math.MaxInt64 + 1 }, reason: ReasonVersion},
	}
	d := newDecoder(t, Auto)
	anyText := []string{ // the writers that can write a body which is not JSON
		"CloudEvents binary", "CloudEvents structured base64", "Tram", "Tram batch", "Debezium envelope with a string",
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			typ, body := test.typ, test.body
			if typ == "" {
				typ = "OrderAuthorized"
			}
			if body == "" {
				body = "{}"
			}
			for _, w := range writers {
				e := sampleEnvelope(Order, typ, body)
				if test.change != nil {
					test.change(&e)
				}
				if !json.Valid(e.Data) && !slices.Contains(anyText, w.name) {
					continue
				}
				_, err := d.Decode(w.write(t, e))
				t.Run(w.name, func(t *testing.T) { wantError(t, err, test.reason) })
			}
		})
	}
}

// A record over the limit is refused before it is read, whatever it holds.
func TestDecodeRefusesLargeRecords(t *testing.T) {
	for _, format := range []Format{Auto, CloudEvents, Tram, Debezium} {
		r := Record{Topic: TopicOf(Order), Key: []byte("1"), Value: make([]byte, MaxRecord+1)}
		_, err := newDecoder(t, format).Decode(r)
		t.Run(string(format), func(t *testing.T) { wantError(t, err, ReasonTooLarge) })
	}
}

func TestDecodeRefusesBytes(t *testing.T) {
	d := newDecoder(t, Auto)
	for _, w := range writers {
		t.Run(w.name, func(t *testing.T) {
			e := sampleEnvelope(Order, "OrderRejected", `{"reason":"cafe"}`)
			r := w.write(t, e)
			if w.name == "CloudEvents structured base64" {
				e.Data = json.RawMessage("{\"reason\":\"caf\xff\"}")
				r = w.write(t, e)
			} else {
				r.Value = bytes.Replace(r.Value, []byte("cafe"), []byte("caf\xff"), 1)
			}
			_, err := d.Decode(r)
			wantError(t, err, ReasonEncoding)
		})
	}
}

func TestDecodeKey(t *testing.T) {
	d := newDecoder(t, Auto)
	for _, w := range writers {
		r := w.write(t, sampleEnvelope(Order, "OrderAuthorized", `{}`))
		if w.format == Debezium {
			r.Key = nil
			_, err := d.Decode(r)
			t.Run(w.name+" without", func(t *testing.T) { wantError(t, err, ReasonMissing) })
			continue
		}
		if w.name == "Tram batch" {
			continue // each message has its own: TestDecodeBatch
		}
		t.Run(w.name+" without", func(t *testing.T) {
			r := r
			r.Key = nil
			if got := mustDecode(t, d, r).AggregateID; got != "1" {
				t.Errorf("got the aggregate id %q, want 1", got)
			}
		})
		t.Run(w.name+" differing", func(t *testing.T) {
			r := r
			r.Key = []byte("2")
			_, err := d.Decode(r)
			wantError(t, err, ReasonAggregate)
		})
	}
}

func TestDecodeTopic(t *testing.T) {
	r := writeBinary(t, sampleEnvelope(Order, "OrderAuthorized", `{}`))
	r.Topic = "elsewhere"
	_, err := newDecoder(t, Auto).Decode(r)
	wantError(t, err, ReasonTopic)
}

// A type is one of its aggregate's: another's is unknown there, and is kept without a payload.
func TestDecodeUnknownType(t *testing.T) {
	for _, w := range writers {
		e := sampleEnvelope(Ticket, "OrderCreatedEvent", `{"orderDetails":1}`)
		if diff := cmp.Diff(e, mustDecode(t, newDecoder(t, w.format), w.write(t, e))); diff != "" || e.Payload != nil {
			t.Errorf("%s (-want +got):\n%s", w.name, diff)
		}
	}
}

// Time falls back on the record's own; without that, there is none to show.
func TestDecodeRecordTime(t *testing.T) {
	local := time.FixedZone("", 3600)
	tests := []struct {
		name   string
		time   time.Time
		want   time.Time
		reason Reason
	}{
		{"cut to milliseconds", time.Date(2026, 3, 1, 12, 7, 0, 123456789, local),
			time.Date(2026, 3, 1, 11, 7, 0, 123e6, time.UTC), ""},
		{"none", time.Time{}, time.Time{}, ReasonTime},
		{"year 0", time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}, ReasonTime},
		{"year 10000", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}, ReasonTime},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := writeBinary(t, Envelope{
				ID: "a", Aggregate: Order, AggregateID: "1", Type: "OrderAuthorized", Data: json.RawMessage("{}"),
				Topic: TopicOf(Order),
			})
			r.Time = test.time
			if test.reason != "" {
				_, err := newDecoder(t, Auto).Decode(r)
				wantError(t, err, test.reason)
				return
			}
			if diff := cmp.Diff(test.want, mustDecode(t, newDecoder(t, Auto), r).Time); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeTraceParent(t *testing.T) {
	tests := []struct{ name, trace, want string }{
		{"good", sampleTrace, sampleTrace},
		{"too short", sampleTrace[:54], ""},
		{"upper case", strings.ToUpper(sampleTrace), ""},
		{"no hyphen", strings.Replace(sampleTrace, "-", "0", 1), ""},
		{"version ff", "ff" + sampleTrace[2:], ""},
		{"zero trace id", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", ""},
		{"zero parent id", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", ""},
		{"not UTF-8", sampleTrace[:54] + "\xff", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := sampleEnvelope(Order, "OrderAuthorized", `{}`)
			e.TraceParent = test.trace
			if got := mustDecode(t, newDecoder(t, Auto), writeBinary(t, e)).TraceParent; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestDecodeConcurrently(t *testing.T) {
	d := newDecoder(t, Auto)
	var wg sync.WaitGroup
	for _, w := range writers {
		want := sampleEnvelope(Order, "OrderCreatedEvent", orderCreated)
		r := w.write(t, want)
		wg.Go(func() {
			for range 10 {
				got, err := d.Decode(r)
				if diff := cmp.Diff([]Envelope{want}, got); diff != "" || err != nil {
					t.Errorf("%s: %v (-want +got):\n%s", w.name, err, diff)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestReasonOf(t *testing.T) {
	tests := []struct {
		err  error
		want Reason
	}{
		{failf(ReasonTime, "late"), ReasonTime},
		{fmt.Errorf("topic: %w", failf(ReasonBody, "empty")), ReasonBody},
		{errors.New("other"), ReasonFormat},
	}
	for _, test := range tests {
		if got := ReasonOf(test.err); got != test.want {
			t.Errorf("got %s of %v, want %s", got, test.err, test.want)
		}
	}
}

func TestValidID(t *testing.T) {
	tests := []struct {
		id   string
		want bool
	}{
		{"1", true},
		{"a b-\u00e9", true},
		{strings.Repeat("1", 128), true},
		{strings.Repeat("1", 129), false},
		{"", false},
		{"1\n", false},
		{"\x7f", false},
		{"\xff", false},
	}
	for _, test := range tests {
		if got := ValidID(test.id); got != test.want {
			t.Errorf("got %v of %q", got, test.id)
		}
	}
}

func TestNewDecoder(t *testing.T) {
	tests := []struct {
		name    string
		sources []Source
		want    string // of the error
	}{
		{"none", nil, ""},
		{"the defaults", DefaultSources(), ""},
		{"two topics of one aggregate", []Source{{Topic: "a", Aggregate: Order}, {Topic: "b", Aggregate: Order}}, ""},
		{"no topic", []Source{{Aggregate: Order}}, "no topic"},
		{"one topic twice", []Source{{Topic: "a", Aggregate: Order}, {Topic: "a", Aggregate: Ticket}}, "two sources"},
		{"unknown aggregate", []Source{{Topic: "a", Aggregate: "Menu"}}, "unknown aggregate"},
		{"no aggregate", []Source{{Topic: "a"}}, "unknown aggregate"},
		{"unknown format", []Source{{Topic: "a", Aggregate: Order, Format: "avro"}}, "unknown format"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := NewDecoder(test.sources)
			if test.want == "" && (err != nil || d == nil) {
				t.Fatalf("got %v and %v, want a decoder", d, err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("got the error %v, want one with %q", err, test.want)
			}
		})
	}
}
