package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/forgotten"
	"github.com/viewgate/viewgate/indexer"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/rebuild"
	"github.com/viewgate/viewgate/verify"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
)

// verifySettings are what verify can be told.
type verifySettings struct {
	rebuildSettings // where the view and Kafka are
	owners          compose.Options
	all             bool
	seed            int64 // 0: any
	groups          int   // asked for what their owner lists of them, such as consumers for their orders
	heal            bool
	pause           time.Duration
}

// maxSample is how many documents can be chosen of any store.
const maxSample = 10_000

// errUnsound says that something is wrong with the view.
var errUnsound = errors.New("the view is not what its owners say")

// check reports what verify cannot do, as a usageError.
func (s verifySettings) check() error {
	switch {
	case s.sample < 0 || s.sample > maxSample:
		return usageError{fmt.Errorf("--sample %d: 1 to %d are possible; --all compares every document", s.sample, maxSample)}
	case s.groups < 0:
		return usageError{fmt.Errorf("--consumers %d: not a number of 0 or more", s.groups)}
	case s.pause <= 0:
		return usageError{fmt.Errorf("--pause %s: not a time above 0", s.pause)}
	case s.seed < 0:
		return usageError{fmt.Errorf("--seed %d: not a number above 0", s.seed)}
	case len(s.elastic.URLs) == 0 && s.data == "":
		return usageError{errors.New("where is the view? Set --elasticsearch or --data, as serve has it")}
	}
	return nil
}

// verifyView compares a view with its owners, and mends it where that is asked for.
func verifyView(ctx context.Context, c console, s verifySettings, name string) error {
	d, err := viewNamed(name)
	if err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	bar := &progressLine{w: c.err}
	logger, err := newLogger(bar, s.logLevel)
	if err != nil {
		return err
	}
	sources, ordering, err := readTopics(s.configFile)
	if err != nil {
		return err
	}
	mapping, err := orders.readMapping()
	if err != nil {
		return err
	}
	owners, err := compose.NewOwners(mapping, s.owners)
	if err != nil {
		return err
	}
	if err := d.tellOwners(c.out, owners); err != nil {
		return err
	}
	indices, err := openIndices(ctx, s.rebuildSettings, d)
	if errors.Is(err, embedded.ErrLocked) {
		return fmt.Errorf("%w: an embedded view is compared while nothing else uses it; the process that does can compare it "+
			"itself, with serve --verify-rate, and tell by its log and metrics. To mend it, stop that process first", err)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err := indices.Close(); err != nil {
			logger.Error("close the indices", "error", err)
		}
	}()
	index, err := indices.Live(ctx)
	if err == nil {
		err = index.CheckMapping(ctx)
	}
	if err != nil {
		return err
	}
	lag := &kafkaLag{settings: s.rebuildSettings, connect: func() (*rebuild.Lag, error) {
		id, err := index.ID(ctx)
		if err != nil {
			return nil, err
		}
		config, err := openKafka(ctx, s.kafka)
		if err != nil {
			return nil, err
		}
		return rebuild.OpenLag(s.kafka.Brokers, config, d.sourcesAmong(sources), rebuild.Group(s.group, id))
	}, logger: logger}
	defer lag.close()
	if s.seed == 0 {
		s.seed = rand.Int64N(1_000_000) + 1
	}
	ids, total, err := s.choose(ctx, index)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %s\n", index.Name(), s.chosen(total))
	p, ready, stop, err := s.forgetful(ctx, d, ordering, logger)
	if err != nil {
		return err
	}
	defer stop()
	report, err := verify.New(index, p, d.ask(owners), d.verification(owners, verify.Options{
		Heal: s.heal, Pause: s.pause, Seed: s.seed, Groups: s.groups, Passed: lag.passed, Ready: ready,
		Observe: func(p verify.Progress) { bar.show(p) },
	})).Verify(ctx, ids, total)
	bar.end()
	d.describeVerification(c.out, report, s.heal)
	return verdictOf(report, err)
}

// forgetful returns the view's projection less what is personal of people who are forgotten, and what holds who would write until it
// is known who that is. To compare, the view's documents tell who has been; to mend, Kafka must.
func (s verifySettings) forgetful(ctx context.Context, d definition, o ordering, logger *slog.Logger) (
	p projection.Projection, ready func(context.Context) error, stop func(), err error) {

	m, err := d.readMapping()
	if err != nil {
		return nil, nil, nil, err
	}
	if !s.heal || m.Subject() == nil {
		return d.forgetting(o, m, &forgotten.List{}), nil, func() {}, nil
	}
	config, err := openKafka(ctx, s.kafka)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("who is to be forgotten must be known to mend: %w", err)
	}
	topic, stop, err := readForgotten(ctx, s.rebuildSettings, config, logger)
	if err != nil {
		return nil, nil, nil, err
	}
	return d.forgetting(o, m, topic.List()), topic.Current, stop, nil
}

// verdictOf returns the error that a verification's exit code comes from.
func verdictOf(r verify.Report, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted; what is told is what was found until then")
	case err != nil:
		return err
	case r.Wrong > 0:
		return fmt.Errorf("%w: %d parts drift, stay behind or are missing", errUnsound, r.Wrong)
	case r.Parts[verify.Failed] > 0:
		return fmt.Errorf("%d parts could not be compared: %w", r.Parts[verify.Failed], r.Examples[verify.Failed].Err)
	case r.ListFailed != nil:
		return fmt.Errorf("documents that the view lacks could not be looked for: %w", r.ListFailed)
	}
	return nil
}

