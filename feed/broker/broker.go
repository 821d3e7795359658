// Package broker carries the feed over a topic of Kafka, where indexers and gateways are processes of their own: a
// Publisher in each indexer, a Follower in each gateway. A Log tells where the topics of events end, which is what a
// gateway compares progress with.
//
// The topic has one partition, so all gateways see the same order, and is kept for an hour, which is how long a gateway can
// be cut off without missing changes. It holds no progress that is not repeated within a second: a gateway that starts
// reads from the end.
package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// retention is how long the topic keeps the news, and segment after how long it may begin to forget some, both in
// milliseconds: Kafka deletes no segment that is being written.
var retention, segment = "3600000", "600000"

// requestTimeout bounds each step of a request to a broker.
const requestTimeout = 10 * time.Second

// topic is where the feed is, and how to come there.
type topic struct {
	brokers []string
	config  *sarama.Config
	name    string
	logger  *slog.Logger
}

// newTopic returns a topic that is connected to as the configuration says.
func newTopic(brokers []string, config *sarama.Config, name string, logger *slog.Logger) topic {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	c := own(config)
	c.Metadata.AllowAutoTopicCreation = false // it would have another retention, and other partitions
	c.Consumer.Return.Errors = true
	c.Consumer.Retry.Backoff = 250 * time.Millisecond
	c.Producer.Return.Successes, c.Producer.Return.Errors = true, true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.Compression = sarama.CompressionSnappy
	c.Producer.MaxMessageBytes = 1 << 20
	c.Producer.Retry.Max, c.Producer.Retry.Backoff = 3, 100*time.Millisecond // a leader that moves; else we connect anew
	return topic{brokers, c, name, logger}
}

// own returns a copy of a configuration whose requests end within the request timeout.
func own(config *sarama.Config) *sarama.Config {
	c := *config
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = requestTimeout, requestTimeout, requestTimeout
	return &c
}

// connect returns a client for the topic, and creates the topic where it is not there.
func (t topic) connect() (sarama.Client, error) {
	client, err := sarama.NewClient(t.brokers, t.config)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	if err := t.ensure(client); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

func (t topic) ensure(client sarama.Client) error {
	existing, err := client.Topics()
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	if slices.Contains(existing, t.name) {
		return nil
	}
	admin, err := sarama.NewClusterAdminFromClient(client) // not closed: that would close the client
	if err != nil {
		return fmt.Errorf("create topic %s: %w", t.name, err)
	}
	err = admin.CreateTopic(t.name, &sarama.TopicDetail{
		NumPartitions: 1, ReplicationFactor: -1,
		ConfigEntries: map[string]*string{"retention.ms": &retention, "segment.ms": &segment},
	}, false)
	if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) {
		return fmt.Errorf("the feed's topic %s is not there and cannot be created: create it with one partition and "+
			"retention.ms=%s, or let this user create it: %w", t.name, retention, err)
	}
	if err := client.RefreshMetadata(t.name); err != nil {
		return fmt.Errorf("topic %s: %w", t.name, err)
	}
	return nil
}
