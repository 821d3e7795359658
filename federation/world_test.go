package federation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/clients/nodetest"
	"github.com/viewgate/viewgate/compose"
	"github.com/viewgate/viewgate/graph"
	"github.com/viewgate/viewgate/schema"
	"github.com/viewgate/viewgate/view"
	"github.com/viewgate/viewgate/view/embedded"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/view/restaurant"
)

// subgraph is a server that remembers what it is asked.
type subgraph struct {
	name string
	url  string

	mu    sync.Mutex
	calls []call // guarded by mu
}

// call is a request of a gateway's.
type call struct {
	header http.Header
	query  string
}

func newSubgraph(t *testing.T, name string, handler http.Handler) *subgraph {
	t.Helper()
	s := &subgraph{name: name}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		var operation struct{ Query string }
		_ = json.Unmarshal(body, &operation) // what is no JSON is the handler's to refuse
		s.mu.Lock()
		s.calls = append(s.calls, call{r.Header.Clone(), operation.Query})
		s.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + "/" + name
	return s
}

// taken returns the calls since it was called last.
func (s *subgraph) taken() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// sdl asks for the schema as a composer does, and writes it to a file.
func (s *subgraph) sdl(t *testing.T) (file string) {
	t.Helper()
	a := ask(t, s.url, `{ _service { sdl } }`, nil)
	sdl, ok := at(a.Data, "_service", "sdl").(string)
	if !ok {
		t.Fatalf("%s has no SDL: %+v", s.name, a)
	}
	file = filepath.Join(t.TempDir(), s.name+".graphql")
	if err := os.WriteFile(file, []byte(sdl), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// composed composes subgraphs and returns the supergraph.
func composed(t *testing.T, composer string, subgraphs ...*subgraph) (string, error) {
	t.Helper()
	arguments := []string{composer}
	for _, s := range subgraphs {
		arguments = append(arguments, s.name+"="+s.url+"="+s.sdl(t))
	}
	return nodetest.Run(t, "compose.mjs", arguments...)
}

// newViewgate serves three orders of one consumer, to whom everything may be shown. The Order service is ahead of the view
// with order 1, and the Restaurant service knows restaurants 1 and 2.
func newViewgate(t *testing.T) *subgraph {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	mapping, err := view.MappingOf(s, order.ViewName)
	if err != nil {
		t.Fatal(err)
	}
	store, err := embedded.OpenMemory(mapping)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	var writes []view.Write
	for n := 1; n <= 3; n++ {
		source, err := newOrder(n).Encode()
		if err != nil {
			t.Fatal(err)
		}
		writes = append(writes, view.Write{ID: fmt.Sprint(n), Source: source})
	}
	for _, result := range store.Apply(t.Context(), writes) {
		if result.Err != nil {
			t.Fatal(result.Err)
		}
	}
	services := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var list []string
		for _, id := range r.URL.Query()["id"] {
			switch {
			case r.URL.Path == "/orders" && id == "1":
				list = append(list, `{"orderId":1,"version":3,"state":"CANCEL_PENDING","orderTotal":"1.50","consumerId":7,
					"consumerName":"Ada Byron","restaurantId":1,"restaurantName":"Ajanta","createdAt":"2026-03-01T11:08:00Z"}`)
			case r.URL.Path == "/restaurants" && len(id) == 1:
				list = append(list, fmt.Sprintf(`{"id":%s,"name":"Ajanta %s","version":1}`, id, id))
			}
		}
		fmt.Fprintf(w, "[%s]", strings.Join(list, ","))
	}))
	t.Cleanup(services.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	owners, err := compose.NewOwners(mapping, compose.Options{
		Order: services.URL, Restaurant: services.URL, Consumer: services.URL, Transport: transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	places, err := view.MappingOf(s, restaurant.ViewName)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := embedded.OpenMemory(places) // so restaurants are asked of their owner
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { empty.Close() })
	restaurants := compose.NewCollection(compose.RestaurantOwner, "restaurants", "RESTAURANT", restaurant.Answered)
	handler, err := graph.NewHandler(compose.NewReader(store, mapping, owners, compose.ReaderOptions{}), mapping, graph.Options{
		Viewer: auth.Everybody(view.Support()),
		Views: map[string]*compose.Documents{
			restaurant.ViewName: compose.NewDocuments(empty, places, owners, restaurants, compose.ReaderOptions{}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return newSubgraph(t, "viewgate", handler)
}

// newOrder is the nth of some orders, each a dollar above the one before.
func newOrder(n int) *order.Order {
	o := order.New(fmt.Sprint(n))
	total := order.Money{Amount: fmt.Sprintf("%d.50", n), Currency: order.Currency}
	o.Details = order.Details{
		State: order.Approved, CreatedAt: time.Date(2026, 3, 1, 11, 7+n, 0, 0, time.UTC), Total: &total,
		Consumer:   &order.Consumer{ConsumerID: "7", Name: "Ada Byron"},
		Restaurant: &order.Restaurant{RestaurantID: "1", Name: "Ajanta"},
		LineItems:  []order.LineItem{{MenuItemID: "1", Name: "Chicken Vindaloo", Quantity: 1, Price: total, Total: total}},
	}
	o.Part(order.AggregateOrder).Version = 2
	o.Record(order.Entry{Type: "OrderCreatedEvent", At: o.CreatedAt, Aggregate: order.AggregateOrder, Version: 1})
	return o
}

// newOthers starts the subgraphs beside viewgate.
func newOthers(t *testing.T) (reviews, tips *subgraph) {
	t.Helper()
	at, err := url.Parse(nodetest.Start(t, "others.mjs").URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(at)
	return newSubgraph(t, "reviews", proxy), newSubgraph(t, "tips", proxy)
}

// answer is a GraphQL response.
type answer struct {
	Data   any
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
	header http.Header
}

// ask sends a query. An answer that is no JSON fails the test.
func ask(t *testing.T, url, query string, headers map[string]string) answer {
	t.Helper()
	r := post(t, url, query, headers)
	a := answer{header: r.header}
	if err := json.Unmarshal(r.body, &a); err != nil {
		t.Fatalf("%s: %v in %s", query, err, r.body)
	}
	return a
}

type response struct {
	header http.Header
	body   []byte
}

func post(t *testing.T, url, query string, headers map[string]string) response {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	client := http.Client{Timeout: nodetest.Patience}
	answered, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answered.Body.Close()
	text, err := io.ReadAll(answered.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{answered.Header, text}
}

// sdlOnly is a subgraph that answers nothing but its schema.
func sdlOnly(sdl string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"_service": map[string]any{"sdl": sdl}}})
	})
}
