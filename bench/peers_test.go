package bench

import (
	"bufio"
	"bytes"
	"cmp"
	crand "crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/bench/lab"
)

// peerRounds is how often each side is asked, in turn.
const peerRounds = 3

// BenchmarkPeers measures an order by its id and a search of 20 orders with three facets: through viewgate, as a process of
// its own with all that production has (signed access tokens, limits of cost and rate, an access log, an audit log, metrics,
// one trace in a hundred); through Apollo Server with the official clients (apollo/server.mjs), in the same
// words and with the same answers; and the same requests that viewgate sends to Elasticsearch, sent directly. wrk asks, with
// 1 connection and with 8. Before anything is measured the answers are compared.
func BenchmarkPeers(b *testing.B) {
	backends := lab.FindBackends(b)
	for _, program := range []string{"wrk", "node"} {
		if _, err := exec.LookPath(program); err != nil {
			b.Skip(err)
		}
	}
	if _, err := os.Stat("apollo/node_modules"); err != nil {
		b.Skipf("%v: npm ci in bench/apollo", err)
	}
	eachSize(b, "25000", func(b *testing.B, n int) {
		machine(b, backends)
		s := newElastic(b, backends, n)
		fmt.Printf("%d orders; %s\n%v a side and round; all sides in turn, %d times\n", n, s.state, *reading, peerRounds)
		p := newPeers(b, backends, s, n)
		p.measure(b)
	})
}

// peers are the three sides, which serve.
type peers struct {
	backends             *lab.Backends
	elasticsearch, index string
	viewgate, apollo     server
	program              string // viewgate's
	prefix               string
	directory            string
	token                string // an access token of support staff
	arguments            []string
}

const (
	peerOrder = `query ($id: ID!) { order(id: $id) { orderId version createdAt state status total { amount currency } ` +
		`restaurant { restaurantId name } lineItems { menuItemId name quantity } deliveryAddress { street1 city } ` +
		`ticket { state version } delivery { state version } bill { state version } } }`
	peerHistory = `query ($query: String!) { orderHistory(query: $query, first: 20) { total { count } ` +
		`nodes { orderId createdAt status total { amount } restaurant { name } lineItems { name quantity } deliveryAddress { city } } ` +
		`facets { status { values { value count } others } restaurant { values { value count } others } ` +
		`city { values { value count } others } } } }`
)

func newPeers(b *testing.B, backends *lab.Backends, s *searchStore, n int) *peers {
	p := &peers{backends: backends, elasticsearch: backends.Elasticsearch, prefix: s.prefix, directory: b.TempDir()}
	var aliases map[string]any
	if err := lab.Ask(http.MethodGet, backends.Elasticsearch+"/"+s.prefix+"orders/_alias", "", &aliases); err != nil {
		b.Fatal(err)
	}
	for index := range aliases {
		p.index = index
	}
	p.program = filepath.Join(p.directory, "viewgate")
	build := exec.Command("go", "build", "-o", p.program, "..")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	p.arguments = p.production(b)
	searches, template := p.record(b)
	if err := os.WriteFile(filepath.Join(p.directory, "template"), []byte(template), 0o600); err != nil {
		b.Fatal(err)
	}
	p.apollo = p.serve(b, exec.Command("node", "apollo/server.mjs", p.elasticsearch, p.index,
		filepath.Join(p.directory, "template")), regexp.MustCompile(`(http://\S+)`))
	p.viewgate = p.gateway(b, p.elasticsearch)
	p.compare(b)

	r := rand.New(rand.NewPCG(31, 32))
	var direct, graphql []string
	for range 1000 {
		id := strconv.Itoa(1 + r.IntN(n))
		direct = append(direct, "GET\t/"+p.index+"/_doc/"+id+"\t")
		graphql = append(graphql, "POST\tPATH\t"+operation(peerOrder, "id", id))
	}
	p.write(b, "order", direct, graphql)
	direct, graphql = nil, nil
	for _, word := range peerWords() {
		direct = append(direct, searches[word])
		graphql = append(graphql, "POST\tPATH\t"+operation(peerHistory, "query", word))
	}
	p.write(b, "orderHistory", direct, graphql)
	return p
}

// peerWords are searched for.
func peerWords() []string { return wordsOf(lab.Dishes) }

func operation(query, variable, value string) string {
	text, err := json.Marshal(map[string]any{"query": query, "variables": map[string]any{variable: value}})
	if err != nil {
		panic(err) // strings only
	}
	return string(text)
}

