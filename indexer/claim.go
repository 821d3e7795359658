package indexer

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/semaphore"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/feed/broker"
)

// handler is the indexer as a sarama.ConsumerGroupHandler. Each session, between two rebalances, has workers of its own:
// what they remember is forgotten at a rebalance, when others may write the same documents.
type handler struct {
	indexer *Indexer
	client  sarama.Client
	watch   sarama.Client // to ask for the topics' ends
	letters *deadletter.Writer
	stop    func() // ends the run

	session *session // of the present session, set before claims begin and used until they have ended; else nil
}

// session is what lives from Setup to Cleanup.
type session struct {
	workers  []*worker
	seed     maphash.Seed // of the hash by which documents belong to workers
	trackers map[partition]*tracker
	buffer   *semaphore.Weighted // bytes of records taken and not done
	limit    int64               // of buffer
	inFlight *atomic.Int64       // how many these are
	pace     *pace
	still    map[partition]int64 // where observe saw each claim last; it alone uses it
	telling  *telling

	abandon context.CancelFunc // gives up the writes in flight
	given   <-chan struct{}    // closed when they are given up
	working sync.WaitGroup     // the workers
	healing sync.WaitGroup     // the goroutine that heals, which ends before the workers do
	stop    context.CancelFunc // ends it
	ticking sync.WaitGroup     // the ticker
	tick    chan struct{}      // closed to end the ticker
}

// Setup implements sarama.ConsumerGroupHandler.
func (h *handler) Setup(cs sarama.ConsumerGroupSession) error {
	x := h.indexer
	var filling map[partition]int64
	if x.options.Feed != nil {
		var err error
		if filling, err = h.filling(cs.Claims()); err != nil {
			return err
		}
	}
	ctx, abandon := context.WithCancel(context.Background())
	s := &session{
		seed: maphash.MakeSeed(), trackers: map[partition]*tracker{}, still: map[partition]int64{},
		buffer: semaphore.NewWeighted(x.options.BufferBytes), limit: x.options.BufferBytes,
		inFlight: &x.inFlight, pace: newPace(), abandon: abandon, given: ctx.Done(), tick: make(chan struct{}),
	}
	for topic, numbers := range cs.Claims() {
		for _, number := range numbers {
			part := partition{Topic: topic, Number: number}
			s.trackers[part] = &tracker{mark: func(next int64) {
				cs.MarkOffset(topic, number, next, fillingMark(next, filling[part]))
			}}
		}
	}
	s.telling = newTelling(x, filling, s.release)
	for range x.options.Workers {
		w := newWorker(x, h.letters, s.pace, func(err error) { x.fail(err, h.stop) }, s.telling)
		s.workers = append(s.workers, w)
		s.working.Go(func() { w.run(ctx) })
	}
	s.ticking.Go(func() { every(commitInterval, s.tick, cs.Commit) })
	x.inFlight.Store(0) // what the last session has not done, others do
	h.session = s       // what follows uses it
	s.ticking.Go(func() { every(observeInterval, s.tick, h.observe) })
	if x.options.Feed != nil {
		s.ticking.Go(func() {
			every(progressInterval, s.tick, func() { s.telling.progress(time.Now(), x.progress.written()) })
		})
	}
	healing, stop := context.WithCancel(ctx)
	s.stop = stop
	s.healing.Go(func() { x.heal(healing, s) })
	x.progress.begin(len(s.trackers), len(s.trackers) == h.partitions())
	x.metrics.sessions.Inc()
	x.options.Logger.Info("partitions claimed", "claims", cs.Claims(), "generation", cs.GenerationID())
	return nil
}

// How often a session commits, and looks how far behind it is.
const (
	commitInterval  = 500 * time.Millisecond
	observeInterval = 200 * time.Millisecond
)

// every does something at an interval until the channel is closed.
func every(interval time.Duration, end <-chan struct{}, do func()) {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-end:
			return
		case <-t.C:
			do()
		}
	}
}

// partitions returns how many partitions the topics have, 0 where that cannot be told.
func (h *handler) partitions() int {
	sum := 0
	for _, topic := range h.indexer.topics {
		partitions, err := h.client.Partitions(topic)
		if err != nil {
			return 0
		}
		sum += len(partitions)
	}
	return sum
}

// observe asks where the claims end and compares. Where that is not answered nothing was passed, and the lag grows.
func (h *handler) observe() {
	claims := h.indexer.progress.claims()
	if len(claims) == 0 {
		return
	}
	at := time.Now()
	ends, err := broker.Ends(h.watch, claims)
	if err != nil {
		h.indexer.options.Logger.Debug("ends of the topics are not known", "error", err)
		return
	}
	h.passTails(ends)
	h.indexer.progress.observe(at, ends)
}

// Cleanup implements sarama.ConsumerGroupHandler. All ConsumeClaims have returned: what they handed over is finished
// and told within the drain timeout, or abandoned without a mark, to be consumed again by whoever claims the partition next. A
// bulk that still reaches the store later loses to that one's, or has written what it would write: writes are
// conditional.
func (h *handler) Cleanup(cs sarama.ConsumerGroupSession) error {
	s := h.session
	if s == nil { // sarama cleans up after a Setup that has failed, too
		return nil
	}
	s.stop()
	s.healing.Wait()
	for _, w := range s.workers {
		w.input.close()
	}
	timer := time.AfterFunc(h.indexer.options.DrainTimeout, s.abandon)
	s.working.Wait()
	s.telling.end(s.given)
	timer.Stop()
	s.abandon()
	close(s.tick)
	s.ticking.Wait()
	if h.indexer.options.Feed != nil {
		s.telling.progress(time.Now(), h.indexer.progress.written())
	}
	cs.Commit()
	h.indexer.progress.end()
	h.session = nil
	return nil
}

