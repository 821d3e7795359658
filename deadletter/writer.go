package deadletter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/event"
)

// maxDetail bounds the detail header, in bytes.
const maxDetail = 1000

// Writer writes records that cannot be indexed to their topics' dead letter topics. It is safe for concurrent use.
type Writer struct{ producer sarama.SyncProducer }

// NewWriter returns a writer with connections of its own: on those of a consumer each letter would wait behind a fetch,
// which a broker answers first, and only after a while where there is nothing to fetch.
func NewWriter(brokers []string, config *sarama.Config) (*Writer, error) {
	producer, err := sarama.NewSyncProducer(brokers, config)
	if err != nil {
		return nil, fmt.Errorf("dead letter producer: %w", err)
	}
	return &Writer{producer}, nil
}

// Write returns when the record's dead letter is acknowledged: a copy, or a reference where a copy would be too large.
func (w *Writer) Write(m *sarama.ConsumerMessage, why error) error {
	detail := why.Error()
	letter := &sarama.ProducerMessage{
		Topic: m.Topic + Suffix, Timestamp: time.Now(),
		Headers: []sarama.RecordHeader{
			header(HeaderReason, string(event.ReasonOf(why))),
			header(HeaderDetail, strings.ToValidUTF8(detail[:min(len(detail), maxDetail)], "")),
			header(HeaderTopic, m.Topic),
			header(HeaderPartition, strconv.Itoa(int(m.Partition))),
			header(HeaderOffset, strconv.FormatInt(m.Offset, 10)),
			header(HeaderTime, m.Timestamp.UTC().Format(time.RFC3339Nano)),
		},
	}
	for _, h := range m.Headers {
		if !reserved(h) {
			letter.Headers = append(letter.Headers, *h)
		}
	}
	if m.Key != nil {
		letter.Key = sarama.ByteEncoder(m.Key)
	}
	if m.Value != nil {
		letter.Value = sarama.ByteEncoder(m.Value)
	}
	_, _, err := w.producer.SendMessage(letter)
	if tooLarge(err) {
		letter.Value = nil
		letter.Headers = slices.Insert(letter.Headers, 0, header(HeaderReference, "true"))
		letter.Metadata = nil
		_, _, err = w.producer.SendMessage(letter)
	}
	if err != nil {
		return fmt.Errorf("dead letter of %s/%d at %d could not be written to %s: %w",
			m.Topic, m.Partition, m.Offset, letter.Topic, err)
	}
	return nil
}

// Close waits for what is being written, and ends the connections.
func (w *Writer) Close() error { return w.producer.Close() }
