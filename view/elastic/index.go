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
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/viewgate/viewgate/view"
)

// layout counts the ways in which this package has laid out an index, beside what the view.Mapping tells. It goes up with
// every change of body that a document's or a query's form depends on.
const layout = 2

// object is a JSON object to be sent.
type object = map[string]any

// encode returns a request's body.
func encode(v any) *bytes.Reader {
	text, err := json.Marshal(v)
	if err != nil { // v holds strings, finite numbers, bools, lists and objects of them
		panic(fmt.Sprintf("elastic: request: %v", err))
	}
	return bytes.NewReader(text)
}

// alias returns the name that the view is read by.
func (s *Store) alias() string { return s.options.Prefix + s.mapping.View }

// writeAlias returns the name that an index is written by.
func writeAlias(index string) string { return index + "-write" }

// family returns what the names of the mapping's indices begin with.
func (s *Store) family() string { return s.alias() + "-" + s.mapping.Hash + "-" }

// findOrCreate sets s.index to the index behind the alias. Where there is no alias, it creates the first index together
// with it, in one step: of two processes that start at once one fails and then finds the other's.
func (s *Store) findOrCreate(ctx context.Context) error {
	index, err := s.published(ctx)
	if err != nil {
		return err
	}
	if index == "" {
		err := s.create(ctx, s.family()+"1", s.alias())
		if err == nil {
			return nil
		}
		if !exists(err) {
			return err
		}
		if index, err = s.published(ctx); err != nil {
			return err
		}
		if index == "" {
			return fmt.Errorf("%s: there is an index %s, but no alias %s: point the alias to the view's index, or "+
				"delete that index to have a new one", s.client, s.family()+"1", s.alias())
		}
	}
	s.index = index
	return s.checkMapping(ctx)
}

// published returns the name of the index behind the view's alias, "" where there is no such alias.
func (s *Store) published(ctx context.Context) (string, error) { return s.behind(ctx, s.alias()) }

// behind returns the name of the index behind an alias, "" where there is no such alias.
func (s *Store) behind(ctx context.Context, alias string) (string, error) {
	var aliases map[string]json.RawMessage
	_, err := s.client.do(ctx, esapi.IndicesGetAliasRequest{Name: []string{alias}}, &aliases)
	var f *failure
	if errors.As(err, &f) && f.status == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look up alias %s: %w", alias, err)
	}
	if len(aliases) > 1 {
		return "", fmt.Errorf("%s: alias %s points to %d indices: leave it one", s.client, alias, len(aliases))
	}
	for index := range aliases {
		return index, nil
	}
	return "", nil
}

// meta is what an index remembers of how it was made.
type meta struct {
	Hash   string `json:"hash"`
	Layout int    `json:"layout"`
}

// checkMapping returns ErrMapping unless s.index was made for the mapping by a package that lays out as this one.
func (s *Store) checkMapping(ctx context.Context) error {
	var mappings map[string]struct {
		Mappings struct {
			Meta meta `json:"_meta"`
		} `json:"mappings"`
	}
	if _, err := s.client.do(ctx, esapi.IndicesGetMappingRequest{Index: []string{s.index}}, &mappings); err != nil {
		return fmt.Errorf("read the mapping of index %s: %w", s.index, err)
	}
	built, want := mappings[s.index].Mappings.Meta, meta{Hash: s.mapping.Hash, Layout: layout}
	if built != want {
		return fmt.Errorf("index %s: %w (it has hash %q and layout %d, this program %q and %d): run "+
			"\"viewgate rebuild %s\"", s.index, ErrMapping, built.Hash, built.Layout, want.Hash, want.Layout, s.mapping.View)
	}
	return nil
}

