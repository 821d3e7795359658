package indexer_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
)

// poison is a record of an order's topic that cannot be decoded.
func (w *world) poison() *sarama.ProducerMessage {
	return &sarama.ProducerMessage{
		Topic: w.topic(event.Order), Key: sarama.StringEncoder("1"), Value: sarama.StringEncoder("bad"),
	}
}

// TestDeadLetterTopicFails: what passes by itself is waited for.
func TestDeadLetterTopicFails(t *testing.T) {
	const times = 3
	for _, err := range []*kerr.Error{
		kerr.LeaderNotAvailable, kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend,
		kerr.RequestTimedOut, kerr.UnknownTopicOrPartition, nil,
	} {
		name := "connection cut"
		if err != nil {
			name = err.Message
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newFakeWorld(t)
			dlq := w.topic(event.Order) + deadletter.Suffix
			w.publish(w.poison())
			var hits func() int
			if err != nil {
				hits = w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: dlq, Err: err, Count: times}).Hits
			} else {
				hits = w.cut(times)
			}
			stop := w.start(indexer.Options{})
			w.letters(event.Order, 1)
			w.committed()
			if err := stop(); err != nil {
				t.Errorf("Run returned %v", err)
			}
			if n := hits(); n != times {
				t.Errorf("the dead letter topic failed %d times, want %d", n, times)
			}
			box, err := deadletter.Open(t.Context(), w.kafka.Brokers, indexer.NewConfig(), []string{w.topic(event.Order)})
			if err != nil {
				t.Fatal(err)
			}
			defer box.Close()
			if n := box.Len(); n != 1 {
				t.Errorf("there are %d letters, want 1", n)
			}
		})
	}
}

// cut ends the connections by which the next records are published, so many times, and tells how often it has done so.
func (w *world) cut(times int) (hits func() int) {
	var n atomic.Int64
	w.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		if n.Load() == int64(times) {
			return nil, nil, false
		}
		n.Add(1)
		return nil, errors.New("cut"), true
	})
	return func() int { return int(n.Load()) }
}

// TestStopWhileDeadLetterWaits: a dead letter that cannot be written keeps nobody from stopping, and is not lost by it.
func TestStopWhileDeadLetterWaits(t *testing.T) {
	t.Parallel()
	w := newFakeWorld(t)
	down := w.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: w.topic(event.Order) + deadletter.Suffix, Err: kerr.NotEnoughReplicas, Count: -1,
	})
	w.publish(w.poison())
	stop := w.start(indexer.Options{DrainTimeout: 10 * time.Millisecond})
	w.eventually(func() error {
		if n := down.Hits(); n < 3 {
			return fmt.Errorf("%d attempts", n)
		}
		return nil
	})
	if err := stop(); err != nil {
		t.Errorf("Run returned %v, want that it stopped as it was told to", err)
	}
	down.Remove()
	w.start(indexer.Options{})
	w.letters(event.Order, 1)
	w.committed()
}
