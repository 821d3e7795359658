package event

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// tramMessage is a message of Eventuate Tram as its CDC service writes it to Kafka.
type tramMessage struct {
	Payload *string `json:"payload"` // the event's body, JSON in a JSON string
	Headers struct {
		ID            string  `json:"ID"`
		PartitionID   string  `json:"PARTITION_ID"`
		Date          string  `json:"DATE"`
		EventType     string  `json:"event-type"`
		AggregateType string  `json:"event-aggregate-type"`
		AggregateID   string  `json:"event-aggregate-id"`
		Version       *scalar `json:"event-aggregate-version"` // Tram itself sends none
	} `json:"headers"`
}

// readTram reads one message, whose text has been checked.
func readTram(value []byte) (draft, error) {
	var m tramMessage
	if err := json.Unmarshal(value, &m); err != nil {
		return draft{}, failf(ReasonFormat, "a Tram message: %v", err)
	}
	h := &m.Headers
	switch {
	case m.Payload == nil:
		return draft{}, failf(ReasonMissing, "a Tram message without payload")
	case h.AggregateID == "":
		return draft{}, failf(ReasonMissing, "a Tram message without event-aggregate-id")
	case h.PartitionID != "" && h.PartitionID != h.AggregateID:
		return draft{}, failf(ReasonAggregate, "aggregate id %.40q in the partition of %.40q", h.AggregateID, h.PartitionID)
	}
	t, err := tramTime(h.Date, h.ID)
	if err != nil {
		return draft{}, err
	}
	data := []byte(*m.Payload)
	if err := checkText(data); err != nil {
		return draft{}, err
	}
	return draft{
		id: h.ID, aggregateID: h.AggregateID, aggregateType: h.AggregateType, typ: h.EventType, version: h.Version,
		time: t, data: data,
	}, nil
}

// The two forms of RFC 1123's date in which Java writes DATE. GMT is matched as a word: Go would read another zone's
// abbreviation by the clock of the machine that it runs on.
const (
	tramDate       = "Mon, 2 Jan 2006 15:04:05 GMT"
	tramDateOffset = "Mon, 2 Jan 2006 15:04:05 -0700"
)

// tramTime returns when a message was sent: DATE, to the millisecond of ID where that lies within the same second, since
// DATE has whole seconds only; ID's time where there is no DATE; zero where there is neither.
func tramTime(date, id string) (time.Time, error) {
	fine, ok := tramIDTime(id)
	if date == "" {
		return fine, nil
	}
	t, err := time.Parse(tramDate, date)
	if err != nil {
		if t, err = time.Parse(tramDateOffset, date); err != nil {
			return time.Time{}, failf(ReasonTime, "the DATE %.60q is no date as in RFC 1123", date)
		}
	}
	if ok && fine.Truncate(time.Second).Equal(t) {
		return fine, nil
	}
	return t, nil
}

// tramIDTime returns the time in an ID: 16 hexadecimal digits of milliseconds since 1970, a hyphen, 16 digits more.
func tramIDTime(id string) (time.Time, bool) {
	if len(id) != 33 || id[16] != '-' {
		return time.Time{}, false
	}
	ms, err := strconv.ParseUint(id[:16], 16, 64)
	if err != nil || ms == 0 || ms > math.MaxInt64 {
		return time.Time{}, false
	}
	t := time.UnixMilli(int64(ms)).UTC()
	return t, t.Year() <= 9999
}
