package forgotten

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/retry"
)

// Topic is where the list is. Its methods may be called from several goroutines.
type Topic struct {
	brokers []string
	config  *sarama.Config
	name    string
	logger  *slog.Logger
	list    *List

	mu      sync.Mutex
	seen    time.Time     // guarded by mu: a moment at which the list had all that was acknowledged before; zero: none yet
	changed chan struct{} // guarded by mu: closed when seen moves
	failed  error         // guarded by mu: why it was last not read; nil when it was
}

// Open returns the topic with this name; nothing is connected to yet. The configuration says how to connect.
func Open(brokers []string, config *sarama.Config, name string, logger *slog.Logger) *Topic {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	own := *config
	own.Metadata.AllowAutoTopicCreation = false // it would be cut off after a week
	own.Net.DialTimeout, own.Net.ReadTimeout, own.Net.WriteTimeout = requestTimeout, requestTimeout, requestTimeout
	own.Consumer.Return.Errors = true
	own.Consumer.Group.InstanceId = ""
	own.Producer.Return.Successes, own.Producer.Return.Errors = true, true
	own.Producer.RequiredAcks = sarama.WaitForAll
	own.Producer.Partitioner = sarama.NewManualPartitioner
	return &Topic{brokers: brokers, config: &own, name: name, logger: logger, list: &List{}, changed: make(chan struct{})}
}

const (
	// requestTimeout bounds each request to a broker.
	requestTimeout = 10 * time.Second
	// lookInterval is how often the topic's end is looked at, a fraction of the Lease.
	lookInterval = time.Second
	// readTimeout is how long the topic may yield nothing before its end is reached.
	readTimeout = 10 * time.Second
)

// errCutOff says that the list is not whole.
var errCutOff = errors.New("the list of who is forgotten has lost its beginning: restore it from a backup, with retention.ms=-1")

// List returns the list, which Follow keeps up to date.
func (t *Topic) List() *List { return t.list }

// Follow keeps the list up to date until ctx ends. It waits for brokers that cannot be reached; while the topic cannot be read,
// Current holds who would write.
func (t *Topic) Follow(ctx context.Context) {
	warned := false
	for ctx.Err() == nil {
		err := t.follow(ctx, func() {
			if warned {
				t.logger.Info("the list of who is forgotten is read again", "topic", t.name)
			}
			warned = false
		})
		t.mu.Lock()
		t.failed = err
		t.mu.Unlock()
		if ctx.Err() == nil && !warned {
			t.logger.Error("the list of who is forgotten cannot be read; nothing is written meanwhile", "topic", t.name, "error", err)
			warned = true
		}
		retry.Wait(ctx, lookInterval)
	}
}

// Current returns when the list has all that was acknowledged a Lease ago, or with an error when ctx ends.
func (t *Topic) Current(ctx context.Context) error {
	return t.reach(ctx, func() time.Time { return time.Now().Add(-Lease) })
}

// Read returns when the list has all that was acknowledged before the call. Somebody must Follow.
func (t *Topic) Read(ctx context.Context) error {
	called := time.Now()
	return t.reach(ctx, func() time.Time { return called })
}

// reach returns when the list has all that was acknowledged before some moment.
func (t *Topic) reach(ctx context.Context, moment func() time.Time) error {
	for {
		t.mu.Lock()
		seen, changed, failed := t.seen, t.changed, t.failed
		t.mu.Unlock()
		if !seen.IsZero() && !seen.Before(moment()) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the list of who is forgotten, topic %s, is not read: %w", t.name, errors.Join(failed, ctx.Err()))
		}
	}
}

// follow reads the topic until ctx ends or something fails. It calls sound whenever it has come to the end.
func (t *Topic) follow(ctx context.Context, sound func()) error {
	client, err := sarama.NewClient(t.brokers, t.config)
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	known := false
	for ; ; retry.Wait(ctx, lookInterval) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		at := time.Now()
		if !known {
			if known, err = t.exists(client); err != nil {
				return err
			}
		}
		if known {
			if err := t.catchUp(ctx, client); err != nil {
				return err
			}
		}
		t.mu.Lock()
		t.seen, t.failed = at, nil
		close(t.changed)
		t.changed = make(chan struct{})
		t.mu.Unlock()
		sound()
	}
}

// exists reports whether there is such a topic. One that may not be looked at is an error and not a list of nobody.
func (t *Topic) exists(client sarama.Client) (bool, error) {
	admin, err := sarama.NewClusterAdminFromClient(client) // not closed: that would close the client
	if err != nil {
		return false, err
	}
	found, err := admin.DescribeTopics([]string{t.name})
	if err != nil {
		return false, err
	}
	for _, topic := range found {
		switch {
		case topic.Name != t.name:
		case topic.Err == sarama.ErrUnknownTopicOrPartition && t.list.nextEntry() > 0:
			return false, errCutOff
		case topic.Err == sarama.ErrUnknownTopicOrPartition:
			return false, nil
		case topic.Err != sarama.ErrNoError:
			return false, topic.Err
		case len(topic.Partitions) != 1:
			return false, fmt.Errorf("it has %d partitions, and must have one", len(topic.Partitions))
		default:
			return true, client.RefreshMetadata(t.name)
		}
	}
	return false, sarama.ErrIncompleteResponse
}

