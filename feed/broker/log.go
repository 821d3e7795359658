package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/feed"
)

// Ends asks each partition's leader for the offset behind its last committed record, in one request a broker.
func Ends(client sarama.Client, parts []feed.Partition) (feed.Positions, error) {
	requests := map[*sarama.Broker]*sarama.OffsetRequest{}
	for _, part := range parts {
		leader, err := client.Leader(part.Topic, part.Number)
		if err != nil {
			return nil, fmt.Errorf("leader of %s/%d: %w", part.Topic, part.Number, err)
		}
		if requests[leader] == nil {
			requests[leader] = sarama.NewOffsetRequest(client.Config().Version)
			requests[leader].IsolationLevel = client.Config().Consumer.IsolationLevel
		}
		requests[leader].AddBlock(part.Topic, part.Number, sarama.OffsetNewest, 1)
	}
	ends := make(feed.Positions, len(parts))
	for leader, request := range requests {
		response, err := leader.GetAvailableOffsets(request)
		if err != nil {
			return nil, fmt.Errorf("ends at broker %s: %w", leader.Addr(), errors.Join(err, leader.Close()))
		}
		for topic, blocks := range response.Blocks {
			for number, block := range blocks {
				if block.Err != sarama.ErrNoError {
					return nil, errors.Join(fmt.Errorf("end of %s/%d: %w", topic, number, block.Err), client.RefreshMetadata(topic))
				}
				ends[feed.Partition{Topic: topic, Number: number}] = block.Offset
			}
		}
	}
	return ends, nil
}

// Log tells where topics end. Its methods may be called from several goroutines.
type Log struct {
	brokers []string
	config  *sarama.Config
	topics  []string
	logger  *slog.Logger

	question func() (feed.Positions, error) // ends, but in tests

	mu     sync.Mutex
	next   *answer        // guarded by mu: what those who ask now get; nil: nobody has asked since the last question
	asking bool           // guarded by mu: a goroutine asks
	closed bool           // guarded by mu
	work   sync.WaitGroup // that goroutine

	client sarama.Client // of the goroutine that asks, and of Close when there is none; nil: not connected
}

// answer is that of Kafka to one question.
type answer struct {
	done chan struct{} // closed when it is there
	ends feed.Positions
	err  error
}

// NewLog returns a Log of these topics. The configuration says how to connect, which the first question does. A nil
// logger discards.
func NewLog(brokers []string, config *sarama.Config, topics []string, logger *slog.Logger) *Log {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{brokers: brokers, config: own(config), topics: topics, logger: logger}
	l.question = l.ends
	return l
}

// errClosed is what Ends returns after Close.
var errClosed = errors.New("the log is closed")

// Ends returns where all partitions of the topics ended at a moment after the call: the offsets behind their last
// committed records. One question is under way at a time; all who ask meanwhile share the next one. The answer is shared:
// it must not be changed.
func (l *Log) Ends(ctx context.Context) (feed.Positions, error) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, errClosed
	}
	if l.next == nil {
		l.next = &answer{done: make(chan struct{})}
	}
	mine := l.next
	if !l.asking {
		l.asking = true
		l.work.Go(l.ask)
	}
	l.mu.Unlock()
	select {
	case <-mine.done:
		return mine.ends, mine.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask answers until nobody has asked.
func (l *Log) ask() {
	for {
		l.mu.Lock()
		a := l.next
		l.next = nil
		if a == nil {
			l.asking = false
			l.mu.Unlock()
			return
		}
		closed := l.closed
		l.mu.Unlock()
		if closed {
			a.err = errClosed
		} else {
			a.ends, a.err = l.question()
		}
		close(a.done)
	}
}

// ends asks Kafka.
func (l *Log) ends() (feed.Positions, error) {
	if l.client == nil {
		client, err := sarama.NewClient(l.brokers, l.config)
		if err != nil {
			return nil, fmt.Errorf("connect to Kafka: %w", err)
		}
		l.client = client
	}
	var parts []feed.Partition
	for _, topic := range l.topics {
		numbers, err := l.client.Partitions(topic)
		if err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic, err)
		}
		for _, number := range numbers {
			parts = append(parts, feed.Partition{Topic: topic, Number: number})
		}
	}
	return Ends(l.client, parts)
}

// observeInterval is how often Observe asks.
const observeInterval = 200 * time.Millisecond

// Observe tells the Hub where the topics end, five times a second, until ctx ends. Where Kafka does not answer, the Hub's
// lag grows.
func (l *Log) Observe(ctx context.Context, hub *feed.Hub) {
	told := false // that Kafka does not answer
	for wait(ctx, observeInterval) {
		at := time.Now()
		ends, err := l.Ends(ctx)
		switch {
		case err == nil:
			hub.Observe(at, ends)
			told = false
		case ctx.Err() == nil && !told:
			l.logger.Warn("it is not known where the topics end, so neither is how old the view is", "error", err)
			told = true
		}
	}
}

// Close returns when no question is under way any more, and ends the connections.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.work.Wait()
	if l.client == nil {
		return nil
	}
	err := l.client.Close()
	l.client = nil
	return err
}
