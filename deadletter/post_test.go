package deadletter_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
)

const (
	orders  = "shop.Order"
	tickets = "shop.Ticket" // its dead letter topic does not exist
)

// post is a broker with the topics, and a way to write and read them.
type post struct {
	*testing.T
	cluster *kfake.Cluster
	config  *sarama.Config
	client  sarama.Client
	writer  *deadletter.Writer
}

func newPost(t *testing.T) *post {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, orders, orders+deadletter.Suffix, tickets))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	p := &post{T: t, cluster: cluster, config: sarama.NewConfig()}
	p.config.Consumer.Return.Errors = true
	p.config.Consumer.MaxWaitTime = 20 * time.Millisecond
	p.config.Producer.Return.Successes = true
	p.config.Producer.Retry.Max = 1
	p.config.Producer.RequiredAcks = sarama.WaitForAll
	p.config.Producer.Partitioner = sarama.NewManualPartitioner
	if p.client, err = sarama.NewClient(cluster.ListenAddrs(), p.config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.client.Close() })
	if p.writer, err = deadletter.NewWriter(cluster.ListenAddrs(), p.config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.writer.Close() })
	return p
}

// record returns an order's event, or what is no event.
func record(key string, value string, headers ...string) event.Record {
	r := event.Record{Topic: orders, Partition: 1, Key: []byte(key), Value: []byte(value), Time: day}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, event.Header{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return r
}

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// authorized returns a good event: what it takes to be one.
func authorized(key string, version int) event.Record {
	return record(key, "{}", "ce_specversion", "1.0", "ce_id", fmt.Sprintf("%s-%d", key, version), "ce_source", "orders",
		"ce_type", "OrderAuthorized", "ce_time", day.Format(time.RFC3339), "ce_subject", key,
		"ce_sequence", fmt.Sprintf("%020d", version), "content-type", "application/json")
}

// unversioned returns a good event whose producer sends no version.
func unversioned(key string) event.Record {
	return record(key, `{"payload": "{}", "headers": {"ID": "0000018e00000000-0000000000000001", "PARTITION_ID": "`+key+
		`", "DATE": "Sun, 01 Mar 2026 12:00:00 GMT", "event-type": "OrderAuthorized",
		"event-aggregate-type": "Order", "event-aggregate-id": "`+key+`"}}`)
}

// publish publishes records and returns them as they can be consumed.
func (p *post) publish(records ...event.Record) []*sarama.ConsumerMessage {
	p.Helper()
	producer, err := sarama.NewSyncProducerFromClient(p.client)
	if err != nil {
		p.Fatal(err)
	}
	defer producer.Close()
	var published []*sarama.ConsumerMessage
	for _, r := range records {
		m := &sarama.ProducerMessage{Topic: r.Topic, Partition: r.Partition, Timestamp: r.Time}
		if r.Key != nil {
			m.Key = sarama.ByteEncoder(r.Key)
		}
		if r.Value != nil {
			m.Value = sarama.ByteEncoder(r.Value)
		}
		c := &sarama.ConsumerMessage{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Timestamp: r.Time}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
			c.Headers = append(c.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		if _, c.Offset, err = producer.SendMessage(m); err != nil {
			p.Fatal(err)
		}
		published = append(published, c)
	}
	return published
}

// bury publishes records and writes their dead letters, all for the same reason.
func (p *post) bury(reason event.Reason, records ...event.Record) {
	p.Helper()
	for _, m := range p.publish(records...) {
		if err := p.writer.Write(p.Context(), m, &event.Error{Reason: reason, Detail: "for a test"}); err != nil {
			p.Fatal(err)
		}
	}
}

// records returns what a partition holds from an offset on, without offsets.
func (p *post) records(topic string, partition int32, from int64) []event.Record {
	p.Helper()
	end, err := p.client.GetOffset(topic, partition, sarama.OffsetNewest)
	if err != nil {
		p.Fatal(err)
	}
	if from >= end {
		return nil
	}
	consumer, err := sarama.NewConsumerFromClient(p.client)
	if err != nil {
		p.Fatal(err)
	}
	defer consumer.Close()
	claim, err := consumer.ConsumePartition(topic, partition, from)
	if err != nil {
		p.Fatal(err)
	}
	defer claim.Close()
	var records []event.Record
	for m := range claim.Messages() {
		r := event.Record{Topic: m.Topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Timestamp.UTC()}
		for _, h := range m.Headers {
			r.Headers = append(r.Headers, event.Header{Key: string(h.Key), Value: h.Value})
		}
		records = append(records, r)
		if m.Offset == end-1 {
			break
		}
	}
	return records
}

// open opens the box of both topics until the test ends.
func (p *post) open() *deadletter.Box {
	p.Helper()
	box, err := deadletter.Open(p.Context(), p.cluster.ListenAddrs(), p.config, []string{orders, tickets})
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { box.Close() })
	return box
}

// letters returns all letters that a filter chooses.
func (p *post) letters(f deadletter.Filter) []deadletter.Letter {
	p.Helper()
	var letters []deadletter.Letter
	if err := p.open().Each(p.Context(), f, func(l deadletter.Letter) error {
		letters = append(letters, l)
		return nil
	}); err != nil {
		p.Fatal(err)
	}
	return letters
}

// replay replays and returns what Observe was told: a letter's key, and what was wrong.
func (p *post) replay(o deadletter.ReplayOptions) (told []string, err error) {
	p.Helper()
	decoder, err := event.NewDecoder([]event.Source{{Topic: orders, Aggregate: event.Order}})
	if err != nil {
		p.Fatal(err)
	}
	o.Decoder = decoder
	o.Observe = func(l deadletter.Letter, err error) {
		verdict := string(l.Key) + " published"
		for name, want := range map[string]error{
			"replayed": deadletter.ErrReplayed, "undecodable": deadletter.ErrUndecodable, "gone": deadletter.ErrGone,
			"unversioned": deadletter.ErrUnversioned, "no origin": deadletter.ErrNoOrigin, "too large": deadletter.ErrTooLarge,
		} {
			if errors.Is(err, want) {
				verdict = string(l.Key) + " " + name
			}
		}
		told = append(told, verdict)
	}
	err = p.open().Replay(p.Context(), o)
	slices.Sort(told)
	return told, err
}
