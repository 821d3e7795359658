package broker

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
)

func start(t *testing.T, options Options) *Broker {
	t.Helper()
	if options.Addr == "" {
		options.Addr = "127.0.0.1:0"
	}
	b, err := Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func connect(t *testing.T, b *Broker) sarama.Client {
	t.Helper()
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	client, err := sarama.NewClient([]string{b.Addr()}, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() }) // its broker may be gone by then
	return client
}

// send publishes values to the topic, all to one partition.
func send(t *testing.T, client sarama.Client, topic string, values ...string) {
	t.Helper()
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		message := &sarama.ProducerMessage{
			Topic: topic, Key: sarama.StringEncoder("key"), Value: sarama.StringEncoder(v),
			Timestamp: time.Now().AddDate(0, 0, -30), // older than the default retention
		}
		if _, _, err := producer.SendMessage(message); err != nil {
			t.Fatal(err)
		}
	}
	if err := producer.Close(); err != nil {
		t.Fatal(err)
	}
}

// receive returns the first n values of the topic's only partition with records.
func receive(t *testing.T, client sarama.Client, topic string, n int) []string {
	t.Helper()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	partitions, err := client.Partitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range partitions {
		if end, err := client.GetOffset(topic, p, sarama.OffsetNewest); err != nil || end == 0 {
			continue
		}
		pc, err := consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		var values []string
		for len(values) < n {
			select {
			case m := <-pc.Messages():
				values = append(values, string(m.Value))
			case <-time.After(10 * time.Second):
				t.Fatalf("%d of %d records of %s came", len(values), n, topic)
			}
		}
		return values
	}
	t.Fatalf("%s has no records", topic)
	return nil
}

func TestTopicsAreMade(t *testing.T) {
	b := start(t, Options{Topics: []string{"orders", "tickets"}, Partitions: 3})
	client := connect(t, b)
	got := map[string]int{}
	for _, topic := range []string{"orders", "orders.dlq", "tickets", "tickets.dlq"} {
		partitions, err := client.Partitions(topic)
		if err != nil {
			t.Fatalf("%s: %v", topic, err)
		}
		got[topic] = len(partitions)
	}
	want := map[string]int{"orders": 3, "orders.dlq": 3, "tickets": 3, "tickets.dlq": 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
	if partitions, err := client.Partitions("order"); err == nil {
		t.Errorf("a topic that nobody made has %d partitions", len(partitions))
	}
}

func TestNothingIsSwept(t *testing.T) {
	b := start(t, Options{Topics: []string{"orders"}, Partitions: 1})
	client := connect(t, b)
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.CreateTopic("feed", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"orders", "feed"} {
		send(t, client, topic, "old")
	}
	b.cluster.ApplyRetention()
	for _, topic := range []string{"orders", "feed"} {
		if info := b.cluster.PartitionInfo(topic, 0); info.LogStartOffset != 0 || info.HighWatermark != 1 {
			t.Errorf("%s keeps offsets %d to %d, want 0 to 1", topic, info.LogStartOffset, info.HighWatermark)
		}
	}
}

func TestRestartKeepsRecordsAndAddsTopics(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "broker")
	first := start(t, Options{Dir: dir, Topics: []string{"orders"}, Partitions: 2})
	send(t, connect(t, first), "orders", "a", "b")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := start(t, Options{Dir: dir, Topics: []string{"orders", "tickets"}, Partitions: 4, Addr: first.Addr()})
	if second.Addr() != first.Addr() {
		t.Errorf("address %s, want %s", second.Addr(), first.Addr())
	}
	client := connect(t, second)
	send(t, client, "orders", "c")
	send(t, client, "tickets", "x")
	if diff := cmp.Diff([]string{"a", "b", "c"}, receive(t, client, "orders", 3)); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	for topic, want := range map[string]int{"orders": 2, "orders.dlq": 2, "tickets": 4, "tickets.dlq": 4} {
		if got, err := client.Partitions(topic); err != nil || len(got) != want {
			t.Errorf("%s has %d partitions, %v, want %d", topic, len(got), err, want)
		}
	}
}

func TestDirectoryIsLocked(t *testing.T) {
	dir := t.TempDir()
	first := start(t, Options{Dir: dir})
	_, err := Start(Options{Dir: dir, Addr: "127.0.0.1:0"})
	var inUse *InUseError
	if !errors.As(err, &inUse) {
		t.Fatalf("second broker on the directory: %v, want an *InUseError", err)
	}
	if !strings.Contains(inUse.Holder, "process ") || !strings.Contains(err.Error(), dir) {
		t.Errorf("%q does not name the process and the directory", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, Options{Dir: dir})
}

func TestAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct {
		name     string
		addr     string
		fallback bool
		ok       bool
	}{
		{"any free port", "127.0.0.1:0", false, true},
		{"taken", taken.Addr().String(), false, false},
		{"taken with another to fall back on", taken.Addr().String(), true, true},
		{"no interface", "0.0.0.0:0", true, false},
		{"no host", ":0", true, false},
		{"no port", "127.0.0.1", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := Start(Options{Addr: test.addr, FallbackPort: test.fallback, Dir: t.TempDir()})
			if (err == nil) != test.ok {
				t.Fatalf("Start: %v, want success: %t", err, test.ok)
			}
			if err != nil {
				return
			}
			if b.Addr() == taken.Addr().String() || !strings.HasPrefix(b.Addr(), "127.0.0.1:") {
				t.Errorf("listens on %s", b.Addr())
			}
			connect(t, b)
			if err := errors.Join(b.Close(), b.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

func Example() {
	b, err := Start(Options{Addr: "127.0.0.1:0", Topics: []string{"orders"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	host, _, _ := net.SplitHostPort(b.Addr())
	fmt.Println(host)
	// Output: 127.0.0.1
}
