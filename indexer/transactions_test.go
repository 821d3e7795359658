package indexer_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/indexer"
)

// transactions returns a producer of the world's whose records belong to transactions.
func (w *world) transactions() sarama.SyncProducer {
	w.Helper()
	config, err := w.kafka.Config()
	if err != nil {
		w.Fatal(err)
	}
	config.Producer.Idempotent, config.Net.MaxOpenRequests = true, 1
	config.Producer.Transaction.ID = w.group
	producer, err := sarama.NewSyncProducer(w.kafka.Brokers, config)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { producer.Close() })
	return producer
}

// transact publishes in a transaction, and ends it so.
func (w *world) transact(producer sarama.SyncProducer, end func() error, messages ...*sarama.ProducerMessage) {
	w.Helper()
	if err := producer.BeginTxn(); err != nil {
		w.Fatal(err)
	}
	if err := producer.SendMessages(messages); err != nil {
		w.Fatal(err)
	}
	if err := end(); err != nil {
		w.Fatal(err)
	}
}

// TestTransactions: what transactions leave at a partition's end, where no reader is given it, keeps no indexer from
// coming to the end, and aborted events are not in the view.
func TestTransactions(t *testing.T) {
	w := newWorld(t)
	messages := w.random(rand.New(rand.NewPCG(1, 0)), 10)
	var unwanted []*sarama.ProducerMessage // of orders that nobody has heard of
	for i := range 30 {
		for _, a := range aggregates {
			e := someEvent(rand.New(rand.NewPCG(uint64(i), 0)), a, fmt.Sprint("unwanted-", i), 1)
			unwanted = append(unwanted, w.message(e))
		}
	}
	x := w.indexer(indexer.Options{})
	w.run(x)
	atEnd := func() {
		t.Helper()
		w.committed()
		w.eventually(func() error {
			if lag, known := x.Lag(); !known || lag.Records != 0 {
				return fmt.Errorf("lag is %+v, known: %t, want no records", lag, known)
			}
			return nil
		})
	}
	atEnd() // of topics without records
	producer := w.transactions()
	w.transact(producer, producer.CommitTxn, messages[:len(messages)/3]...)
	atEnd()
	w.transact(producer, producer.AbortTxn, unwanted...)
	atEnd()
	w.transact(producer, producer.AbortTxn, unwanted...)
	w.transact(producer, producer.CommitTxn, messages[len(messages)/3:2*len(messages)/3]...)
	w.transact(producer, producer.AbortTxn, unwanted...)
	w.publish(messages[2*len(messages)/3:]...)
	w.transact(producer, producer.AbortTxn, unwanted...)
	atEnd()
	w.converges()
	for i := range 30 {
		if got := w.store.source(fmt.Sprint("unwanted-", i)); got != "" {
			t.Errorf("an aborted event is in the view: %s", got)
		}
	}
}
