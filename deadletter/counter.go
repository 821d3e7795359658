package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/event"
)

// Counter counts the dead letters of some topics for whoever looks often: it stays connected, and reads them only where some have
// come or gone since it looked last. Its methods may be called from several goroutines; one counts at a time.
type Counter struct {
	brokers []string
	config  *sarama.Config
	topics  []string
	most    int

	mu     sync.Mutex    // held while it counts; guards what follows
	client sarama.Client // nil: not connected
	closed bool
	seen   []span // what there was when it counted last
	count  Count  // of that; without Reasons where it never did
}

// Count is how many letters there are that were not replayed: one for each record.
type Count struct {
	Letters int
	Newest  time.Time            // when the newest was written; zero where there is none
	Reasons map[event.Reason]int // the letters by reason; "" where none is said
}

// ErrTooMany says that there are more dead letters than a Counter reads.
var ErrTooMany = errors.New("too many dead letters to count all the time")

// NewCounter returns a Counter of the dead letters of the topics, which reads no more than so many records. Nothing is connected to
// yet. The configuration is that of indexer.Connection.
func NewCounter(brokers []string, config *sarama.Config, topics []string, most int) *Counter {
	return &Counter{brokers: brokers, config: config, topics: topics, most: most}
}

// Count returns how many there are now. The caller may keep it, and changes none of it. Where there are more records in the
// dead letter topics than it reads, replayed ones and marks among them, it is ErrTooMany. To connect ends by the configuration's
// timeouts, whatever becomes of ctx.
func (c *Counter) Count(ctx context.Context) (Count, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.look(ctx)
	if err != nil {
		return Count{}, fmt.Errorf("count dead letters: %w", err)
	}
	return n, nil
}

func (c *Counter) look(ctx context.Context) (n Count, err error) {
	switch {
	case c.closed:
		return Count{}, errors.New("the counter is closed")
	case c.client == nil:
		if c.client, err = sarama.NewClient(c.brokers, c.config); err != nil {
			c.client = nil
			return Count{}, fmt.Errorf("connect to Kafka: %w", err)
		}
	default:
		if err := c.client.RefreshMetadata(); err != nil { // a dead letter topic is made when it has its first letter
			return Count{}, err
		}
	}
	if err := c.mayCount(); err != nil {
		return Count{}, err
	}
	b := &Box{client: c.client, letters: map[Position]*copies{}}
	if b.spans, err = b.spansOfAll(c.topics); err != nil {
		return Count{}, err
	}
	if c.count.Reasons != nil && slices.Equal(b.spans, c.seen) {
		return c.count, nil
	}
	records := int64(0)
	for _, s := range b.spans {
		records += s.end - s.first
	}
	if records > int64(c.most) {
		return Count{}, fmt.Errorf("%w: there are %d records, and up to %d are read", ErrTooMany, records, c.most)
	}
	if err := b.index(ctx); err != nil {
		return Count{}, err
	}
	c.seen, c.count = b.spans, b.waiting()
	return c.count, nil
}

// mayCount returns an error where a dead letter topic is hidden from this user, which looks as if it were not there.
func (c *Counter) mayCount() error {
	broker, err := c.client.Controller()
	if err != nil {
		return err
	}
	var topics []string
	for _, topic := range c.topics {
		topics = append(topics, topic+Suffix)
	}
	request := sarama.NewMetadataRequest(c.config.Version, topics)
	request.AllowAutoTopicCreation = false
	answer, err := broker.GetMetadata(request)
	if err != nil {
		return err
	}
	for _, t := range answer.Topics {
		if errors.Is(t.Err, sarama.ErrTopicAuthorizationFailed) {
			return fmt.Errorf("topic %s: %w: its user needs the rights Describe and Read", t.Name, t.Err)
		}
	}
	return nil
}

// Close returns when nothing is counted any more, and ends the connections.
func (c *Counter) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.client == nil {
		return nil
	}
	err := c.client.Close()
	c.client = nil
	return err
}

// waiting counts the letters that were not replayed.
func (b *Box) waiting() Count {
	n := Count{Reasons: map[event.Reason]int{}}
	for at, of := range b.letters {
		if at != of.newest || !of.replayed.IsZero() {
			continue
		}
		n.Letters++
		n.Reasons[of.reason]++
		if of.since.After(n.Newest) {
			n.Newest = of.since
		}
	}
	return n
}
