package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/viewgate/viewgate/view"
)

// maxID is how long a document's id may be, in bytes.
const maxID = 512

// Apply sends all writes in one request and tells for each what became of it. Only a document that Elasticsearch cannot
// take is view.ErrRefused. What is not the document's fault is view.ErrRetry, also if it will last until somebody mends
// it: no answer, overload, an index that is missing, closed or blocked, a lost privilege, a disk that is full.
//
// A request that Elasticsearch finds too large, or wrong as a whole, is sent again in halves, so that only the documents
// at fault are refused.
func (s *Store) Apply(ctx context.Context, writes []view.Write) []view.Result {
	results := make([]view.Result, len(writes))
	size := 0
	for i := range writes {
		size += len(writes[i].Source) + 2*len(writes[i].ID) + 256
	}
	var lines bytes.Buffer // of all operations: a batch may be large, so it is in memory once
	lines.Grow(size)
	ready := make([]operation, 0, len(writes))
	for i, w := range writes {
		op := operation{id: w.ID, begin: lines.Len(), result: &results[i]}
		if err := s.append(&lines, w); err != nil {
			results[i].Err = err
			lines.Truncate(op.begin)
			continue
		}
		op.end = lines.Len()
		ready = append(ready, op)
	}
	s.bulk(ctx, lines.Bytes(), ready)
	return results
}

// operation is a write as it is sent.
type operation struct {
	id         string
	begin, end int // of its lines in the request, among those of the others
	result     *view.Result
}

func (op *operation) fail(sentinel, why error) {
	op.result.Err = fmt.Errorf("write %q: %w: %w", op.id, sentinel, why)
}

// append writes the lines of a bulk request that are a write's, or answers it where no request is needed to know the
// answer; what it has written then is of no use.
func (s *Store) append(lines *bytes.Buffer, w view.Write) error {
	refused := func(why string) error { return fmt.Errorf("write %q: %w: %s", w.ID, view.ErrRefused, why) }
	switch {
	case w.ID == "":
		return refused("it has no id")
	case len(w.ID) > maxID:
		return refused(fmt.Sprintf("its id is longer than %d bytes", maxID))
	case !utf8.ValidString(w.ID):
		return refused("its id is not UTF-8")
	}
	if w.Revision == "" {
		fmt.Fprintf(lines, `{"create":{"_id":%s}}`, quote(w.ID))
	} else {
		index, seqNo, term, ok := parseRevision(w.Revision)
		if !ok || index != s.index {
			return fmt.Errorf("write %q: %w: it was read from another index than %s", w.ID, view.ErrConflict, s.index)
		}
		fmt.Fprintf(lines, `{"index":{"_id":%s,"if_seq_no":%d,"if_primary_term":%d}}`, quote(w.ID), seqNo, term)
	}
	lines.WriteByte('\n')
	if err := s.join(lines, w); err != nil {
		return refused(err.Error())
	}
	lines.WriteByte('\n')
	return nil
}

// revision names a state of a document by its place in the index's history.
func revision(index string, seqNo, primaryTerm int64) view.Revision {
	return view.Revision(index + "/" + strconv.FormatInt(seqNo, 10) + "/" + strconv.FormatInt(primaryTerm, 10))
}

func parseRevision(r view.Revision) (index string, seqNo, primaryTerm int64, ok bool) {
	parts := strings.Split(string(r), "/")
	if len(parts) != 3 {
		return "", 0, 0, false
	}
	seqNo, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return "", 0, 0, false
	}
	primaryTerm, err = strconv.ParseInt(parts[2], 10, 64)
	return parts[0], seqNo, primaryTerm, err == nil
}

// bulk sends the operations, which follow upon each other in lines, and sets their results.
func (s *Store) bulk(ctx context.Context, lines []byte, ops []operation) {
	if len(ops) == 0 {
		return
	}
	var answer bulkAnswer
	_, err := s.client.do(ctx, esapi.BulkRequest{
		Index:        writeAlias(s.index),
		RequireAlias: new(true),
		Timeout:      s.client.timeout,
		Body:         bytes.NewReader(lines[ops[0].begin:ops[len(ops)-1].end]),
	}, &answer)

	var f *failure
	if errors.As(err, &f) && (!f.temporary() || f.status == http.StatusRequestEntityTooLarge) {
		if half := len(ops) / 2; half > 0 {
			s.bulk(ctx, lines, ops[:half])
			s.bulk(ctx, lines, ops[half:])
			return
		}
		ops[0].fail(view.ErrRefused, err)
		return
	}
	if err == nil && len(answer.Items) != len(ops) {
		err = fmt.Errorf("%s answered %d of %d writes", s.client, len(answer.Items), len(ops))
	}
	for i := range ops {
		if err != nil {
			ops[i].fail(view.ErrRetry, err)
			continue
		}
		s.settle(&ops[i], answer.Items[i])
	}
}

// bulkAnswer answers each operation, in their order, by an object whose only key is the action.
type bulkAnswer struct {
	Items []map[string]bulkItem `json:"items"`
}

type bulkItem struct {
	Index       string `json:"_index"`
	ID          string `json:"_id"`
	SeqNo       int64  `json:"_seq_no"`
	PrimaryTerm int64  `json:"_primary_term"`
	Status      int    `json:"status"`
	Error       cause  `json:"error"`
}

