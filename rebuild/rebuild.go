// Package rebuild makes a view anew from its topics' beginning, beside the live index, and puts the new index into the live
// one's place; and it goes back to the index that was live before.
//
// # Groups and offsets
//
// Each index has a consumer group of its own (Group), named by the index's id: its committed offsets say which events are
// in that index. Whoever writes to an index, a rebuild or a serving indexer, consumes with that group. So nothing has to
// be handed over: where a rebuild ends, the next indexer goes on, and where an indexer left an index, a rollback does.
//
// # The sequence of a rebuild
//
//  1. An unfinished index of the same mapping is gone on with; else an empty one is made, marked as unfinished. Topics that
//     no longer hold what the index still needs are refused.
//  2. The index is filled, with refreshes and replicas off. Queries and the live index's indexers go on as before.
//  3. When it has caught up, its settings are restored and it is compared with the live index (Compare, Counts). Where they
//     differ it is left as it is, unfinished, unless Options.Force.
//  4. Filling ends: what is written is committed, and the group has no member any more.
//  5. The index is published: in one step it is live, and the live one the previous. Queries that come now see it.
//  6. Running indexers see within a second that another index is live. They finish with theirs, commit, and go on with the
//     new index and its group. Until then events wait in Kafka. An indexer that is late writes to the index that it has, as
//     revisions name theirs, and loses nothing: the new index's group has not passed what that one did.
//
// A crash leaves the index unfinished before step 5, and live after it. A rollback is steps 4 to 6 for the previous index,
// after that has caught up by its own group's offsets; or, where Kafka has forgotten them, from the topics' beginning,
// which changes nothing that is in it already.
//
// # What it does not do
//
// A rebuild asks no owners: what they told for the live index is the live index's. It leaves in documents the marks of
// records that cannot be indexed, and writes these to no dead letter topic where the live index's indexers have been past
// them; those that they have not come to yet it waits for, and writes what nobody else will (see coverage).
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/view"
)

var (
	// ErrHistory says that topics no longer hold records that the index needs.
	ErrHistory = errors.New("the history in Kafka has been cut off")
	// ErrDifferent says that a rebuilt index differs from the live one, and was not published.
	ErrDifferent = errors.New("the rebuilt index differs from the live one")
	// ErrRunning says that another process is filling the index.
	ErrRunning = errors.New("another process is filling the index")
)

// Group returns the consumer group that fills the index with this id, of those whose names begin with prefix.
func Group(prefix, id string) string { return prefix + "." + id }

// Options tune a Rebuilder. The zero value of each field means its default.
type Options struct {
	Group   string         // what the names of consumer groups begin with, as serving indexers' do; default viewgate
	Sample  int            // documents of either index to compare; default 1,000
	Force   bool           // publish the index even if it differs
	Logger  *slog.Logger   // default: discards
	Observe func(Progress) // called a few times a second; default: not

	Ready    func(context.Context) error        // as indexer.Options has it
	Withhold func(*sarama.ConsumerMessage) bool // as indexer.Options has it
}

// Rebuilder rebuilds one view. It does one thing at a time.
type Rebuilder struct {
	brokers    []string
	config     *sarama.Config
	sources    []event.Source
	projection projection.Projection
	indices    view.Indices
	options    Options
}

// New returns a Rebuilder of the view that the projection makes. The configuration is that of an indexer.
func New(brokers []string, config *sarama.Config, sources []event.Source, p projection.Projection, indices view.Indices,
	o Options) *Rebuilder {

	if o.Group == "" {
		o.Group = "viewgate"
	}
	if o.Sample == 0 {
		o.Sample = 1000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(Progress) {}
	}
	own := *config
	own.Consumer.Group.InstanceId = "" // that is a serving indexer's
	r := &Rebuilder{brokers: brokers, config: &own, projection: p, indices: indices, options: o}
	for _, s := range sources {
		if slices.Contains(p.Aggregates(), s.Aggregate) {
			r.sources = append(r.sources, s)
		}
	}
	return r
}

// Report tells what was done.
type Report struct {
	From, To  string // the indices that were and are live; From is empty where there was none
	Resumed   bool   // an earlier run had begun
	Records   int64
	Took      time.Duration
	Documents int        // compared
	Parts     Comparison // summed over the documents, with what differs of the first ones
	Different int        // documents
	Live      Counts
	Rebuilt   Counts
}

