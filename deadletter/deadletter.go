// Package deadletter keeps the records that cannot be indexed, and gives them back: a Writer copies a record to the dead
// letter topic of its topic, a Box reads what is there and replays it.
//
// # What a dead letter is
//
// The dead letter topic of a topic has the same name with Suffix behind it. A letter has the record's key, value and
// headers as they came, and before these the headers of this package, which say why it is there and where it was. A
// record too large to copy goes by reference: its letter has no value, and the record is fetched from where it was. So does a
// record of somebody who is forgotten (Writer.Refer), and letters of theirs are made references (Box.Erase).
//
// Every consumer group that reads a topic, as a rebuilt index's does, writes a letter of its own of the same record, and an
// attempt that is repeated may leave a letter each time. A Box takes them for one: the newest, which has the latest reason.
//
// # What a replay remembers
//
// A replay publishes a letter's record once more where it was, and then leaves a mark in the letter's own partition: a
// record with neither key nor value that names the offsets replayed. Marks, and not the committed offsets of a consumer
// group, because a replay takes some letters and leaves others, and because Kafka forgets a group's offsets a week after
// its last member has gone. A crash between the two publishes the letter again the next time, which changes nothing: an
// event that a view has is known by its version. A mark is good for all letters of the record.
package deadletter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/event"
)

// Suffix is what a dead letter topic's name has behind its topic's.
const Suffix = ".dlq"

// The headers of a dead letter, before those that its record had.
const (
	HeaderReason    = headerPrefix + "reason"    // an event.Reason
	HeaderDetail    = headerPrefix + "detail"    // what exactly was wrong
	HeaderTopic     = headerPrefix + "topic"     // where the record was
	HeaderPartition = headerPrefix + "partition" //
	HeaderOffset    = headerPrefix + "offset"    //
	HeaderTime      = headerPrefix + "time"      // the record's own time, RFC 3339
	HeaderReference = headerPrefix + "reference" // "true" where the record is not copied: the value stands only there
)

// HeaderReplayed makes a record a mark, not a letter: each such header has the offset, in the mark's own partition, of a
// letter that was replayed.
const HeaderReplayed = headerPrefix + "replayed"

// headerPrefix is reserved: a record's own headers with it are neither copied nor replayed.
const headerPrefix = "viewgate-"

// Position is a place in Kafka.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
}

// String returns the position as ParsePosition reads it.
func (p Position) String() string { return fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Offset) }

// ParsePosition reads TOPIC/PARTITION/OFFSET.
func ParsePosition(s string) (Position, error) {
	wrong := fmt.Errorf("%q is not TOPIC/PARTITION/OFFSET", s)
	parts := strings.Split(s, "/")
	if len(parts) != 3 || parts[0] == "" {
		return Position{}, wrong
	}
	partition, err := strconv.ParseUint(parts[1], 10, 31)
	if err != nil {
		return Position{}, wrong
	}
	offset, err := strconv.ParseUint(parts[2], 10, 63)
	if err != nil {
		return Position{}, wrong
	}
	return Position{parts[0], int32(partition), int64(offset)}, nil
}

// Letter is a dead letter.
type Letter struct {
	At     Position  // where the letter is: in the dead letter topic
	Since  time.Time // when it was written
	Origin Position  // where the record was; partition and offset are -1 where no header says so
	Reason event.Reason
	Detail string

	// The record. By reference, the value is missing.
	Key, Value  []byte // nil: none
	Headers     []event.Header
	Time        time.Time // zero where no header says so
	ByReference bool

	// What the Box knows of it.
	Copies   int       // how many letters its record has, this one included
	Replayed time.Time // when one of them was replayed last; zero: never
}

// Record returns the letter's record as it was where it came from.
func (l Letter) Record() event.Record {
	return event.Record{
		Topic: l.Origin.Topic, Partition: l.Origin.Partition, Offset: l.Origin.Offset,
		Key: l.Key, Value: l.Value, Headers: l.Headers, Time: l.Time,
	}
}

// parse reads a record of a dead letter topic. A header that is missing or senseless is not there: whoever wrote the
// letter, it can be listed and shown. The topic of origin is the one whose dead letter topic this is, whatever a header
// says, so that a letter can be replayed nowhere else.
func parse(m *sarama.ConsumerMessage) Letter {
	l := Letter{
		At:     Position{m.Topic, m.Partition, m.Offset},
		Since:  m.Timestamp.UTC(),
		Origin: Position{strings.TrimSuffix(m.Topic, Suffix), -1, -1},
		Key:    m.Key, Value: m.Value,
	}
	for _, h := range m.Headers {
		value := string(h.Value)
		switch string(h.Key) {
		case HeaderReason:
			l.Reason = event.Reason(value)
		case HeaderDetail:
			l.Detail = value
		case HeaderPartition:
			if n, err := strconv.ParseUint(value, 10, 31); err == nil {
				l.Origin.Partition = int32(n)
			}
		case HeaderOffset:
			if n, err := strconv.ParseUint(value, 10, 63); err == nil {
				l.Origin.Offset = int64(n)
			}
		case HeaderTime:
			if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
				l.Time = t
			}
		case HeaderReference:
			l.ByReference = value == "true"
		default:
			if !reserved(h) {
				l.Headers = append(l.Headers, event.Header{Key: string(h.Key), Value: h.Value})
			}
		}
	}
	return l
}

// marked returns the offsets that a record of a dead letter topic marks as replayed; none where it is a letter.
func marked(m *sarama.ConsumerMessage) (offsets []int64, isMark bool) {
	for _, h := range m.Headers {
		if string(h.Key) != HeaderReplayed {
			continue
		}
		isMark = true
		if n, err := strconv.ParseUint(string(h.Value), 10, 63); err == nil {
			offsets = append(offsets, int64(n))
		}
	}
	return offsets, isMark
}

func reserved(h *sarama.RecordHeader) bool { return strings.HasPrefix(string(h.Key), headerPrefix) }

func header(key, value string) sarama.RecordHeader {
	return sarama.RecordHeader{Key: []byte(key), Value: []byte(value)}
}

// Filter chooses letters. Each field that is set must fit.
type Filter struct {
	Reason event.Reason
	Key    string
	At     *Position // its topic may be named as MatchTopic allows
}

// Match reports whether the filter chooses the letter.
func (f Filter) Match(l Letter) bool {
	return (f.Reason == "" || f.Reason == l.Reason) &&
		(f.Key == "" || f.Key == string(l.Key)) &&
		(f.At == nil || f.At.Partition == l.At.Partition && f.At.Offset == l.At.Offset &&
			MatchTopic(l.Origin.Topic, f.At.Topic))
}

// MatchTopic reports whether name names the topic: in full, by what follows a dot in it, or as its dead letter topic.
func MatchTopic(topic, name string) bool {
	name = strings.TrimSuffix(name, Suffix)
	return name != "" && (topic == name || strings.HasSuffix(topic, "."+name))
}

// tooLarge reports whether a producer, or its broker, finds a record too large.
func tooLarge(err error) bool {
	var own sarama.ConfigurationError // what the producer says of a message over its own limit
	return errors.Is(err, sarama.ErrMessageSizeTooLarge) || errors.As(err, &own)
}
