package indexer_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/view/order"
)

// TestReplayHeals: an event that went to the dead letter topic by a fault is replayed, and the document is whole again, as
// if it had never been missing; a second replay publishes nothing.
func TestReplayHeals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var messages []*sarama.ProducerMessage
	for v := range uint64(6) {
		for _, a := range []event.Aggregate{event.Order, event.Ticket} {
			e := someEvent(rand.New(rand.NewPCG(v, 0)), a, "1", v+1)
			w.sent["1"] = append(w.sent["1"], e)
			messages = append(messages, w.message(e))
		}
	}
	writes := 0
	w.store.set(func(string) fault { // the whole batch, and later one event alone
		if writes++; writes == 1 || writes == 5 {
			return refused
		}
		return none
	}, nil)
	w.publish(messages...)
	w.start(indexer.Options{Linger: time.Second}) // they are one batch
	w.committed()
	w.store.set(nil, nil)
	o, err := order.Decode([]byte(w.store.source("1")))
	if err != nil {
		t.Fatal(err)
	}
	if o.Part(order.AggregateOrder).Degraded == nil && o.Part(order.AggregateTicket).Degraded == nil {
		t.Fatal("no part is degraded, so there is nothing to heal")
	}

	if got := w.replay(); got != 1 {
		t.Errorf("%d letters were replayed, want 1", got)
	}
	w.converges()
	w.committed()
	if got := w.replay(); got != 0 {
		t.Errorf("%d letters were replayed a second time, want none", got)
	}
}

// replay replays all dead letters and returns how many those were.
func (w *world) replay() int {
	w.Helper()
	config, err := w.kafka.Config()
	if err != nil {
		w.Fatal(err)
	}
	var topics []string
	for _, s := range w.sources {
		topics = append(topics, s.Topic)
	}
	box, err := deadletter.Open(w.Context(), w.kafka.Brokers, config, topics)
	if err != nil {
		w.Fatal(err)
	}
	defer box.Close()
	decoder, err := event.NewDecoder(w.sources)
	if err != nil {
		w.Fatal(err)
	}
	replayed := 0
	if err := box.Replay(w.Context(), deadletter.ReplayOptions{
		Decoder: decoder,
		Observe: func(_ deadletter.Letter, err error) {
			if err == nil {
				replayed++
			}
		},
	}); err != nil {
		w.Fatal(err)
	}
	return replayed
}