// Rebuild fills an index and publishes it. When it is cut off, by ctx or a crash, the next call goes on from there.
func (r *Rebuilder) Rebuild(ctx context.Context) (Report, error) {
	log, err := r.openLog()
	if err != nil {
		return Report{}, err
	}
	defer log.close()
	w := work{Rebuilder: r, log: log, began: time.Now()}
	w.target, err = r.indices.Unfinished(ctx)
	w.Resumed = err == nil
	switch {
	case errors.Is(err, view.ErrNoIndex):
		if err := w.checkHistory(nil); err != nil {
			return Report{}, err
		}
		w.target, err = r.indices.Create(ctx)
	case err == nil:
		if err := w.target.CheckMapping(ctx); err != nil {
			return Report{}, fmt.Errorf("an unfinished index is in the way; finish it with the version that began it, or give "+
				"it up with --abandon: %w", err)
		}
	}
	if err != nil {
		return Report{}, err
	}
	if err := w.prepare(ctx); err != nil {
		return w.Report, err
	}
	members, err := w.alone(ctx, log, w.group)
	if err != nil {
		return w.Report, err
	}
	if members > 0 {
		return w.Report, fmt.Errorf("index %s: %w: group %s has %d members", w.target.Name(), ErrRunning, w.group, members)
	}
	if err := w.target.BeginFilling(ctx); err != nil {
		return w.Report, err
	}
	return w.do(ctx, true, w.verify)
}

// Rollback brings the previous index up to date and publishes it. Older versions of the program may still be keeping it up
// to date.
func (r *Rebuilder) Rollback(ctx context.Context) (Report, error) {
	log, err := r.openLog()
	if err != nil {
		return Report{}, err
	}
	defer log.close()
	w := work{Rebuilder: r, log: log, began: time.Now()}
	if w.target, err = r.indices.Previous(ctx); err != nil {
		if !errors.Is(err, view.ErrNoIndex) {
			return Report{}, err
		}
		names, listErr := r.indices.List(ctx)
		return Report{}, errors.Join(fmt.Errorf("no index was live before this one: there is %s: %w",
			orNone(names), err), listErr)
	}
	if err := w.target.CheckMapping(ctx); err != nil {
		return Report{}, fmt.Errorf("this version cannot bring the previous index up to date; roll back with the version "+
			"that built it: %w", err)
	}
	if err := w.prepare(ctx); err != nil {
		return w.Report, err
	}
	others, err := w.alone(ctx, log, w.group)
	if err != nil {
		return w.Report, err
	}
	return w.do(ctx, others == 0, func(context.Context) error { return nil })
}

// Abandon removes the unfinished index and its group, and returns the index's name.
func (r *Rebuilder) Abandon(ctx context.Context) (string, error) {
	index, err := r.indices.Unfinished(ctx)
	if err != nil {
		return "", err
	}
	name := index.Name()
	id, err := index.ID(ctx)
	if err != nil {
		return "", err
	}
	log, err := r.openLog()
	if err != nil {
		return "", err
	}
	defer log.close()
	group := Group(r.options.Group, id)
	members, err := r.alone(ctx, log, group)
	if err != nil {
		return "", err
	}
	if members > 0 {
		return "", fmt.Errorf("index %s: %w: stop it first", name, ErrRunning)
	}
	if err := log.forget(group); err != nil {
		return "", err
	}
	return name, r.indices.Remove(ctx, index)
}

func (r *Rebuilder) openLog() (*eventLog, error) {
	var topics []string
	for _, s := range r.sources {
		topics = append(topics, s.Topic)
	}
	return openLog(r.brokers, r.config, topics)
}

