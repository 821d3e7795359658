package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/retry"
)

// Follower hands what is in the feed's topic to a Hub.
type Follower struct{ topic topic }

// NewFollower returns a follower of the topic with this name. The configuration says how to connect. A nil logger
// discards.
func NewFollower(brokers []string, config *sarama.Config, name string, logger *slog.Logger) *Follower {
	return &Follower{newTopic(brokers, config, name, logger)}
}

// unknown is a place in the topic that is not known yet, or not any more.
const unknown = int64(-1)

// Run hands over what is published from now on, until ctx ends. It waits for brokers that cannot be reached and goes on
// where it was. Where that is not there any more the Hub loses count, and it goes on at the end.
func (f *Follower) Run(ctx context.Context, hub *feed.Hub) {
	next := unknown
	for attempt := 0; ; attempt++ {
		before := next
		err := f.follow(ctx, hub, &next)
		if ctx.Err() != nil {
			return
		}
		if next != before {
			attempt = 0
		}
		f.topic.logger.Warn("the feed cannot be read; how far the view is is not known meanwhile. Trying again",
			"topic", f.topic.name, "error", err)
		if !retry.Wait(ctx, retry.Backoff(attempt, 10*time.Second)) {
			return
		}
	}
}

// follow connects and hands over until ctx ends or an error needs the connection to be made anew. It sets next to where
// to go on.
func (f *Follower) follow(ctx context.Context, hub *feed.Hub, next *int64) error {
	client, err := f.topic.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	if *next == unknown {
		if *next, err = client.GetOffset(f.topic.name, 0, sarama.OffsetNewest); err != nil {
			*next = unknown
			return fmt.Errorf("end of %s: %w", f.topic.name, err)
		}
		hub.Lose() // in this order: what changed before it is read by those who hear of it
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	claim, err := consumer.ConsumePartition(f.topic.name, 0, *next)
	if err != nil {
		return f.lost(err, next)
	}
	defer claim.Close()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m, ok := <-claim.Messages():
			if !ok {
				return errors.New("the broker does not have it any more")
			}
			news, err := decode(m.Value)
			if err != nil {
				f.topic.logger.Warn("a message of the feed is skipped", "topic", m.Topic, "offset", m.Offset, "error", err)
			} else {
				hub.Publish(news, nil)
			}
			*next = m.Offset + 1
		case err := <-claim.Errors():
			if err == nil {
				continue // closed; so are the messages
			}
			if errors.Is(err.Err, sarama.ErrOffsetOutOfRange) {
				return f.lost(err.Err, next)
			}
			f.topic.logger.Warn("the feed cannot be read now", "topic", f.topic.name, "error", err.Err)
		}
	}
}

// lost forgets the place if the error says that it is not in the topic any more.
func (f *Follower) lost(err error, next *int64) error {
	if errors.Is(err, sarama.ErrOffsetOutOfRange) {
		err = fmt.Errorf("what was next, %d, is not there any more: %w", *next, err)
		*next = unknown
	}
	return err
}
