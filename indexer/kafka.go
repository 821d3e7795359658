package indexer

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/deadletter"
)

// NewConfig returns the client configuration that the indexer's promise rests on.
func NewConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.ClientID = "viewgate"

	// With equal partition counts this gives one member the same partition numbers of all topics, and so all events of a
	// document.
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	c.Consumer.Offsets.Initial = sarama.OffsetOldest // the default would skip what is there on a first start
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Group.ResetInvalidOffsets = false // the default would skip what retention deleted, in silence
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	c.Consumer.Return.Errors = true
	// A partition whose records are not taken (see pace) leaves the fetch loop after this long, and comes back when they
	// are. Until then it holds up all partitions of its broker.
	c.Consumer.MaxProcessingTime = 20 * time.Millisecond
	c.Consumer.MaxWaitTime = 250 * time.Millisecond
	c.Consumer.Fetch.Default = leastFetch // see fetchSize
	c.Consumer.Fetch.MaxBytes = fetchBudget
	c.ChannelBufferSize = 128
	c.Metadata.RefreshFrequency = time.Minute // by which partitions that were added are found

	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Return.Successes = true
	c.Producer.MaxMessageBytes = 16 << 20 // the broker's own limit decides; beyond it a dead letter goes by reference
	c.Producer.Retry.Max = 10
	return c
}

// How much is fetched at a time, in bytes as they are on the wire. What is fetched lies in memory unpacked, several times as
// large, until it is taken.
const (
	fetchBudget = 4 << 20 // of all partitions together
	leastFetch  = 32 << 10
	mostFetch   = 256 << 10
)

// fetchSize returns how much to fetch of each of so many partitions at a time. A fetch is answered and taken before the
// next begins, so in a backlog its size decides how fast a topic is read: with 32 KiB of each of 16 partitions the fetches'
// own time was most of it, and 256 KiB read twice as fast.
func fetchSize(partitions int) int32 {
	return int32(max(leastFetch, min(mostFetch, fetchBudget/max(1, partitions))))
}

// prepareTopics makes sure that the topics are there, creates the dead letter topics that are not, and warns where the
// layout costs conflicts.
func (x *Indexer) prepareTopics(client sarama.Client) error {
	if err := client.RefreshMetadata(x.topics...); err != nil {
		return fmt.Errorf("topics %v: %w", x.topics, err)
	}
	counts := map[int][]string{}
	for _, topic := range x.topics {
		partitions, err := client.Partitions(topic)
		if err != nil {
			return fmt.Errorf("topic %s: %w", topic, err)
		}
		counts[len(partitions)] = append(counts[len(partitions)], topic)
	}
	all := 0
	for n, topics := range counts {
		all += n * len(topics)
	}
	client.Config().Consumer.Fetch.Default = fetchSize(all) // read when a claim begins; the configuration is this client's own
	if len(counts) > 1 {
		x.options.Logger.Warn("topics have different numbers of partitions: several processes will write the same "+
			"documents, correctly but with conflicts", "topics by partitions", counts)
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return fmt.Errorf("dead letter topics: %w", err)
	}
	// The admin is not closed: that would close the client.
	existing, err := client.Topics()
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	forever := "-1"
	var creating sync.WaitGroup
	for _, topic := range x.topics {
		if slices.Contains(existing, topic+deadletter.Suffix) {
			continue
		}
		creating.Go(func() {
			err := admin.CreateTopic(topic+deadletter.Suffix, &sarama.TopicDetail{
				NumPartitions: 1, ReplicationFactor: -1,
				ConfigEntries: map[string]*string{"retention.ms": &forever, "retention.bytes": &forever},
			}, false)
			if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) {
				x.options.Logger.Warn("dead letter topic could not be created; the first dead letter will fail unless it "+
					"is created by then", "topic", topic+deadletter.Suffix, "error", err)
			}
		})
	}
	creating.Wait()
	return nil
}
