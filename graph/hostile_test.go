package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/coder/websocket"

	"github.com/viewgate/viewgate/guard"
	"github.com/viewgate/viewgate/view/order"
	"github.com/viewgate/viewgate/watch"
)

// hostile is a request of somebody who means to hurt.
type hostile struct {
	name   string
	body   string // of a POST, which is JSON; "": it is a GET
	url    string // what follows the path
	status int
	code   string // of the first error; "" where it is answered
}

// askBody returns the body of a request that asks this.
func askBody(query string, variables ...any) string {
	body, err := json.Marshal(map[string]any{"query": query, "variables": append(variables, nil)[0]})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// many returns a text n times, in which %d is its number.
func many(n int, text string) string {
	var all strings.Builder
	for i := range n {
		all.WriteString(strings.ReplaceAll(text, "%d", fmt.Sprint(i)))
	}
	return all.String()
}

func nest(n int, open, inside, shut string) string {
	return strings.Repeat(open, n) + inside + strings.Repeat(shut, n)
}

// hostiles are requests that each would cost much, were it not for a limit. What can be answered at a bounded cost is.
func hostiles() []hostile {
	const refused, tooComplex, bad = 200, "QUERY_TOO_COMPLEX", "BAD_USER_INPUT" // in application/json
	bomb := `{ order(id: 1) { ...f25 } } fragment f0 on Order { version }` + func() string {
		var all strings.Builder
		for i := 1; i <= 25; i++ {
			fmt.Fprintf(&all, " fragment f%d on Order { ...f%d ...f%d }", i, i-1, i-1)
		}
		return all.String()
	}()
	cycle := func(n int) string {
		var all strings.Builder
		all.WriteString("{ order(id: 1) { ...f0 } }")
		for i := range n {
			fmt.Fprintf(&all, " fragment f%d on Order { id consumer { orderHistory { nodes { ...f%d } } } }", i, (i+1)%n)
		}
		return all.String()
	}
	words := "query ($q: String) { orderHistory(query: $q) { total { count } didYouMean } }"
	return []hostile{
		{"fragments by fragments, 2^25 fields", askBody(bomb), "", refused, tooComplex},
		{"3 fragments in a circle", askBody(cycle(3)), "", refused, bad},
		{"100 fragments in a circle", askBody(cycle(100)), "", refused, tooComplex},
		{"1,000 aliases", askBody("{ order(id: 1) {" + many(490, " a%d: id") + " } }"), "", refused, tooComplex},
		{"200 searches by aliases", askBody("{" + many(200, " a%d: orderHistory { total { count } }") + " }"), "", refused, tooComplex},
		{"20 of the dearest searches", askBody("{" + many(20, ` a%d: orderHistory(query: "qzx wvu jkq xqz") { didYouMean }`) + " }"), "",
			refused, tooComplex},
		{"8,000 fields of one name", askBody("{ order(id: 1) {" + many(8000, " id") + " } }"), "", refused, bad},
		{"1,900 fields of one name", askBody("{ order(id: 1) {" + many(1900, " id") + " } }"), "", refused, tooComplex},
		{"190 fields of one name, which may be", askBody("{ order(id: 1) {" + many(190, " id") + " } }"), "", 200, ""},
		{"100 fields, each in conflict with all others", askBody("{ order(id: 1) { consumer {" +
			many(100, " orderHistory(first: %d) { total { count } }") + " } } }"), "", refused, bad},
		{"conflicting fields", askBody("{ order(id: 1) {" + many(15, " a: id a: version a: state a: status") + many(60, " version") + " } }"), "",
			refused, tooComplex},
		{"180 operations of one fragment", askBody(many(180, " query q%d { ...f }") + " fragment f on Query { order(id: 1) {" +
			many(290, " id") + " } }"), "", refused, tooComplex},
		{"900 levels of fields", askBody(nest(900, "{ order", "", "}")), "", refused, bad},
		{"300 levels of fields", askBody("{ order(id: 1) " + nest(300, "{ consumer ", "{ id }", "}") + "}"), "", refused, tooComplex},
		{"a page of pages of pages", askBody("{ orderHistory(first: 100) " + nest(3, "{ nodes { consumer { orderHistory(first: 100) ",
			"{ nodes { id } }", "} } }") + "}"), "", refused, tooComplex},
		{"300 levels of a literal", askBody("{ orderHistory(filter: " + nest(300, "{not: ", "{}", "}") + ") { total { count } } }"), "",
			refused, tooComplex},
		{"30,000 levels of variables", `{"query": "{ order(id: 1) { id } }", "variables": {"x": ` + nest(30_000, "[", "", "]") + "}}", "",
			400, bad},
		{"a filter of 45 levels", askBody("query ($f: OrderFilter) { orderHistory(filter: $f) { total { count } } }",
			map[string]any{"f": json.RawMessage(nest(45, `{"not":`, `{}`, "}"))}), "", 200, bad},
		{"a filter of 9,000 conditions", askBody("query ($f: OrderFilter) { orderHistory(filter: $f) { total { count } } }",
			map[string]any{"f": json.RawMessage(`{"or":[{}` + many(9000, `,{"not":{}}`) + `]}`)}), "", 200, bad},
		{"a body of 10 MB", askBody("{ order(id: 1) { id } }" + strings.Repeat(" ", 10<<20)), "", 413, bad},
		{"90 KB of one string", askBody(`{ order(id: "` + strings.Repeat("x", 90_000) + `") { id } }`), "", 200, ""},
		{"90 KB of one number", askBody(`{ orderHistory(first: ` + strings.Repeat("9", 90_000) + `) { total { count } } }`), "", 200, bad},
		{"90 KB of comments", askBody(`{ order(id: 1) { id } }` + strings.Repeat("#\n", 30_000)), "", refused, bad},
		{"900 directives", askBody("{ order(id: 1) { id" + many(250, " @skip(if: false)") + " } }"), "", refused, tooComplex},
		{"1,900 unknown fields", askBody("{ order(id: 1) {" + many(1900, " unknownFieldWithALongName%d") + " } }"), "", refused, bad},
		{"600 unknown arguments", askBody("{ order(id: 1" + many(600, " unknownArgument%d: 1") + ") { id } }"), "", refused, bad},
		{"300 variables", askBody("query (" + many(300, " $v%d: Int") + ") { order(id: 1) { id } }"), "", refused, bad},
		{"introspection in a circle", askBody(`{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }`), "",
			refused, bad},
		{"introspection, the most of it that may be", askBody(`{ __schema { types { name fields { name args { name } type { name fields {
			name args { name type { name } } type { name ofType { name ofType { name } } } } } } } } }`), "", 200, ""},
		{"20 introspections", askBody("{" + many(20, " a%d: __schema { types { fields { type { fields { name } } } } }") + "}"), "", refused, tooComplex},
		{"a batch of 1,000", "[" + strings.TrimPrefix(many(1000, `,{"query": "{ order(id: 1) { id } }"}`), ",") + "]", "", 400, bad},
		{"a page of a billion", askBody("{ orderHistory(first: 1000000000) { nodes { id } } }"), "", refused, tooComplex},
		{"5,000 references", askBody("query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }",
			map[string]any{"r": json.RawMessage("[1" + many(5000, ",%d") + "]")}), "", 200, bad},
		{"a regular expression", askBody(words, map[string]any{"q": strings.Repeat("(a+)+", 40) + "$"}), "", 200, ""},
		{"wildcards", askBody(words, map[string]any{"q": strings.Repeat("*a", 120)}), "", 200, ""},
		{"parentheses", askBody(words, map[string]any{"q": nest(120, "(", "a", ")")}), "", 200, ""},
		{"90 KB of words", askBody(words, map[string]any{"q": strings.Repeat("chicken OR ", 8000)}), "", 200, ""},
		{"words of every script", askBody(words, map[string]any{"q": strings.Repeat("ﷺ\u0301\u200d", 80)}), "", 200, ""},
		{"a GET of 200 KB", "", "?query=" + url.QueryEscape("{ order(id: 1) { id } }"+strings.Repeat(" ", 200<<10)), 414, bad},
		{"what is no UTF-8", "{\"query\": \"{ order(id: \\\"\xff\xfe\\\") { id } }\"}", "", 200, ""},
	}
}

// send asks, and returns the status, the first error's code and how long it took.
func (h hostile) send(g http.Handler) (status int, code string, took time.Duration) {
	r, err := http.NewRequest(http.MethodGet, "/graphql"+h.url, nil)
	if h.body != "" {
		r, err = http.NewRequest(http.MethodPost, "/graphql", strings.NewReader(h.body))
		r.Header.Set("Content-Type", "application/json")
	}
	if err != nil {
		panic(err)
	}
	w := &discarding{header: http.Header{}}
	start := time.Now()
	g.ServeHTTP(w, r)
	took = time.Since(start)
	var answer struct {
		Errors []struct {
			Extensions struct{ Code string }
		}
	}
	if json.Unmarshal(w.body.Bytes(), &answer) == nil && len(answer.Errors) > 0 {
		code = answer.Errors[0].Extensions.Code
	}
	return w.status, code, took
}

// discarding is a response that grows no further than is needed to read its code.
type discarding struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (d *discarding) Header() http.Header { return d.header }
func (d *discarding) WriteHeader(s int)   { d.status = s }
func (d *discarding) Write(b []byte) (int, error) {
	if d.status == 0 {
		d.status = 200
	}
	return d.body.Write(b)
}

// TestHostile: whatever somebody means to hurt with is refused, or answered at a bounded cost.
func TestHostile(t *testing.T) {
	g := newGateway(t, ada, newOrders(100))
	for _, h := range hostiles() {
		t.Run(h.name, func(t *testing.T) {
			if status, code, _ := h.send(g); status != h.status || code != h.code {
				t.Errorf("status %d %s, want %d %s", status, code, h.status, h.code)
			}
		})
	}
	if a := g.ask(t, "{ order(id: 1) { orderId } }"); a.at("order", "orderId") != "1" {
		t.Errorf("afterwards %+v", a)
	}
}

// pipes is a listener and a dialer of connections in memory, which need no file descriptors and have no buffers.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accepted <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve serves a handler over pipes until the test ends.
func (p *pipes) serve(t testing.TB, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(p) }()
	t.Cleanup(func() { server.Close(); <-ended })
}

