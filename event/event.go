// Package event reads domain events from Kafka records: CloudEvents 1.0 (binary and structured), Eventuate Tram (single
// and batched) and Debezium's outbox event router. Whatever the format, an event comes out as an Envelope with a typed
// payload, checked in full, so that nobody behind Decode meets malformed input.
package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Record is a Kafka record, as far as decoding needs it.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	Value     []byte // nil for a tombstone
	Headers   []Header
	Time      time.Time // the record's own timestamp, used where the event has no time of its own
}

// Header is a Kafka record's header.
type Header struct {
	Key   string
	Value []byte
}

// Envelope is one domain event.
type Envelope struct {
	ID          string    // at most 128 bytes, unique among the aggregate's events, "" where the producer gave none
	Aggregate   Aggregate // what kind of aggregate it happened to
	AggregateID string
	Type        string          // the event's type without its package: OrderCreatedEvent
	Version     uint64          // counts the aggregate's events from 1; 0: the producer sends none
	Time        time.Time       // when it happened: UTC, milliseconds
	Data        json.RawMessage // the body as it came, valid JSON; it may share memory with the record
	Payload     any             // the body's typed form, a pointer to one of this package's structs; nil for an unknown type
	TraceParent string          // W3C trace context, "" without

	Topic     string
	Partition int32
	Offset    int64
	Index     int // its place in a record that carries several
}

// Aggregate is a kind of aggregate: the last segment of the class name that food to go uses for it.
type Aggregate string

// The six aggregates of food to go.
const (
	Order      Aggregate = "Order"
	Ticket     Aggregate = "Ticket"
	Delivery   Aggregate = "Delivery"
	Account    Aggregate = "Account"
	Restaurant Aggregate = "Restaurant"
	Consumer   Aggregate = "Consumer"
)

// Format is a wire format.
type Format string

// The formats that a topic can be set to.
const (
	Auto        Format = "auto" // told apart record by record
	CloudEvents Format = "cloudevents"
	Tram        Format = "tram"
	Debezium    Format = "debezium"
)

// Source says what a topic carries.
type Source struct {
	Topic     string
	Aggregate Aggregate
	Format    Format // zero: Auto
	Debezium  DebeziumFields
}

// DebeziumFields names where Debezium's outbox event router was configured to put what is not in the body: each a header
// or, in envelope mode, a field beside the payload. Zero fields have the defaults given here.
type DebeziumFields struct {
	ID      string // id
	Type    string // eventType
	Version string // version
	Time    string // timestamp, in milliseconds since 1970 or RFC 3339; the record's own time where it is missing
	Payload string // payload, the body's field in envelope mode
}

// Reason is why a record could not be decoded, in one word for metrics and the dead letter's header.
type Reason string

// The reasons.
const (
	ReasonTopic     Reason = "topic"     // of a topic that no Source names
	ReasonTooLarge  Reason = "too_large" // over MaxRecord, MaxBody, MaxDepth or MaxValues
	ReasonFormat    Reason = "format"    // not what the topic's format wants, or truncated
	ReasonEncoding  Reason = "encoding"  // not UTF-8
	ReasonMissing   Reason = "missing"   // a part that every event must have is not there
	ReasonVersion   Reason = "version"   // a version that is no whole number of 1 or more
	ReasonTime      Reason = "time"      // a time that cannot be read
	ReasonBody      Reason = "body"      // a body that is not JSON or does not fit the event's type
	ReasonAggregate Reason = "aggregate" // an aggregate that cannot be, or differs from what the key or the topic says
	ReasonUnordered Reason = "unordered" // with a version where its aggregate's others have none, or the other way about
	ReasonOverflow  Reason = "overflow"  // too many events already wait for a missing one
	ReasonRefused   Reason = "refused"   // decoded, but the store refuses the document
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{
		ReasonTopic, ReasonTooLarge, ReasonFormat, ReasonEncoding, ReasonMissing, ReasonVersion, ReasonTime, ReasonBody,
		ReasonAggregate, ReasonUnordered, ReasonOverflow, ReasonRefused,
	}
}

// The bounds within which a record is decoded: what an event may cost in memory, and in the document that it becomes.
const (
	MaxRecord = 4 << 20 // a record's value, in bytes
	MaxBody   = 1 << 20 // one event's body, in bytes
	MaxDepth  = 64      // arrays and objects within each other
	MaxValues = 1 << 16 // values in a JSON text, at every depth
)

// maxDetail bounds an Error's Detail, which travels in a header of the dead letter.
const maxDetail = 300

// Error says why a record, or an event in it, goes to the dead letter topic.
type Error struct {
	Reason Reason
	Detail string // for people: a few hundred bytes of valid UTF-8 at most
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

func failf(reason Reason, format string, args ...any) error {
	detail := fmt.Sprintf(format, args...)
	if len(detail) > maxDetail {
		detail = detail[:maxDetail] + "..."
	}
	return &Error{Reason: reason, Detail: strings.ToValidUTF8(detail, "")}
}

// ReasonOf returns the reason in err's chain, or ReasonFormat.
func ReasonOf(err error) Reason {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Reason
	}
	return ReasonFormat
}

// shortName returns what follows the last dot (or $, of a nested class): the type's name without its package.
func shortName(name string) string {
	return name[strings.LastIndexAny(name, ".$")+1:]
}

// ValidID reports whether s can be an aggregate's id: 1 to 128 bytes of UTF-8 without control characters.
func ValidID(s string) bool { return s != "" && checkName("id", s, ReasonMissing) == nil }
