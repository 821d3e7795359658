package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/viewgate/viewgate/view"
)

// Indices are the view's indices in Elasticsearch. Two aliases beside the view's own tell which are which:
// <prefix><view>-next is the unfinished one, <prefix><view>-previous the previous one.
type Indices struct {
	base *Store // of no index
}

var (
	_ view.Indices = (*Indices)(nil)
	_ view.Index   = (*Store)(nil)
)

// OpenIndices connects to the indices of the mapping's view.
func OpenIndices(ctx context.Context, m *view.Mapping, o Options) (*Indices, error) {
	s, err := open(ctx, m, o, func(*Store) error { return nil })
	if err != nil {
		return nil, err
	}
	return &Indices{s}, nil
}

// Close implements view.Indices.
func (x *Indices) Close() error { return x.base.Close() }

// nextAlias and previousAlias return the names behind which an index is the unfinished and the previous one.
func (s *Store) nextAlias() string     { return s.alias() + "-next" }
func (s *Store) previousAlias() string { return s.alias() + "-previous" }

// Live implements view.Indices.
func (x *Indices) Live(ctx context.Context) (view.Index, error) { return x.behind(ctx, x.base.alias()) }

// Unfinished implements view.Indices.
func (x *Indices) Unfinished(ctx context.Context) (view.Index, error) {
	return x.behind(ctx, x.base.nextAlias())
}

// Previous implements view.Indices.
func (x *Indices) Previous(ctx context.Context) (view.Index, error) {
	return x.behind(ctx, x.base.previousAlias())
}

// behind opens the index behind an alias.
func (x *Indices) behind(ctx context.Context, alias string) (view.Index, error) {
	index, err := x.base.behind(ctx, alias)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", x.base.mapping.View, err)
	}
	if index == "" {
		return nil, fmt.Errorf("view %s: alias %s: %w", x.base.mapping.View, alias, view.ErrNoIndex)
	}
	return x.base.at(index), nil
}

// at returns a store of an index, which shares s's connections.
func (s *Store) at(index string) *Store {
	other := *s
	other.index, other.reads = index, newTarget(index)
	return &other
}

// Create implements view.Indices.
func (x *Indices) Create(ctx context.Context) (view.Index, error) {
	s := *x.base
	if err := s.createNext(ctx, s.nextAlias()); err != nil {
		return nil, fmt.Errorf("view %s: %w", s.mapping.View, err)
	}
	return &s, nil
}

// Publish implements view.Indices. It fails without a change if somebody else moves the view's alias at the same time.
func (x *Indices) Publish(ctx context.Context, next view.Index) error {
	return x.base.at(next.Name()).Publish(ctx)
}

// Remove implements view.Indices.
func (x *Indices) Remove(ctx context.Context, unfinished view.Index) error {
	name := unfinished.Name()
	index, err := x.base.behind(ctx, x.base.nextAlias())
	if err == nil && index != name {
		err = fmt.Errorf("it is not the unfinished one: %w", view.ErrNoIndex)
	}
	if err == nil {
		_, err = x.base.client.do(ctx, esapi.IndicesDeleteRequest{Index: []string{name}}, nil)
	}
	if err != nil {
		return fmt.Errorf("view %s: remove index %s: %w", x.base.mapping.View, name, err)
	}
	return nil
}

// List implements view.Indices.
func (x *Indices) List(ctx context.Context) ([]string, error) {
	s := x.base
	var indices map[string]struct {
		Aliases map[string]json.RawMessage `json:"aliases"`
	}
	request := esapi.IndicesGetAliasRequest{Index: []string{s.alias() + "-*"}}
	if _, err := s.client.do(ctx, request, &indices); err != nil {
		return nil, fmt.Errorf("view %s: list its indices: %w", s.mapping.View, err)
	}
	var names []string
	for _, index := range slices.Sorted(maps.Keys(indices)) {
		for _, role := range []struct{ alias, name string }{
			{s.alias(), "live"}, {s.nextAlias(), "unfinished"}, {s.previousAlias(), "previous"},
		} {
			if _, ok := indices[index].Aliases[role.alias]; ok {
				index += " (" + role.name + ")"
			}
		}
		names = append(names, index)
	}
	return names, nil
}

// Name implements view.Index.
func (s *Store) Name() string { return s.index }

// ID implements view.Index: the index's name and the UUID that Elasticsearch gave it. A restored snapshot has another.
func (s *Store) ID(ctx context.Context) (string, error) {
	var settings map[string]struct {
		Settings struct {
			Index struct {
				UUID string `json:"uuid"`
			} `json:"index"`
		} `json:"settings"`
	}
	request := esapi.IndicesGetSettingsRequest{Index: []string{s.index}, Name: []string{"index.uuid"}}
	if err := s.read(ctx, "identify index "+s.index, request, &settings); err != nil {
		return "", err
	}
	uuid := settings[s.index].Settings.Index.UUID
	if uuid == "" {
		return "", fmt.Errorf("view %s: index %s: %s tells no UUID of it", s.mapping.View, s.index, s.client)
	}
	return s.index + "." + uuid, nil
}

