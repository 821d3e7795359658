package indexer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/view"
)

// item is on its way to one document: an event, a record that could not be decoded, or owners' answers.
type item struct {
	view    int // index into Indexer.views; -1 where there is no document
	id      string
	event   event.Envelope
	bad     error                   // why the record could not be decoded; then event has its aggregate and place alone
	answer  json.RawMessage         // a document with owners' answers; then nothing else is set
	message *sarama.ConsumerMessage // what the event came in
	record  *record

	withheld bool // the document is of somebody who is forgotten, so no record of it is copied
}

func (it *item) size() int {
	if it.message == nil {
		return len(it.answer)
	}
	return len(it.message.Value)
}

// worker folds and writes the documents whose ids hash to it. Its goroutine alone touches what it remembers.
type worker struct {
	*Indexer
	letters *deadletter.Writer
	fail    func(error)
	telling *telling

	input   *queue
	pace    *pace
	changed []string  // ids of documents that are settled and not told yet, all of one view
	ended   []*record // records whose events these were
	cache   *simplelru.LRU[key, cached]
}

// key names a document.
type key struct {
	view int
	id   string
}

// cached is a document as it was last written, and its revision. It is taken out of the cache while it is folded into,
// and put back when it is written: what the cache holds is what the store holds, unless another process wrote since.
type cached struct {
	document projection.Document
	revision view.Revision
}

func newWorker(x *Indexer, letters *deadletter.Writer, pace *pace, fail func(error), telling *telling) *worker {
	cache, err := simplelru.NewLRU[key, cached](x.options.CacheSize, nil)
	if err != nil { // a size below 1
		panic(fmt.Sprintf("indexer: %v", err))
	}
	return &worker{
		Indexer: x, letters: letters, fail: fail, telling: telling, pace: pace, cache: cache,
		input: newQueue(x.options.BatchEvents, x.options.BatchBytes),
	}
}

// run works until the input is closed and empty. When ctx ends it gives up what is in flight, and drops the rest.
func (w *worker) run(ctx context.Context) {
	for {
		batch := w.input.take(w.options.Linger, w.pace.backlog)
		if len(batch) == 0 {
			return
		}
		if ctx.Err() != nil {
			continue
		}
		if err := w.process(ctx, batch); err != nil && ctx.Err() == nil {
			w.fail(err)
		}
	}
}

// job is a document with what is to be folded into it, in the order in which it came.
type job struct {
	key
	items []*item
	cached
	results []projection.Result // one for each item, by the latest fold
}

// process writes what a batch does to its documents, and ends its records. It returns an error where the indexer must
// stop.
func (w *worker) process(ctx context.Context, batch []*item) error {
	var jobs []*job
	byKey := map[key]*job{}
	for _, it := range batch {
		if it.view < 0 {
			if err := w.deadLetter(ctx, it, it.bad); err != nil {
				return err
			}
			w.telling.release(it.record)
			continue
		}
		k := key{it.view, it.id}
		j := byKey[k]
		if j == nil {
			j = &job{key: k}
			byKey[k], jobs = j, append(jobs, j)
		}
		j.items = append(j.items, it)
	}
	return w.settle(ctx, jobs)
}

// settle attempts the jobs until each is written, or ctx ends. Jobs that another writer was quicker at are tried again
// at once, since that writer has made progress; after a fault of the store there is a pause. While it lasts the worker
// takes nothing in, so the claims stop, and so does the fetching.
func (w *worker) settle(ctx context.Context, jobs []*job) error {
	for attempt := 0; len(jobs) > 0; attempt++ {
		byView := map[int][]*job{}
		for _, j := range jobs {
			byView[j.view] = append(byView[j.view], j)
		}
		jobs = nil
		var fault error
		for v, mine := range w.views {
			if len(byView[v]) == 0 {
				continue
			}
			again, err := w.attempt(ctx, mine, byView[v])
			switch {
			case errors.Is(err, view.ErrRetry) || errors.Is(err, view.ErrUnavailable):
				fault = err
			case err != nil:
				return err
			}
			jobs = append(jobs, again...)
		}
		if fault == nil {
			continue
		}
		if ctx.Err() != nil { // given up, not failed
			return ctx.Err()
		}
		w.options.Logger.Warn("view store cannot take everything now; trying again", "documents", len(jobs),
			"attempt", attempt+1, "error", fault)
		if !retry.Wait(ctx, retry.Backoff(attempt, 30*time.Second)) {
			return ctx.Err()
		}
	}
	return nil
}

