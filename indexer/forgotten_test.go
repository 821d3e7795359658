package indexer_test

import (
	"context"
	"sync"
	"testing"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/view"
)

// TestReady: nothing is folded, written or committed before it is known who is forgotten, and all is afterwards.
func TestReady(t *testing.T) {
	t.Parallel()
	w := newFakeWorld(t)
	w.publish(w.poison())
	asked, known := make(chan struct{}), make(chan struct{})
	var once sync.Once
	held := func(ctx context.Context) error {
		once.Do(func() { close(asked) })
		select {
		case <-known:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	created := w.message(event.Envelope{
		ID: "1-1", Aggregate: event.Order, AggregateID: "1", Type: "SomethingNew", Version: 1, Data: []byte(`{}`),
	})
	w.publish(created)
	w.start(indexer.Options{Ready: held})
	<-asked
	found, err := w.store.Get(t.Context(), view.Support(), []string{"1"})
	if err != nil || len(found) > 0 {
		t.Errorf("held, it has written %v, %v", found, err)
	}
	close(known)
	w.committed()
}

// TestWithhold: the letter of a record that is not to be copied refers to it.
func TestWithhold(t *testing.T) {
	t.Parallel()
	w := newFakeWorld(t)
	w.publish(w.poison())
	w.start(indexer.Options{Withhold: func(m *sarama.ConsumerMessage) bool { return string(m.Value) == "bad" }})
	letter := w.letters(event.Order, 1)[0]
	referred := false
	for _, h := range letter.Headers {
		referred = referred || string(h.Key) == deadletter.HeaderReference
	}
	if letter.Value != nil || !referred {
		t.Errorf("letter %q, a reference: %t", letter.Value, referred)
	}
}
