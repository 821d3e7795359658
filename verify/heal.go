package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/viewgate/viewgate/projection"
	"github.com/viewgate/viewgate/retry"
	"github.com/viewgate/viewgate/view"
)

// healAttempts is how often a document is written anew that others write, or that the store cannot take.
const healAttempts = 20

var (
	errSameOrigin = errors.New("the owner has told this version before, with other values: an answer changes with its version")
	errDegraded   = errors.New("the owner's answer does not cover the event that is missing")
	errUnordered  = errors.New("without versions it is not known which of the two is newer: rebuild the view")
	errBusy       = errors.New("others are always quicker to write it")
)

// heal joins the owners' answers with a document, as far as these parts of it are still wrong, and returns why parts are
// left as they were. The document is read and its owners are asked anew for each attempt, so that what is joined is never
// older than what is there.
func (v *Verifier) heal(ctx context.Context, id string, parts []string) (map[string]error, error) {
	last := errBusy
	for attempt := range healAttempts {
		left, written, err := v.attempt(ctx, id, parts)
		switch {
		case err != nil:
			return left, err
		case written == nil:
			return left, nil
		case errors.Is(written, view.ErrConflict): // whoever it was has made progress
		case errors.Is(written, view.ErrRefused):
			last = written
			return allOf(parts, last), nil
		default:
			last = written
			if !retry.Wait(ctx, min(100*time.Millisecond<<attempt, 2*time.Second)) {
				return nil, ctx.Err()
			}
		}
	}
	return allOf(parts, last), nil
}

// attemptTimeout bounds an attempt as indexer.Options.StoreTimeout does one of an indexer, which package forgotten counts on.
const attemptTimeout = 10 * time.Second

// attempt makes one attempt at mending, and returns the parts that are left as they were, and what became of the write.
func (v *Verifier) attempt(ctx context.Context, id string, parts []string) (left map[string]error, written, err error) {
	if v.options.Ready != nil {
		if err := v.options.Ready(ctx); err != nil {
			return nil, nil, err
		}
	}
	within, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	write, left, err := v.mended(within, id, parts)
	switch {
	case err != nil && ctx.Err() == nil && within.Err() != nil:
		return nil, fmt.Errorf("it takes too long: %w", err), nil
	case err != nil || write == nil:
		return left, nil, err
	}
	return left, v.store.Apply(within, []view.Write{*write})[0].Err, nil
}

// mended returns what is to be written so that these parts of a document are right, nil for nothing, and the parts that
// will not be right even then.
func (v *Verifier) mended(ctx context.Context, id string, parts []string) (*view.Write, map[string]error, error) {
	stored, err := v.store.Get(ctx, view.Support(), []string{id})
	if err != nil {
		return nil, nil, err
	}
	found, exists := stored[id]
	document, before := v.projection.New(id), projection.Document(nil)
	if exists {
		if document, err = v.projection.Decode(found.Source); err != nil {
			return nil, nil, err
		}
		before = document
	}
	told := v.owners.Ask(ctx, map[string][]string{id: parts})[id]
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	answer, err := v.decode(id, told, before)
	if err != nil {
		return nil, nil, err
	}
	left, wrong := map[string]error{}, map[string]bool{}
	for _, verdict := range Compare(before, answer, told.Failed) {
		switch {
		case !slices.Contains(parts, verdict.Part):
		case verdict.Outcome == Failed:
			left[verdict.Part] = verdict.Err
		case verdict.Outcome == Unversioned && len(verdict.Differences) > 0:
			left[verdict.Part] = errUnordered
		case verdict.wrong():
			wrong[verdict.Part] = true
		}
	}
	for _, part := range answer.Parts() {
		if !wrong[part.Name] {
			answer.Forget(part.Name) // it is right, or not to be joined: it stays the events'
		}
	}
	if len(wrong) == 0 {
		return nil, left, nil
	}
	source, err := join(document, answer)
	if err != nil {
		return nil, nil, err
	}
	write := &view.Write{ID: id, Revision: found.Revision, Hidden: document.Hidden(), Source: source}
	mended := false
	for _, verdict := range Compare(document, answer, nil) {
		switch {
		case !wrong[verdict.Part]: // nothing was joined
		case !verdict.wrong():
			mended = true
		case verdict.Outcome == Degraded:
			left[verdict.Part] = errDegraded
		default:
			left[verdict.Part] = errSameOrigin
		}
	}
	if !mended {
		return nil, left, nil
	}
	return write, left, nil
}

// join joins a document with owners' answers, and returns it encoded.
func join(document, answer projection.Document) (source []byte, err error) {
	encoded, err := answer.Encode()
	if err != nil {
		return nil, err
	}
	if result := document.Join(encoded); result.Err != nil {
		return nil, fmt.Errorf("join the owners' answer: %w", result.Err)
	}
	return document.Encode()
}

func allOf(parts []string, why error) map[string]error {
	left := map[string]error{}
	for _, part := range parts {
		left[part] = why
	}
	return left
}
