package event

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// writers produce a record that carries one event, in every form that Decode reads. They are the tests' own idea of the
// formats, written from their specifications.
var writers = []struct {
	name   string
	format Format
	write  func(testing.TB, Envelope) Record
}{
	{"CloudEvents binary", CloudEvents, writeBinary},
	{"CloudEvents structured", CloudEvents, writeStructured},
	{"CloudEvents structured base64", CloudEvents, writeStructuredBase64},
	{"Tram", Tram, writeTram},
	{"Tram batch", Tram, func(t testing.TB, e Envelope) Record {
		r := writeTram(t, e)
		r.Value = encodeBatch(nil, batchMessage{nil, string(r.Key), string(r.Value)})
		r.Key = nil
		return r
	}},
	{"Debezium", Debezium, writeOutbox},
	{"Debezium string", Debezium, func(t testing.TB, e Envelope) Record {
		r := writeOutbox(t, e)
		r.Value = encodeJSON(t, string(r.Value))
		return r
	}},
	{"Debezium with schema", Debezium, func(t testing.TB, e Envelope) Record {
		r := writeOutbox(t, e)
		r.Key = encodeJSON(t, map[string]any{"schema": map[string]any{"type": "string"}, "payload": e.AggregateID})
		r.Value = encodeJSON(t, map[string]any{"schema": map[string]any{"type": "struct"}, "payload": e.Data})
		return r
	}},
	{"Debezium envelope", Debezium, func(t testing.TB, e Envelope) Record {
		return writeOutboxEnvelope(t, e, e.Data)
	}},
	{"Debezium envelope with a string", Debezium, func(t testing.TB, e Envelope) Record {
		return writeOutboxEnvelope(t, e, string(e.Data))
	}},
	{"Debezium envelope with schema", Debezium, func(t testing.TB, e Envelope) Record {
		r := writeOutboxEnvelope(t, e, string(e.Data))
		r.Key = encodeJSON(t, e.AggregateID)
		r.Value = encodeJSON(t, map[string]any{
			"schema": map[string]any{"type": "struct"}, "payload": json.RawMessage(r.Value),
		})
		return r
	}},
}

func writeBinary(_ testing.TB, e Envelope) Record {
	key, headers, value := EncodeCloudEvent(e)
	return Record{Topic: e.Topic, Partition: e.Partition, Offset: e.Offset, Key: key, Headers: headers, Value: value}
}

func structuredAttributes(e Envelope) map[string]any {
	attributes := map[string]any{
		"specversion": "1.0", "id": e.ID, "source": "/ftgo/test", "type": TypeName(e.Aggregate, e.Type),
		"subject": e.AggregateID, "time": e.Time, "datacontenttype": "application/json",
	}
	if e.Version > 0 {
		attributes["sequence"] = fmt.Sprint(e.Version)
	}
	if e.TraceParent != "" {
		attributes["traceparent"] = e.TraceParent
	}
	return attributes
}

func writeStructured(t testing.TB, e Envelope) Record {
	attributes := structuredAttributes(e)
	attributes["data"] = e.Data
	return structuredRecord(t, e, attributes)
}

func writeStructuredBase64(t testing.TB, e Envelope) Record {
	attributes := structuredAttributes(e)
	attributes["data_base64"] = base64.StdEncoding.EncodeToString(e.Data)
	return structuredRecord(t, e, attributes)
}

func structuredRecord(t testing.TB, e Envelope, attributes map[string]any) Record {
	return Record{
		Topic: e.Topic, Partition: e.Partition, Offset: e.Offset, Key: []byte(e.AggregateID),
		Headers: []Header{{"content-type", []byte("application/cloudevents+json; charset=UTF-8")}},
		Value:   encodeJSON(t, attributes),
	}
}

func writeTram(t testing.TB, e Envelope) Record {
	headers := map[string]any{
		"ID": e.ID, "PARTITION_ID": e.AggregateID, "DESTINATION": e.Topic, "DATE": e.Time.Format(tramDate),
		"event-type": TypeName(e.Aggregate, e.Type), "event-aggregate-type": TopicOf(e.Aggregate),
		"event-aggregate-id": e.AggregateID,
	}
	if e.Version > 0 {
		headers["event-aggregate-version"] = fmt.Sprint(e.Version)
	}
	r := Record{
		Topic: e.Topic, Partition: e.Partition, Offset: e.Offset, Key: []byte(e.AggregateID),
		Value: encodeJSON(t, map[string]any{"payload": string(e.Data), "headers": headers}),
	}
	if e.TraceParent != "" {
		r.Headers = []Header{{"traceparent", []byte(e.TraceParent)}}
	}
	return r
}

func writeOutbox(_ testing.TB, e Envelope) Record {
	r := Record{
		Topic: e.Topic, Partition: e.Partition, Offset: e.Offset, Key: []byte(e.AggregateID), Value: e.Data,
		Headers: []Header{
			{"id", []byte(e.ID)},
			{"eventType", []byte(TypeName(e.Aggregate, e.Type))},
			{"timestamp", fmt.Append(nil, e.Time.UnixMilli())},
		},
	}
	if e.Version > 0 {
		r.Headers = append(r.Headers, Header{"version", fmt.Append(nil, e.Version)})
	}
	if e.TraceParent != "" {
		r.Headers = append(r.Headers, Header{"traceparent", []byte(e.TraceParent)})
	}
	return r
}

func writeOutboxEnvelope(t testing.TB, e Envelope, payload any) Record {
	envelope := map[string]any{
		"payload": payload, "eventType": e.Type, "timestamp": e.Time.Format(time.RFC3339Nano), "extra": []any{nil, "x"},
	}
	if e.Version > 0 {
		envelope["version"] = e.Version
	}
	r := Record{
		Topic: e.Topic, Partition: e.Partition, Offset: e.Offset, Key: []byte(e.AggregateID),
		Headers: []Header{{"id", encodeJSON(t, e.ID)}}, Value: encodeJSON(t, envelope),
	}
	if e.TraceParent != "" {
		r.Headers = append(r.Headers, Header{"traceparent", []byte(e.TraceParent)})
	}
	return r
}

func encodeJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pair is a header of a batch or of one of its messages.
type pair struct{ key, value string }

type batchMessage struct {
	headers    []pair
	key, value string
}

// encodeBatch writes a batch as Eventuate's CDC service does.
func encodeBatch(headers []pair, messages ...batchMessage) []byte {
	b := append([]byte(nil), batchPrefix...)
	b = appendUint16s(b, 0, batchTemplate, batchSchema, batchVersion)
	b = appendHeaders(b, headers)
	b = appendUint16s(b, 0, len(messages))
	for _, m := range messages {
		b = appendHeaders(b, m.headers)
		b = appendText(appendText(b, m.key), m.value)
	}
	return b
}

func appendHeaders(b []byte, headers []pair) []byte {
	b = appendUint16s(b, 0, len(headers))
	for _, h := range headers {
		b = appendText(appendText(b, h.key), h.value)
	}
	return b
}

func appendUint16s(b []byte, numbers ...int) []byte {
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}
