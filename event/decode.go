package event

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/viewgate/viewgate/wire"
)

// Decoder decodes the records of a set of topics. It may be used by many goroutines at once.
type Decoder struct {
	sources map[string]Source // by topic; never changed
}

// NewDecoder returns a Decoder for the topics that sources name. It fails where a topic is empty or named twice, and
// where an aggregate or a format is unknown.
func NewDecoder(sources []Source) (*Decoder, error) {
	d := &Decoder{make(map[string]Source, len(sources))}
	for _, s := range sources {
		if s.Topic == "" {
			return nil, fmt.Errorf("event: the source of %s has no topic", s.Aggregate)
		}
		if _, ok := d.sources[s.Topic]; ok {
			return nil, fmt.Errorf("event: topic %s has two sources", s.Topic)
		}
		if _, ok := families[s.Aggregate]; !ok {
			return nil, fmt.Errorf("event: topic %s: unknown aggregate %q", s.Topic, s.Aggregate)
		}
		switch s.Format {
		case "":
			s.Format = Auto
		case Auto, CloudEvents, Tram, Debezium:
		default:
			return nil, fmt.Errorf("event: topic %s: unknown format %q", s.Topic, s.Format)
		}
		s.Debezium = s.Debezium.withDefaults()
		d.sources[s.Topic] = s
	}
	return d, nil
}

// Decode returns the events of a record in their order: one, or several where it is a batch. Their Index counts from 0. A
// tombstone (a nil value) has none, which is no error.
//
// What comes back is checked in full. Every text is valid UTF-8. AggregateID has 1 to 128 bytes and no control character,
// and equals the record's key where it has one. Type is not empty. Version is 1 to the largest int64, or 0 where the
// producer sends none. Time lies in the years 1 to 9999. Data is valid JSON within the bounds of this package; where
// Payload is set it is an object that fits it and keeps the payload's own rules (see ParsePayload).
//
// Every error is an *Error. It concerns the record as a whole: of a batch with one bad event, no event is returned.
//
// The record must not be changed while its envelopes are used.
func (d *Decoder) Decode(r Record) ([]Envelope, error) {
	s, ok := d.sources[r.Topic]
	if !ok {
		return nil, failf(ReasonTopic, "no source for topic %s", r.Topic)
	}
	if r.Value == nil {
		return nil, nil
	}
	if len(r.Value) > MaxRecord {
		return nil, failf(ReasonTooLarge, "a value of %d bytes, over %d", len(r.Value), MaxRecord)
	}
	format := s.Format
	if format == Auto {
		format = detect(s, r)
	}
	if format == Tram && bytes.HasPrefix(r.Value, batchPrefix) {
		return decodeBatch(s, r)
	}
	if err := checkText(r.Value); err != nil {
		return nil, err
	}
	var x draft
	var err error
	switch format {
	case CloudEvents:
		x, err = readCloudEvent(r)
		x.key = r.Key
	case Tram:
		x, err = readTram(r.Value)
		x.key = r.Key
	default:
		x, err = readDebezium(s.Debezium, r)
	}
	if err != nil {
		return nil, err
	}
	e, err := x.envelope(s, r)
	if err != nil {
		return nil, err
	}
	return []Envelope{e}, nil
}

// detect tells the formats apart. The first rule that holds decides:
//
//  1. The value begins with the batch prefix: Tram.
//  2. A header ce_specversion, or a content-type that begins with application/cloudevents: CloudEvents.
//  3. A header of the name configured for Debezium's event type: Debezium.
//  4. The value is a JSON object with a member specversion: CloudEvents, structured, its content-type lost on the way.
//  5. The value is a JSON object with the members payload and headers: Tram.
//  6. Anything else: Debezium, which finds the event's type in the envelope or says that it is missing.
func detect(s Source, r Record) Format {
	if bytes.HasPrefix(r.Value, batchPrefix) {
		return Tram
	}
	routed := false
	for _, h := range r.Headers {
		switch {
		case strings.EqualFold(h.Key, "ce_specversion"),
			strings.EqualFold(h.Key, "content-type") && isStructured(string(h.Value)):
			return CloudEvents
		case h.Key == s.Debezium.Type:
			routed = true
		}
	}
	if routed {
		return Debezium
	}
	var specVersion, payload, headers bool
	members(r.Value, func(name, _ []byte) {
		switch string(name) {
		case "specversion":
			specVersion = true
		case "payload":
			payload = true
		case "headers":
			headers = true
		}
	})
	switch {
	case specVersion:
		return CloudEvents
	case payload && headers:
		return Tram
	}
	return Debezium
}

