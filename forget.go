package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"

	"github.com/IBM/sarama"

	"github.com/viewgate/viewgate/deadletter"
	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/forgotten"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/sweep"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
)

// forgetSettings are what forget can be told.
type forgetSettings struct {
	rebuildSettings // where the views and Kafka are
	dryRun          bool
	purge           bool
}

// errLeft says that something personal is left.
var errLeft = errors.New("not all of it is erased")

// forgottenTopic returns the name of the topic that has who is forgotten, as one was named or else follows from the prefix.
func forgottenTopic(named, prefix string) string {
	return cmp.Or(named, cmp.Or(prefix, "viewgate-")+"forgotten")
}

// forgottenPatience is how long a command waits until it has read the list of who is forgotten.
const forgottenPatience = 30 * time.Second

// readForgotten returns the topic, read to its end and followed until stop is called.
func readForgotten(ctx context.Context, s rebuildSettings, config *sarama.Config, logger *slog.Logger) (
	t *forgotten.Topic, stop func(), err error) {

	t = forgotten.Open(s.kafka.Brokers, config, forgottenTopic(s.forgotten, s.elastic.Prefix), logger)
	following, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); t.Follow(following) }()
	stop = func() { cancel(); <-done }
	reading, end := context.WithTimeout(ctx, forgottenPatience)
	defer end()
	if err := t.Read(reading); err != nil {
		stop()
		return nil, nil, err
	}
	return t, stop, nil
}

// forgetting returns the view's projection less what is personal of people who are forgotten.
func (d definition) forgetting(o ordering, m *view.Mapping, f view.Forgotten) projection.Projection {
	return projection.NewForgetting(d.projection(o), m, f)
}

// withholding returns how to tell that no record that names somebody who is forgotten is to be copied; nil for a view of nobody's.
func withholding(m *view.Mapping, f view.Forgotten) func(*sarama.ConsumerMessage) bool {
	if m.Subject() == nil {
		return nil
	}
	member := sweep.View{Mapping: m}.Member()
	return func(record *sarama.ConsumerMessage) bool { return forgotten.Names(f, record.Value, member) }
}

// forgetting is one run of the command.
type forgetting struct {
	forgetSettings
	id       string
	out      io.Writer
	bar      *progressLine
	logger   *slog.Logger
	config   *sarama.Config
	list     *forgotten.List
	sources  []event.Source
	ordering ordering
	left     []string // what could not be erased, and why
}

// forget erases what is personal of somebody from all views, and keeps it so.
func forget(ctx context.Context, c console, s forgetSettings, kind, id string) error {
	switch {
	case kind != "consumer":
		return usageError{fmt.Errorf("%q cannot be forgotten: it is viewgate forget consumer ID", kind)}
	case !event.ValidID(id):
		return usageError{fmt.Errorf("ID %q: 1 to 128 bytes without control characters are possible", id)}
	case forgotten.IsPseudonym(id):
		return usageError{fmt.Errorf("ID %q is the pseudonym of somebody who is forgotten", id)}
	case len(s.elastic.URLs) == 0 && s.data == "":
		return usageError{errors.New("where are the views? Set --elasticsearch or --data, as serve has it")}
	}
	x := &forgetting{forgetSettings: s, id: id, out: c.out, bar: &progressLine{w: c.err}}
	defer x.bar.end()
	var err error
	if x.logger, err = newLogger(x.bar, s.logLevel); err != nil {
		return err
	}
	if x.sources, x.ordering, err = readTopics(s.configFile); err != nil {
		return err
	}
	if x.config, err = openKafka(ctx, s.kafka); err != nil {
		return err
	}
	topic, stop, err := readForgotten(ctx, s.rebuildSettings, x.config, x.logger)
	if err != nil {
		return x.ended(ctx, err)
	}
	defer stop()
	x.list = topic.List()
	if err := x.begin(ctx, topic); err != nil {
		return x.ended(ctx, err)
	}
	for _, d := range definitions() {
		mapping, err := d.readMapping()
		if err != nil {
			return err
		}
		if mapping.Subject() == nil {
			continue
		}
		if err := x.view(ctx, d, mapping); err != nil {
			return x.ended(ctx, err)
		}
	}
	x.bar.end()
	if len(x.left) > 0 {
		for _, what := range x.left {
			fmt.Fprintf(c.out, "left: %s\n", what)
		}
		return fmt.Errorf("%w: see what is left above; the same command goes on", errLeft)
	}
	if !s.dryRun {
		fmt.Fprintln(c.out, "done. What views cannot reach is yours to erase: the topics of events, their owners' data, backups, exports "+
			"(doc/operations.md)")
	}
	return nil
}

// begin puts the person on the list, and returns when all who write go by it.
func (x *forgetting) begin(ctx context.Context, topic *forgotten.Topic) error {
	if x.dryRun {
		return nil
	}
	adding, cancel := context.WithTimeout(ctx, forgottenPatience)
	defer cancel()
	added, err := topic.Add(adding, []string{x.id})
	if err != nil {
		return err
	}
	pseudonym, _ := x.list.Pseudonym(x.id)
	if added == 0 {
		fmt.Fprintf(x.out, "on the list already, as %s\n", pseudonym)
	} else {
		fmt.Fprintf(x.out, "put on the list, as %s\n", pseudonym)
	}
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for began := time.Now(); ; {
		rest := forgotten.Grace - time.Since(began)
		if rest <= 0 {
			return nil
		}
		x.bar.show(status(fmt.Sprintf("waiting until every process that writes goes by the list: %2.0f s", rest.Seconds())))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}

// ended returns the error that the command ends with.
func (x *forgetting) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errors.New("interrupted; whoever is on the list stays there, and the same command goes on")
	}
	return err
}

