package indexer

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/event"
)

// The headers of a dead letter, beside those that its record had.
const (
	HeaderReason    = "viewgate-reason"    // an event.Reason
	HeaderDetail    = "viewgate-detail"    // what exactly was wrong
	HeaderTopic     = "viewgate-topic"     // where the record was
	HeaderPartition = "viewgate-partition" //
	HeaderOffset    = "viewgate-offset"    //
	HeaderTime      = "viewgate-time"      // the record's own time, RFC 3339
	HeaderReference = "viewgate-reference" // "true" where the record was too large to copy: the value stands only there
)

// maxDetail bounds the detail header, in bytes.
const maxDetail = 1000

// deadLetters writes records that cannot be indexed to their topic's dead letter topic.
type deadLetters struct{ producer sarama.SyncProducer }

func newDeadLetters(client sarama.Client) (*deadLetters, error) {
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return nil, fmt.Errorf("dead letter producer: %w", err)
	}
	return &deadLetters{producer}, nil
}

// write returns when the dead letter is acknowledged. It is a copy of the record: bytes, key and headers.
func (d *deadLetters) write(m *sarama.ConsumerMessage, why error) error {
	detail := why.Error()
	letter := &sarama.ProducerMessage{
		Topic: m.Topic + DeadLetterSuffix, Timestamp: time.Now(),
		Headers: []sarama.RecordHeader{
			header(HeaderReason, string(event.ReasonOf(why))),
			header(HeaderDetail, detail[:min(len(detail), maxDetail)]),
			header(HeaderTopic, m.Topic),
			header(HeaderPartition, strconv.Itoa(int(m.Partition))),
			header(HeaderOffset, strconv.FormatInt(m.Offset, 10)),
			header(HeaderTime, m.Timestamp.UTC().Format(time.RFC3339Nano)),
		},
	}
	for _, h := range m.Headers {
		letter.Headers = append(letter.Headers, *h)
	}
	if m.Key != nil {
		letter.Key = sarama.ByteEncoder(m.Key)
	}
	if m.Value != nil {
		letter.Value = sarama.ByteEncoder(m.Value)
	}
	_, _, err := d.producer.SendMessage(letter)
	var tooLarge sarama.ConfigurationError // what the producer says of a message over its own limit
	if errors.Is(err, sarama.ErrMessageSizeTooLarge) || errors.As(err, &tooLarge) {
		letter.Value = nil
		letter.Headers = append(letter.Headers, header(HeaderReference, "true"))
		letter.Metadata = nil
		_, _, err = d.producer.SendMessage(letter)
	}
	if err != nil {
		return fmt.Errorf("dead letter of %s/%d at %d could not be written to %s, so the indexer stops rather than "+
			"skips it: %w", m.Topic, m.Partition, m.Offset, letter.Topic, err)
	}
	return nil
}

func (d *deadLetters) close() error { return d.producer.Close() }

func header(key, value string) sarama.RecordHeader {
	return sarama.RecordHeader{Key: []byte(key), Value: []byte(value)}
}