// attempt reads, folds and writes jobs of one view, once. It returns those to try again; the error is a fault of the
// store to wait out, of the kinds view.ErrRetry and view.ErrUnavailable, or one that ends the run.
func (w *worker) attempt(ctx context.Context, v View, jobs []*job) (again []*job, fault error) {
	if w.options.Ready != nil {
		if err := w.options.Ready(ctx); err != nil {
			return jobs, fmt.Errorf("%w: %w", view.ErrUnavailable, err)
		}
	}
	deadline, cancel := context.WithTimeout(ctx, w.options.StoreTimeout)
	defer cancel()
	defer w.tell(v)
	traced := w.traces(jobs)
	deadline, span := w.batch(deadline, traced)
	defer span.End()
	span.Number("viewgate.batch.size", len(jobs))
	if err := w.load(deadline, v, jobs); err != nil {
		w.metrics.retries.WithLabelValues(v.Name).Add(float64(len(jobs)))
		return jobs, err
	}
	var writes []view.Write
	var written []*job
	folding := w.options.Tracer.Now()
	for _, j := range jobs {
		if !j.fold() {
			if err := w.finish(ctx, j); err != nil {
				return nil, err
			}
			continue
		}
		source, err := j.document.Encode()
		if err != nil {
			return nil, err
		}
		writes = append(writes, view.Write{
			ID: j.id, Revision: j.revision, Hidden: j.document.Hidden(), Source: source, Compact: true,
		})
		written = append(written, j)
	}
	for _, t := range traced {
		t.past("fold", folding)
	}
	if len(writes) == 0 {
		return nil, nil
	}
	for i, result := range v.Store.Apply(deadline, writes) {
		j, err := written[i], error(nil)
		switch {
		case result.Err == nil:
			j.revision = result.Revision
			w.count(v, j)
			err = w.finish(ctx, j)
		case errors.Is(result.Err, view.ErrConflict):
			w.metrics.conflicts.WithLabelValues(v.Name).Inc()
			again = append(again, j)
		case !errors.Is(result.Err, view.ErrRefused):
			w.metrics.retries.WithLabelValues(v.Name).Inc()
			again, fault = append(again, j), result.Err
		case len(j.items) > 1:
			err = w.settleOneByOne(ctx, j)
		case j.items[0].answer != nil:
			w.options.Logger.Warn("view store refuses the owners' answer", "view", v.Name, "document", j.id, "error", result.Err)
		case j.items[0].bad == nil: // the guilty event: next time it only leaves a mark
			j.items[0].bad = &event.Error{Reason: event.ReasonRefused, Detail: result.Err.Error()}
			again = append(again, j)
		default: // not even the mark is taken
			if err = w.deadLetter(ctx, j.items[0], j.items[0].bad); err == nil {
				w.ended = append(w.ended, j.items[0].record)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return again, fault
}

// count counts a write that has succeeded.
func (w *worker) count(v View, j *job) {
	w.metrics.written.WithLabelValues(v.Name).Inc()
	events, seconds, now := 0, w.metrics.seconds.WithLabelValues(v.Name), time.Now()
	for i, it := range j.items {
		if it.message == nil {
			continue
		}
		events++
		if j.results[i].Changed && !it.message.Timestamp.IsZero() {
			seconds.Observe(now.Sub(it.message.Timestamp).Seconds())
		}
	}
	w.metrics.folds.WithLabelValues(v.Name).Observe(float64(events))
}

// settleOneByOne writes each of a job's items by itself, in their order, so that only those that the store refuses go
// to the dead letter topic.
func (w *worker) settleOneByOne(ctx context.Context, j *job) error {
	for _, it := range j.items {
		if err := w.settle(ctx, []*job{{key: j.key, items: []*item{it}}}); err != nil {
			return err
		}
	}
	return nil
}

// load gives each job its document: as remembered, as stored, or new. A document that was folded into before and not
// written is read again.
func (w *worker) load(ctx context.Context, v View, jobs []*job) error {
	var ids []string
	for _, j := range jobs {
		j.cached, _ = w.cache.Get(j.key)
		w.cache.Remove(j.key)
		if j.document == nil {
			ids = append(ids, j.id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	stored, err := v.Store.Get(ctx, view.Support(), ids)
	if err != nil {
		return fmt.Errorf("%w: %w", view.ErrUnavailable, err)
	}
	for _, j := range jobs {
		d, ok := stored[j.id]
		switch {
		case j.document != nil:
		case !ok:
			j.document = v.Projection.New(j.id)
		default:
			j.revision = d.Revision
			if j.document, err = v.Projection.Decode(d.Source); err != nil {
				return fmt.Errorf("view %s holds a document %q that cannot be read, so it must be rebuilt: %w",
					v.Name, j.id, err)
			}
		}
	}
	return nil
}

// fold offers a job's items to its document and reports whether that changed it.
func (j *job) fold() (changed bool) {
	j.results = j.results[:0]
	for _, it := range j.items {
		var result projection.Result
		switch {
		case it.answer != nil:
			result = j.document.Join(it.answer)
		case it.bad != nil:
			marked := j.document.Degrade(it.event, string(event.ReasonOf(it.bad)))
			result = projection.Result{Outcome: projection.Refused, Changed: marked, Err: it.bad}
		default:
			result = j.document.Offer(it.event)
		}
		j.results = append(j.results, result)
		changed = changed || result.Changed
	}
	if d, ok := j.document.(interface{ Forgotten() bool }); ok && d.Forgotten() {
		for _, it := range j.items {
			it.withheld = true
		}
	}
	return changed
}

// tell ends what is settled, once it is told. What a redelivered record had done before is told again: whoever wrote it
// may have died before it was told.
func (w *worker) tell(v View) {
	for _, r := range w.ended {
		r.trace.telling()
	}
	w.telling.changed(v.Index, w.changed, w.ended)
	w.changed, w.ended = nil, nil
}

// finish settles a job whose document is as the store has it: refused items go to the dead letter topic, and all are to
// be told.
func (w *worker) finish(ctx context.Context, j *job) error {
	w.cache.Add(j.key, j.cached)
	w.changed = append(w.changed, j.id)
	w.gaps.note(j.key, j.revision != "" && len(j.document.Incomplete()) > 0, time.Now(), w.options.GapPatience)
	for i, it := range j.items {
		if it.answer != nil {
			w.metrics.healed.WithLabelValues(w.views[j.view].Name, string(j.results[i].Outcome)).Inc()
			continue
		}
		w.metrics.events.WithLabelValues(it.message.Topic, string(j.results[i].Outcome)).Inc()
		if err := j.results[i].Err; err != nil {
			if err := w.deadLetter(ctx, it, err); err != nil {
				return err
			}
		}
		w.ended = append(w.ended, it.record)
	}
	return nil
}

// deadLetter returns when the item's record is in the dead letter topic. It waits while Kafka cannot take it, until ctx
// ends.
func (w *worker) deadLetter(ctx context.Context, it *item, why error) error {
	if w.options.Covered != nil && w.options.Covered(it.message) {
		return nil
	}
	write := w.letters.Write
	if it.withheld || w.options.Withhold != nil && w.options.Withhold(it.message) {
		write = w.letters.Refer
	}
	for attempt := 0; ; attempt++ {
		err := write(ctx, it.message, why)
		if err == nil {
			break
		}
		if ctx.Err() != nil { // given up, not failed
			return ctx.Err()
		}
		if !errors.Is(err, deadletter.ErrUnavailable) {
			return fmt.Errorf("the indexer stops rather than skips a record: %w", err)
		}
		w.options.Logger.Warn("a dead letter cannot be written now; trying again", "attempt", attempt+1, "error", err)
		if !retry.Wait(ctx, retry.Backoff(attempt, 30*time.Second)) {
			return ctx.Err()
		}
	}
	reason := event.ReasonOf(why)
	it.record.trace.failed(reason)
	w.metrics.letters.WithLabelValues(it.message.Topic, string(reason)).Inc()
	w.options.Logger.Warn("dead letter", "topic", it.message.Topic, "partition", it.message.Partition,
		"offset", it.message.Offset, "reason", reason, "detail", why.Error())
	return nil
}
