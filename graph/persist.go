package graph

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"strings"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/viewgate/viewgate/graph/persisted"
)

// Persisted is which documents are taken. The zero value takes all.
type Persisted struct {
	// List has the documents that clients are known to send, and may send by id. Nil: there are none.
	List *persisted.List
	// Only refuses documents that are not in the list.
	Only bool
	// Report logs documents that are not in the list, once each, as far as they are remembered.
	Report bool
}

// persistence finds the documents that clients name rather than send: those of a list, and those that were sent before
// (automatic persisted queries: Apollo's protocol).
type persistence struct {
	Persisted
	texts    *kept[string]   // by hash: what was sent with its hash and could be run
	reported *kept[struct{}] // by hash
	logger   *slog.Logger
}

const (
	keptTexts    = 8 << 20 // bytes
	keptReported = 1 << 20
)

func newPersistence(p Persisted, logger *slog.Logger) *persistence {
	return &persistence{p, newKept[string](keptTexts), newKept[struct{}](keptReported), logger}
}

// checkList says which documents of the list cannot be run.
func (p *persistence) checkList(read func(string) (*parsed, gqlerror.List)) error {
	if p.List == nil {
		return nil
	}
	for _, d := range p.List.Documents() {
		_, wrong := read(d.Text)
		for _, err := range wrong {
			if len(err.Locations) > 0 {
				return badInput("%s:%d: %s", d.Place, err.Locations[0].Line, err.Message)
			}
			return badInput("%s: %s", d.Place, err.Message)
		}
	}
	return nil
}

// find completes what is asked by the text that it names. It refuses a text that may not be run.
func (p *persistence) find(asked *params) error {
	switch hash, named, err := asked.hash(); {
	case err != nil:
		return err
	case asked.DocumentID != "" && (asked.Query != "" || named):
		return badInput("documentId says which document, and so does query or persistedQuery: send one of them")
	case asked.DocumentID != "":
		var known bool
		if asked.Query, known = p.text(asked.DocumentID); !known {
			return errNotPersisted
		}
	case named && asked.Query == "":
		var known bool
		if asked.Query, known = p.text(hash); !known {
			return errNotPersisted
		}
	case named:
		if persisted.Hash(asked.Query) != hash {
			return badInput("extensions.persistedQuery.sha256Hash is not the hash of the query")
		}
		asked.learn = hash
	}
	if p.Only && !p.lists(asked.Query) {
		return errNotListed
	}
	return nil
}

func (p *persistence) lists(text string) bool { return p.List != nil && p.List.Has(text) }

func (p *persistence) text(id string) (string, bool) {
	if p.List != nil {
		if text, ok := p.List.Text(id); ok {
			return text, true
		}
	}
	return p.texts.get(strings.TrimPrefix(id, "sha256:"))
}

// learn keeps a document that can be run, by its hash.
func (p *persistence) learn(asked *params) {
	if asked.learn != "" && !p.Only {
		p.texts.put(asked.learn, asked.Query, len(asked.Query))
	}
}

// report logs a document that is not in the list, where that is wanted, without its text: that may name people. So may what a
// client calls the operation, unless the document has one of that name; read is nil where it cannot be read.
func (p *persistence) report(ctx context.Context, asked *params, read *parsed) {
	if !p.Report || p.lists(asked.Query) {
		return
	}
	hash := persisted.Hash(asked.Query)
	if _, known := p.reported.get(hash); known {
		return
	}
	p.reported.put(hash, struct{}{}, 0)
	name := ""
	if read != nil {
		if operation := read.operation(asked.OperationName); operation != nil {
			name = operation.Name[:min(len(operation.Name), maxName)]
		}
	}
	p.logger.WarnContext(ctx, "document is not persisted, and is answered all the same", "sha256", hash,
		"operation", name, "request", requestOf(ctx).id)
}

// hash returns the hash that the document is named by; not ok where there is none.
func (p *params) hash() (hash string, ok bool, err error) {
	extension, ok := p.Extensions["persistedQuery"]
	if !ok || extension == nil {
		return "", false, nil
	}
	object, _ := extension.(map[string]any)
	hash, _ = object["sha256Hash"].(string)
	if version, _ := object["version"].(json.Number); version != "1" {
		return "", false, badInput("extensions.persistedQuery: version 1 can be used")
	}
	if sum, err := hex.DecodeString(hash); err != nil || len(sum) != 32 || strings.ToLower(hash) != hash {
		return "", false, badInput("extensions.persistedQuery.sha256Hash: a SHA-256 hash in hexadecimal digits is needed")
	}
	return hash, true, nil
}

// named reports whether there is a document, sent or named.
func (p *params) named() bool {
	return p.Query != "" || p.DocumentID != "" || p.Extensions["persistedQuery"] != nil
}

// document returns the document that is asked for, as parsing.read does.
func (h *Handler) document(ctx context.Context, asked *params) (*parsed, gqlerror.List) {
	if err := h.persistence.find(asked); err != nil {
		return nil, gqlerror.List{gqlerror.Wrap(err)}
	}
	read, wrong := h.parsing.read(asked.Query)
	h.persistence.report(ctx, asked, read)
	return read, wrong
}