// nextEntry returns behind which entry the list was read.
func (l *List) nextEntry() int64 {
	_, next := l.Len()
	return next
}

// catchUp reads up to where the topic ends at the call.
func (t *Topic) catchUp(ctx context.Context, client sarama.Client) error {
	oldest, err := client.GetOffset(t.name, 0, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	end, err := client.GetOffset(t.name, 0, sarama.OffsetNewest)
	if err != nil {
		return err
	}
	next := t.list.nextEntry()
	if oldest > 0 || end < next {
		return errCutOff
	}
	if next >= end {
		return nil
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer consumer.Close()
	claim, err := consumer.ConsumePartition(t.name, 0, next)
	if err != nil {
		return err
	}
	defer claim.Close()
	ctx, cancel := context.WithTimeout(ctx, readTimeout+time.Duration(end-next)*time.Millisecond)
	defer cancel()
	for t.list.nextEntry() < end {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case failed := <-claim.Errors():
			if failed == nil {
				return sarama.ErrIncompleteResponse
			}
			return failed.Err
		case m, ok := <-claim.Messages():
			if !ok {
				return sarama.ErrIncompleteResponse
			}
			e, err := decode(m.Value)
			if err != nil {
				return fmt.Errorf("at offset %d: %w", m.Offset, err)
			}
			t.list.take(m.Offset, e)
		}
	}
	return nil
}

// Add puts people on the list who are not on it yet, and returns how many those are, when every later Read has them. It creates the
// topic, and the list's salt, where there is none. Somebody must Follow.
func (t *Topic) Add(ctx context.Context, ids []string) (added int, err error) {
	if err := t.Read(ctx); err != nil {
		return 0, err
	}
	if err := t.create(); err != nil {
		return 0, err
	}
	if t.list.salted() == "" {
		salt := make([]byte, saltBytes)
		_, _ = rand.Read(salt) // never fails
		if err := t.send(entry{Salt: hex.EncodeToString(salt)}); err != nil {
			return 0, err
		}
		if err := t.Read(ctx); err != nil { // somebody else's may have come first
			return 0, err
		}
	}
	var entries []entry
	for _, id := range ids {
		if _, forgotten := t.list.Pseudonym(id); !forgotten {
			entries = append(entries, entry{Mark: markOf(t.list.salted(), id)})
		}
	}
	if err := t.send(entries...); err != nil {
		return 0, err
	}
	return len(entries), t.Read(ctx)
}

func (l *List) salted() string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.salt
}

// create makes the topic where it is not there.
func (t *Topic) create() error {
	admin, err := sarama.NewClusterAdmin(t.brokers, t.config)
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer admin.Close()
	forever, plain := "-1", "delete"
	err = admin.CreateTopic(t.name, &sarama.TopicDetail{
		NumPartitions: 1, ReplicationFactor: -1,
		ConfigEntries: map[string]*string{"retention.ms": &forever, "retention.bytes": &forever, "cleanup.policy": &plain},
	}, false)
	if errors.Is(err, sarama.ErrTopicAlreadyExists) {
		return t.kept(admin)
	}
	if err != nil {
		return fmt.Errorf("topic %s is not there and cannot be created: create it with one partition, retention.ms=-1 and "+
			"retention.bytes=-1, or let this user create it: %w", t.name, err)
	}
	return nil
}

// kept returns an error unless the topic is kept for ever.
func (t *Topic) kept(admin sarama.ClusterAdmin) error {
	settings, err := admin.DescribeConfig(sarama.ConfigResource{
		Type: sarama.TopicResource, Name: t.name, ConfigNames: []string{"retention.ms", "retention.bytes", "cleanup.policy"},
	})
	if err != nil {
		return fmt.Errorf("topic %s: how long it is kept: %w", t.name, err)
	}
	want := map[string]string{"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
	for _, s := range settings {
		if w := want[s.Name]; w != "" && s.Value != w {
			return fmt.Errorf("topic %s has %s=%s, and people would come back: set it to %s", t.name, s.Name, s.Value, w)
		}
	}
	return nil
}

// send publishes entries and returns when they are acknowledged.
func (t *Topic) send(entries ...entry) error {
	if len(entries) == 0 {
		return nil
	}
	producer, err := sarama.NewSyncProducer(t.brokers, t.config)
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer producer.Close()
	messages := make([]*sarama.ProducerMessage, len(entries))
	for i, e := range entries {
		messages[i] = &sarama.ProducerMessage{Topic: t.name, Value: sarama.ByteEncoder(e.encode())}
	}
	if err := producer.SendMessages(messages); err != nil {
		var each sarama.ProducerErrors
		if errors.As(err, &each) && len(each) > 0 {
			err = each[0].Err
		}
		return fmt.Errorf("topic %s: not all is acknowledged, and the same may be done again: %w", t.name, err)
	}
	return nil
}
