package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/viewgate/viewgate/feed"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/order"
)

// Reader reads orders for a viewer, as fresh as each request wants. Its methods may be called from several goroutines.
type Reader struct {
	eraser
	store   view.Store
	owners  *Owners
	options ReaderOptions
	horizon *horizon
}

// ReaderOptions are what a Reader can be told.
type ReaderOptions struct {
	// PollFirst is how long it waits before the first look at a document that is behind; every further wait is half as
	// long again, up to PollMost. 0: 5 ms and 100 ms.
	PollFirst, PollMost time.Duration
	// Progress tells how far the view is. Nil: nobody does, and what depends on it is not promised.
	Progress Progress
	// Scratch opens an empty store in memory, of the same mapping, for the orders that a list must show newer than the
	// view's. Nil: such lists fail.
	Scratch func() (view.Store, error)
	// SearchDelay is how much later a search may see a write than a read by id does, unless it is refreshed.
	SearchDelay time.Duration
	// Forgotten tells who is to be forgotten, though owners may tell of them. Nil: nobody.
	Forgotten view.Forgotten
}

// Values reads values that look like what is asked, from the view.
func (r *Reader) Values(ctx context.Context, v view.Viewer, q view.ValueQuery) ([]view.Bucket, error) {
	return r.store.Values(ctx, v, q)
}

// NewReader returns a reader of the view in the store, composing from the owners.
func NewReader(store view.Store, mapping *view.Mapping, owners *Owners, options ReaderOptions) *Reader {
	if options.PollFirst <= 0 {
		options.PollFirst = 5 * time.Millisecond
	}
	if options.PollMost <= 0 {
		options.PollMost = 100 * time.Millisecond
	}
	if options.Progress == nil {
		options.Progress = unknown{}
	}
	return &Reader{
		eraser: eraser{mapping, options.Forgotten},
		store:  store, owners: owners, options: options,
		horizon: newHorizon(store, options.Progress, options.SearchDelay),
	}
}

// Ends returns where the topics of the view's events end, at a moment after the call.
func (r *Reader) Ends(ctx context.Context) (feed.Positions, error) {
	return r.options.Progress.Ends(ctx)
}

// read is one request on its way to its answer.
type read struct {
	Request
	doc     *order.Order // the view's document, its own copy; nil without one
	err     error        // why the view could not be read
	stood   standing     // the view's when doc was read
	verdict verdict      // on doc
	waited  bool
}

// ReadOrders answers every request at its own index. All are read from the view in one call, those that may wait are
// waited for together, and what must be composed is composed together, each owner asked once.
//
// An unknown order and one that is not the viewer's have equal answers.
func (r *Reader) ReadOrders(ctx context.Context, v view.Viewer, requests []Request) []Answer {
	reads := make([]*read, len(requests))
	for i, q := range requests {
		reads[i] = &read{Request: q}
	}
	ask := r.ask(ctx, reads)
	r.look(ctx, v, reads)
	r.lookHidden(ctx, v, reads)
	for _, d := range reads {
		d.verdict = d.decide()
	}
	r.wait(ctx, v, reads)
	compositions := r.compose(ctx, reads, ask())
	answers := make([]Answer, len(reads))
	for i, d := range reads {
		answers[i] = r.answer(v, d, compositions)
	}
	return answers
}

// look reads the documents from the view in one call.
func (r *Reader) look(ctx context.Context, v view.Viewer, reads []*read) {
	stood := r.horizon.standing() // first, so that the documents are at least as new
	documents, err := r.store.Get(ctx, v, idsOf(reads))
	if now := r.horizon.progress.Index(); now != stood.index {
		stood = standing{index: now} // who knows which index was read
	}
	for _, d := range reads {
		d.stood, d.err = stood, err
		if document, ok := documents[d.ID]; ok && err == nil {
			// Each read decodes its own copy, since joining changes it.
			d.doc, d.err = decode(document.Source, d.Shown)
		}
	}
}

// decode reads an order's document, with these members if not with all.
func decode(source json.RawMessage, shown *view.Members) (*order.Order, error) {
	if shown == nil {
		return order.Decode(source)
	}
	return order.DecodeMembers(source, shown)
}

