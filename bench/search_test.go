package bench

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/viewgate/viewgate/bench/lab"
	"github.com/viewgate/viewgate/view"
)

var most = flag.Int("queries", 300, "how many queries of a search one connection asks at most; -reading bounds their time")

// mostEmbedded is the largest number of orders that the embedded store is measured with: it is for small installations.
const mostEmbedded = 100_000

// BenchmarkSearch measures searches and suggestions through the gateway, over HTTP, and beside them, in turn, what the
// gateway asks of the store for them, asked of the store directly: of Elasticsearch the same requests by plain HTTP, of the
// embedded store the same calls. The queries are drawn beforehand and the same for both. Before anything is measured each of
// them is asked once on both sides, and the answers compared.
//
// The documents are folded from the lab's orders and written in bulk. Elasticsearch has merged what it merges by itself and
// is not made to merge more. Its cache of whole answers, which suggestions would come from, is off: in a view that is
// written to, it lasts until the next refresh.
func BenchmarkSearch(b *testing.B) {
	totals := map[int]map[string]int{} // by size, by query: the stores must agree
	b.Run("embedded", func(b *testing.B) {
		eachSize(b, "10000", func(b *testing.B, n int) {
			if n > mostEmbedded {
				b.Skipf("the embedded store is measured with %d orders at most", mostEmbedded)
			}
			describeMachine("the embedded store, in this process")
			measureSearches(b, newEmbedded(b, n), n, totals)
		})
	})
	b.Run("Elasticsearch", func(b *testing.B) {
		backends := lab.FindBackends(b)
		eachSize(b, "10000", func(b *testing.B, n int) {
			machine(b, backends)
			measureSearches(b, newElastic(b, backends, n), n, totals)
		})
	})
}

// searchKind is a kind of query.
type searchKind struct {
	name     string
	document string
	draw     func(r *rand.Rand) map[string]any // its variables
	together bool                              // the store is asked several things at a time, else one after the other
	same     func(gateway searchAnswer, direct []found) string
}

const (
	ordersQuery = `query ($q: String!, $by: OrderOrderField!) {
  orderHistory(query: $q, orderBy: [{field: $by}], first: 20) {
    total { count }
    edges {
      node { orderId createdAt status total { amount } restaurant { name } lineItems { name quantity } deliveryAddress { city } }
      highlights { field fragment ranges { start end } }
    }
    facets {
      status { values { value count } others } restaurant { values { value count } others } city { values { value count } others }
    }
  }
}`
	suggestQuery = `query ($prefix: String!) { suggest(prefix: $prefix, first: 10) { kind text query count } }`
)

// searchKinds are what is measured: a word of a dish and one of a restaurant, in both orders; the first with a letter
// missing; and what somebody has begun to type.
func searchKinds() []searchKind {
	dishes, restaurants := wordsOf(lab.Dishes), wordsOf(lab.Restaurants)
	one := func(r *rand.Rand, words []string) string { return words[r.IntN(len(words))] }
	two := func(by string) func(*rand.Rand) map[string]any {
		return func(r *rand.Rand) map[string]any {
			return map[string]any{"q": one(r, dishes) + " " + one(r, restaurants), "by": by}
		}
	}
	long := slices.DeleteFunc(slices.Clone(dishes), func(w string) bool { return len(w) < 6 })
	typo := func(by string) func(*rand.Rand) map[string]any {
		return func(r *rand.Rand) map[string]any {
			w := []rune(one(r, long))
			i := 1 + r.IntN(len(w)-2)
			return map[string]any{"q": string(slices.Delete(w, i, i+1)) + " " + one(r, restaurants), "by": by}
		}
	}
	all := slices.Concat(dishes, restaurants, wordsOf(lab.Cities))
	return []searchKind{
		{"two words, newest first", ordersQuery, two("CREATED_AT"), false, sameOrders},
		{"two words, RELEVANCE", ordersQuery, two("RELEVANCE"), false, sameOrders},
		{"with a typo, newest first", ordersQuery, typo("CREATED_AT"), false, sameOrders},
		{"with a typo, RELEVANCE", ordersQuery, typo("RELEVANCE"), false, sameOrders},
		{"suggest", suggestQuery, func(r *rand.Rand) map[string]any {
			w := []rune(one(r, all))
			return map[string]any{"prefix": string(w[:2+r.IntN(3)])}
		}, true, sameSuggestions},
	}
}

