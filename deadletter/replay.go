package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/event"
)

// Why a letter is not replayed.
var (
	// ErrReplayed letters have been replayed before.
	ErrReplayed = errors.New("replayed before")
	// ErrUndecodable letters would be dead letters again, and their parts degraded again.
	ErrUndecodable = errors.New("still cannot be decoded")
	// ErrUnversioned letters have events that are ordered by their place in the log: replayed, they would be applied as
	// the newest, over what has happened since.
	ErrUnversioned = errors.New("has no version, so it would be applied as the newest")
	// ErrNoOrigin letters do not say where they were.
	ErrNoOrigin = errors.New("does not say where it was, or that partition is no more")
	// ErrTooLarge letters are over what the topic takes.
	ErrTooLarge = errors.New("too large for its topic")
)

// ReplayOptions say what to replay.
type ReplayOptions struct {
	Filter  Filter
	All     bool           // also letters that have been replayed before
	Force   bool           // also letters that cannot be decoded, or have no version
	DryRun  bool           // decides, and publishes nothing
	Decoder *event.Decoder // knows the topics; nil: nothing is decoded, as if forced

	// Observe, where it is set, is called with each letter that the filter chooses: with nil when it has been published,
	// or would be, else with why not, one of the errors above or ErrGone.
	Observe func(Letter, error)
}

// A batch holds so many letters and bytes of values, at most, but one letter at least.
const (
	batchLetters = 500
	batchBytes   = 8 << 20
)

// Replay publishes the letters' records once more where they were: the same partition, key, value, headers and time. It
// takes them in Each's order, which is that of each key's records where the same groups wrote their letters. A letter that
// cannot be replayed is skipped, and Observe told why; where Kafka fails, or ctx ends, Replay ends with an error, and what
// it has published is marked. Letters that come in meanwhile are left for the next time.
func (b *Box) Replay(ctx context.Context, o ReplayOptions) error {
	if o.Observe == nil {
		o.Observe = func(Letter, error) {}
	}
	r := &replay{Box: b, ReplayOptions: o}
	if !o.DryRun && len(b.spans) > 0 {
		config := *b.config
		config.Producer.Partitioner = sarama.NewManualPartitioner
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1 // what idempotence, and so the order within a key, asks for
		producer, err := sarama.NewSyncProducer(b.brokers, &config)
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		defer producer.Close()
		r.producer = producer
	}
	err := b.Each(ctx, o.Filter, func(l Letter) error { return r.add(ctx, l) })
	if err == nil {
		err = r.flush()
	}
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

// replay is one run of Box.Replay.
type replay struct {
	*Box
	ReplayOptions
	producer sarama.SyncProducer // nil in a dry run
	batch    []Letter
	bytes    int
}

// add puts a letter into the batch, or tells why it is skipped.
func (r *replay) add(ctx context.Context, l Letter) error {
	l, err := r.judge(ctx, l)
	switch {
	case isVerdict(err):
		r.Observe(l, err)
		return nil
	case err != nil:
		return err
	case r.DryRun:
		r.Observe(l, nil)
		return nil
	}
	if len(r.batch) > 0 && r.bytes+len(l.Value) > batchBytes {
		if err := r.flush(); err != nil {
			return err
		}
	}
	r.batch, r.bytes = append(r.batch, l), r.bytes+len(l.Value)
	if len(r.batch) < batchLetters {
		return nil
	}
	return r.flush()
}

// isVerdict reports whether an error is about one letter alone.
func isVerdict(err error) bool {
	return slices.ContainsFunc([]error{
		ErrReplayed, ErrUndecodable, ErrUnversioned, ErrNoOrigin, ErrTooLarge, ErrGone,
	}, func(verdict error) bool { return errors.Is(err, verdict) })
}

// judge returns the letter as it is to be published, or why it is not.
func (r *replay) judge(ctx context.Context, l Letter) (Letter, error) {
	if !l.Replayed.IsZero() && !r.All {
		return l, fmt.Errorf("%w, at %s", ErrReplayed, l.Replayed.Format(time.RFC3339))
	}
	partitions, err := r.client.Partitions(l.Origin.Topic)
	if err != nil && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return l, fmt.Errorf("topic %s: %w", l.Origin.Topic, err)
	}
	if !slices.Contains(partitions, l.Origin.Partition) || l.Origin.Offset < 0 {
		return l, ErrNoOrigin
	}
	if l, err = r.Fetch(ctx, l); err != nil || r.Force || r.Decoder == nil {
		return l, err
	}
	envelopes, err := r.Decoder.Decode(l.Record())
	if err != nil {
		return l, fmt.Errorf("%w: %w", ErrUndecodable, err)
	}
	if slices.ContainsFunc(envelopes, func(e event.Envelope) bool { return e.Version == 0 }) {
		return l, ErrUnversioned
	}
	return l, nil
}

// flush publishes the batch and marks what was acknowledged of it.
func (r *replay) flush() error {
	if len(r.batch) == 0 {
		return nil
	}
	messages := make([]*sarama.ProducerMessage, len(r.batch))
	for i, l := range r.batch {
		messages[i] = message(l)
	}
	failed := map[*sarama.ProducerMessage]error{}
	var each sarama.ProducerErrors
	if err := r.producer.SendMessages(messages); errors.As(err, &each) {
		for _, e := range each {
			failed[e.Msg] = e.Err
		}
	} else if err != nil {
		return err
	}
	var done []Letter
	var fault error
	for i, l := range r.batch {
		switch err := failed[messages[i]]; {
		case err == nil:
			done = append(done, l)
		case tooLarge(err):
			r.Observe(l, fmt.Errorf("%w: %w", ErrTooLarge, err))
		case fault == nil:
			fault = fmt.Errorf("%s: %w", l.At, err)
		}
	}
	r.batch, r.bytes = r.batch[:0], 0
	if err := r.mark(done); err != nil {
		return errors.Join(fault, err)
	}
	for _, l := range done {
		r.Observe(l, nil)
	}
	return fault
}

// message returns the record that a letter was made of.
func message(l Letter) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: l.Origin.Topic, Partition: l.Origin.Partition, Timestamp: l.Time}
	if l.Key != nil {
		m.Key = sarama.ByteEncoder(l.Key)
	}
	if l.Value != nil {
		m.Value = sarama.ByteEncoder(l.Value)
	}
	for _, h := range l.Headers {
		m.Headers = append(m.Headers, header(h.Key, string(h.Value)))
	}
	return m
}

// mark records that the letters have been replayed: one mark for each of their partitions.
func (r *replay) mark(letters []Letter) error {
	marks := map[Position]*sarama.ProducerMessage{} // by partition: the offsets are 0
	var messages []*sarama.ProducerMessage
	for _, l := range letters {
		partition := Position{Topic: l.At.Topic, Partition: l.At.Partition}
		m := marks[partition]
		if m == nil {
			m = &sarama.ProducerMessage{Topic: l.At.Topic, Partition: l.At.Partition, Timestamp: time.Now()}
			marks[partition], messages = m, append(messages, m)
		}
		m.Headers = append(m.Headers, header(HeaderReplayed, strconv.FormatInt(l.At.Offset, 10)))
	}
	if len(messages) == 0 {
		return nil
	}
	if err := r.producer.SendMessages(messages); err != nil {
		var each sarama.ProducerErrors
		if errors.As(err, &each) && len(each) > 0 {
			err = each[0].Err
		}
		return fmt.Errorf("%d letters were published but could not be marked, so they will be published again: %w",
			len(letters), err)
	}
	return nil
}
