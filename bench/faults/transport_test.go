package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// faulty passes requests to Elasticsearch on, and at random does worse. It leaves alone what is no read or write of
// documents. It stops doing harm when it has done enough, so that a trial ends.
type faulty struct {
	next http.RoundTripper
	late sync.WaitGroup // requests that are passed on after their client was told that they failed

	mu     sync.Mutex
	r      *rand.Rand     // guarded by mu
	harm   int            // guarded by mu: how many faults are left to happen
	faults map[string]int // guarded by mu: those that happened
}

func newFaulty(t *testing.T, seed uint64, harm int) *faulty {
	f := &faulty{
		next: http.DefaultTransport, r: rand.New(rand.NewPCG(seed, 21)), harm: harm, faults: map[string]int{},
	}
	t.Cleanup(func() {
		f.late.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		t.Logf("faults: %v", f.faults)
	})
	return f
}

// choose returns what to do with a request: "" to pass it on.
func (f *faulty) choose(bulk bool) (fault string, seed uint64) {
	kinds := []string{"429", "503", "hang", "cut", "lost answer", "half an answer", "late", "some of it"}
	if !bulk {
		kinds = kinds[:6]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.harm == 0 || f.r.IntN(3) > 0 {
		return "", 0
	}
	f.harm--
	fault = kinds[f.r.IntN(len(kinds))]
	f.faults[fault]++
	return fault, f.r.Uint64()
}

var errCut = errors.New("connection cut for a test")

// RoundTrip implements http.RoundTripper.
func (f *faulty) RoundTrip(request *http.Request) (*http.Response, error) {
	bulk := strings.HasSuffix(request.URL.Path, "/_bulk")
	if !bulk && !strings.HasSuffix(request.URL.Path, "/_mget") {
		return f.next.RoundTrip(request)
	}
	var body []byte
	if request.Body != nil {
		defer request.Body.Close()
		var err error
		if body, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
	}
	pass := func(ctx context.Context, body []byte) (*http.Response, []byte, error) {
		again := request.Clone(ctx)
		again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		response, err := f.next.RoundTrip(again)
		if err != nil {
			return nil, nil, err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return response, text, err
	}
	answer := func(response *http.Response, text []byte, err error) (*http.Response, error) {
		if err != nil {
			return nil, err
		}
		response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		response.Header.Del("Content-Length")
		response.TransferEncoding = nil
		return response, nil
	}
	ctx := request.Context()
	fault, seed := f.choose(bulk)
	switch fault {
	case "429":
		return made(request, http.StatusTooManyRequests, `{"error": {"type": "es_rejected_execution_exception", "reason": "full"}}`), nil
	case "503":
		return made(request, http.StatusServiceUnavailable, "no server is available"), nil
	case "hang":
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(3 * time.Second):
			return nil, errCut
		}
	case "cut":
		return nil, errCut
	case "lost answer":
		if _, _, err := pass(ctx, body); err != nil {
			return nil, err
		}
		return nil, errCut
	case "half an answer":
		response, text, err := pass(ctx, body)
		return answer(response, text[:len(text)/2], err)
	case "late":
		f.late.Go(func() {
			time.Sleep(time.Duration(seed%300) * time.Millisecond)
			_, _, _ = pass(context.WithoutCancel(ctx), body)
		})
		return nil, errCut
	case "some of it":
		return f.some(request, rand.New(rand.NewPCG(seed, 0)), body, func(some []byte) (*http.Response, []byte, error) {
			return pass(ctx, some)
		})
	}
	return answer(pass(ctx, body))
}

// some passes some operations of a bulk request on and answers 429 for the others.
func (f *faulty) some(
	request *http.Request, r *rand.Rand, body []byte, pass func([]byte) (*http.Response, []byte, error),
) (*http.Response, error) {
	lines := bytes.SplitAfter(body, []byte("\n"))
	var passed []byte
	var items []json.RawMessage // nil where it is Elasticsearch's to answer
	for ; len(lines) >= 2; lines = lines[2:] {
		if r.IntN(2) == 0 {
			passed = append(append(passed, lines[0]...), lines[1]...)
			items = append(items, nil)
			continue
		}
		var a action
		if err := json.Unmarshal(lines[0], &a); err != nil {
			return nil, err
		}
		for verb, to := range a {
			items = append(items, refusal(verb, to.ID, http.StatusTooManyRequests, "es_rejected_execution_exception"))
		}
	}
	var answered struct {
		Items []json.RawMessage `json:"items"`
	}
	if len(passed) > 0 {
		response, text, err := pass(passed)
		if err != nil {
			return nil, err
		}
		if response.StatusCode != http.StatusOK {
			return made(request, response.StatusCode, string(text)), nil
		}
		if err := json.Unmarshal(text, &answered); err != nil {
			return nil, err
		}
	}
	for i := range items {
		if items[i] == nil {
			items[i], answered.Items = answered.Items[0], answered.Items[1:]
		}
	}
	text, err := json.Marshal(map[string]any{"errors": true, "items": items})
	if err != nil {
		return nil, err
	}
	return made(request, http.StatusOK, string(text)), nil
}

// made makes an answer.
func made(request *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// startProxy puts the faults between Elasticsearch and another process, and returns the URL that this one is to use. A
// fault that gives no answer cuts the connection.
func startProxy(t *testing.T, f *faulty, elasticsearch string) string {
	to, err := url.Parse(elasticsearch)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: f,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler) // which cuts the connection
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// TestFaulty: the faults are what their names say.
func TestFaulty(t *testing.T) {
	f := newFaulty(t, 1, 400)
	url := startNode(t)
	if err := ask(f, 10*time.Second, http.MethodPut, url+"/index", `{"mappings": {"_meta": {}}}`); err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]int{}
	for i := range 400 {
		body := fmt.Sprintf("{\"create\":{\"_id\":\"%d\"}}\n{}\n{\"create\":{\"_id\":\"%d'\"}}\n{}\n", i, i)
		err := ask(f, 100*time.Millisecond, http.MethodPost, url+"/index/_bulk", body)
		switch {
		case err == nil:
			outcomes["passed"]++
		case errors.Is(err, errCut), errors.Is(err, context.DeadlineExceeded):
			outcomes["none"]++
		default:
			outcomes[err.Error()]++
		}
	}
	for _, outcome := range []string{"passed", "none", "status 429", "status 503", "half", "refused"} {
		if outcomes[outcome] == 0 {
			t.Errorf("of 400 requests none came to %q: %v", outcome, outcomes)
		}
	}
	if outcomes["passed"] < 200 {
		t.Errorf("%d of 400 requests were passed on unharmed, want most: %v", outcomes["passed"], outcomes)
	}
}

// ask sends a request, waits for its answer for a time at most, and tells what it came to.
func ask(f *faulty, limit time.Duration, method, url, body string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := f.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d", response.StatusCode)
	case !json.Valid(text):
		return errors.New("half")
	case bytes.Contains(text, []byte("429")):
		return errors.New("refused")
	}
	return nil
}
