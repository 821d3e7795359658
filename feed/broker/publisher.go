package broker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/retry"
)

// maxMessage is how many bytes a message may have: half of what Kafka takes by default, before compression.
const maxMessage = 500 << 10

// Publisher publishes news to the feed's topic. News may come to the topic twice, and in another order than that of
// Publish, after a fault: that they say the same then is in their nature. So it needs neither Kafka's idempotence nor the
// permission for it.
type Publisher struct {
	topic        topic
	acknowledged atomic.Uint64

	mu    sync.Mutex
	queue []*outgoing   // guarded by mu: what has not been sent
	some  chan struct{} // has an element when the queue may have some
}

// outgoing is a message on its way.
type outgoing struct {
	value []byte
	done  func() // called when it is acknowledged
}

var _ feed.Publisher = (*Publisher)(nil)

// NewPublisher returns a publisher to the topic with this name. The configuration says how to connect. A nil logger
// discards.
func NewPublisher(brokers []string, config *sarama.Config, name string, logger *slog.Logger) *Publisher {
	return &Publisher{topic: newTopic(brokers, config, name, logger), some: make(chan struct{}, 1)}
}

// Publish implements feed.Publisher. It does not block: the news wait in memory, until Run has them acknowledged. So the
// caller bounds how much there is without a done.
func (p *Publisher) Publish(news feed.News, done func()) {
	texts, err := encode(news, maxMessage)
	if err != nil { // strings and numbers always have a form in JSON
		panic(err)
	}
	var left atomic.Int64
	left.Store(int64(len(texts)))
	acknowledged := func() {
		if left.Add(-1) == 0 && done != nil {
			done()
		}
	}
	p.mu.Lock()
	for _, text := range texts {
		p.queue = append(p.queue, &outgoing{text, acknowledged})
	}
	p.mu.Unlock()
	p.signal()
}

func (p *Publisher) signal() {
	select {
	case p.some <- struct{}{}:
	default:
	}
}

// take returns all that waits.
func (p *Publisher) take() []*outgoing {
	p.mu.Lock()
	defer p.mu.Unlock()
	queue := p.queue
	p.queue = nil
	return queue
}

// putBack puts messages that have failed before all that waits.
func (p *Publisher) putBack(failed []*outgoing) {
	p.mu.Lock()
	p.queue = slices.Concat(failed, p.queue)
	p.mu.Unlock()
	p.signal()
}

// Acknowledged returns how many messages Kafka has acknowledged.
func (p *Publisher) Acknowledged() uint64 { return p.acknowledged.Load() }

// Run sends what is published until ctx ends. What fails is sent again for as long as that takes. What is not
// acknowledged when Run returns stays without its done.
func (p *Publisher) Run(ctx context.Context) {
	for attempt := 0; ; attempt++ {
		before := p.Acknowledged()
		err := p.send(ctx)
		if ctx.Err() != nil {
			return
		}
		if p.Acknowledged() > before {
			attempt = 0
		}
		p.topic.logger.Warn("the feed cannot be published; offsets are not committed until it can. Trying again",
			"topic", p.topic.name, "error", err)
		if !retry.Wait(ctx, retry.Backoff(attempt, 10*time.Second)) {
			return
		}
	}
}

// send connects and sends until ctx ends or something fails. Then all that was not acknowledged waits again.
func (p *Publisher) send(ctx context.Context) error {
	client, err := p.topic.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	producer, err := sarama.NewAsyncProducerFromClient(client)
	if err != nil {
		return err
	}
	sending, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var failed []*outgoing
	var answers sync.WaitGroup
	answers.Go(func() {
		for m := range producer.Successes() {
			p.acknowledged.Add(1)
			m.Metadata.(*outgoing).done()
		}
	})
	answers.Go(func() {
		for fault := range producer.Errors() {
			failed = append(failed, fault.Msg.Metadata.(*outgoing))
			stop(fault.Err)
		}
	})
	left := p.feed(sending, producer.Input())
	producer.AsyncClose() // which answers each message first
	answers.Wait()
	p.putBack(append(failed, left...))
	return context.Cause(sending)
}

// feed hands over what is published until ctx ends, and returns what it has taken and not handed over.
func (p *Publisher) feed(ctx context.Context, input chan<- *sarama.ProducerMessage) (left []*outgoing) {
	for {
		select {
		case <-p.some:
		case <-ctx.Done():
			return nil
		}
		queue := p.take()
		for i, o := range queue {
			m := &sarama.ProducerMessage{
				Topic: p.topic.name, Partition: 0, Value: sarama.ByteEncoder(o.value), Metadata: o,
			}
			select {
			case input <- m:
			case <-ctx.Done():
				return queue[i:]
			}
		}
	}
}