// write writes the files that wrk reads, one for each side.
func (p *peers) write(b *testing.B, kind string, direct, graphql []string) {
	all := strings.Join(graphql, "\n") + "\n"
	for side, text := range map[string]string{
		"direct":   strings.Join(direct, "\n") + "\n",
		"viewgate": strings.ReplaceAll(all, "PATH", "/graphql"),
		"apollo":   strings.ReplaceAll(all, "PATH", "/"),
	} {
		if err := os.WriteFile(filepath.Join(p.directory, kind+"-"+side), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// record returns what viewgate sends to Elasticsearch for each word, as a line of wrk's file, and such a search with WORD in
// the word's place.
func (p *peers) record(b *testing.B) (searches map[string]string, template string) {
	target, err := url.Parse(p.elasticsearch)
	if err != nil {
		b.Fatal(err)
	}
	var mu sync.Mutex
	var heard string // guarded by mu
	var body []byte  // guarded by mu
	proxy := httputil.NewSingleHostReverseProxy(target)
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_search") {
			text, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(text))
			mu.Lock()
			heard, body = r.URL.RequestURI(), text
			mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	b.Cleanup(listening.Close)
	gateway := p.gateway(b, listening.URL)
	searches = map[string]string{}
	for _, word := range peerWords() {
		if _, err := p.ask(gateway.url, operation(peerHistory, "query", word)); err != nil {
			b.Fatal(err)
		}
		mu.Lock()
		searches[word] = "POST\t" + heard + "\t" + strings.TrimSpace(string(body))
		template = strings.ReplaceAll(strings.TrimSpace(string(body)), `"`+word+`"`, `"WORD"`)
		mu.Unlock()
	}
	if !strings.Contains(template, `"WORD"`) {
		b.Fatalf("the word is not in the search: %s", template)
	}
	return searches, template
}

// server is a process that serves.
type server struct {
	url string
	pid int
}

// production returns the arguments of a gateway that has all that production does, and sets the token.
func (p *peers) production(b *testing.B) []string {
	key, err := rsa.GenerateKey(crand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "bench", Use: "sig", Algorithm: "RS256"}}})
	if err != nil {
		b.Fatal(err)
	}
	jwks := filepath.Join(p.directory, "jwks.json")
	if err := os.WriteFile(jwks, public, 0o600); err != nil {
		b.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "bench"}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": "bench", "aud": "viewgate", "sub": "support-1", "roles": []string{"support"},
		"exp": time.Now().Add(6 * time.Hour).Unix(), "iat": time.Now().Unix(),
	})
	if err != nil {
		b.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err == nil {
		p.token, err = signed.CompactSerialize()
	}
	if err != nil {
		b.Fatal(err)
	}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	b.Cleanup(collector.Close)
	return []string{"--production", "--auth", "jwt", "--jwks", jwks, "--jwt-issuer", "bench", "--jwt-audience", "viewgate",
		"--jwt-role-claim", "roles", "--token-key", "a key for the benchmark that is long enough", "--rate-limit", "1000000000",
		"--rate-burst", "1000000000", "--access-log", "all", "--audit-log", filepath.Join(p.directory, "audit.jsonl"),
		"--otlp-endpoint", collector.URL, "--trace-sampler", "parentbased_traceidratio", "--trace-sampler-arg", "0.01"}
}

// gateway starts viewgate over an Elasticsearch.
func (p *peers) gateway(b *testing.B, elasticsearch string) server {
	return p.serve(b, exec.Command(p.program, append([]string{"serve", "--role", "gateway", "--addr", "127.0.0.1:0",
		"--elasticsearch", elasticsearch, "--elasticsearch-prefix", p.prefix}, p.arguments...)...),
		regexp.MustCompile(`graphql=(http://\S+)`))
}

// serve starts a server that ends with the benchmark, whose URL is what it prints.
func (p *peers) serve(b *testing.B, c *exec.Cmd, announced *regexp.Regexp) server {
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	c.Stdout, c.Stderr = w, w
	c.Env = append(os.Environ(), "NODE_ENV=production")
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	w.Close()
	b.Cleanup(func() {
		in.Close()
		c.Process.Kill()
		c.Wait()
		r.Close()
	})
	lines := bufio.NewScanner(r)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if found := announced.FindStringSubmatch(lines.Text()); found != nil {
			go io.Copy(io.Discard, r) // ends with the process
			return server{found[1], c.Process.Pid}
		}
	}
	b.Fatalf("%s does not serve:\n%s", c.Path, strings.Join(said, "\n"))
	return server{}
}