// lookHidden finds documents that wait for their order part. Nothing in them says whose they are, so no viewer but
// support sees them; they are shown only once their owner has said that they are the viewer's.
func (r *Reader) lookHidden(ctx context.Context, v view.Viewer, reads []*read) {
	var missing []*read
	for _, d := range reads {
		if d.doc == nil && d.err == nil {
			missing = append(missing, d)
		}
	}
	if v.SeesAll() || len(missing) == 0 {
		return
	}
	documents, err := r.store.Get(ctx, view.Support(), idsOf(missing))
	for _, d := range missing {
		d.err = err
		if document, ok := documents[d.ID]; ok && document.Hidden && err == nil {
			d.doc, d.err = order.Decode(document.Source)
		}
	}
}

func idsOf(reads []*read) []string {
	ids := make([]string, 0, len(reads))
	seen := make(map[string]bool, len(reads))
	for _, d := range reads {
		if !seen[d.ID] {
			seen[d.ID] = true
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// decide is judge, or what is to be done when the view cannot be read.
func (d *read) decide() verdict {
	if d.err != nil {
		return verdict{need: d.Parts | PartsOf(order.AggregateOrder), strict: d.Parts, reason: ViewDown}
	}
	return d.judge(d.doc, d.stood)
}

// wait looks at the documents that are behind again and again, until each is new enough or its request's time is up.
func (r *Reader) wait(ctx context.Context, v view.Viewer, reads []*read) {
	start := time.Now()
	pause := r.options.PollFirst
	for {
		var behind []*read
		left := time.Duration(0)
		for _, d := range reads {
			if rest := d.Freshness.Wait - time.Since(start); d.verdict.wait && rest > 0 {
				behind = append(behind, d)
				left = max(left, rest)
			}
		}
		if len(behind) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(pause, left)):
		}
		pause = min(pause*3/2, r.options.PollMost)
		r.lookAgain(ctx, v, behind)
	}
}

func (r *Reader) lookAgain(ctx context.Context, v view.Viewer, behind []*read) {
	had := make([]*order.Order, len(behind))
	for i, d := range behind {
		had[i], d.doc = d.doc, nil
	}
	r.look(ctx, v, behind)
	for i, d := range behind {
		if d.doc == nil && d.err == nil {
			d.doc = had[i] // still hidden, or not there
		}
		why := d.verdict.reason
		d.verdict = d.decide()
		if d.verdict.need != 0 {
			d.verdict.reason = Weightier(d.verdict.reason, why)
		} else if d.doc != nil {
			d.waited = true
		}
	}
}

// ask begins to ask the owners for what is theirs to tell, whatever the view has, and returns how to wait for their
// answers.
func (r *Reader) ask(ctx context.Context, reads []*read) (wait func() map[string]Composition) {
	wanted := map[string]Parts{}
	for _, d := range reads {
		if d.Freshness.owners() {
			wanted[d.ID] |= d.Parts
		}
	}
	if len(wanted) == 0 {
		return func() map[string]Composition { return nil }
	}
	answers := make(chan map[string]Composition, 1)
	go func() { answers <- r.owners.Compose(ctx, wanted) }() // ends with ctx, or when every owner's time is up
	return func() map[string]Composition { return <-answers }
}

// compose asks the owners for what the reads need besides what they have answered.
func (r *Reader) compose(ctx context.Context, reads []*read, answered map[string]Composition) map[string]Composition {
	wanted := map[string]Parts{}
	for _, d := range reads {
		need := d.verdict.need
		if d.Freshness.owners() {
			need &^= d.Parts
		}
		if need != 0 {
			wanted[d.ID] |= need
		}
	}
	all := r.owners.Compose(ctx, wanted)
	for id, first := range answered {
		second, both := all[id]
		if !both {
			all[id] = first
			continue
		}
		second.Order.Join(first.Order)
		maps.Copy(second.Failed, first.Failed)
	}
	return all
}

// answer joins the view's document with what was composed for it.
func (r *Reader) answer(v view.Viewer, d *read, compositions map[string]Composition) Answer {
	reason := d.verdict.reason
	if d.waited {
		reason = Waited
	}
	if d.verdict.need == 0 {
		if d.doc == nil {
			return d.nothing()
		}
		return d.finish(Answer{Order: d.doc, Source: FromView, Reason: reason}, recorded(d.doc))
	}
	c := compositions[d.ID]
	o, before := order.New(d.ID), Versions{}
	if d.doc != nil {
		o, before = d.doc, recorded(d.doc)
	}
	a := Answer{Order: o, Reason: reason, Failed: map[order.Aggregate]error{}}
	shown, owned := d.Parts|d.verdict.need, Parts(0)
	for _, part := range d.verdict.need.List() {
		p, theirs := o.Parts[part], c.Order.Parts[part]
		switch {
		case c.Failed[part] != nil:
			a.Failed[part] = c.Failed[part]
			a.Reason = Weightier(a.Reason, ReasonOf(c.Failed[part]))
			continue
		case p != nil && !p.Versioned() && theirs != nil:
			// It cannot be joined; the owner's answer serves this read.
		case p != nil && (theirs == nil || theirs.Version < p.Version):
			continue // the view's stays
		}
		owned |= PartsOf(part)
	}
	r.join(o, c.Order)
	a.Source, a.Owned = sourceOf(shown, owned), owned
	if !o.Hidden() {
		if a.Order = r.show(v, o); a.Order != nil {
			return d.finish(a, before)
		}
	}
	return d.withoutOrder(a)
}

// ReasonOf tells an owner that could not be asked from one that nobody has said where it is, by an error of Answer.Failed.
func ReasonOf(failed error) Reason {
	if errors.Is(failed, ErrNotConfigured) {
		return NotConfigured
	}
	return OwnerDown
}

func sourceOf(shown, owned Parts) Source {
	switch owned {
	case 0:
		return FromView
	case shown:
		return FromOwners
	}
	return FromBoth
}

// show returns a composed order as the viewer may see it, by the same rules as the store has for the view's documents; nil
// where it is not theirs.
func (r *Reader) show(v view.Viewer, o *order.Order) *order.Order {
	if v.SeesAll() {
		return o
	}
	source, err := o.Encode()
	if err != nil {
		return nil
	}
	shown, visible, err := r.mapping.Show(v, source)
	if err != nil || !visible {
		return nil
	}
	if !r.mapping.Guards(v) {
		return o // as it is
	}
	if o, err = order.Decode(shown); err != nil {
		return nil
	}
	return o
}

// finish completes the answer that shows an order.
func (d *read) finish(a Answer, before Versions) Answer {
	a.Versions, a.Lag = VersionsOf(a.Order, d.Parts), d.stood.lag
	a.Kept = d.kept(a.Order, before, d.strict(), a.Failed)
	if a.Kept {
		return a
	}
	a.Reason = Weightier(a.Reason, Behind)
	if d.Freshness.OnStale == Fail {
		err := fmt.Errorf("order %s: %w", d.ID, ErrStale)
		return Answer{Source: a.Source, Reason: a.Reason, Failed: a.Failed, Lag: a.Lag, Err: err}
	}
	return a
}

// strict are the parts of which the owners alone could show that they are new enough, as the request wants them.
func (d *read) strict() Parts {
	if d.err != nil && !d.Freshness.owners() && d.Freshness.MaxStaleness == 0 && d.Freshness.Beyond == nil {
		return 0
	}
	return d.verdict.strict
}

// withoutOrder is the answer where composing gave no order to show. Where the order's owner could not be asked, nobody
// knows whether there is one, and that is an error; unless the view was to be enough.
func (d *read) withoutOrder(a Answer) Answer {
	failed := a.Failed[order.AggregateOrder]
	if failed == nil || d.err == nil && d.strict() == 0 && d.least() == (Versions{}) {
		return d.nothing()
	}
	err := failed
	if d.err != nil {
		err = errors.Join(d.err, failed)
	}
	return Answer{
		Source: FromOwners, Reason: ReasonOf(failed), Lag: d.stood.lag, Err: fmt.Errorf("order %s: %w", d.ID, err),
	}
}

// nothing is the answer where there is no order, or a foreign one: it depends on the request and on the view as a whole,
// so that it does not tell which.
func (d *read) nothing() Answer {
	a := Answer{Source: FromView, Reason: d.stood.why(Missing), Kept: d.least() == Versions{}, Lag: d.stood.lag}
	if d.Freshness.owners() || d.Freshness.aged(d.stood) || !a.Kept {
		a.Source = FromOwners
	}
	if d.err != nil {
		a.Source, a.Reason = FromOwners, ViewDown
	}
	return a
}
