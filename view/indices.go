package view

import (
	"context"
	"errors"
	"iter"
)

// ErrNoIndex says that a view has no such index.
var ErrNoIndex = errors.New("there is no such index")

// Index is one index of a view: a Store that knows which one it is and what it holds.
type Index interface {
	Store

	// Name says which index it is, to people.
	Name() string

	// ID names the index for ever: one that is made later under the same name, or restored from a copy, has another where
	// the engine can tell. The consumer group that fills an index is named by it, so that offsets which are committed for
	// one index are never taken for another's.
	ID(ctx context.Context) (string, error)

	// CheckMapping returns an error that says what to do unless the index was built from the mapping that it was opened
	// with. Without an error it can be written; else only ID, Get with Support, Count, Sample and IDs work.
	CheckMapping(ctx context.Context) error

	// BeginFilling makes writing cheap, at the cost of searches: what is written may not be found until EndFilling.
	BeginFilling(ctx context.Context) error

	// EndFilling undoes BeginFilling, and returns when searches see what was written before the call.
	EndFilling(ctx context.Context) error

	// Count returns how many documents searches may find, and how many are hidden. It sees what Apply had reported done
	// before the call.
	Count(ctx context.Context) (visible, hidden int, err error)

	// Sample returns the ids of n documents chosen at random, or of all that there are: of hidden ones too, and of these as
	// many as half of n, because they are few and tell much. They are in random order. The same seed chooses the same ones
	// of an index while documents are neither added nor shown.
	Sample(ctx context.Context, n int, seed int64) ([]string, error)

	// Purge returns when what was overwritten before the call is off the disk, as far as the engine can be told to: until then
	// it may be there, though nobody can ask for it. It may cost as much as writing the whole index.
	Purge(ctx context.Context) error

	// IDs yields the ids of all documents, hidden ones too, in an order of the store's own, without holding more than a
	// page of them. It sees what searches see at the call; a document that is added meanwhile may be missed. An error is
	// the last that it yields.
	IDs(ctx context.Context) iter.Seq2[string, error]
}

// Indices are the indices of one view: the live one, which queries are answered from; at most one that is being built
// beside it; and the previous one, which was live before. It is for one goroutine; the indices that it opens are for many.
//
// An index that is not there is ErrNoIndex. Live, Unfinished and Previous open indices of any mapping: Index.CheckMapping
// tells.
type Indices interface {
	Live(ctx context.Context) (Index, error)
	Unfinished(ctx context.Context) (Index, error)
	Previous(ctx context.Context) (Index, error)

	// Create makes an empty index to be built beside the live one. There must be none unfinished.
	Create(ctx context.Context) (Index, error)

	// Publish makes an index, the unfinished or the previous one, the live one, and the live one the previous: in one step,
	// so that whatever happens there is a live index, and it is the one or the other. Nothing may be writing to the index
	// meanwhile, and none that was opened is to be used afterwards.
	Publish(ctx context.Context, next Index) error

	// Remove deletes the unfinished index.
	Remove(ctx context.Context, unfinished Index) error

	// List names all indices of the view, to people.
	List(ctx context.Context) ([]string, error)

	// Close closes the indices that were opened.
	Close() error
}
