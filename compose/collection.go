package compose

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/viewgate/viewgate/view"
)

// Collection is where the documents of a view are asked for that each have one part, which one service owns:
// GET /<name>?id=1&id=2 answers an array of those that it knows.
type Collection struct {
	Owner Owner
	Name  string
	Part  string // its name in the documents

	read func(element json.RawMessage) element
}

// element is one of an answer, as a document; where it cannot be used, err says why and only this document fails.
type element struct {
	id       string // "" where not even that can be read
	document json.RawMessage
	err      error
}

// NewCollection returns the collection of documents whose part has this name. Read reads an element of an answer: a document
// of what it tells, and at which version. With an error the document has the id, if that could be read.
func NewCollection[D view.SingleDocument](owner Owner, name, part string,
	read func(json.RawMessage) (D, view.Version, error)) Collection {
	return Collection{Owner: owner, Name: name, Part: part, read: func(text json.RawMessage) element {
		d, version, err := read(text)
		if err == nil && version == 0 { // nothing tells whether it is newer than what the view has
			err = errNoVersion
		}
		e := element{id: d.DocumentID(), err: err}
		if err == nil {
			*d.Part(part) = view.Part{Version: version, Origin: view.FromOwner}
			e.document, e.err = view.EncodeSingle(d)
		}
		return e
	}}
}

// documents asks for documents and has an entry for each id: an empty one where the owner does not know it.
func (o *Owners) documents(ctx context.Context, from Collection, ids []string) map[string]element {
	var (
		all = make(map[string]element, len(ids))
		mu  sync.Mutex // guards all
	)
	o.each(ctx, from.Owner, from.Name, ids, func(asked []string, elements []json.RawMessage, err error) {
		found := make(map[string]element, len(elements))
		for _, text := range elements {
			e := from.read(text)
			if e.id == "" {
				err = &OwnerError{Owner: from.Owner, Status: http.StatusOK, Err: errUnnamed}
				break
			}
			if e.err != nil {
				e.err = &OwnerError{Owner: from.Owner, Status: http.StatusOK, Err: e.err}
			}
			found[e.id] = e
		}
		mu.Lock()
		defer mu.Unlock()
		for _, id := range asked {
			all[id] = found[id]
			if err != nil {
				all[id] = element{err: err}
			}
		}
	})
	return all
}

// CollectionParts asks the owner of a collection's documents, for those who know of no view's type.
type CollectionParts struct {
	*Owners
	From Collection
}

// Ask returns what the owner answers about these documents. Their one part is all that there is to ask for.
func (p CollectionParts) Ask(ctx context.Context, wanted map[string][]string) map[string]Told {
	var ids []string
	all := make(map[string]Told, len(wanted))
	for id, parts := range wanted {
		all[id] = Told{}
		if slices.Contains(parts, p.From.Part) {
			ids = append(ids, id)
		}
	}
	for id, e := range p.documents(ctx, p.From, ids) {
		told := Told{Document: e.document, Failed: map[string]error{}}
		if e.err != nil {
			told.Failed[p.From.Part] = e.err
		}
		all[id] = told
	}
	return all
}

// IDs returns the ids of all documents that the owner has, of a collection that GET /<name> without ids answers all of.
func (p CollectionParts) IDs(ctx context.Context) ([]string, error) {
	elements, err := p.fetch(ctx, p.From.Owner, p.From.Name, url.Values{})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, text := range elements {
		e := p.From.read(text)
		if e.id == "" {
			return nil, &OwnerError{Owner: p.From.Owner, Status: http.StatusOK, Err: errUnnamed}
		}
		ids = append(ids, e.id)
	}
	return ids, nil
}
