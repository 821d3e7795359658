package event

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

var reasons = []Reason{
	ReasonTopic, ReasonTooLarge, ReasonFormat, ReasonEncoding, ReasonMissing, ReasonVersion, ReasonTime, ReasonBody,
	ReasonAggregate,
}

// decodeChecked decodes what a fuzzer made up and holds the result against Decode's promises.
func decodeChecked(t *testing.T, d *Decoder, r Record) []Envelope {
	t.Helper()
	envelopes, err := d.Decode(r)
	if err != nil {
		e := (*Error)(nil)
		if !errors.As(err, &e) || !slices.Contains(reasons, e.Reason) || len(envelopes) > 0 ||
			e.Detail == "" || len(e.Detail) > 400 || !utf8.ValidString(e.Detail) {
			t.Fatalf("got %d events and the error %q", len(envelopes), err)
		}
		return nil
	}
	for i, e := range envelopes {
		switch {
		case e.Topic != r.Topic || e.Partition != r.Partition || e.Offset != r.Offset || e.Index != i:
			t.Errorf("event %d of a record at %d is at %d, %d", i, r.Offset, e.Offset, e.Index)
		case e.Aggregate != Order:
			t.Errorf("got an event of %s", e.Aggregate)
		case !ValidID(e.AggregateID) || e.Type == "" || strings.ContainsAny(e.Type, ".$"):
			t.Errorf("got the id %q and the type %q", e.AggregateID, e.Type)
		case !utf8.ValidString(e.Type+e.ID+e.TraceParent) || !utf8.Valid(e.Data) || !json.Valid(e.Data):
			t.Errorf("got text that cannot be stored in %+v", e)
		case strings.ContainsFunc(e.Type+e.ID+e.TraceParent, unicode.IsControl) || len(e.Type) > 128 || len(e.ID) > 128:
			t.Errorf("got the type %q and the id %q", e.Type, e.ID)
		case int64(e.Version) < 0:
			t.Errorf("got the version %d", e.Version)
		case e.Time.Location() != time.UTC || e.Time.Year() < 1 || e.Time.Year() > 9999 ||
			!e.Time.Equal(e.Time.Truncate(time.Millisecond)):
			t.Errorf("got the time %v", e.Time)
		case (e.Payload == nil) == slices.ContainsFunc(bodies, func(s struct {
			aggregate Aggregate
			typ, body string
		}) bool {
			return s.aggregate == Order && s.typ == e.Type
		}):
			t.Errorf("got the payload %v of %s", e.Payload, e.Type)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
		stored := encodeJSON(t, e.Data)
		if (e.Payload == nil) != (ParsePayload(e.Aggregate, e.Type, stored) == nil) {
			t.Errorf("%s does not come back from a document: %s", e.Type, stored)
		}
	}
	return envelopes
}

// seeds are records of the order in every form, and some of a body that breaks a rule.
func seeds(f *testing.F, format Format) []Record {
	var records []Record
	for _, w := range writers {
		if w.format != format {
			continue
		}
		records = append(records,
			w.write(f, sampleEnvelope(Order, "OrderCreatedEvent", orderCreated)),
			w.write(f, sampleEnvelope(Order, "OrderRevised", revision)),
			w.write(f, sampleEnvelope(Order, "Unheard", `[null,{"a":"\ud800"}]`)))
	}
	return records
}

func FuzzCloudEventBinary(f *testing.F) {
	e := sampleEnvelope(Order, "OrderCreatedEvent", orderCreated)
	f.Add("1", "1.0", "a", TypeName(e.Aggregate, e.Type), "1", "2026-03-01T11:07:00Z", "00000000000000000007",
		"application/json", []byte(orderCreated))
	f.Add("1", "1.0", "a", "OrderRejected", "", "", "0", "", []byte(`{"reason":"x"}`))
	d := newDecoder(f, CloudEvents)
	f.Fuzz(func(t *testing.T, key, spec, id, typ, subject, at, sequence, contentType string, value []byte) {
		decodeChecked(t, d, Record{
			Topic: TopicOf(Order), Offset: 41, Key: []byte(key), Value: value, Time: time.UnixMilli(1),
			Headers: []Header{
				{"ce_specversion", []byte(spec)}, {"ce_id", []byte(id)}, {"ce_type", []byte(typ)},
				{"ce_subject", []byte(subject)}, {"ce_time", []byte(at)}, {"ce_sequence", []byte(sequence)},
				{"content-type", []byte(contentType)},
			},
		})
	})
}

func FuzzCloudEventStructured(f *testing.F) {
	for _, r := range seeds(f, CloudEvents) {
		f.Add(r.Value)
	}
	d := newDecoder(f, CloudEvents)
	f.Fuzz(func(t *testing.T, value []byte) {
		decodeChecked(t, d, Record{Topic: TopicOf(Order), Offset: 41, Key: []byte("1"), Value: value, Time: time.UnixMilli(1)})
	})
}

func FuzzTram(f *testing.F) {
	for _, r := range seeds(f, Tram) {
		f.Add(r.Value)
	}
	for _, r := range readOrders(f)[:3] {
		f.Add(r.Value)
	}
	d := newDecoder(f, Tram)
	f.Fuzz(func(t *testing.T, value []byte) {
		decodeChecked(t, d, Record{Topic: TopicOf(Order), Offset: 41, Value: value, Time: time.UnixMilli(1)})
	})
}

// FuzzTramBatch gives what follows the prefix, which a fuzzer would not hit on.
func FuzzTramBatch(f *testing.F) {
	for _, n := range []int{0, 1, 3} {
		f.Add(encodeBatch([]pair{{"a", "b"}}, batchOf(f, n)...)[len(batchPrefix):])
	}
	d := newDecoder(f, Tram)
	f.Fuzz(func(t *testing.T, batch []byte) {
		value := append(slices.Clone(batchPrefix), batch...)
		decodeChecked(t, d, Record{Topic: TopicOf(Order), Offset: 41, Value: value, Time: time.UnixMilli(1)})
	})
}

func FuzzDebezium(f *testing.F) {
	for _, r := range seeds(f, Debezium) {
		f.Add(string(r.Key), "a", "OrderCreatedEvent", "7", "1772363220123", r.Value)
	}
	f.Add(`{"schema":{},"payload":"1"}`, `"a"`, "", "0", "2026-03-01T11:07:00Z", []byte(`"{\"payload\":{}}"`))
	d := newDecoder(f, Debezium)
	f.Fuzz(func(t *testing.T, key, id, typ, version, at string, value []byte) {
		r := Record{Topic: TopicOf(Order), Offset: 41, Key: []byte(key), Value: value, Time: time.UnixMilli(1)}
		for name, text := range map[string]string{"id": id, "eventType": typ, "version": version, "timestamp": at} {
			if text != "" {
				r.Headers = append(r.Headers, Header{name, []byte(text)})
			}
		}
		decodeChecked(t, d, r)
	})
}

// FuzzAuto tells the format by itself: where that finds an event, the format that it went by finds the same.
func FuzzAuto(f *testing.F) {
	for _, format := range []Format{CloudEvents, Tram, Debezium} {
		for _, r := range seeds(f, format) {
			f.Add(r.Value, "content-type", "application/cloudevents+json")
			f.Add(r.Value, "eventType", "OrderCreatedEvent")
			f.Add(r.Value, "", "")
		}
	}
	auto := newDecoder(f, Auto)
	var others []*Decoder
	for _, format := range []Format{CloudEvents, Tram, Debezium} {
		others = append(others, newDecoder(f, format))
	}
	f.Fuzz(func(t *testing.T, value []byte, name, text string) {
		r := Record{
			Topic: TopicOf(Order), Offset: 41, Key: []byte("1"), Value: value, Time: time.UnixMilli(1),
			Headers: []Header{{name, []byte(text)}},
		}
		if len(decodeChecked(t, auto, r)) == 0 {
			return
		}
		if !slices.ContainsFunc(others, func(d *Decoder) bool { return len(decodeChecked(t, d, r)) > 0 }) {
			t.Errorf("no format gives the events that were found by telling them apart")
		}
	})
}
