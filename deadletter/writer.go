package deadletter

import (
	"context"
	"errors"
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

// ErrUnavailable says that Kafka could not take a letter now. It may, or may not, be in the dead letter topic.
var ErrUnavailable = errors.New("Kafka cannot take a dead letter now")

// Writer writes records that cannot be indexed to their topics' dead letter topics. It is safe for concurrent use.
type Writer struct{ producer sarama.SyncProducer }

// NewWriter returns a writer with connections of its own: on those of a consumer each letter would wait behind a fetch,
// which a broker answers first, and only after a while where there is nothing to fetch. It retries nothing: that is its
// caller's to do.
func NewWriter(brokers []string, config *sarama.Config) (*Writer, error) {
	once := *config
	once.Producer.Retry.Max = 0
	producer, err := sarama.NewSyncProducer(brokers, &once)
	if err != nil {
		return nil, fmt.Errorf("dead letter producer: %w", err)
	}
	return &Writer{producer}, nil
}

// Write returns when the record's dead letter is acknowledged: a copy, or a reference where a copy would be too large. It
// tries once. Where Kafka cannot take the letter for now the error is ErrUnavailable, and the call may be repeated: a letter
// that is written twice is one, as a letter is known by its record's topic, partition and offset. Any other error stays
// until somebody mends its cause. When ctx ends before Kafka has answered, Write returns its error.
func (w *Writer) Write(ctx context.Context, m *sarama.ConsumerMessage, why error) error {
	letter := newLetter(m, event.ReasonOf(why), why.Error())
	if m.Value != nil {
		letter.Value = sarama.ByteEncoder(m.Value)
	}
	err := w.send(ctx, letter)
	if tooLarge(err) {
		refer(letter)
		err = w.send(ctx, letter)
	}
	return outcome(m, letter, err)
}

// Refer is Write for a record that is not to be copied, because it is of somebody who is forgotten. The letter is a reference,
// and its detail says so: what is wrong can quote the record.
func (w *Writer) Refer(ctx context.Context, m *sarama.ConsumerMessage, why error) error {
	letter := newLetter(m, event.ReasonOf(why), withheld)
	refer(letter)
	return outcome(m, letter, w.send(ctx, letter))
}

// withheld is the detail of a letter whose record is not to be copied.
const withheld = "it is of somebody who is forgotten, so it is not copied"

// newLetter returns a record's letter, without its value.
func newLetter(m *sarama.ConsumerMessage, why event.Reason, detail string) *sarama.ProducerMessage {
	letter := &sarama.ProducerMessage{
		Topic: m.Topic + Suffix, Timestamp: time.Now(),
		Headers: []sarama.RecordHeader{
			header(HeaderReason, string(why)),
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
	return letter
}

// refer makes a letter a reference.
func refer(letter *sarama.ProducerMessage) {
	letter.Value, letter.Metadata = nil, nil
	letter.Headers = slices.Insert(letter.Headers, 0, header(HeaderReference, "true"))
}

// outcome returns what became of a record's letter, given how sending it ended.
func outcome(m *sarama.ConsumerMessage, letter *sarama.ProducerMessage, err error) error {
	if transient(err) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return fmt.Errorf("dead letter of %s/%d at %d could not be written to %s: %w",
			m.Topic, m.Partition, m.Offset, letter.Topic, err)
	}
	return nil
}

// send sends a message and waits for the answer, or until ctx ends: then the answer comes to nobody, before Close returns.
func (w *Writer) send(ctx context.Context, m *sarama.ProducerMessage) error {
	answer := make(chan error, 1)
	go func() {
		_, _, err := w.producer.SendMessage(m)
		answer <- err
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// transient reports whether a producer's error may be gone by itself after a while. Of Kafka's own errors these are those
// of producing that the protocol calls retriable; all others are faults of connections, unless they name a mistake.
func transient(err error) bool {
	var kafka sarama.KError
	var configuration sarama.ConfigurationError
	var encoding sarama.PacketEncodingError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &configuration), errors.As(err, &encoding),
		errors.Is(err, sarama.ErrClosedClient), errors.Is(err, sarama.ErrShuttingDown):
		return false
	case errors.As(err, &kafka):
		return slices.Contains(retriable, kafka)
	}
	return true
}

var retriable = []sarama.KError{
	sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable, sarama.ErrNotLeaderForPartition,
	sarama.ErrRequestTimedOut, sarama.ErrBrokerNotAvailable, sarama.ErrReplicaNotAvailable, sarama.ErrNetworkException,
	sarama.ErrNotEnoughReplicas, sarama.ErrNotEnoughReplicasAfterAppend, sarama.ErrKafkaStorageError,
	sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrOffsetNotAvailable,
	sarama.ErrThrottlingQuotaExceeded,
}

// Close waits for what is being written, and ends the connections.
func (w *Writer) Close() error { return w.producer.Close() }