// alone returns how many members a group has, having waited for those that were killed to be forgotten.
func (r *Rebuilder) alone(ctx context.Context, log *eventLog, group string) (int, error) {
	members, err := log.members(group)
	if err != nil || members == 0 {
		return members, err
	}
	r.options.Logger.Warn("the index's group has members; waiting for those of an earlier run to be forgotten",
		"group", group, "members", members, "at most", sessionPatience)
	return log.alone(ctx, group, sessionPatience)
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

const (
	// pause is between two looks at Kafka.
	pause = 250 * time.Millisecond
	// sessionPatience is longer than a killed process stays a member of its group, which is 10 s unless configured.
	sessionPatience = 15 * time.Second
	// never is when the owners are asked for what is missing.
	never = 1000 * time.Hour
)

// work is one rebuild or rollback.
type work struct {
	*Rebuilder
	Report
	log       *eventLog
	target    view.Index
	live      view.Index // nil: none
	group     string
	liveGroup string
	began     time.Time
	oldest    positions
	from      positions // where the group began in this run
}

// prepare looks what there is to do.
func (w *work) prepare(ctx context.Context) error {
	id, err := w.target.ID(ctx)
	if err != nil {
		return err
	}
	w.group, w.To = Group(w.options.Group, id), w.target.Name()
	switch w.live, err = w.indices.Live(ctx); {
	case errors.Is(err, view.ErrNoIndex):
		w.live = nil
	case err != nil:
		return err
	default:
		if id, err = w.live.ID(ctx); err != nil {
			return err
		}
		w.liveGroup, w.From = Group(w.options.Group, id), w.live.Name()
	}
	committed, err := w.log.committed(w.group)
	if err != nil {
		return err
	}
	return w.checkHistory(committed)
}

// checkHistory sets where the group begins.
func (w *work) checkHistory(committed positions) (err error) {
	if w.oldest, err = w.log.oldest(); err != nil {
		return err
	}
	w.from, err = start(w.oldest, committed)
	return err
}

// do fills the index, unless others do, until it has caught up and verify is content, and then publishes it.
func (w *work) do(ctx context.Context, fill bool, verify func(context.Context) error) (Report, error) {
	working, stop := context.WithCancel(ctx)
	defer stop()
	group, working := errgroup.WithContext(working)
	if fill {
		cover := newCoverage()
		covered := func(m *sarama.ConsumerMessage) bool {
			return cover.covers(working, partition{m.Topic, m.Partition}, m.Offset)
		}
		x, err := indexer.New(w.brokers, w.config, w.sources,
			[]indexer.View{{Name: w.target.Name(), Projection: w.projection, Store: w.target}},
			indexer.Options{
				Group: w.group, Logger: w.options.Logger, GapPatience: never, Covered: covered,
				Ready: w.options.Ready, Withhold: w.options.Withhold,
			})
		if err != nil {
			return w.Report, err
		}
		group.Go(func() error { return x.Run(working) })
		group.Go(func() error { w.follow(working, cover); return nil })
	}
	group.Go(func() error {
		defer stop()
		if err := w.catchUp(working); err != nil {
			return err
		}
		if err := w.target.EndFilling(working); err != nil {
			return err
		}
		return verify(working)
	})
	err := group.Wait()
	w.Took = time.Since(w.began)
	if err == nil {
		err = w.indices.Publish(ctx, w.target)
	}
	return w.Report, err
}

// catchUp returns when the group has caught up.
func (w *work) catchUp(ctx context.Context) error {
	var c chase
	began := time.Now()
	for {
		ends, at, err := w.look()
		if err != nil {
			w.options.Logger.Warn("Kafka cannot be asked; trying again", "error", err)
		} else {
			w.Records = w.from.missing(at)
			w.options.Observe(Progress{
				Done: w.oldest.missing(at), Total: w.oldest.missing(ends), Worked: w.Records, Took: time.Since(began),
			})
			if c.observe(time.Now(), ends, at) {
				return nil
			}
		}
		if !retry.Wait(ctx, pause) {
			return ctx.Err()
		}
	}
}

// look returns where the topics end, and where the group is a moment later.
func (w *work) look() (ends, at positions, err error) {
	if ends, err = w.log.ends(); err != nil {
		return nil, nil, err
	}
	committed, err := w.log.committed(w.group)
	if err != nil {
		return nil, nil, err
	}
	at = positions{}
	for part := range ends {
		at[part] = max(w.from[part], committed[part])
	}
	return ends, at, nil
}

// follow tells a coverage where the live index's indexers are, until ctx ends.
func (w *work) follow(ctx context.Context, cover *coverage) {
	if w.live == nil {
		cover.set(nil, 0)
		return
	}
	for {
		// In this order: of a group without members the offsets are final.
		members, err := w.log.members(w.liveGroup)
		var at positions
		if err == nil {
			at, err = w.log.committed(w.liveGroup)
		}
		if err == nil {
			cover.set(at, members)
		} else {
			w.options.Logger.Warn("the live index's group cannot be asked; trying again", "group", w.liveGroup, "error", err)
		}
		if !retry.Wait(ctx, pause) {
			return
		}
	}
}
