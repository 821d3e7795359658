package deadletter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/event"
)

// Box is the dead letters of some topics, as they were when it was opened. It is for one goroutine.
type Box struct {
	brokers []string
	config  *sarama.Config
	client  sarama.Client
	spans   []span
	records int
	letters map[Position]*copies // every letter's record
}

// copies are the letters of one record: each consumer group that cannot index it writes one.
type copies struct {
	newest   Position
	since    time.Time    // when the newest was written
	reason   event.Reason // that it has
	count    int
	replayed time.Time // when one of them was replayed last
}

// span is a part of a partition: the offsets from first up to, and without, end.
type span struct {
	topic      string
	partition  int32
	first, end int64
}

// Open looks at the dead letter topics of the topics. It reads them once to learn which letters are of one record and what
// has been replayed, so it takes as long as that, and some 200 bytes of memory for each letter. A topic whose dead letter
// topic does not exist has no dead letters. The configuration is that of indexer.Connection.
func Open(ctx context.Context, brokers []string, config *sarama.Config, topics []string) (*Box, error) {
	client, err := sarama.NewClient(brokers, config)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	b := &Box{brokers: brokers, config: config, client: client, letters: map[Position]*copies{}}
	if err := b.look(ctx, topics); err != nil {
		return nil, errors.Join(fmt.Errorf("read dead letters: %w", err), client.Close())
	}
	return b, nil
}

// Close ends the connections to Kafka.
func (b *Box) Close() error { return b.client.Close() }

// Len returns how many letters there are, replayed or not: one for each record.
func (b *Box) Len() int { return b.records }

// look finds out where the letters are, which of them are of one record, and which have been replayed.
func (b *Box) look(ctx context.Context, topics []string) (err error) {
	if b.spans, err = b.spansOfAll(topics); err != nil {
		return err
	}
	return b.index(ctx)
}

// index reads the spans and notes which letters are of one record, and which have been replayed.
func (b *Box) index(ctx context.Context) error {
	records := map[origin]*copies{}
	return b.read(ctx, b.spans, func(m *sarama.ConsumerMessage) error {
		offsets, isMark := marked(m)
		if !isMark {
			b.count(parse(m), records)
		}
		for _, offset := range offsets { // a mark is behind its letters in their partition
			c := b.letters[Position{m.Topic, m.Partition, offset}]
			if c != nil && m.Timestamp.After(c.replayed) {
				c.replayed = m.Timestamp.UTC()
			}
		}
		return nil
	})
}

// spansOfAll returns what the dead letter topics of the topics hold.
func (b *Box) spansOfAll(topics []string) (all []span, err error) {
	existing, err := b.client.Topics() // asking for a topic that does not exist can create it
	if err != nil {
		return nil, err
	}
	for _, topic := range topics {
		if !slices.Contains(existing, topic+Suffix) {
			continue
		}
		spans, err := b.spansOf(topic + Suffix)
		if err != nil {
			return nil, err
		}
		all = append(all, spans...)
	}
	return all, nil
}

// origin tells records apart. The time does so where a topic was made anew, and has other records in the same places.
type origin struct {
	Position
	millis int64
}

// count notes a letter, and which others are of the same record. One that does not say where its record was is alone.
func (b *Box) count(l Letter, records map[origin]*copies) {
	of := origin{l.Origin, l.Time.UnixMilli()}
	c := records[of]
	if c == nil {
		c = &copies{}
		b.records++
		if l.Origin.Partition >= 0 && l.Origin.Offset >= 0 {
			records[of] = c
		}
	}
	c.count++
	if !l.Since.Before(c.since) {
		c.newest, c.since, c.reason = l.At, l.Since, l.Reason
	}
	b.letters[l.At] = c
}

// spansOf returns what the partitions of a topic hold.
func (b *Box) spansOf(topic string) ([]span, error) {
	partitions, err := b.client.Partitions(topic)
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", topic, err)
	}
	var spans []span
	for _, p := range slices.Sorted(slices.Values(partitions)) {
		s := span{topic: topic, partition: p}
		if s.first, err = b.client.GetOffset(topic, p, sarama.OffsetOldest); err != nil {
			return nil, fmt.Errorf("beginning of %s/%d: %w", topic, p, err)
		}
		if s.end, err = b.client.GetOffset(topic, p, sarama.OffsetNewest); err != nil {
			return nil, fmt.Errorf("end of %s/%d: %w", topic, p, err)
		}
		if s.first < s.end {
			spans = append(spans, s)
		}
	}
	return spans, nil
}

