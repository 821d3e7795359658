package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
)

// Log is food to go's topics under names of their own, on a broker that others may use too.
type Log struct {
	Brokers []string
	Name    string // the topics' names begin with it
	Sources []event.Source

	client   sarama.Client
	producer sarama.SyncProducer
	admin    sarama.ClusterAdmin
}

// NewLog creates the topics of the order view's four aggregates, each with so many partitions. They are deleted when the
// test ends.
func NewLog(tb testing.TB, broker string, partitions int32) *Log {
	tb.Helper()
	l := &Log{Brokers: []string{broker}, Name: "lab-" + strings.ToLower(rand.Text()[:10])}
	config := indexer.NewConfig()
	config.Producer.Compression = sarama.CompressionZSTD
	config.Producer.Retry.Max, config.Producer.Retry.Backoff = 100, 300*time.Millisecond // a killed broker comes back
	config.Metadata.Retry.Max, config.Metadata.Retry.Backoff = 100, 300*time.Millisecond
	config.Producer.Timeout, config.Net.ReadTimeout = 20*time.Second, 25*time.Second
	var err error
	if l.client, err = sarama.NewClient(l.Brokers, config); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.client.Close() })
	if l.producer, err = sarama.NewSyncProducerFromClient(l.client); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.producer.Close() })
	if l.admin, err = sarama.NewClusterAdminFromClient(l.client); err != nil {
		tb.Fatal(err)
	}
	for _, a := range Aggregates {
		s := event.Source{Topic: l.Topic(a), Aggregate: a}
		l.Sources = append(l.Sources, s)
		err := l.admin.CreateTopic(s.Topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			for _, topic := range []string{s.Topic, s.Topic + deadletter.Suffix} {
				err := l.admin.DeleteTopic(topic)
				if err != nil && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
					tb.Logf("topic %s is left behind: %v", topic, err)
				}
			}
		})
	}
	if err := l.client.RefreshMetadata(l.topics()...); err != nil {
		tb.Fatal(err)
	}
	return l
}

// Aggregates are those that an order is made of.
var Aggregates = []event.Aggregate{event.Order, event.Ticket, event.Delivery, event.Account}

// Topic returns the topic of an aggregate's events.
func (l *Log) Topic(a event.Aggregate) string { return l.Name + "." + event.TopicOf(a) }

func (l *Log) topics() (names []string) {
	for _, s := range l.Sources {
		names = append(names, s.Topic)
	}
	return names
}

// AddPartitions gives the topics of some aggregates so many partitions in all, so that keys move from one to another.
func (l *Log) AddPartitions(tb testing.TB, partitions int32, aggregates ...event.Aggregate) {
	tb.Helper()
	var topics []string
	for _, a := range aggregates {
		topics = append(topics, l.Topic(a))
	}
	for _, topic := range topics {
		if err := l.admin.CreatePartitions(topic, partitions, nil, false); err != nil {
			tb.Fatal(err)
		}
	}
	Eventually(tb, time.Minute, func() error {
		for _, topic := range topics {
			if err := l.client.RefreshMetadata(topic); err != nil {
				return err
			}
			if got, err := l.client.Partitions(topic); err != nil || len(got) != int(partitions) {
				return fmt.Errorf("topic %s has %d partitions, want %d: %w", topic, len(got), partitions, err)
			}
		}
		return nil
	})
}

// Message returns the record of an event, as the example's services publish it.
func (l *Log) Message(e event.Envelope) *sarama.ProducerMessage {
	key, headers, value := event.EncodeCloudEvent(e)
	m := &sarama.ProducerMessage{
		Topic: l.Topic(e.Aggregate), Key: sarama.ByteEncoder(key), Value: sarama.ByteEncoder(value),
	}
	for _, h := range headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return m
}

// Publish sends the events in their order and returns how many there were, all acknowledged.
func (l *Log) Publish(tb testing.TB, events iter.Seq[event.Envelope]) (sent int) {
	tb.Helper()
	var batch []*sarama.ProducerMessage
	for e := range events {
		if batch = append(batch, l.Message(e)); len(batch) == 2000 {
			l.Send(tb, batch...)
			sent, batch = sent+len(batch), batch[:0]
		}
	}
	l.Send(tb, batch...)
	return sent + len(batch)
}

// Send sends records and returns when all are acknowledged. Those of one partition stay in their order, but for what the
// producer sends again after a fault.
func (l *Log) Send(tb testing.TB, messages ...*sarama.ProducerMessage) {
	tb.Helper()
	if err := l.producer.SendMessages(messages); err != nil {
		var each sarama.ProducerErrors
		if errors.As(err, &each) {
			err = each[0].Err
		}
		tb.Fatal(err)
	}
}

// Committed returns nil where the group has committed the end of every partition that has records, and else what is
// missing.
func (l *Log) Committed(group string) error {
	committed, err := l.admin.ListConsumerGroupOffsets(group, nil)
	if err != nil {
		return err
	}
	for _, topic := range l.topics() {
		partitions, err := l.client.Partitions(topic)
		if err != nil {
			return err
		}
		for _, p := range partitions {
			end, err := l.client.GetOffset(topic, p, sarama.OffsetNewest)
			if err != nil {
				return err
			}
			if block := committed.GetBlock(topic, p); end > 0 && (block == nil || block.Offset != end) {
				return fmt.Errorf("%s/%d ends at %d and is committed at %+v", topic, p, end, block)
			}
		}
	}
	return nil
}

// Read returns all records of a topic's partition 0.
func (l *Log) Read(tb testing.TB, topic string) (records []*sarama.ConsumerMessage) {
	tb.Helper()
	if err := l.client.RefreshMetadata(topic); err != nil {
		tb.Fatal(err)
	}
	end, err := l.client.GetOffset(topic, 0, sarama.OffsetNewest)
	if err != nil {
		tb.Fatal(err)
	}
	consumer, err := sarama.NewConsumerFromClient(l.client)
	if err != nil {
		tb.Fatal(err)
	}
	defer consumer.Close()
	claim, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	if err != nil {
		tb.Fatal(err)
	}
	defer claim.Close()
	timeout := time.After(30 * time.Second)
	for int64(len(records)) < end {
		select {
		case m := <-claim.Messages():
			records = append(records, m)
		case <-timeout:
			tb.Fatalf("%s: %d records came, want %d", topic, len(records), end)
		}
	}
	return records
}

// Eventually tries until there is no error, and fails the test with the last one when the patience is over.
func Eventually(tb testing.TB, patience time.Duration, try func() error) {
	tb.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("after %v: %v", patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