// ask returns the data that a server answers.
func (p *peers) ask(url, body string) (data json.RawMessage, err error) {
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+p.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Data   json.RawMessage
		Errors json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Errors != nil {
		return nil, fmt.Errorf("%s: %s", body, answer.Errors)
	}
	return answer.Data, nil
}

// compare ends the benchmark where viewgate and Apollo answer differently.
func (p *peers) compare(b *testing.B) {
	var bodies []string
	for i := range 50 {
		bodies = append(bodies, operation(peerOrder, "id", strconv.Itoa(1+i*37)))
	}
	for _, word := range peerWords() {
		bodies = append(bodies, operation(peerHistory, "query", word))
	}
	for _, body := range bodies {
		var answers [2]any
		for i, url := range []string{p.viewgate.url, p.apollo.url} {
			data, err := p.ask(url, body)
			if err == nil {
				err = json.Unmarshal(data, &answers[i])
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		if diff := gocmp.Diff(answers[1], answers[0]); diff != "" {
			b.Fatalf("%s: the answers differ (-Apollo +viewgate):\n%s", body, diff)
		}
	}
}

// measured is what wrk tells.
type measured struct {
	Requests, Microseconds, P50, P99, Errors int
	// own and elasticsearch are the processor times that the side's server and Elasticsearch have taken for it.
	own, elasticsearch time.Duration
}

// each divides a time by the requests.
func (m measured) each(of time.Duration) string {
	return (of / time.Duration(m.Requests)).Round(10 * time.Microsecond).String()
}

func (m measured) rate() float64 { return float64(m.Requests) / float64(m.Microseconds) * 1e6 }

// measure asks all sides and prints the rows.
func (p *peers) measure(b *testing.B) {
	type side struct {
		name string
		server
	}
	sides := []side{{"direct", server{url: p.elasticsearch}}, {"viewgate", p.viewgate}, {"apollo", p.apollo}}
	ask := func(kind string, s side, connections int) measured {
		_, before := p.backends.Processor()
		own := lab.ProcessorOf(s.pid)
		m := p.wrk(b, kind, s.name, s.url, connections, *reading)
		_, after := p.backends.Processor()
		m.own, m.elasticsearch = lab.ProcessorOf(s.pid)-own, after-before
		return m
	}
	for _, kind := range []string{"order", "orderHistory"} {
		for _, s := range sides { // code is compiled while it runs
			ask(kind, s, 8)
		}
	}
	line("", "connections", "a second", "p50", "p99", "of direct", "of Apollo", "p50 more", "own CPU", "ES's CPU")
	for _, kind := range []string{"order", "orderHistory"} {
		for _, connections := range []int{1, 8} {
			rounds := map[string][]measured{}
			for range peerRounds {
				for _, s := range sides {
					rounds[s.name] = append(rounds[s.name], ask(kind, s, connections))
				}
			}
			middle := map[string]measured{}
			for name, of := range rounds {
				slices.SortFunc(of, func(a, b measured) int { return cmp.Compare(a.rate(), b.rate()) })
				middle[name] = of[len(of)/2]
			}
			direct, apollo := middle["direct"], middle["apollo"]
			for _, s := range sides {
				m := middle[s.name]
				line(kind+", "+s.name, strconv.Itoa(connections), fmt.Sprintf("%.0f", m.rate()),
					microseconds(m.P50), microseconds(m.P99), fmt.Sprintf("%.2f", m.rate()/direct.rate()),
					fmt.Sprintf("%.2f", m.rate()/apollo.rate()), microseconds(m.P50-direct.P50), m.each(m.own), m.each(m.elasticsearch))
			}
		}
	}
}

func microseconds(n int) string {
	return (time.Duration(n) * time.Microsecond).Round(10 * time.Microsecond).String()
}

// wrk asks one side for so long.
func (p *peers) wrk(b *testing.B, kind, side, address string, connections int, long time.Duration) (m measured) {
	target, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	c := exec.Command("wrk", "-t1", "-c"+strconv.Itoa(connections), "-d"+strconv.Itoa(int(long.Seconds()))+"s",
		"-s", "peers.lua", "http://"+target.Host, "--", filepath.Join(p.directory, kind+"-"+side))
	if side == "viewgate" {
		c.Args = append(c.Args, p.token)
	}
	out, err := c.CombinedOutput()
	if err != nil {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	at := bytes.IndexByte(out, '{')
	if at < 0 || json.Unmarshal(out[at:], &m) != nil || m.Requests == 0 || m.Errors > 0 {
		b.Fatalf("wrk of %s %s:\n%s", side, kind, out)
	}
	return m
}