// createNext sets s.index to a new index behind these aliases, numbered one above the highest of the mapping's.
func (s *Store) createNext(ctx context.Context, aliases ...string) error {
	var indices map[string]json.RawMessage
	_, err := s.client.do(ctx, esapi.IndicesGetAliasRequest{Index: []string{s.family() + "*"}}, &indices)
	if err != nil {
		return fmt.Errorf("list the indices %s*: %w", s.family(), err)
	}
	highest := 0
	for index := range indices {
		if n, err := strconv.Atoi(strings.TrimPrefix(index, s.family())); err == nil {
			highest = max(highest, n)
		}
	}
	if err := s.create(ctx, s.family()+strconv.Itoa(highest+1), aliases...); err != nil {
		return err
	}
	s.reads = newTarget(s.index)
	return nil
}

// create creates an index behind these aliases and the one to write by, and sets s.index to it.
func (s *Store) create(ctx context.Context, index string, aliases ...string) error {
	body := s.body()
	names := object{writeAlias(index): object{}}
	for _, alias := range aliases {
		names[alias] = object{}
	}
	body["aliases"] = names
	if _, err := s.client.do(ctx, esapi.IndicesCreateRequest{Index: index, Body: encode(body)}, nil); err != nil {
		return fmt.Errorf("create index %s: %w", index, err)
	}
	s.index = index
	return nil
}

// exists reports whether creating an index failed because there is one of that name.
func exists(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.kind == "resource_already_exists_exception"
}

// Publish points the view's alias to the store's index and away from any other, in one step: a search sees either the
// one or the other. The other is then the previous index, and the store's no longer unfinished (see Indices). It fails
// without a change if somebody else moves the alias at the same time.
func (s *Store) Publish(ctx context.Context) error {
	before, err := s.published(ctx)
	if err != nil {
		return fmt.Errorf("view %s: publish index %s: %w", s.mapping.View, s.index, err)
	}
	if before == s.index {
		return nil
	}
	var actions []object
	if before != "" {
		past, err := s.behind(ctx, s.previousAlias())
		if err != nil {
			return fmt.Errorf("view %s: publish index %s: %w", s.mapping.View, s.index, err)
		}
		if past != "" {
			actions = append(actions, object{"remove": object{"index": past, "alias": s.previousAlias()}})
		}
		actions = append(actions,
			object{"remove": object{"index": before, "alias": s.alias(), "must_exist": true}},
			object{"add": object{"index": before, "alias": s.previousAlias()}})
	}
	actions = append(actions,
		object{"remove": object{"index": s.index, "alias": s.nextAlias(), "must_exist": false}},
		object{"add": object{"index": s.index, "alias": s.alias()}})
	request := esapi.IndicesUpdateAliasesRequest{Body: encode(object{"actions": actions})}
	if _, err := s.client.do(ctx, request, nil); err != nil {
		return fmt.Errorf("view %s: publish index %s: %w", s.mapping.View, s.index, err)
	}
	return nil
}

// wholeLimit is how many characters a value may have to be indexed whole: a term has at most 32,766 bytes.
const wholeLimit = 8191

// fieldAdded and fieldPlaces are the fields that the store adds to a document, the latter where the view has places. GraphQL
// has no objection to the names, but no schema needs them.
const (
	fieldAdded  = "_viewgate"
	fieldPlaces = "_viewgate_places"
)

