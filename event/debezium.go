package event

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"github.com/viewgate/viewgate/wire"
)

func (f DebeziumFields) withDefaults() DebeziumFields {
	return DebeziumFields{
		ID:      cmp.Or(f.ID, "id"),
		Type:    cmp.Or(f.Type, "eventType"),
		Version: cmp.Or(f.Version, "version"),
		Time:    cmp.Or(f.Time, "timestamp"),
		Payload: cmp.Or(f.Payload, "payload"),
	}
}

// outboxEvent holds what Debezium's outbox event router tells of an event. A field is nil where it is not there.
type outboxEvent struct {
	id, typ, version, time, payload []byte
}

// set stores a value under the name that f gives to one of its fields.
func (o *outboxEvent) set(f *DebeziumFields, name, value []byte) {
	switch string(name) {
	case f.ID:
		o.id = value
	case f.Type:
		o.typ = value
	case f.Version:
		o.version = value
	case f.Time:
		o.time = value
	}
}

// readDebezium reads a record of the outbox event router, whose text has been checked. The record's key is the aggregate's
// id. The value is the body; or, in envelope mode, an object with the body in the field f.Payload; Kafka Connect may have
// put either into {schema, payload}, and each body may be an object or a JSON string that holds one. A header goes before
// the envelope's field of the same name.
func readDebezium(f DebeziumFields, r Record) (draft, error) {
	if !json.Valid(r.Value) {
		return draft{}, failf(ReasonFormat, "the value is not JSON")
	}
	body, err := withoutSchema(r.Value)
	if err != nil {
		return draft{}, err
	}
	var o outboxEvent
	members(body, func(name, value []byte) {
		if string(name) == f.Payload {
			o.payload = value
		} else if !bytes.Equal(value, []byte("null")) {
			o.set(&f, name, value)
		}
	})
	if o.payload == nil { // the fields are the body's own
		o = outboxEvent{payload: body}
	}
	for _, h := range r.Headers {
		o.set(&f, []byte(h.Key), h.Value)
	}
	x := draft{}
	if x.data, err = unquoted(o.payload); err != nil {
		return draft{}, err
	}
	if bytes.Equal(x.data, []byte("null")) {
		return draft{}, failf(ReasonMissing, "an outbox event without payload")
	}
	if x.aggregateID, err = connectText(r.Key); err != nil {
		return draft{}, err
	}
	if x.id, err = connectText(o.id); err != nil {
		return draft{}, err
	}
	if x.typ, err = connectText(o.typ); err != nil {
		return draft{}, err
	}
	if o.version != nil {
		version, err := connectText(o.version)
		if err != nil {
			return draft{}, err
		}
		x.version = (*scalar)(&version)
	}
	if o.time != nil {
		if x.time, err = outboxTime(o.time); err != nil {
			return draft{}, err
		}
	}
	return x, nil
}

// withoutSchema returns the payload of Connect's {schema, payload}, and other text as it is.
func withoutSchema(text []byte) ([]byte, error) {
	text, err := unquoted(text)
	if err != nil {
		return nil, err
	}
	var schema, payload []byte
	members(text, func(name, value []byte) {
		switch string(name) {
		case "schema":
			schema = value
		case "payload":
			payload = value
		}
	})
	if schema == nil || payload == nil {
		return text, nil
	}
	return unquoted(payload)
}

// unquoted returns the JSON within a JSON string, checked as text, and other JSON as it is.
func unquoted(text []byte) ([]byte, error) {
	if text = bytes.TrimSpace(text); firstByte(text) != '"' {
		return text, nil
	}
	if stringEnd(text, 0) != len(text) {
		return nil, failf(ReasonFormat, "a JSON string that does not end where it should")
	}
	inner, ok := content(text)
	if !ok {
		return nil, failf(ReasonFormat, "a JSON string that cannot be read")
	}
	inner = bytes.TrimSpace(inner)
	return inner, checkText(inner)
}

// connectText returns a key, a header or a field as text: Connect's converters write it plain, as JSON, or within {schema,
// payload}.
func connectText(value []byte) (string, error) {
	first := firstByte(value)
	if first != '"' && first != '{' {
		return string(value), nil
	}
	if err := checkText(value); err != nil {
		return "", err
	}
	var text scalar
	if first == '"' {
		if err := json.Unmarshal(value, &text); err != nil {
			return "", failf(ReasonFormat, "neither plain text nor a JSON string: %v", err)
		}
		return string(text), nil
	}
	wrapped := struct {
		Payload scalar `json:"payload"`
	}{}
	if err := json.Unmarshal(value, &wrapped); err != nil {
		return "", failf(ReasonFormat, "neither plain text nor {schema, payload}: %v", err)
	}
	return string(wrapped.Payload), nil
}

// outboxTime reads milliseconds since 1970, or RFC 3339.
func outboxTime(value []byte) (time.Time, error) {
	s, err := connectText(value)
	if err != nil {
		return time.Time{}, err
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms), nil
	}
	t, err := wire.ParseTime(s)
	if err != nil {
		return time.Time{}, failf(ReasonTime, "%v", err)
	}
	return t.Time, nil
}