// Each calls f with each letter that the filter chooses. Where a record has several, the newest stands for all, but for a
// filter that names the place of another. They come topic by topic in the order in which the topics were given to Open,
// within that partition by partition, and within that in the order in which they were written. An error of f ends it and
// is returned as it is.
func (b *Box) Each(ctx context.Context, filter Filter, f func(Letter) error) error {
	return b.read(ctx, b.spans, func(m *sarama.ConsumerMessage) error {
		if _, isMark := marked(m); isMark {
			return nil
		}
		l := parse(m)
		c := b.letters[l.At] // nil: the topic was made anew meanwhile
		if c == nil || c.newest != l.At && filter.At == nil || !filter.Match(l) {
			return nil
		}
		l.Copies, l.Replayed = c.count, c.replayed
		return f(l)
	})
}

// ErrGone is what is wrong with a letter by reference whose record is no longer where it was.
var ErrGone = errors.New("the record was not copied, and is no longer where it was")

// Fetch returns a letter by reference with its record's value, and any other letter as it is.
func (b *Box) Fetch(ctx context.Context, l Letter) (Letter, error) {
	if !l.ByReference {
		return l, nil
	}
	existing, err := b.client.Topics()
	if err != nil {
		return l, err
	}
	if !slices.Contains(existing, l.Origin.Topic) {
		return l, ErrGone
	}
	spans, err := b.spansOf(l.Origin.Topic)
	if err != nil {
		return l, err
	}
	at := slices.IndexFunc(spans, func(s span) bool {
		return s.partition == l.Origin.Partition && s.first <= l.Origin.Offset && l.Origin.Offset < s.end
	})
	if at < 0 {
		return l, ErrGone
	}
	one := span{l.Origin.Topic, l.Origin.Partition, l.Origin.Offset, l.Origin.Offset + 1}
	found := false
	err = b.read(ctx, []span{one}, func(m *sarama.ConsumerMessage) error {
		// The topic may have been made anew since: then another record is there, of another time.
		if string(m.Key) == string(l.Key) && m.Timestamp.UnixMilli() == l.Time.UnixMilli() {
			l.Value, found = m.Value, true
		}
		return nil
	})
	if err == nil && !found {
		err = ErrGone
	}
	return l, err
}

// stall is how long a partition may yield nothing before its end is reached.
const stall = 30 * time.Second

// read calls f with each record of the spans, in their order.
func (b *Box) read(ctx context.Context, spans []span, f func(*sarama.ConsumerMessage) error) error {
	consumer, err := sarama.NewConsumerFromClient(b.client)
	if err != nil {
		return err
	}
	defer consumer.Close()
	for _, s := range spans {
		if err := readSpan(ctx, consumer, s, f); err != nil {
			return err
		}
	}
	return nil
}

func readSpan(ctx context.Context, consumer sarama.Consumer, s span, f func(*sarama.ConsumerMessage) error) error {
	claim, err := consumer.ConsumePartition(s.topic, s.partition, s.first)
	if err != nil {
		return fmt.Errorf("%s/%d at %d: %w", s.topic, s.partition, s.first, err)
	}
	defer claim.Close()
	idle := time.NewTimer(stall)
	defer idle.Stop()
	records := claim.Messages()
	var fault error // the latest: the consumer tries again by itself
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-claim.Errors():
			if !ok { // it has given up, and nothing comes any more
				return fmt.Errorf("%s/%d: reading ended before offset %d: %w",
					s.topic, s.partition, s.end, cmp.Or(fault, error(sarama.ErrIncompleteResponse)))
			}
			fault = e.Err
		case <-idle.C:
			return fmt.Errorf("%s/%d: nothing came for %s though offset %d is not reached: %w",
				s.topic, s.partition, stall, s.end, cmp.Or(fault, error(sarama.ErrRequestTimedOut)))
		case m, ok := <-records:
			if !ok {
				records = nil // the errors tell why
				continue
			}
			if m.Offset < s.end {
				if err := f(m); err != nil {
					return err
				}
			}
			if m.Offset >= s.end-1 {
				return nil
			}
			idle.Reset(stall)
		}
	}
}
