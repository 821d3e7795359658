package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/elastic"
	"github.com/viewgate/viewgate/view/embedded"
)

// searchStore is a store with orders in it, which notes what it is asked.
type searchStore struct {
	name      string
	state     string // of the index, in words
	store     view.Store
	countUpTo int    // it counts exactly below this
	prefix    string // of the names in Elasticsearch

	listening atomic.Bool
	mu        sync.Mutex
	calls     []call // guarded by mu
}

// call asks the store once more what it was asked.
type call struct {
	ask  func() error // as fast as it can be
	find func() (found, error)
}

func (s *searchStore) note(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
}

// heard returns what the store was asked while listening, since the last time.
func (s *searchStore) heard() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// serve starts a gateway to the store that ends with the benchmark, and returns its URL.
func (s *searchStore) serve(b *testing.B) string {
	mapping := loadMapping(b)
	owners, err := compose.NewOwners(mapping, compose.Options{})
	if err != nil {
		b.Fatal(err)
	}
	reader := compose.NewReader(s.store, mapping, owners, compose.ReaderOptions{})
	handler, err := graph.NewHandler(reader, mapping, graph.Options{
		Viewer: auth.Everybody(view.Support()),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	return server.URL
}

// chunk is how many documents are written at a time.
const chunk = 500

// chunks gives write the documents of the lab's orders 1 to n, a chunk at a time. Few are in memory.
func chunks(b *testing.B, n int, write func(some []view.Write) error) {
	for from := 1; from <= n; from += chunk {
		var some []view.Write
		for i := from; i < from+chunk && i <= n; i++ {
			id := strconv.Itoa(i)
			some = append(some, view.Write{ID: id, Source: lab.Fold(b, id, lab.Order(i))})
		}
		if err := write(some); err != nil {
			b.Fatal(err)
		}
	}
}

// newEmbedded fills an embedded store.
func newEmbedded(b *testing.B, n int) *searchStore {
	dir := b.TempDir()
	store, err := embedded.Open(dir, loadMapping(b), embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	begin := time.Now()
	chunks(b, n, func(some []view.Write) error {
		for _, result := range store.Apply(context.Background(), some) {
			if result.Err != nil {
				return result.Err
			}
		}
		return nil
	})
	filled := time.Since(begin)
	size, segments := settle(b, func() (size int64, segments int, err error) { return zapFiles(dir) })
	s := &searchStore{name: "the embedded store", countUpTo: n + 1, state: fmt.Sprintf(
		"filled in %v; %.0f MB in %d segments, when merges had settled", filled.Round(time.Second), float64(size)/1e6, segments)}
	s.store = &listeningStore{store, s}
	return s
}

// zapFiles returns the size and number of an index's segments on disk.
func zapFiles(dir string) (size int64, n int, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // merged meanwhile
		}
		if err != nil || filepath.Ext(path) != ".zap" {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		size, n = size+info.Size(), n+1
		return nil
	})
	return size, n, err
}

// settle waits until an index's size and segments have stayed the same for two seconds.
func settle(b *testing.B, look func() (size int64, segments int, err error)) (size int64, segments int) {
	since := time.Now()
	lab.Eventually(b, 20*time.Minute, func() error {
		nowSize, nowSegments, err := look()
		if err != nil || nowSize != size || nowSegments != segments {
			size, segments, since = nowSize, nowSegments, time.Now()
		}
		if err == nil && time.Since(since) < 2*time.Second {
			err = fmt.Errorf("%d segments, for %v", segments, time.Since(since))
		}
		return err
	})
	return size, segments
}

// listeningStore notes the searches that it is asked for.
type listeningStore struct {
	view.Store
	s *searchStore
}

func (l *listeningStore) Search(ctx context.Context, v view.Viewer, q view.Query) (view.Page, error) {
	if l.s.listening.Load() {
		ask := func() (view.Page, error) { return l.Store.Search(context.Background(), v, q) }
		l.s.note(call{
			ask: func() error { _, err := ask(); return err },
			find: func() (found, error) {
				page, err := ask()
				f := found{Total: page.Total}
				for _, hit := range page.Hits {
					f.IDs = append(f.IDs, hit.ID)
				}
				for _, counts := range page.Facets {
					f.Facets = append(f.Facets, counts.Buckets)
				}
				return f, err
			},
		})
	}
	return l.Store.Search(ctx, v, q)
}

func (l *listeningStore) Values(ctx context.Context, v view.Viewer, q view.ValueQuery) ([]view.Bucket, error) {
	if l.s.listening.Load() {
		ask := func() ([]view.Bucket, error) { return l.Store.Values(context.Background(), v, q) }
		l.s.note(call{
			ask: func() error { _, err := ask(); return err },
			find: func() (found, error) {
				values, err := ask()
				return found{Facets: [][]view.Bucket{values}}, err
			},
		})
	}
	return l.Store.Values(ctx, v, q)
}

// newElastic fills an index of Elasticsearch.
func newElastic(b *testing.B, backends *lab.Backends, n int) *searchStore {
	s := &searchStore{name: "Elasticsearch", countUpTo: 10_000, prefix: lab.NewPrefix(b, backends.Elasticsearch)}
	transport := &listeningTransport{RoundTripper: newClient().Transport, s: s, direct: newClient()}
	store, err := elastic.Open(context.Background(), loadMapping(b), elastic.Options{
		URLs: []string{backends.Elasticsearch}, Prefix: s.prefix, Transport: transport,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	s.store = store
	index := backends.Elasticsearch + "/" + store.Index()
	begin := time.Now()
	var group errgroup.Group
	group.SetLimit(writers)
	chunks(b, n, func(some []view.Write) error {
		var body strings.Builder
		for _, w := range some {
			body.WriteString(create(w.ID, w.Source))
		}
		group.Go(func() error { return bulk(index, body.String()) })
		return nil
	})
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	filled := time.Since(begin)
	if err := store.Refresh(context.Background()); err != nil {
		b.Fatal(err)
	}
	if err := lab.Ask(http.MethodPut, index+"/_settings", `{"index.requests.cache.enable": false}`, nil); err != nil {
		b.Fatal(err)
	}
	size, segments := settle(b, func() (int64, int, error) {
		var answer struct {
			All struct {
				Primaries struct {
					Docs     struct{ Count int }
					Merges   struct{ Current int }
					Segments struct{ Count int }
					Store    struct {
						Size int64 `json:"size_in_bytes"`
					}
				}
			} `json:"_all"`
		}
		err := lab.Ask(http.MethodGet, index+"/_stats/docs,merge,segments,store", "", &answer)
		p := answer.All.Primaries
		if err == nil && (p.Docs.Count != n || p.Merges.Current > 0) {
			err = fmt.Errorf("%d documents, %d merges are under way", p.Docs.Count, p.Merges.Current)
		}
		return p.Store.Size, p.Segments.Count, err
	})
	s.state = fmt.Sprintf("filled in %v; %.0f MB in %d segments, when merges had settled; the request cache is off",
		filled.Round(time.Second), float64(size)/1e6, segments)
	return s
}

// listeningTransport notes the requests that go through it.
type listeningTransport struct {
	http.RoundTripper
	s      *searchStore
	direct *http.Client // for the same requests without viewgate
}

func (t *listeningTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.s.listening.Load() {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context()) // a RoundTripper leaves its request as it is
		r.Body = io.NopCloser(bytes.NewReader(body))
		url := r.URL.String()
		t.s.note(call{
			ask:  func() error { _, err := t.post(url, body); return err },
			find: func() (found, error) { return t.find(url, body) },
		})
	}
	return t.RoundTripper.RoundTrip(r)
}

// post sends what the store sent, and reads the answer.
func (t *listeningTransport) post(url string, body []byte) ([]byte, error) {
	response, err := t.direct.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %.500s", url, response.StatusCode, answer)
	}
	return answer, err
}

func (t *listeningTransport) find(url string, body []byte) (f found, err error) {
	text, err := t.post(url, body)
	if err != nil {
		return f, err
	}
	type buckets struct {
		Buckets []struct {
			Key   string
			Count int `json:"doc_count"`
		}
	}
	var answer struct {
		Hits struct {
			Total struct{ Value int }
			Hits  []struct {
				ID string `json:"_id"`
			}
		}
		Aggregations map[string]buckets
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return f, err
	}
	f.Total = answer.Hits.Total.Value
	for _, hit := range answer.Hits.Hits {
		f.IDs = append(f.IDs, hit.ID)
	}
	for _, name := range []string{"0", "1", "2", "values"} {
		var values []view.Bucket
		for _, bucket := range answer.Aggregations[name].Buckets {
			values = append(values, view.Bucket{Value: bucket.Key, Count: bucket.Count})
		}
		if values != nil {
			f.Facets = append(f.Facets, values)
		}
	}
	return f, nil
}
