// Package view defines what a view is, apart from any engine that holds one: documents of versioned parts, the queries
// that are asked of them, the mapping that the GraphQL schema gives, and the contract that every store honours.
//
// It does no I/O. The stores are view/embedded and view/elastic; view/viewtest is the suite that each must pass.
package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Store keeps the documents of one view. All methods may be called from several goroutines.
//
// A document is JSON in the shape of the view's GraphQL type. What of it can be searched, filtered, sorted and counted is
// told by the Mapping that the store was opened with; the rest is kept and given back.
type Store interface {
	// Get returns the documents with these ids, in real time: every write that Apply reported done is seen, whether or
	// not a search sees it yet. A missing document and one that the viewer may not see are alike absent from the result.
	// Hidden documents are returned. Others may be given the same bytes: nobody changes them.
	Get(ctx context.Context, v Viewer, ids []string) (map[string]Document, error)

	// Search returns a page of the documents that match the query and that the viewer may see; totals and facets count
	// no others. Hidden documents never match. It sees a write at the latest after the next Refresh. An invalid query
	// is an *InvalidError.
	Search(ctx context.Context, v Viewer, q Query) (Page, error)

	// Scan gives each all that Search would find, in q's order and in pages of q.Size, as it was at one moment; Backward, From
	// and Facets are not possible. It ends with the first error, each's among them. Every page has the same Total.
	Scan(ctx context.Context, v Viewer, q Query, each func(Page) error) error

	// Values returns the values of a facet's field that look like what is asked, of documents that the viewer may see, most
	// frequent first, ties ordered by value. It sees what Search sees. A store need not look at others than the MaxSize most
	// frequent, so a rare value may be missing where there are more.
	Values(ctx context.Context, v Viewer, q ValueQuery) ([]Bucket, error)

	// Apply writes each document if its revision is still the one given, and answers each write at its own index. The
	// writes are independent of each other; a batch should not name an id twice. A write that is answered with a nil
	// error is durable to the degree that the store is.
	Apply(ctx context.Context, writes []Write) []Result

	// Refresh returns when searches see all that Apply had reported done before the call.
	Refresh(ctx context.Context) error

	// Close returns when no call is under way and what was applied is as durable as the store can make it.
	Close() error
}

// Revision names one state of one stored document. It is opaque: only equality and the zero value mean anything outside
// the store. The zero Revision is that of a document that does not exist.
type Revision string

// Document is a document as a store gives it back.
type Document struct {
	ID       string
	Revision Revision
	Hidden   bool
	Source   json.RawMessage
}

// MaxID is the length of the longest document id, in bytes.
const MaxID = 512

// Write asks for Source to become the document ID, if the stored document's revision is still Revision.
type Write struct {
	ID       string
	Revision Revision // zero: the document must not exist
	Hidden   bool     // kept, found by id, never found by search
	Source   json.RawMessage
	Compact  bool // Source is one JSON object as json.Marshal writes it: valid, and in one line. A store need not look
}

// Check returns the decoded source of a write, or tells why no store takes it: ids are UTF-8 of 1 to MaxID bytes, and a
// source is one JSON object. Stores call it first.
func (w *Write) Check() (map[string]any, error) {
	if n := len(w.ID); n < 1 || n > MaxID {
		return nil, fmt.Errorf("id of %d bytes: 1 to %d are possible", n, MaxID)
	}
	if !utf8.ValidString(w.ID) {
		return nil, fmt.Errorf("id %q is not UTF-8", w.ID)
	}
	return DecodeSource(w.Source)
}

// Result answers one Write. Err is nil, or wraps exactly one of ErrConflict, ErrRetry and ErrRefused.
type Result struct {
	Revision Revision // the new one, where Err is nil
	Err      error
}

var (
	// ErrConflict says that the stored document has another revision: read it again, fold again, write again.
	ErrConflict = errors.New("document was changed by another writer")
	// ErrRetry says that the write may or may not have happened and that the same one may be tried later: the store was
	// overloaded, not reachable or too slow. The revision tells which it was.
	ErrRetry = errors.New("store could not take the write now")
	// ErrRefused says that this document will never be taken as it is.
	ErrRefused = errors.New("store refused the document for good")
	// ErrUnavailable says that the store cannot answer a read now.
	ErrUnavailable = errors.New("view store unavailable")
)