// CheckMapping implements view.Index. Another mapping is ErrMapping.
func (s *Store) CheckMapping(ctx context.Context) error {
	if err := s.checkMapping(ctx); err != nil {
		return fmt.Errorf("view %s: %w", s.mapping.View, err)
	}
	return nil
}

// BeginFilling implements view.Index: no refreshes and no replicas.
func (s *Store) BeginFilling(ctx context.Context) error {
	return s.set(ctx, object{"refresh_interval": "-1", "auto_expand_replicas": false, "number_of_replicas": 0})
}

// EndFilling implements view.Index: the settings are those that a new index has. It does not wait for replicas.
func (s *Store) EndFilling(ctx context.Context) error {
	settings := object{"refresh_interval": interval(s.options.RefreshInterval)}
	s.addReplicas(settings)
	if err := s.set(ctx, settings); err != nil {
		return err
	}
	return s.Refresh(ctx)
}

func (s *Store) set(ctx context.Context, settings object) error {
	request := esapi.IndicesPutSettingsRequest{Index: []string{s.index}, Body: encode(object{"index": settings})}
	return s.read(ctx, "settings of index "+s.index, request, nil)
}

// Count implements view.Index.
func (s *Store) Count(ctx context.Context) (visible, hidden int, err error) {
	if err := s.Refresh(ctx); err != nil {
		return 0, 0, err
	}
	var answer searchAnswer
	err = s.searchIndex(ctx, "count", object{
		"size": 0, "query": object{"match_all": object{}},
		"aggs": object{"hidden": object{"terms": object{"field": fieldAdded + ".hidden"}}},
	}, &answer)
	for _, bucket := range answer.Aggregations["hidden"].Buckets {
		if bucket.Text == "true" {
			hidden = bucket.Count
		} else {
			visible = bucket.Count
		}
	}
	return visible, hidden, err
}

// maxSample is how many documents a search returns, by Elasticsearch's default of index.max_result_window.
const maxSample = 10_000

// Sample implements view.Index. It sees what was written before the last refresh, and returns 10,000 ids at most.
func (s *Store) Sample(ctx context.Context, n int, seed int64) ([]string, error) {
	n = min(n, maxSample)
	hidden := object{"term": object{fieldAdded + ".hidden": true}}
	ids, err := s.sample(ctx, hidden, n/2, seed)
	if err != nil {
		return nil, err
	}
	visible, err := s.sample(ctx, object{"bool": object{"must_not": []object{hidden}}}, n-len(ids), seed)
	if err != nil {
		return nil, err
	}
	return append(ids, visible...), nil
}

// sample returns the ids of n documents of those that a query finds.
func (s *Store) sample(ctx context.Context, query object, n int, seed int64) ([]string, error) {
	if n == 0 {
		return nil, nil
	}
	var answer searchAnswer
	err := s.searchIndex(ctx, "sample", object{
		"size": n, "_source": false,
		"query": object{"function_score": object{
			"query": query, "random_score": object{"seed": seed, "field": fieldAdded + ".id"}, "boost_mode": "replace",
		}},
		"sort": []object{{"_score": "desc"}, {fieldAdded + ".id": "asc"}}, // a score is one of some million numbers
	}, &answer)
	if err != nil {
		return nil, err
	}
	return answer.ids(), nil
}

// idPage is how many ids a search of IDs asks for.
const idPage = 1000

// IDs implements view.Index, in the order of the ids. A document that is added behind the page that it is at is seen.
func (s *Store) IDs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		body := object{
			"size": idPage, "_source": false, "track_total_hits": false,
			"query": object{"match_all": object{}}, "sort": []object{{fieldAdded + ".id": "asc"}},
		}
		for {
			var answer searchAnswer
			if err := s.searchIndex(ctx, "list", body, &answer); err != nil {
				yield("", err)
				return
			}
			ids := answer.ids()
			for _, id := range ids {
				if !yield(id, nil) {
					return
				}
			}
			if len(ids) < idPage {
				return
			}
			body["search_after"] = []string{ids[len(ids)-1]}
		}
	}
}

// ids returns the ids of an answer's hits.
func (a *searchAnswer) ids() []string {
	var ids []string
	for _, hit := range a.Hits.Hits {
		ids = append(ids, hit.ID)
	}
	return ids
}

// searchIndex searches the store's own index, of all shards or not at all.
func (s *Store) searchIndex(ctx context.Context, op string, body object, answer *searchAnswer) error {
	return s.read(ctx, op, esapi.SearchRequest{
		Index: []string{s.index}, Body: encode(body), AllowPartialSearchResults: new(false),
	}, answer)
}