// ConsumeClaim implements sarama.ConsumerGroupHandler: it takes records until the session ends. It blocks while the
// workers have more than they can hold, which stops the fetching, and so bounds memory whatever the backlog.
func (h *handler) ConsumeClaim(cs sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	s := h.session
	part := partition{Topic: claim.Topic(), Number: claim.Partition()}
	t := s.trackers[part]
	first := claim.InitialOffset()
	if first < 0 { // nothing was committed yet
		var err error
		if first, err = h.client.GetOffset(claim.Topic(), claim.Partition(), sarama.OffsetOldest); err != nil {
			return fmt.Errorf("beginning of %s/%d: %w", claim.Topic(), claim.Partition(), err)
		}
	}
	t.begin(first)
	h.indexer.progress.claim(part, t.position)
	defer s.pace.leave(part)
	consumed := h.indexer.metrics.consumed.WithLabelValues(claim.Topic())
	var records reader
	var at int64 // where it was last in the pace, 0 where it has left
	for {
		select {
		case <-cs.Context().Done():
			return nil
		case m, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			backlog := claim.HighWaterMarkOffset()-m.Offset > paceBacklog
			switch now := stretch(m.Timestamp); {
			case backlog && now != at:
				if at = now; !s.pace.keep(cs.Context(), part, at) {
					return nil
				}
			case !backlog && at != 0:
				at = 0
				s.pace.leave(part)
			}
			consumed.Inc()
			if !h.take(cs.Context(), t, m, records.read(m)) {
				return nil
			}
		}
	}
}

// take decodes a record and hands its events to the workers. It reports whether it did so before ctx ended; a record
// handed over in part is never marked.
func (h *handler) take(ctx context.Context, t *tracker, m *sarama.ConsumerMessage, record event.Record) bool {
	s, x := h.session, h.indexer
	size := min(int64(len(m.Key)+len(m.Value)+256), s.limit)
	if err := s.buffer.Acquire(ctx, size); err != nil {
		return false
	}
	x.inFlight.Add(1)
	taken := x.options.Tracer.Now()
	envelopes, err := x.decoder.Decode(record)
	traced := x.begin(record, envelopes, taken)
	if err != nil {
		r := t.take(m.Offset, size, 1)
		r.trace = traced
		return s.send(ctx, x.badItem(m, r, err))
	}
	items := make([]*item, 0, len(envelopes))
	for _, e := range envelopes {
		for _, v := range x.feeds[e.Aggregate] {
			items = append(items, &item{
				view: v, id: x.views[v].Projection.DocumentID(e), event: e, message: m,
			})
		}
	}
	if len(items) == 0 { // a tombstone, or an empty batch
		x.metrics.events.WithLabelValues(m.Topic, "empty").Inc()
		r := t.take(m.Offset, size, 1)
		r.trace = traced
		s.release(r)
		return true
	}
	r := t.take(m.Offset, size, len(items))
	r.trace = traced
	for _, it := range items {
		it.record = r
		if !s.send(ctx, it) {
			return false
		}
	}
	return true
}

// badItem returns what to do with a record that cannot be decoded: to dead-letter it and, where its key is that of an
// aggregate, to mark the document as degraded.
func (x *Indexer) badItem(m *sarama.ConsumerMessage, r *record, err error) *item {
	it := &item{message: m, record: r, bad: err, view: -1}
	for _, source := range x.sources {
		if source.Topic == m.Topic && event.ValidID(string(m.Key)) {
			it.view, it.id = x.feeds[source.Aggregate][0], string(m.Key)
			it.event = event.Envelope{Aggregate: source.Aggregate, Partition: m.Partition, Offset: m.Offset}
		}
	}
	return it
}

// send hands an item to the worker that its document belongs to. It reports whether it did so before ctx ended.
func (s *session) send(ctx context.Context, it *item) bool {
	return s.workers[maphash.String(s.seed, it.id)%uint64(len(s.workers))].input.put(ctx, it)
}

// release ends one event of a record.
func (s *session) release(r *record) {
	if r.done() {
		s.buffer.Release(r.bytes)
		s.inFlight.Add(-1)
		r.trace.end()
	}
}

// reader turns a claim's messages into records. All have much the same headers, so it makes neither their names nor the
// list anew.
type reader struct {
	headers []event.Header
	names   map[string]string
}

// maxNames bounds the names that a reader remembers.
const maxNames = 64

// read returns the message as a record. Its Headers are valid until the next one is read.
func (r *reader) read(m *sarama.ConsumerMessage) event.Record {
	r.headers = r.headers[:0]
	for _, h := range m.Headers {
		name, ok := r.names[string(h.Key)]
		if !ok {
			name = string(h.Key)
			if r.names == nil {
				r.names = map[string]string{}
			}
			if len(r.names) < maxNames {
				r.names[name] = name
			}
		}
		r.headers = append(r.headers, event.Header{Key: name, Value: h.Value})
	}
	return event.Record{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset,
		Key: m.Key, Value: m.Value, Headers: r.headers, Time: m.Timestamp,
	}
}
