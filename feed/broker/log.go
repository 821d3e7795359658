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
	"github.com/viewgate/viewgate/latest"
	"github.com/viewgate/viewgate/retry"
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

	answer latest.Answer[feed.Positions]

	mu     sync.Mutex
	client sarama.Client // guarded by mu, which whoever asks holds; nil: not connected
	looked time.Time     // guarded by mu: when the client last asked which partitions there are
	closed bool          // guarded by mu
}

// NewLog returns a Log of these topics. The configuration says how to connect, which the first question does. A nil
// logger discards.
func NewLog(brokers []string, config *sarama.Config, topics []string, logger *slog.Logger) *Log {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{brokers: brokers, config: own(config), topics: topics, logger: logger}
	l.answer.Run = l.ends
	return l
}

// errClosed is what Ends returns after Close.
var errClosed = errors.New("the log is closed")

// Ends returns where all partitions of the topics ended at a moment after the call: the offsets behind their last
// committed records. One question is under way at a time; all who ask meanwhile share the next one. The answer is shared:
// it must not be changed.
func (l *Log) Ends(ctx context.Context) (feed.Positions, error) { return l.answer.Get(ctx) }

// partitionsInterval is how long a partition that is added to a topic may not be known of.
const partitionsInterval = time.Second

// ends asks Kafka. A question ends with its timeouts, whoever gives up on it.
func (l *Log) ends(context.Context) (feed.Positions, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	if l.client == nil {
		client, err := sarama.NewClient(l.brokers, l.config)
		if err != nil {
			return nil, fmt.Errorf("connect to Kafka: %w", err)
		}
		l.client = client
	}
	if now := time.Now(); now.Sub(l.looked) > partitionsInterval {
		if err := l.client.RefreshMetadata(l.topics...); err != nil {
			return nil, fmt.Errorf("partitions of the topics: %w", err)
		}
		l.looked = now
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
	for retry.Wait(ctx, observeInterval) {
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
	defer l.mu.Unlock()
	l.closed = true
	if l.client == nil {
		return nil
	}
	err := l.client.Close()
	l.client = nil
	return err
}