// TestSlowReaders: who asks for much and reads nothing holds no place that others wait for.
func TestSlowReaders(t *testing.T) {
	gate := guard.NewGate(2, 0, 0)
	g := newGateway(t, ada, newOrders(100), func(o *Options) { o.Gate, o.Observe = gate, nil })
	p := newPipes()
	p.serve(t, g)
	body := askBody("{ orderHistory(first: 100) { nodes { id orderId status timeline { type at } } } }")
	for range 20 {
		conn, err := p.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		if _, err := io.ReadFull(conn, make([]byte, 9)); err != nil { // the answer is on its way
			t.Fatal(err)
		}
	}
	if a := g.ask(t, "{ order(id: 1) { orderId } }"); a.at("order", "orderId") != "1" || gate.Inside() != 0 {
		t.Errorf("%d at the gate, answer %+v", gate.Inside(), a)
	}
}

// TestUnreadByAll: where very many read nothing of what they asked for, no operation begins until some of it is read or given up.
func TestUnreadByAll(t *testing.T) {
	g := newGateway(t, ada, newOrders(100), func(o *Options) { o.Observe = nil })
	h := g.Handler.(*Handler)
	p := newPipes()
	p.serve(t, g)
	const query = "{ orderHistory(first: 100) { nodes { id orderId status timeline { type at } } } }"
	body := askBody(query)
	ask := func(body string) *httptest.ResponseRecorder {
		r, w := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body)), httptest.NewRecorder()
		r.Header.Set("Content-Type", "application/json")
		g.ServeHTTP(w, r)
		return w
	}
	h.unread.most = int64(3 * ask(body).Body.Len())
	var open []net.Conn
	for !h.unread.full() {
		if len(open) > 4 {
			t.Fatalf("%d bytes wait, and are not too much", h.unread.bytes.Load())
		}
		conn, err := p.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		open = append(open, conn)
		fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		if _, err := io.ReadFull(conn, make([]byte, 9)); err != nil { // the answer is on its way
			t.Fatal(err)
		}
	}
	little := askBody("{ order(id: 1) { orderId } }")
	if w := ask(little); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" ||
		!strings.Contains(w.Body.String(), string(overloaded)) {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
	for _, conn := range open {
		conn.Close()
	}
	until(t, func() bool { return h.unread.bytes.Load() == 0 })
	if w := ask(little); w.Code != http.StatusOK {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
}

// TestUnreadAnswers: whoever asks on a WebSocket for much and reads nothing is cut off, and whoever asks for one large answer has it.
func TestUnreadAnswers(t *testing.T) {
	var orders []*order.Order
	for n := range 25 {
		o := newOrder(n + 1)
		o.Timeline[0].Type = strings.Repeat("X", 200_000)
		orders = append(orders, o)
	}
	l := newLive(t, ada, orders, func(o *Options, _ *watch.Options) { o.pace.write = time.Hour })
	p := newPipes() // which keep nothing: what is not read waits
	p.serve(t, l.handler)
	connect := func() *client {
		conn, _, err := websocket.Dial(t.Context(), "ws://x/graphql", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: &http.Transport{DialContext: p.dial}}, Subprotocols: []string{socketProtocol},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.CloseNow() })
		conn.SetReadLimit(-1)
		c := &client{t, conn, t.Context()}
		c.send(`{"type":"connection_init"}`)
		c.expect(`{"type":"connection_ack"}`)
		return c
	}
	large := connect()
	large.subscribe("1", `{ orderHistory(first: 25) { nodes { timeline { type } } } }`)
	if text := large.read(); len(text) < maxUnsent || !strings.Contains(text, `"type":"next"`) {
		t.Errorf("an answer of %d bytes: %.100s", len(text), text)
	}
	large.expect(`{"id":"1","type":"complete"}`)

	slow := connect()
	for n := range 30 {
		message := fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"{ order(id: 1) { timeline { type } } }"}}`, n)
		if slow.conn.Write(t.Context(), websocket.MessageText, []byte(message)) != nil {
			break // it has been closed
		}
	}
	until(t, func() bool { return l.handler.Connections(OverWebSocket) == 1 })
	told := false
	for _, o := range l.waitObserved(t, 22) {
		told = told || o.Outcome == string(slowConsumer)
	}
	if !told {
		t.Error("nobody is told that it was too slow")
	}
	large.send(`{"type":"ping"}`)
	large.expect(`{"type":"pong"}`)
}

// sockets opens idle WebSockets, and returns how many were refused, and what closes the others.
func openSockets(t testing.TB, p *pipes, n int) (refused int, shut func()) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: p.dial}}
	var open []*websocket.Conn
	for range n {
		conn, response, err := websocket.Dial(t.Context(), "ws://x/graphql", &websocket.DialOptions{
			HTTPClient: client, Subprotocols: []string{socketProtocol},
		})
		switch {
		case err == nil:
			open = append(open, conn)
		case response != nil && (response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusTooManyRequests):
			refused++
		default:
			t.Fatal(err)
		}
	}
	client.CloseIdleConnections()
	return refused, func() {
		for _, conn := range open {
			conn.CloseNow()
		}
	}
}

// TestIdleSockets: there is a bound to them, and what is beside it is answered on.
func TestIdleSockets(t *testing.T) {
	l := newLive(t, ada, newOrders(1), func(o *Options, _ *watch.Options) {
		o.pace.begin, o.Connections = time.Hour, guard.NewConnections(400, 0)
	})
	p := newPipes()
	p.serve(t, l.handler)
	refused, shut := openSockets(t, p, 30)
	if refused != 5 || l.handler.Connections(OverWebSocket) != 25 {
		t.Errorf("%d refused, %d connected", refused, l.handler.Connections(OverWebSocket))
	}
	if a := l.ask(t, "{ order(id: 1) { orderId } }"); a.at("order", "orderId") != "1" {
		t.Errorf("answer %+v", a)
	}
	shut()
	l.shutDown(t) // which returns when all have ended
	if n := l.handler.Connections(OverWebSocket); n != 0 {
		t.Errorf("%d connected", n)
	}
}

// heap returns what is in use after a collection.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	return heapInUse()
}

func heapInUse() float64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return float64(sample[0].Value.Uint64()) / (1 << 20)
}

// peak runs f and returns the most that was in use meanwhile.
func peak(f func()) (most float64) {
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for {
			most = max(most, heapInUse())
			select {
			case <-done:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	}()
	f()
	close(done)
	<-ended
	return most
}

// BenchmarkHostile prints what each of the hostile requests costs: "make bench-hostile". The time is the worst of three.
func BenchmarkHostile(b *testing.B) {
	load, _ := os.ReadFile("/proc/loadavg")
	var table strings.Builder
	out := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "what\tbytes\tanswered\tms\tMiB before\tpeak\tafter\t\n")
	for b.Loop() {
		g := newGateway(b, ada, newOrders(1000))
		hostile{body: askBody(introspectionQuery)}.send(g)
		for _, h := range hostiles() {
			before := heap()
			var status int
			var code string
			var worst time.Duration
			most := peak(func() {
				for range 3 {
					var took time.Duration
					status, code, took = h.send(g)
					worst = max(worst, took)
				}
			})
			fmt.Fprintf(out, "%s\t%d\t%d %s\t%.1f\t%.1f\t%.1f\t%.1f\t\n", h.name, len(h.body)+len(h.url), status, code,
				worst.Seconds()*1e3, before, most, heap())
		}
		l := newLive(b, ada, newOrders(1), func(o *Options, _ *watch.Options) { o.pace.begin = time.Hour })
		p := newPipes()
		p.serve(b, l.handler)
		before := heap()
		var shut func()
		start := time.Now()
		most := peak(func() { _, shut = openSockets(b, p, 10_000) })
		opened := time.Since(start)
		start = time.Now()
		a := l.ask(b, "{ order(id: 1) { orderId } }")
		took := time.Since(start)
		shut()
		l.shutDown(b)
		fmt.Fprintf(out, "10,000 idle WebSockets, opened in %.1f s; a query beside them\t\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t\n", opened.Seconds(), a.status,
			took.Seconds()*1e3, before, most, heap())
	}
	out.Flush()
	fmt.Printf("%s %s/%s, %d processors, load before %s\n%s", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		strings.Fields(string(load) + " ?")[0], &table)
}