// wordsOf returns the words of names, of four letters or more, in lower case.
func wordsOf(names []string) (words []string) {
	for _, name := range names {
		for word := range strings.FieldsSeq(strings.ToLower(name)) {
			if len([]rune(word)) >= 4 && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	return words
}

// searchAnswer is what the gateway answers.
type searchAnswer struct {
	Data struct {
		OrderHistory struct {
			Total struct{ Count int }
			Edges []struct{ Node struct{ OrderID string } }
			// Facets come in the order in which they are selected.
			Facets struct {
				Status, Restaurant, City struct{ Values []view.Bucket }
			}
		}
		Suggest []struct {
			Kind, Text string
			Count      int
		}
	}
}

// found is what the store itself finds.
type found struct {
	Total  int
	IDs    []string
	Facets [][]view.Bucket
}

// sameOrders tells how the gateway's answer differs from the store's last one.
func sameOrders(gateway searchAnswer, direct []found) string {
	history := gateway.Data.OrderHistory
	got := found{Total: history.Total.Count, Facets: [][]view.Bucket{
		history.Facets.Status.Values, history.Facets.Restaurant.Values, history.Facets.City.Values,
	}}
	for _, edge := range history.Edges {
		got.IDs = append(got.IDs, edge.Node.OrderID)
	}
	if got.Total == 0 {
		return "nothing was found"
	}
	want := direct[len(direct)-1]
	want.IDs = want.IDs[:min(20, len(want.IDs))]
	return gocmp.Diff(want, got)
}

// sameSuggestions tells which suggestions are no values of the store, or have other counts there.
func sameSuggestions(gateway searchAnswer, direct []found) (differences string) {
	if len(gateway.Data.Suggest) == 0 {
		return "nothing was suggested"
	}
	for _, s := range gateway.Data.Suggest {
		has := func(f found) bool {
			return slices.ContainsFunc(f.Facets, func(values []view.Bucket) bool {
				return slices.Contains(values, view.Bucket{Value: s.Text, Count: s.Count})
			})
		}
		if s.Kind != "FIELD" && !slices.ContainsFunc(direct, has) {
			differences += fmt.Sprintf("%s %q, %d\n", s.Kind, s.Text, s.Count)
		}
	}
	return differences
}

// query is one to ask the gateway, and what the gateway asks of the store for it.
type query struct {
	body   string
	direct []call
}

// measureSearches measures each kind of search with 1 and 8 connections and prints a row for each.
func measureSearches(b *testing.B, s *searchStore, n int, totals map[int]map[string]int) {
	gateway := &searchGateway{url: s.serve(b), client: newClient()}
	fmt.Printf("%d orders; %s\n%d queries a connection and side, %v at most; both sides in turn, %d times\n",
		n, s.state, *most, *reading, searchRounds)
	line("search of "+s.name, "connections", "requests", "p50", "p99", "a second", "direct p50", "p99", "a second", "p50 ratio", "rate ratio")
	kinds := searchKinds()
	drawn := make([][]query, len(kinds))
	for i, kind := range kinds {
		drawn[i] = s.prepare(b, gateway, kind, totalsOf(totals, n))
	}
	for i, kind := range kinds { // Elasticsearch's code is compiled while it runs
		c := contest{kind: kind, queries: drawn[i], gateway: gateway, connections: 8}
		c.round(b, *reading/5, *most/5, false)
	}
	for i, kind := range kinds {
		for _, connections := range []int{1, 8} {
			c := contest{kind: kind, queries: drawn[i], gateway: gateway, connections: connections}
			for round := range searchRounds {
				c.profile = c.profileName(s.name, n, round)
				c.round(b, *reading/searchRounds, *most/searchRounds, round%2 == 1)
			}
			c.print()
		}
	}
}

func totalsOf(totals map[int]map[string]int, n int) map[string]int {
	if totals[n] == nil {
		totals[n] = map[string]int{}
	}
	return totals[n]
}

// prepare draws the queries of a kind, asks each once of the gateway, listens to what that asks of the store, asks the store
// the same and compares. Totals have what the other store has found.
func (s *searchStore) prepare(b *testing.B, gateway *searchGateway, kind searchKind, totals map[string]int) (queries []query) {
	r := rand.New(rand.NewPCG(21, 22))
	known := map[string]query{}
	for range *most {
		text, err := json.Marshal(map[string]any{"query": kind.document, "variables": kind.draw(r)})
		if err != nil {
			b.Fatal(err)
		}
		q := query{body: string(text)}
		if k, ok := known[q.body]; ok {
			queries = append(queries, k)
			continue
		}
		s.listening.Store(true)
		text, err = gateway.ask(q.body)
		s.listening.Store(false)
		if err != nil {
			b.Fatal(err)
		}
		q.direct = s.heard()
		var answer searchAnswer
		if err := json.Unmarshal(text, &answer); err != nil {
			b.Fatal(err)
		}
		var direct []found
		for _, c := range q.direct {
			f, err := c.find()
			if err != nil {
				b.Fatal(err)
			}
			direct = append(direct, f)
		}
		if difference := kind.same(answer, direct); difference != "" {
			b.Fatalf("%s: the store and the gateway differ (-store +gateway):\n%s", q.body, difference)
		}
		total := answer.Data.OrderHistory.Total.Count
		if other, asked := totals[q.body]; asked && other != total && other < s.countUpTo && total < s.countUpTo {
			b.Fatalf("%s: %d orders found, the other store finds %d", q.body, total, other)
		}
		totals[q.body] = total
		known[q.body] = q
		queries = append(queries, q)
	}
	return queries
}

// searchGateway is a gateway and a client of it.
type searchGateway struct {
	url    string
	client *http.Client
}

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return &http.Client{Transport: transport}
}

// ask posts a query and returns the answer, which must have no errors.
func (g *searchGateway) ask(body string) ([]byte, error) {
	response, err := g.client.Post(g.url, "application/json", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"errors"`))) {
		err = fmt.Errorf("%s: %d %.500s", body, response.StatusCode, answer)
	}
	return answer, err
}

// searchRounds is how often each side is asked, in turn.
const searchRounds = 4

// contest is a kind of search, asked of both sides.
type contest struct {
	kind        searchKind
	queries     []query
	gateway     *searchGateway
	connections int
	profile     string // the file for the gateway's CPU profile; empty: none

	sides [2]side // the gateway's and the store's
}

// side is what one of them came to.
type side struct {
	times []time.Duration
	took  time.Duration
	asked int // so that both are asked the same, one after the other
}

// round asks both, for so long and so many queries a connection at most.
func (c *contest) round(b *testing.B, long time.Duration, queries int, directFirst bool) {
	gateway := func() {
		if c.profile != "" {
			file, err := os.Create(c.profile)
			if err == nil {
				err = pprof.StartCPUProfile(file)
			}
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			defer pprof.StopCPUProfile()
		}
		c.ask(b, &c.sides[0], long, queries, func(q *query) error {
			_, err := c.gateway.ask(q.body)
			return err
		})
	}
	if !directFirst {
		gateway()
	}
	c.ask(b, &c.sides[1], long, queries, c.direct)
	if directFirst {
		gateway()
	}
}

// direct asks the store what the gateway asks of it.
func (c *contest) direct(q *query) error {
	var group errgroup.Group
	if !c.kind.together {
		group.SetLimit(1)
	}
	for _, call := range q.direct {
		group.Go(call.ask)
	}
	return group.Wait()
}

func (c *contest) ask(b *testing.B, s *side, long time.Duration, queries int, ask func(*query) error) {
	var mu sync.Mutex
	var clients sync.WaitGroup
	var asked atomic.Int64
	asked.Store(int64(s.asked))
	last := s.asked + max(1, queries)*c.connections
	begin := time.Now()
	for range c.connections {
		clients.Go(func() {
			var mine []time.Duration
			for time.Since(begin) < long {
				n := int(asked.Add(1)) - 1
				if n >= last {
					break
				}
				at := time.Now()
				if err := ask(&c.queries[n%len(c.queries)]); err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			s.times = append(s.times, mine...)
		})
	}
	clients.Wait()
	s.took += time.Since(begin)
	s.asked = len(s.times)
	if b.Failed() {
		b.FailNow()
	}
}

func (c *contest) profileName(store string, n, round int) string {
	if *profiles == "" {
		return ""
	}
	name := fmt.Sprintf("%s %d %s %d %d.pprof", store, n, c.kind.name, c.connections, round)
	return filepath.Join(*profiles, strings.NewReplacer(" ", "-", ",", "").Replace(name))
}

// print prints the row.
func (c *contest) print() {
	columns := []string{fmt.Sprint(c.connections), fmt.Sprintf("%.1f", c.requests())}
	var p50, perSecond [2]float64
	for i, s := range c.sides {
		half := percentile(s.times, 50)
		p50[i], perSecond[i] = float64(half), float64(len(s.times))/s.took.Seconds()
		columns = append(columns, half.String(), percentile(s.times, 99).String(), fmt.Sprintf("%.0f", perSecond[i]))
	}
	columns = append(columns, fmt.Sprintf("%.2f", p50[0]/p50[1]), fmt.Sprintf("%.2f", perSecond[0]/perSecond[1]))
	line(c.kind.name, columns...)
}

// requests is how many the gateway makes of the store for a query.
func (c *contest) requests() float64 {
	n := 0
	for _, q := range c.queries {
		n += len(q.direct)
	}
	return float64(n) / float64(cmp.Or(len(c.queries), 1))
}