// tellOwners says which parts are not compared, for want of their owner.
func (d definition) tellOwners(w io.Writer, owners *compose.Owners) error {
	var missing []string
	for _, o := range d.owners {
		if !owners.Configured(o) {
			missing = append(missing, fmt.Sprintf("--%s-service", o))
		}
	}
	slices.Sort(missing)
	if len(missing) == len(d.owners) {
		return usageError{fmt.Errorf("whom to compare with? Set %s, as serve has them", strings.Join(missing, ", "))}
	}
	if len(missing) > 0 {
		fmt.Fprintf(w, "without %s their parts are not compared\n", strings.Join(missing, ", "))
	}
	return nil
}

// choose returns the ids of the documents to compare, and how many they are.
func (s verifySettings) choose(ctx context.Context, index view.Index) (iter.Seq2[string, error], int, error) {
	visible, hidden, err := index.Count(ctx)
	if err != nil {
		return nil, 0, err
	}
	if s.all || s.sample == 0 || s.sample >= visible+hidden {
		return index.IDs(ctx), visible + hidden, nil
	}
	sample, err := index.Sample(ctx, s.sample, s.seed)
	return func(yield func(string, error) bool) {
		for _, id := range sample {
			if !yield(id, nil) {
				return
			}
		}
	}, len(sample), err
}

// chosen says which documents are compared.
func (s verifySettings) chosen(total int) string {
	if s.all || s.sample == 0 || total < s.sample {
		return fmt.Sprintf("all %d documents", total)
	}
	return fmt.Sprintf("%d documents chosen at random, --seed %d chooses them again", total, s.seed)
}

// kafkaLag asks Kafka for the lag once somebody wants to know: most views need no Kafka to be compared.
type kafkaLag struct {
	settings rebuildSettings
	connect  func() (*rebuild.Lag, error)
	logger   *slog.Logger
	lag      *rebuild.Lag
}

func (k *kafkaLag) passed(ctx context.Context) bool {
	var passed bool
	var err error
	if k.lag == nil {
		k.lag, err = k.connect()
	}
	if err == nil {
		passed, err = k.lag.Passed(ctx)
	}
	if err != nil {
		k.logger.Warn("the view's lag is not known, so parts without versions are not compared", "error", err)
	}
	return passed
}

func (k *kafkaLag) close() {
	if k.lag == nil {
		return
	}
	if err := k.lag.Close(); err != nil {
		k.logger.Warn("close the connection to Kafka", "error", err)
	}
}

// passedBy returns how a process that indexes the whole view itself knows that it has all events published at the call.
func passedBy(x *indexer.Indexer) func(context.Context) bool {
	return func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		look := time.NewTicker(250 * time.Millisecond)
		defer look.Stop()
		for called := time.Now(); ; {
			lag, known := x.Lag()
			switch {
			case known && !lag.Whole:
				return false
			case known && time.Now().Add(-lag.Age).After(called):
				return true
			}
			select {
			case <-ctx.Done():
				return false
			case <-look.C:
			}
		}
	}
}

// describeVerification writes what a verification found.
func (d definition) describeVerification(w io.Writer, r verify.Report, heal bool) {
	if len(r.Fields) > 0 {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "FIELD\tDOCUMENTS\tEXAMPLE\tVIEW\tOWNER")
		for _, name := range slices.Sorted(maps.Keys(r.Fields)) {
			f := r.Fields[name]
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", name, f.Documents, f.Example.ID,
				valueAt(f.Difference.View, f.Example.View), valueAt(f.Difference.Owner, f.Example.Owner))
		}
		t.Flush()
	}
	for _, o := range verify.Outcomes {
		if example, ok := r.Examples[o]; ok && o != verify.Drift {
			fmt.Fprintf(w, "%s, for example %s of document %s: the view has %s, the owner %s%s\n", words(o), example.Part,
				example.ID, versionOf(example.View), versionOf(example.Owner), because(example.Err))
		}
	}
	for _, f := range r.Mended {
		fmt.Fprintf(w, "healed %s of document %s (%s)\n", f.Part, f.ID, words(f.Outcome))
	}
	if more := r.Healed - len(r.Mended); more > 0 {
		fmt.Fprintf(w, "healed %d more\n", more)
	}
	for _, f := range r.Left {
		fmt.Fprintf(w, "not healed: %s of document %s (%s)%s\n", f.Part, f.ID, words(f.Outcome), because(f.Err))
	}
	if r.Groups > 0 {
		fmt.Fprintf(w, "asked for %s: %d are listed\n", d.asked(r.Groups), r.Listed)
	}
	var counts []string
	parts := 0
	for _, o := range verify.Outcomes {
		counts = append(counts, fmt.Sprintf("%d %s", r.Parts[o], words(o)))
		parts += r.Parts[o]
	}
	fmt.Fprintf(w, "compared %d documents in %s, %d parts: %s", r.Documents, r.Took.Round(100*time.Millisecond), parts,
		strings.Join(counts, ", "))
	if heal {
		fmt.Fprintf(w, "; healed %d, not healed %d", r.Healed, r.Unable)
	}
	fmt.Fprintln(w)
}

func words(o verify.Outcome) string { return strings.ReplaceAll(string(o), "_", " ") }

// valueAt shows a value, cut where it is long, and the version that it is of.
func valueAt(value string, v view.Version) string {
	const most = 40
	if shown := []rune(value); len(shown) > most {
		value = string(shown[:most]) + "..."
	}
	return value + " at " + versionOf(v)
}

func versionOf(v view.Version) string {
	if v == 0 {
		return "no version"
	}
	return fmt.Sprintf("version %d", v)
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}