// body returns an index's settings and mapping: a pure function of the view.Mapping, the Options and layout.
func (s *Store) body() object {
	fold := []string{"lowercase", "asciifolding"}
	settings := object{
		"number_of_shards": s.options.Shards,
		"refresh_interval": interval(s.options.RefreshInterval),
		// What is not of its field's kind has no value, as view.Field.Values has it, and refuses no document.
		"mapping": object{"ignore_malformed": true},
		"analysis": object{
			"analyzer": object{
				"words": object{"type": "custom", "tokenizer": "standard", "filter": fold},
				"stems": object{"type": "custom", "tokenizer": "standard", "filter": append(fold, "porter_stem")},
			},
			"normalizer": object{"folded": object{"type": "custom", "filter": fold}},
		},
	}
	s.addReplicas(settings)
	properties := object{fieldAdded: object{"properties": object{
		"id":     object{"type": "keyword"},
		"hidden": object{"type": "boolean"},
	}}}
	for i := range s.mapping.Fields {
		f := &s.mapping.Fields[i]
		if f.Kind == view.Geo {
			place(properties, geoPath(f), object{"type": "geo_point"})
			continue
		}
		place(properties, f.Path, property(f))
	}
	return object{
		"settings": object{"index": settings},
		"mappings": object{
			"_meta":      meta{Hash: s.mapping.Hash, Layout: layout},
			"dynamic":    false,
			"properties": properties,
		},
	}
}

// addReplicas adds the settings that say how many replicas an index has.
func (s *Store) addReplicas(settings object) {
	if s.options.Replicas > 0 {
		settings["auto_expand_replicas"], settings["number_of_replicas"] = false, s.options.Replicas
	} else {
		settings["auto_expand_replicas"] = "0-1"
	}
}

// interval returns a duration as a setting, in whole milliseconds; a negative one is never.
func interval(d time.Duration) string {
	if d < 0 {
		return "-1"
	}
	return strconv.FormatInt(max(1, d.Milliseconds()), 10) + "ms"
}

// place puts a field's mapping at its path, below objects that, as the root, do not index what they do not know.
func place(properties object, path string, mapping object) {
	name, rest, below := strings.Cut(path, ".")
	if !below {
		properties[name] = mapping
		return
	}
	branch, ok := properties[name].(object)
	if !ok {
		branch = object{"properties": object{}}
		properties[name] = branch
	}
	place(branch["properties"].(object), rest, mapping)
}

// property returns a field's mapping. What is ordered by or counted has doc values, other whole values have none.
func property(f *view.Field) object {
	folded := object{"type": "keyword", "normalizer": "folded", "ignore_above": wholeLimit, "doc_values": f.Sortable}
	raw := object{"type": "keyword", "ignore_above": wholeLimit}
	switch f.Kind {
	case view.Text:
		mapping, sub := object{"type": "text", "analyzer": "words", "norms": false}, object{}
		if f.Weight > 0 {
			mapping["index_prefixes"] = object{"min_chars": view.MinPrefix, "max_chars": 5}
			sub["stems"] = object{"type": "text", "analyzer": "stems", "norms": false, "index_options": "docs"}
		}
		if f.Whole() {
			sub["folded"] = folded
		}
		if f.Facet {
			sub["raw"] = raw
		}
		if len(sub) > 0 {
			mapping["fields"] = sub
		}
		return mapping
	case view.Keyword:
		if f.Exact() {
			raw["doc_values"] = f.Facet || f.Sortable
			return raw
		}
		raw["doc_values"] = f.Facet
		raw["fields"] = object{"folded": folded}
		return raw
	case view.Number:
		return object{"type": "double"}
	case view.Money:
		return object{"properties": object{"amount": object{"type": "double"}}}
	case view.Date:
		return object{"type": "date", "format": "strict_date_optional_time"}
	case view.Boolean:
		return object{"type": "boolean"}
	}
	panic("elastic: no mapping for kind " + string(f.Kind))
}

// valuePath returns the index field that a field's values are compared and ordered by.
func valuePath(f *view.Field) string {
	switch {
	case f.Kind == view.Money:
		return f.Path + ".amount"
	case f.Kind == view.Text, f.Kind == view.Keyword && !f.Exact():
		return f.Path + ".folded"
	}
	return f.Path
}

// geoPath returns the index field that has a place.
func geoPath(f *view.Field) string { return fieldPlaces + "." + f.Path }

// facetPath returns the index field whose values are counted.
func facetPath(f *view.Field) string {
	if f.Kind == view.Text {
		return f.Path + ".raw"
	}
	return f.Path
}