// status is a line of progress.
type status string

func (s status) String() string { return string(s) }

// person is who is to be forgotten, as if they were on the list.
type person struct {
	id   string
	list *forgotten.List
}

// Pseudonym implements view.Forgotten, for this person alone.
func (p person) Pseudonym(id string) (string, bool) {
	pseudonym, _ := p.list.Pseudonym(p.id)
	return pseudonym, id == p.id || pseudonym != "" && id == pseudonym
}

// view erases one view: by itself, or by the process that has its directory.
func (x *forgetting) view(ctx context.Context, d definition, m *view.Mapping) error {
	own := d.sourcesAmong(x.sources)
	if len(own) == 0 {
		return nil
	}
	for {
		indices, err := openIndices(ctx, x.rebuildSettings, d)
		switch {
		case err == nil:
			s, err := newSweeping(d, m, own, x.ordering, x.list)
			if err == nil {
				err = x.indices(ctx, d, s, indices)
			}
			return errors.Join(err, indices.Close())
		case !errors.Is(err, embedded.ErrLocked):
			return err
		case x.dryRun:
			return fmt.Errorf("%w: what an embedded view holds is counted while nothing else uses it; stop that process, or go without "+
				"--dry-run: then that process erases it, and this command waits", err)
		}
		swept, left, err := readSwept(viewDir(x.data, m))
		if err != nil {
			return err
		}
		if _, next := x.list.Len(); swept >= next {
			fmt.Fprintf(x.out, "%s: erased by the process that serves it\n", d.name)
			x.left = append(x.left, left...)
			return nil
		}
		x.bar.show(status(fmt.Sprintf("%s: waiting for the process that has its directory to erase it", d.name)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// indices erases all indices of a view, and its dead letters.
func (x *forgetting) indices(ctx context.Context, d definition, s *sweeping, indices view.Indices) error {
	var live view.Index
	for _, open := range []func(context.Context) (view.Index, error){indices.Live, indices.Unfinished, indices.Previous} {
		index, err := open(ctx)
		if errors.Is(err, view.ErrNoIndex) {
			continue
		}
		if err != nil {
			return err
		}
		if live == nil {
			live = index
		}
		if err := x.index(ctx, s, index); err != nil {
			return err
		}
	}
	if live == nil {
		fmt.Fprintf(x.out, "%s: there is no index\n", d.name)
		return nil
	}
	box, err := deadletter.Open(ctx, x.kafka.Brokers, x.config, topicsOf(s.sources))
	if err != nil {
		return err
	}
	defer box.Close()
	who := person{x.id, x.list}
	if x.dryRun {
		n, err := box.Copied(ctx, s.letters(ctx, live, who))
		fmt.Fprintf(x.out, "%s: %d dead letters would be erased\n", d.name, n)
		return err
	}
	n, err := box.Erase(ctx, s.letters(ctx, live, x.list))
	if err == nil {
		fmt.Fprintf(x.out, "%s: %d dead letters erased\n", d.name, n)
	}
	return err
}

// index erases one index.
func (x *forgetting) index(ctx context.Context, s *sweeping, index view.Index) error {
	if err := index.CheckMapping(ctx); err != nil {
		x.left = append(x.left, fmt.Sprintf("index %s was made from another schema: delete it, or forget with the version that made it",
			index.Name()))
		return nil
	}
	if x.dryRun {
		err := index.Refresh(ctx)
		ids, failed := s.Of(ctx, index, x.id)
		if err = errors.Join(err, failed); err == nil {
			fmt.Fprintf(x.out, "%s: %d documents would be erased\n", index.Name(), len(ids))
		}
		return err
	}
	p, err := s.Person(ctx, index, x.id, func(p sweep.Progress) {
		x.bar.show(status(fmt.Sprintf("%s: %d documents erased", index.Name(), p.Erased)))
	})
	if err != nil {
		return err
	}
	if x.purge {
		x.bar.show(status(fmt.Sprintf("%s: taking what was overwritten off the disk", index.Name())))
		if err := index.Purge(ctx); err != nil {
			return fmt.Errorf("%s: %d documents are erased, but what they held is still on the disk, until it is merged: %w",
				index.Name(), p.Erased, err)
		}
	}
	fmt.Fprintf(x.out, "%s: %d documents erased\n", index.Name(), p.Erased)
	return nil
}

// sweeping is a view as it is swept.
type sweeping struct {
	sweep.View
	sources []event.Source
}

func newSweeping(d definition, m *view.Mapping, own []event.Source, o ordering, list *forgotten.List) (*sweeping, error) {
	decoder, err := event.NewDecoder(own)
	if err != nil {
		return nil, err
	}
	return &sweeping{sweep.View{Mapping: m, Projection: d.forgetting(o, m, list), Forgotten: list, Decoder: decoder}, own}, nil
}

// letters returns how to choose the dead letters of these people.
func (s *sweeping) letters(ctx context.Context, store view.Store, who view.Forgotten) func(deadletter.Letter) (bool, error) {
	of := s.View
	of.Forgotten = who
	return of.Letters(ctx, store, func(record []byte) bool { return forgotten.Names(who, record, s.Member()) })
}

// all erases all documents of an index that are of somebody who is forgotten, whoever that is.
func (s *sweeping) all(ctx context.Context, index view.Index) (erased int, err error) {
	var ids iter.Seq2[string, error] = index.IDs(ctx)
	p, err := s.Documents(ctx, index, ids, func(sweep.Progress) {})
	return p.Erased, err
}
