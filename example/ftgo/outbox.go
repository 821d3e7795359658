package ftgo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/IBM/sarama"
	"go.etcd.io/bbolt"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/wire"
)

// Message is an event on its way from a service to its aggregate's topic.
type Message struct {
	Aggregate   event.Aggregate `json:"aggregate"`
	AggregateID wire.ID         `json:"aggregateId"` // the record's key
	ID          string          `json:"id"`          // the same whenever it is published again
	Type        string          `json:"type"`        // without its package: OrderCreatedEvent
	Version     uint64          `json:"version"`     // of the aggregate, from 1
	Time        wire.Time       `json:"time"`        // by the owner's clock
	Data        json.RawMessage `json:"data"`
	Committed   time.Time       `json:"committed"` // by the machine's clock
}

// Topics returns the topics that the services publish to, the four of an order first.
func Topics() []string {
	return []string{
		event.TopicOf(event.Order), event.TopicOf(event.Ticket), event.TopicOf(event.Delivery),
		event.TopicOf(event.Account), event.TopicOf(event.Restaurant), event.TopicOf(event.Consumer),
	}
}

// newMessage makes an event's message. payload is one of package event's structs, and its name the event's type. What
// readers of the event would refuse, such as a text that is too long, is refused here, so that it is never published.
func newMessage(kind event.Aggregate, id wire.ID, version uint64, at wire.Time, payload any) (Message, error) {
	name := reflect.TypeOf(payload).Name()
	data, err := json.Marshal(payload)
	if err != nil {
		return Message{}, fmt.Errorf("%s: %w", name, err)
	}
	if event.ParsePayload(kind, name, data) == nil {
		return Message{}, invalid("a field of %s is missing, too long or out of range", name)
	}
	return Message{
		Aggregate: kind, AggregateID: id, ID: fmt.Sprintf("%s-%s-%d", kind, id, version), Type: name,
		Version: version, Time: at, Data: data, Committed: time.Now(),
	}, nil
}

// record returns the message as a CloudEvent.
func (m Message) record() *sarama.ProducerMessage {
	key, headers, value := event.EncodeCloudEvent(event.Envelope{
		ID: m.ID, Aggregate: m.Aggregate, AggregateID: string(m.AggregateID), Type: m.Type, Version: m.Version,
		Time: m.Time.Time, Data: m.Data,
	})
	r := &sarama.ProducerMessage{
		Topic: event.TopicOf(m.Aggregate), Key: sarama.ByteEncoder(key), Value: sarama.ByteEncoder(value),
	}
	for _, h := range headers {
		r.Headers = append(r.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return r
}

// relay publishes what a service's outbox holds, in its order, and takes it out when Kafka has it. Published at least
// once: what was sent and not yet taken out at a crash is sent again.
type relay struct {
	outbox  *store
	brokers []string
	delay   func(Message) time.Duration
	drop    func(Message) bool
	log     *slog.Logger
}

const (
	relayBatch = 500                   // messages sent at once
	relayPoll  = 20 * time.Millisecond // how often a delay is asked for again
)

// waiting is a message and its place in the outbox.
type waiting struct {
	sequence []byte
	message  Message
}

// run publishes until ctx ends. Whatever fails is tried again: the outbox is where events are safe.
func (r *relay) run(ctx context.Context) {
	var producer sarama.SyncProducer
	stop := func() {
		if producer != nil {
			if err := producer.Close(); err != nil {
				r.log.Warn("producer was not closed well", "error", err)
			}
			producer = nil
		}
	}
	defer stop()
	pause := 50 * time.Millisecond
	for ctx.Err() == nil {
		due, held, err := r.due()
		switch {
		case err == nil && len(due) > 0:
			if producer == nil {
				producer, err = sarama.NewSyncProducer(r.brokers, producerConfig())
			}
			if err == nil {
				err = r.publish(producer, due)
			}
		case err == nil && held:
			retry.Wait(ctx, relayPoll)
		case err == nil:
			select {
			case <-ctx.Done():
			case <-r.outbox.published:
			}
		}
		if err == nil {
			pause = 50 * time.Millisecond
			continue
		}
		r.log.Warn("events not published yet", "pause", pause, "error", err)
		stop() // its sequence numbers may not be those that the broker expects
		retry.Wait(ctx, pause)
		pause = min(2*pause, 2*time.Second)
	}
}

// due returns the messages at the head of the outbox that may be published now. held says that there are others whose
// delay is not over.
func (r *relay) due() (due []waiting, held bool, err error) {
	now := time.Now()
	err = r.outbox.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(outboxBucket).Cursor()
		for k, v := c.First(); k != nil && len(due) < relayBatch; k, v = c.Next() {
			w := waiting{sequence: append([]byte(nil), k...)}
			if err := json.Unmarshal(v, &w.message); err != nil {
				return fmt.Errorf("outbox: %w", err)
			}
			if r.delay != nil && now.Sub(w.message.Committed) < r.delay(w.message) {
				held = true
				return nil
			}
			due = append(due, w)
		}
		return nil
	})
	return due, held, err
}

// publish sends the messages and takes those out that Kafka has acknowledged, up to the first that it has not: that one
// and all behind it are sent again, so that the last copies are in order whatever happened to the first.
func (r *relay) publish(producer sarama.SyncProducer, due []waiting) error {
	records := make([]*sarama.ProducerMessage, 0, len(due))
	indexes := make(map[*sarama.ProducerMessage]int, len(due))
	for i, w := range due {
		if r.drop == nil || !r.drop(w.message) {
			record := w.message.record()
			records = append(records, record)
			indexes[record] = i
		}
	}
	sent := len(due)
	err := producer.SendMessages(records)
	var failed sarama.ProducerErrors
	switch {
	case errors.As(err, &failed):
		for _, f := range failed {
			sent = min(sent, indexes[f.Msg])
		}
	case err != nil:
		sent = 0
	}
	removed := r.outbox.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(outboxBucket)
		for _, w := range due[:sent] {
			if err := b.Delete(w.sequence); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, removed)
}

// producerConfig: acknowledged by all in-sync replicas, without duplicates or reordering as long as one producer lives,
// and given up after a few seconds, because the relay tries again itself.
func producerConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.ClientID = "ftgo-outbox"
	c.Net.DialTimeout = 2 * time.Second
	c.Net.ReadTimeout = 5 * time.Second
	c.Net.WriteTimeout = 5 * time.Second
	c.Net.MaxOpenRequests = 1
	c.Metadata.Retry.Max = 1
	c.Metadata.Retry.Backoff = 50 * time.Millisecond
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Producer.Partitioner = sarama.NewHashPartitioner
	c.Producer.Timeout = 5 * time.Second
	c.Producer.Retry.Max = 1 // the least that an idempotent producer takes
	c.Producer.Retry.Backoff = 50 * time.Millisecond
	c.Producer.Return.Successes = true
	return c
}
