// Package verify compares a view with what the owners of its data say, and mends it where it is wrong.
//
// # What is compared
//
// A document's parts hold what their owners answer and nothing else, so they are compared field by field (Compare). Values
// count only at equal versions: there a difference is drift, which means that the projection, the owner or something
// between them is wrong. A part at another version is behind or ahead; that is no more than a moment's state, so it is
// looked at a second time after a pause, and told only if it is still so.
//
// # How it is read
//
// The view is read first, its owners are asked then. So an event that comes in between makes the view look behind, which
// the second look clears, and never makes it look ahead.
//
// # How it is mended
//
// As the indexer mends gaps: the owner's answer is joined with the document, part by part, and written if the document
// still has the revision that was read (see Projection.Join). An indexer that writes the document meanwhile conflicts with
// it, or it with the indexer: whoever comes second reads again. So nothing is lost, and nothing has to be stopped.
package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/view"
)

// Owners are asked for what they have.
type Owners interface {
	// Ask returns what the owners answer about these parts, by their names, of these documents, by document id. It answers
	// every id that it is asked for.
	Ask(ctx context.Context, wanted map[string][]string) map[string]compose.Told
}

// Listing is how documents are found that the view lacks: an owner lists all of a group, as the Order service does a
// consumer's orders.
type Listing struct {
	// Group returns the group that a document of the view is of; "" for none.
	Group func(document json.RawMessage) string
	// IDs returns the ids of a group's documents, as their owner lists them.
	IDs func(ctx context.Context, group string) ([]string, error)
}

// Options tune a Verifier. The zero value of each field means its default.
type Options struct {
	Heal       bool                  // mend what is wrong
	Pause      time.Duration         // between two looks at a document; default 5 s
	Seed       int64                 // chooses the groups that are asked for
	Listing    *Listing              // nil: documents that the view lacks are not looked for
	Groups     int                   // of those found in the documents, how many to ask for; default 20
	Logger     *slog.Logger          // gets what is wrong; default: discards
	Registerer prometheus.Registerer // nil: nobody counts
	Observe    func(Progress)        // called for each batch; default: not

	// Passed returns when the view has all events that were published at the call, and true; or false, where that takes too
	// long or cannot be told. Only so can parts without versions be compared. Nil: they are skipped.
	Passed func(ctx context.Context) bool

	// Ready, where it is set, holds each attempt at mending a document until it returns nil, or the error with which its context
	// has ended: who is forgotten must be known by then.
	Ready func(ctx context.Context) error
}

// Verifier compares the documents of one view. Its methods may be called from several goroutines.
type Verifier struct {
	store      view.Store
	projection projection.Projection
	owners     Owners
	options    Options
	metrics    *metrics
	figures    *figures
}

// New returns a Verifier of the view that the projection makes in the store.
func New(store view.Store, p projection.Projection, owners Owners, o Options) *Verifier {
	if o.Pause <= 0 {
		o.Pause = 5 * time.Second
	}
	if o.Groups == 0 {
		o.Groups = 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(Progress) {}
	}
	return &Verifier{store, p, owners, o, newMetrics(o.Registerer), &figures{}}
}

const (
	// maxBatch is how many documents are read at once, and as many ids an owner is asked for in one call.
	maxBatch = 100
	// maxSuspects is how many documents may wait for their second look.
	maxSuspects = 1000
)

// run is one verification.
type run struct {
	*Verifier
	Report
	total    int
	began    time.Time
	suspects []suspect // by due
	groups   []string  // a random choice (algorithm R: J. S. Vitter, Random Sampling with a Reservoir, 1985)
	seen     int       // documents of a group
	random   *rand.Rand
	lagging  bool // the view was once too far behind; parts without versions are skipped from there on
}

// suspect is a document to be looked at again.
type suspect struct {
	id     string
	first  map[string]Verdict // the open ones, by part
	passed bool
	due    time.Time
}

