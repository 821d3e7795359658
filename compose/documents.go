package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/viewgate/viewgate/view"
)

// Documents reads the documents of a view that each have one part, whatever their type: from the view where that is new
// enough, else from the service that owns them. Its methods may be called from several goroutines.
type Documents struct {
	eraser
	store   view.Store
	owners  *Owners
	from    Collection
	horizon *horizon
}

// NewDocuments returns a reader of the view in the store. Of the options it takes Progress, SearchDelay and Forgotten.
func NewDocuments(store view.Store, mapping *view.Mapping, owners *Owners, from Collection, options ReaderOptions) *Documents {
	if options.Progress == nil {
		options.Progress = unknown{}
	}
	return &Documents{
		eraser: eraser{mapping, options.Forgotten},
		store:  store, owners: owners, from: from,
		horizon: newHorizon(store, options.Progress, options.SearchDelay),
	}
}

// Mapping returns the view's mapping.
func (r *Documents) Mapping() *view.Mapping { return r.mapping }

// DocumentRequest asks for one document. It is comparable.
//
// Of its freshness, the versions and positions that a client has seen are not looked at: they are of orders. So AtLeast
// promises no more than Eventual, and nothing is waited for.
type DocumentRequest struct {
	ID        string
	Freshness Freshness
}

// DocumentAnswer answers one request.
type DocumentAnswer struct {
	// Document is nil where there is none, where it is not the viewer's, and where Err is set.
	Document json.RawMessage
	Source   Source
	Reason   Reason
	Kept     bool           // what Freshness promises holds
	Lag      *time.Duration // of the view when it was read; nil where nobody knows
	Err      error
}

// documentRead is one request on its way to its answer.
type documentRead struct {
	DocumentRequest
	found  view.Document
	exists bool // found, and to be shown
	err    error
	stood  standing
	wants  Reason // why the owner is to be asked; "": it need not be
}

// Read answers every request at its own index. What the view lacks is asked of the owner, all at once, and so is what is to be
// fresh. Where the owner cannot be asked, what the view has is answered; a document that is in neither is an error, unless no
// owner is configured: then the view is all there is.
func (r *Documents) Read(ctx context.Context, v view.Viewer, requests []DocumentRequest) []DocumentAnswer {
	reads := r.look(ctx, v, requests)
	var ask []string
	for _, d := range reads {
		if d.wants = r.wants(d); d.wants != "" {
			ask = append(ask, d.ID)
		}
	}
	told := r.owners.documents(ctx, r.from, ask)
	answers := make([]DocumentAnswer, len(reads))
	for i, d := range reads {
		answers[i] = r.answer(v, d, told[d.ID])
	}
	return answers
}

// look reads the documents from the view in one call.
func (r *Documents) look(ctx context.Context, v view.Viewer, requests []DocumentRequest) []*documentRead {
	stood := r.horizon.standing() // first, so that the documents are at least as new
	reads := make([]*documentRead, len(requests))
	seen, ids := map[string]bool{}, []string(nil)
	for i, q := range requests {
		reads[i] = &documentRead{DocumentRequest: q}
		if !seen[q.ID] {
			seen[q.ID], ids = true, append(ids, q.ID)
		}
	}
	found, err := r.store.Get(ctx, v, ids)
	if now := r.horizon.progress.Index(); now != stood.index {
		stood = standing{index: now} // who knows which index was read
	}
	for _, d := range reads {
		document, ok := found[d.ID]
		d.found, d.exists, d.err, d.stood = document, ok && !document.Hidden, err, stood
	}
	return reads
}

// wants returns why the owner is to be asked.
func (r *Documents) wants(d *documentRead) Reason {
	part := r.part(d.found.Source)
	switch {
	case d.err != nil:
		return ViewDown
	case !d.exists:
		return d.stood.why(Missing)
	case part.Degraded != nil:
		return Degraded
	case d.Freshness.owners():
		return Asked
	case d.Freshness.stale(d.stood):
		return d.stood.why(Behind)
	}
	return ""
}

// answer joins what the view has with what the owner told.
func (r *Documents) answer(v view.Viewer, d *documentRead, told element) DocumentAnswer {
	a := DocumentAnswer{Source: FromView, Reason: Satisfied, Kept: true, Lag: d.stood.lag}
	if d.exists {
		a.Document = d.found.Source
	}
	if d.wants == "" {
		return a
	}
	if told.document = r.document(told.document); told.document != nil {
		told.document = r.show(v, told.document) // a foreign one and a missing one answer alike
	}
	strict := d.Freshness.owners() || d.Freshness.stale(d.stood)
	a.Reason = d.wants
	switch {
	case told.err != nil:
		a.Kept = !strict
		a.Reason = Weightier(a.Reason, ReasonOf(told.err))
		if unknown := errors.Is(told.err, ErrNotConfigured); !d.exists && (d.err != nil || !unknown || strict) {
			a.Source, a.Err = FromOwners, fmt.Errorf("%s %s: %w", r.from.Name, d.ID, errors.Join(d.err, told.err))
		}
	case told.document == nil && !d.exists:
		a.Source, a.Reason = FromOwners, Weightier(a.Reason, Missing)
	case told.document != nil && (!d.exists || !r.newer(d.found.Source, told.document)):
		a.Document, a.Source = told.document, FromOwners
	}
	if a.Err == nil && !a.Kept && d.Freshness.OnStale == Fail {
		a.Document, a.Err = nil, fmt.Errorf("%s %s: %w", r.from.Name, d.ID, ErrStale)
	}
	return a
}

// newer reports whether the view's document is of a later version than the owner's answer: it stays then.
func (r *Documents) newer(inView, atOwner json.RawMessage) bool {
	have, told := r.part(inView), r.part(atOwner)
	return have.Degraded == nil && have.Versioned() && have.Version > told.Version
}

// part returns a document's part; the zero Part where it has none.
func (r *Documents) part(source json.RawMessage) view.Part {
	var d view.Single
	if json.Unmarshal(source, &d) != nil || d.Parts[r.from.Part] == nil {
		return view.Part{}
	}
	return *d.Parts[r.from.Part]
}

// show returns an owner's answer as the viewer may see it; nil where it is not theirs.
func (r *Documents) show(v view.Viewer, source json.RawMessage) json.RawMessage {
	shown, visible, err := r.mapping.Show(v, source)
	if err != nil || !visible {
		return nil
	}
	return shown
}

// DocumentPage is a page of a view's documents, and how fresh it is.
type DocumentPage struct {
	view.Page
	Reason Reason         // Satisfied or Unfinished: nothing is promised of it
	Lag    *time.Duration // of what the search saw; nil where nobody knows
}

// Search returns a page of the viewer's documents, as the view has them.
func (r *Documents) Search(ctx context.Context, v view.Viewer, q view.Query) (DocumentPage, error) {
	stood := r.horizon.searched()
	page, err := r.store.Search(ctx, v, q)
	if now := r.horizon.progress.Index(); now != stood.index {
		stood = standing{index: now} // who knows which index was searched
	}
	why := Satisfied
	if page.Partial {
		why = Unfinished
	}
	return DocumentPage{page, why, stood.lag}, err
}