// settle sets an operation's result from its own part of the answer.
func (s *Store) settle(op *operation, answer map[string]bulkItem) {
	var item bulkItem
	for _, item = range answer {
	}
	f := &failure{status: item.Status, kind: item.Error.Type, reason: item.Error.text()}
	switch {
	case item.ID != op.id:
		op.fail(view.ErrRetry, fmt.Errorf("%s answered a write of %q instead", s.client, item.ID))
	case item.Status >= 200 && item.Status <= 299:
		op.result.Revision = revision(item.Index, item.SeqNo, item.PrimaryTerm)
	case item.Status == http.StatusConflict:
		op.fail(view.ErrConflict, f)
	case !f.temporary():
		op.fail(view.ErrRefused, f)
	default:
		op.fail(view.ErrRetry, fmt.Errorf("%s: %w", s.client, f))
	}
}

// Refresh implements view.Store. It makes the writes of all writers visible.
func (s *Store) Refresh(ctx context.Context) error {
	var answer struct {
		Shards struct {
			Failed int `json:"failed"`
		} `json:"_shards"`
	}
	if err := s.read(ctx, "refresh", esapi.IndicesRefreshRequest{Index: []string{s.index}}, &answer); err != nil {
		return err
	}
	if answer.Shards.Failed > 0 {
		return s.unavailable("refresh", fmt.Errorf("%s: %d shards of %s failed", s.client, answer.Shards.Failed, s.index))
	}
	return nil
}

// added returns the beginning of a stored document: all of what the store adds, and no end of the object.
func added(id string, hidden bool) string {
	return `{"` + fieldAdded + `":{"id":` + quote(id) + `,"hidden":` + strconv.FormatBool(hidden) + `}`
}

// join writes what is stored of a write, in one line: its source with the store's fields in front.
func (s *Store) join(to *bytes.Buffer, w view.Write) error {
	to.WriteString(added(w.ID, w.Hidden))
	if err := s.addPlaces(to, w); err != nil {
		return err
	}
	at := to.Len()
	if w.Compact {
		to.Write(w.Source)
	} else if err := json.Compact(to, w.Source); err != nil {
		return fmt.Errorf("it is no JSON: %w", err)
	}
	source := to.Bytes()[at:]
	if source[0] != '{' {
		return errors.New("it is no JSON object")
	}
	if source[1] == '}' {
		to.Truncate(at)
		to.WriteByte('}')
		return nil
	}
	source[0] = ','
	return nil
}

// addPlaces writes the places of a document, in the form that Elasticsearch takes.
func (s *Store) addPlaces(to *bytes.Buffer, w view.Write) error {
	if !s.mapping.HasPlaces() {
		return nil
	}
	source, err := view.DecodeSource(w.Source)
	if err != nil {
		return err
	}
	places := object{}
	for i := range s.mapping.Fields {
		f := &s.mapping.Fields[i]
		if f.Kind != view.Geo {
			continue
		}
		if values := f.Values(source); len(values) > 0 {
			p := values[0].(view.Point)
			at := places
			path := strings.Split(f.Path, ".")
			for _, name := range path[:len(path)-1] {
				if _, ok := at[name]; !ok {
					at[name] = object{}
				}
				at = at[name].(object)
			}
			at[path[len(path)-1]] = object{"lat": p.Latitude, "lon": p.Longitude}
		}
	}
	text, err := json.Marshal(places)
	if err != nil {
		return err
	}
	to.WriteString(`,"` + fieldPlaces + `":`)
	to.Write(text)
	return nil
}

// skipPlaces returns what follows the places in a document, of which the beginning is cut off.
func skipPlaces(rest []byte) []byte {
	places, ok := bytes.CutPrefix(rest, []byte(`,"`+fieldPlaces+`":`))
	if !ok {
		return rest
	}
	d := json.NewDecoder(bytes.NewReader(places))
	var skipped json.RawMessage
	if err := d.Decode(&skipped); err != nil {
		return rest
	}
	return places[d.InputOffset():]
}

// split is the inverse of join. It may change stored and return a part of it.
func split(id string, stored json.RawMessage) (source json.RawMessage, hidden bool, err error) {
	for _, hidden := range []bool{false, true} {
		rest, ok := bytes.CutPrefix(stored, []byte(added(id, hidden)))
		if ok {
			rest = skipPlaces(rest)
		}
		switch {
		case !ok || len(rest) == 0:
		case rest[0] == '}':
			return json.RawMessage("{}"), hidden, nil
		case rest[0] == ',':
			rest[0] = '{'
			return rest, hidden, nil
		}
	}
	return splitRewritten(id, stored)
}

// splitRewritten splits a document that was written as no Store does, by an update in Elasticsearch's own ways.
func splitRewritten(id string, stored json.RawMessage) (source json.RawMessage, hidden bool, err error) {
	var fields map[string]json.RawMessage
	var own struct {
		ID     string `json:"id"`
		Hidden bool   `json:"hidden"`
	}
	err = json.Unmarshal(stored, &fields)
	if err == nil {
		err = json.Unmarshal(fields[fieldAdded], &own)
	}
	if err == nil && own.ID != id {
		err = fmt.Errorf("field %s names another document", fieldAdded)
	}
	if err == nil {
		delete(fields, fieldAdded)
		delete(fields, fieldPlaces)
		source, err = json.Marshal(fields)
	}
	if err != nil {
		return nil, false, fmt.Errorf("document %q was not written by viewgate: %w", id, err)
	}
	return source, own.Hidden, nil
}

// quote returns a JSON string.
func quote(s string) string {
	text, _ := json.Marshal(s) // a string never fails
	return string(text)
}