// Verify compares the documents with these ids, of which there are so many; total is for Observe alone. An error that ids
// yields ends it. With an error it returns what it has found until then.
func (v *Verifier) Verify(ctx context.Context, ids iter.Seq2[string, error], total int) (Report, error) {
	return v.verify(ctx, ids, total, maxBatch)
}

func (v *Verifier) verify(ctx context.Context, ids iter.Seq2[string, error], total, size int) (Report, error) {
	r := &run{
		Verifier: v, Report: newReport(), total: total, began: time.Now(),
		random: rand.New(rand.NewPCG(uint64(v.options.Seed), 0)),
	}
	err := r.all(ctx, ids, size)
	if err == nil {
		err = r.listed(ctx)
	}
	if err == nil {
		err = r.lookAgain(ctx, true)
	}
	r.Took = time.Since(r.began)
	return r.Report, err
}

func (r *run) all(ctx context.Context, ids iter.Seq2[string, error], size int) error {
	var batch []string
	for id, err := range ids {
		if err != nil {
			return err
		}
		if batch = append(batch, id); len(batch) < size {
			continue
		}
		if err := r.look(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return r.look(ctx, batch)
}

// look compares documents and puts those with open verdicts off.
func (r *run) look(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	found, err := r.compare(ctx, ids)
	if err != nil {
		return err
	}
	r.figures.checked(len(ids))
	passed := r.passed(ctx, found)
	for _, id := range ids {
		s := suspect{id: id, first: map[string]Verdict{}, passed: passed, due: time.Now().Add(r.options.Pause)}
		var final []Verdict
		for _, v := range found[id] {
			if passed {
				v.passed()
			}
			if v.open() && (v.Outcome != Unversioned || passed && v.Owner > 0) {
				s.first[v.Part] = v
			} else {
				final = append(final, v)
			}
		}
		r.Documents++
		if err := r.tell(ctx, id, final); err != nil {
			return err
		}
		if len(s.first) > 0 {
			r.suspects = append(r.suspects, s)
		}
	}
	r.options.Observe(Progress{Done: r.Documents, Total: r.total, Drift: r.Parts[Drift], Took: time.Since(r.began)})
	return r.lookAgain(ctx, false)
}

// compare reads documents, and then asks their owners.
func (r *run) compare(ctx context.Context, ids []string) (map[string][]Verdict, error) {
	stored, err := r.store.Get(ctx, view.Support(), ids)
	if err != nil {
		return nil, err
	}
	documents := make(map[string]projection.Document, len(stored))
	for id, d := range stored {
		if documents[id], err = r.projection.Decode(d.Source); err != nil {
			return nil, fmt.Errorf("the view holds a document %q that cannot be read, so it must be rebuilt: %w", id, err)
		}
		r.note(d.Source)
	}
	told := r.owners.Ask(ctx, r.everything(ids))
	if err := ctx.Err(); err != nil {
		return nil, err // no owner failed
	}
	verdicts := make(map[string][]Verdict, len(ids))
	for _, id := range ids {
		answer, err := r.decode(id, told[id], documents[id])
		if err != nil {
			return nil, err
		}
		verdicts[id] = Compare(documents[id], answer, told[id].Failed)
	}
	return verdicts, nil
}

// decode returns what owners told of a document, as one that knows nothing else. The document is nil where the view has none.
func (v *Verifier) decode(id string, told compose.Told, document projection.Document) (projection.Document, error) {
	if told.Document == nil {
		return v.projection.New(id), nil
	}
	return projection.DecodeAnswer(v.projection, told.Document, document)
}

// everything asks for all parts of documents.
func (v *Verifier) everything(ids []string) map[string][]string {
	wanted := make(map[string][]string, len(ids))
	for _, id := range ids {
		for _, part := range v.projection.New(id).Parts() {
			wanted[id] = append(wanted[id], part.Name)
		}
	}
	return wanted
}

// passed reports whether the view has passed what was published when the owners had answered. It asks only where there is
// something that cannot be compared without.
func (r *run) passed(ctx context.Context, found map[string][]Verdict) bool {
	if r.options.Passed == nil || r.lagging {
		return false
	}
	for _, verdicts := range found {
		if slices.ContainsFunc(verdicts, func(v Verdict) bool { return v.Outcome == Unversioned }) {
			r.lagging = !r.options.Passed(ctx)
			return !r.lagging
		}
	}
	return false
}

// lookAgain takes second looks: at the suspects that are due, at all of them where this is the last call, and otherwise at
// as many as are too many to wait.
func (r *run) lookAgain(ctx context.Context, last bool) error {
	for len(r.suspects) > 0 {
		some := r.suspects[:min(len(r.suspects), maxBatch)]
		rest := time.Until(some[len(some)-1].due)
		if rest > 0 && !last && len(r.suspects) <= maxSuspects {
			return nil
		}
		if !retry.Wait(ctx, rest) {
			return ctx.Err()
		}
		var ids []string
		for _, s := range some {
			ids = append(ids, s.id)
		}
		found, err := r.compare(ctx, ids)
		if err != nil {
			return err
		}
		for _, s := range some {
			var final []Verdict
			for _, second := range found[s.id] {
				if first, open := s.first[second.Part]; open {
					final = append(final, settle(first, second, s.passed))
				}
			}
			if err := r.tell(ctx, s.id, final); err != nil {
				return err
			}
		}
		r.suspects = r.suspects[len(some):]
	}
	return nil
}

// tell reports final verdicts on a document, and mends it where that is asked for.
func (r *run) tell(ctx context.Context, id string, final []Verdict) error {
	r.figures.told(final)
	var wrong []Verdict
	for _, v := range final {
		r.add(id, v)
		r.metrics.add(v)
		switch v.Outcome {
		case Drift:
			r.options.Logger.Warn("the view differs from its owner at the same version", "document", id, "part", v.Part,
				"version", v.View, "fields", fieldsOf(v))
		case Behind, MissingInView, MissingAtOwner:
			r.options.Logger.Info("the view and its owner are apart", "document", id, "part", v.Part, "outcome", v.Outcome,
				"view's version", v.View, "owner's version", v.Owner)
		}
		if v.wrong() {
			wrong = append(wrong, v)
		}
	}
	if !r.options.Heal || len(wrong) == 0 {
		return nil
	}
	left, err := r.heal(ctx, id, partsOf(wrong))
	if err != nil {
		return fmt.Errorf("mend document %s: %w", id, err)
	}
	for _, v := range wrong {
		r.healed(id, v, left[v.Part])
	}
	return nil
}

// note chooses among the groups.
func (r *run) note(document json.RawMessage) {
	if r.options.Listing == nil {
		return
	}
	group := r.options.Listing.Group(document)
	if group == "" {
		return
	}
	r.seen++
	if len(r.groups) < r.options.Groups {
		r.groups = append(r.groups, group)
	} else if at := r.random.IntN(r.seen); at < len(r.groups) {
		r.groups[at] = group
	}
}

// listed asks for the documents of the groups that were chosen, and looks at those that the view lacks.
func (r *run) listed(ctx context.Context) error {
	for _, group := range slices.Compact(slices.Sorted(slices.Values(r.groups))) {
		ids, err := r.options.Listing.IDs(ctx, group)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.ListFailed = err
			continue
		}
		r.Groups++
		r.Listed += len(ids)
		for some := range slices.Chunk(ids, maxBatch) {
			stored, err := r.store.Get(ctx, view.Support(), some)
			if err != nil {
				return err
			}
			lacking := slices.DeleteFunc(some, func(id string) bool { _, ok := stored[id]; return ok })
			if err := r.look(ctx, lacking); err != nil {
				return err
			}
		}
	}
	return nil
}