// draft is an event as its format tells it, nothing checked but what only the format knows.
type draft struct {
	id            string
	aggregateType string // with or without its package; "": the topic says it
	aggregateID   string
	key           []byte    // what must equal aggregateID; empty: nothing
	typ           string    // with or without its package
	version       *scalar   // nil: none
	time          time.Time // zero: the record's
	data          []byte    // of text that checkText has seen
	traceParent   string
	index         int
}

// envelope checks the draft of an event of r.
func (x draft) envelope(s Source, r Record) (Envelope, error) {
	e := Envelope{
		ID: x.id, Aggregate: s.Aggregate, AggregateID: x.aggregateID, Type: shortName(x.typ), Data: x.data,
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Index: x.index,
	}
	if x.aggregateType != "" && shortName(x.aggregateType) != string(s.Aggregate) {
		return Envelope{}, failf(ReasonAggregate, "a %.100q in the topic of %s", x.aggregateType, s.Aggregate)
	}
	if e.AggregateID == "" {
		return Envelope{}, failf(ReasonMissing, "no aggregate id")
	}
	if err := checkName("aggregate id", e.AggregateID, ReasonAggregate); err != nil {
		return Envelope{}, err
	}
	if len(x.key) > 0 && string(x.key) != e.AggregateID {
		return Envelope{}, failf(ReasonAggregate, "aggregate id %q under the key %.40q", e.AggregateID, x.key)
	}
	if e.Type == "" {
		return Envelope{}, failf(ReasonMissing, "no event type")
	}
	if err := checkName("event type", e.Type, ReasonFormat); err != nil {
		return Envelope{}, err
	}
	if err := checkName("event id", e.ID, ReasonFormat); err != nil {
		return Envelope{}, err
	}
	var err error
	if x.version != nil {
		if e.Version, err = parseVersion(string(*x.version)); err != nil {
			return Envelope{}, err
		}
	}
	if e.Time, err = x.moment(r); err != nil {
		return Envelope{}, err
	}
	if len(x.data) > MaxBody { // not in parse: a body that comes back from a store may have grown by escapes
		return Envelope{}, failf(ReasonTooLarge, "a body of %d bytes, over %d", len(x.data), MaxBody)
	}
	if e.Payload, err = parse(s.Aggregate, e.Type, x.data); err != nil {
		return Envelope{}, err
	}
	trace := x.traceParent
	if trace == "" {
		trace = lastHeader(r.Headers, "traceparent")
	}
	if isTraceParent(trace) {
		e.TraceParent = trace
	}
	return e, nil
}

// moment returns the event's time, or the record's where it has none.
func (x draft) moment(r Record) (time.Time, error) {
	t := x.time
	if t.IsZero() {
		t = r.Time
	}
	if t.IsZero() {
		return t, failf(ReasonTime, "neither the event nor its record has a time")
	}
	if t = wire.At(t).Time; t.Year() < 1 || t.Year() > 9999 {
		return t, failf(ReasonTime, "a time beyond the years 1 to 9999")
	}
	return t, nil
}

// maxName bounds ids and types, in bytes.
const maxName = 128

func checkName(what, s string, reason Reason) error {
	switch {
	case !utf8.ValidString(s):
		return failf(ReasonEncoding, "the %s is not UTF-8", what)
	case len(s) > maxName:
		return failf(reason, "the %s has %d bytes, over %d", what, len(s), maxName)
	case strings.ContainsFunc(s, unicode.IsControl):
		return failf(reason, "the %s %q has control characters", what, s)
	}
	return nil
}

// parseVersion reads decimal digits, zero-padded or not. Beyond int64 no store could keep it.
func parseVersion(s string) (uint64, error) {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, failf(ReasonVersion, "the version %.40q is no whole number of 1 or more", s)
		}
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil || v == 0 || v > math.MaxInt64 {
		return 0, failf(ReasonVersion, "the version %.40q is not within 1 to %d", s, int64(math.MaxInt64))
	}
	return v, nil
}

// isTraceParent reports whether s has the form of W3C trace context: version, trace id, parent id and flags in lower-case
// hexadecimal. A bad one costs the trace, not the event.
func isTraceParent(s string) bool {
	if len(s) != 55 || s[:2] == "ff" {
		return false
	}
	for i, c := range []byte(s) {
		if i == 2 || i == 35 || i == 52 {
			if c != '-' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return strings.Trim(s[3:35], "0") != "" && strings.Trim(s[36:52], "0") != ""
}

// lastHeader returns the value of the last header of a name, or "". Names are compared without regard to case.
func lastHeader(headers []Header, name string) string {
	for i := len(headers) - 1; i >= 0; i-- {
		if strings.EqualFold(headers[i].Key, name) {
			return string(headers[i].Value)
		}
	}
	return ""
}
