package compose

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestHeaders: owners get what is configured for them, what is forwarded by name, and the trace; and nothing else that the
// client sent.
func TestHeaders(t *testing.T) {
	var got http.Header
	answer := func(_ int, r *http.Request) (*http.Response, error) {
		got = r.Header
		return answerWith(http.StatusOK)
	}
	client := http.Header{
		"Authorization": {"Bearer ada"}, "Cookie": {"c=1"}, "Traceparent": {"00-1-2-01"}, "Tracestate": {"a=b"},
		"X-Request-Id": {"ours"}, "Accept": {"text/html"}, "X-Tenant": {"1", "2"},
	}
	for _, test := range []struct {
		name    string
		options Options
		want    http.Header
	}{
		{"none", Options{}, nil},
		{"forwarded", Options{Forward: []string{"authorization", "X-TENANT", "X-None"}},
			http.Header{"Authorization": {"Bearer ada"}, "X-Tenant": {"1", "2"}}},
		{"configured", Options{Headers: []string{"x-api-key: a:b", "order/X-Own:1", "kitchen/X-Other: 2", "X-Api-Key: c"}},
			http.Header{"X-Api-Key": {"a:b", "c"}, "X-Own": {"1"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, _ := scripted(t, answer, test.options)
			if _, err := ask(WithHeaders(t.Context(), client), o, "1"); err != nil {
				t.Fatal(err)
			}
			want := http.Header{
				"Accept": {"application/json"}, "Traceparent": {"00-1-2-01"}, "Tracestate": {"a=b"}, "X-Request-Id": {"ours"},
			}
			for name, values := range test.want {
				want[name] = values
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if _, err := ask(t.Context(), o, "1"); err != nil || got.Get("X-Request-Id") != "" {
				t.Errorf("without a client: %v, %v", err, got)
			}
		})
	}
}

// TestCredentialsAreApart: calls with different credentials are not shared, even where they are asked for at the same time;
// others are, whatever their trace.
func TestCredentialsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]int{}
		var mu sync.Mutex
		o, s := scripted(t, func(n int, r *http.Request) (*http.Response, error) {
			mu.Lock()
			seen[strings.Join(r.Header.Values("Authorization"), ",")]++
			mu.Unlock()
			return after(time.Second)(n, r)
		}, Options{Forward: []string{"Authorization"}})
		var group sync.WaitGroup
		for _, who := range []http.Header{
			{"Authorization": {"ada"}}, {"Authorization": {"bob"}}, {"Authorization": {"ada", "bob"}}, {},
			{"Authorization": {"ada"}, "Traceparent": {"1"}}, {"Authorization": {"ada"}, "Traceparent": {"2"}},
		} {
			for range 5 {
				group.Go(func() {
					if _, err := ask(WithHeaders(t.Context(), who), o, "1"); err != nil {
						t.Error(err)
					}
				})
			}
		}
		group.Wait()
		if len(seen) != 4 || s.calls > 8 || s.most != 4 {
			t.Errorf("%d calls, %d at a time, of %v; want four's, twice each at most", s.calls, s.most, seen)
		}
	})
}

// A wrong header is named, but its value is not shown.
func TestWrongHeaders(t *testing.T) {
	for _, test := range []struct {
		headers, forward []string
		want             string
	}{
		{[]string{"X-A: 1", "hunter2"}, nil, "--owner-header, number 2"},
		{[]string{"hunter 2: x"}, nil, "--owner-header, number 1"},
		{[]string{"X-Key: hunter2\nX-B: 1"}, nil, "--owner-header, number 1"},
		{[]string{"X-Key:"}, nil, "--owner-header, number 1"},
		{[]string{"hunter2/X-Key: 1"}, nil, "no such owner"},
		{[]string{"host: hunter2"}, nil, "Host is not to be set"},
		{nil, []string{"Accept-encoding"}, "not to be forwarded"},
		{nil, []string{"a b"}, "not to be forwarded"},
		{[]string{"order/authorization: hunter2"}, []string{"Authorization"}, "Authorization is set by --owner-header"},
	} {
		_, err := NewOwners(mappingOf(t), Options{Headers: test.headers, Forward: test.forward})
		if !says(err, test.want) || says(err, "hunter") {
			t.Errorf("%q, %q: error %v, want one that says %q and no secret", test.headers, test.forward, err, test.want)
		}
	}
}
