package deadletter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"
)

// Copied returns how many letters hold a copy of a record that the function chooses. It looks at every letter, also where a record
// has several.
func (b *Box) Copied(ctx context.Context, chosen func(Letter) (bool, error)) (n int, err error) {
	for _, s := range b.spans {
		copied, err := b.copied(ctx, s, chosen)
		if err != nil {
			return 0, err
		}
		n += copied
	}
	return n, nil
}

func (b *Box) copied(ctx context.Context, s span, chosen func(Letter) (bool, error)) (n int, err error) {
	err = b.read(ctx, []span{s}, func(m *sarama.ConsumerMessage) error {
		if _, isMark := marked(m); isMark || m.Value == nil {
			return nil
		}
		is, err := chosen(parse(m))
		if is {
			n++
		}
		return err
	})
	return n, err
}

// Erase makes references of the letters that hold a copy of a record that the function chooses, and returns how many those were.
//
// Kafka deletes no single record, only a partition's beginning. So a partition with such a letter is written anew behind its end:
// of each record the newest letter, with its own time, as it is or as a reference, and the marks of replays. When all of that is
// acknowledged, what was there before is deleted. Letters that come in meanwhile are behind it and stay. Cut off in between, it
// leaves letters twice, which count as one, and the next call goes on; a replay at the same time may lose marks, so that letters
// are replayed once more, which changes nothing. A broker takes what is deleted off its disk with the whole segment of the log, some
// time after nobody can read it any more.
//
// The Box tells of letters that are gone afterwards, and is only to be closed.
func (b *Box) Erase(ctx context.Context, chosen func(Letter) (bool, error)) (erased int, err error) {
	for _, s := range b.spans {
		n, err := b.copied(ctx, s, chosen)
		if err == nil && n > 0 {
			err = b.renew(ctx, s, chosen)
		}
		if err != nil {
			return erased, fmt.Errorf("erase dead letters of %s/%d: %w", s.topic, s.partition, err)
		}
		erased += n
	}
	return erased, nil
}

// renew writes a partition's letters anew and deletes what was there before.
func (b *Box) renew(ctx context.Context, s span, chosen func(Letter) (bool, error)) error {
	config := *b.config
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1 // what idempotence asks for
	producer, err := sarama.NewSyncProducer(b.brokers, &config)
	if err != nil {
		return err
	}
	defer producer.Close()
	r := renewal{producer: producer}
	err = b.read(ctx, []span{s}, func(m *sarama.ConsumerMessage) error {
		l := parse(m)
		c := b.letters[l.At]
		if _, isMark := marked(m); isMark || c == nil || c.newest != l.At {
			return nil
		}
		letter := again(m)
		if m.Value != nil {
			is, err := chosen(l)
			if err != nil {
				return err
			}
			if is {
				withhold(letter)
			}
		}
		return r.add(letter, len(m.Value), c.replayed)
	})
	if err == nil {
		err = r.flush()
	}
	if err != nil {
		return err
	}
	admin, err := sarama.NewClusterAdminFromClient(b.client) // not closed: that would close the client
	if err != nil {
		return err
	}
	if err := admin.DeleteRecords(s.topic, map[int32]int64{s.partition: s.end}); err != nil {
		return fmt.Errorf("all is written anew, but what is before offset %d cannot be deleted (the user needs the right to DELETE "+
			"of the topic): %w", s.end, err)
	}
	return nil
}

// again returns a message that writes a record once more where it is.
func again(m *sarama.ConsumerMessage) *sarama.ProducerMessage {
	letter := &sarama.ProducerMessage{Topic: m.Topic, Partition: m.Partition, Timestamp: m.Timestamp}
	if m.Key != nil {
		letter.Key = sarama.ByteEncoder(m.Key)
	}
	if m.Value != nil {
		letter.Value = sarama.ByteEncoder(m.Value)
	}
	for _, h := range m.Headers {
		letter.Headers = append(letter.Headers, *h)
	}
	return letter
}

// withhold makes a letter a reference whose detail does not quote the record.
func withhold(letter *sarama.ProducerMessage) {
	refer(letter)
	for i, h := range letter.Headers {
		if string(h.Key) == HeaderDetail {
			letter.Headers[i] = header(HeaderDetail, withheld)
		}
	}
}

// renewal writes letters anew, some at a time.
type renewal struct {
	producer sarama.SyncProducer
	batch    []*sarama.ProducerMessage
	replayed []time.Time // when each was, of the batch; zero: never
	bytes    int
}

func (r *renewal) add(letter *sarama.ProducerMessage, size int, replayed time.Time) error {
	r.batch, r.replayed, r.bytes = append(r.batch, letter), append(r.replayed, replayed), r.bytes+size
	if len(r.batch) < batchLetters && r.bytes < batchBytes {
		return nil
	}
	return r.flush()
}

// flush writes the batch, and then the marks of those that were replayed.
func (r *renewal) flush() error {
	if err := r.send(r.batch); err != nil {
		return err
	}
	var marks []*sarama.ProducerMessage
	for i, letter := range r.batch {
		if !r.replayed[i].IsZero() {
			marks = append(marks, &sarama.ProducerMessage{
				Topic: letter.Topic, Partition: letter.Partition, Timestamp: r.replayed[i],
				Headers: []sarama.RecordHeader{header(HeaderReplayed, strconv.FormatInt(letter.Offset, 10))},
			})
		}
	}
	r.batch, r.replayed, r.bytes = nil, nil, 0
	return r.send(marks)
}

func (r *renewal) send(messages []*sarama.ProducerMessage) error {
	if len(messages) == 0 {
		return nil
	}
	err := r.producer.SendMessages(messages)
	var each sarama.ProducerErrors
	if errors.As(err, &each) && len(each) > 0 {
		err = each[0].Err
	}
	return err
}
