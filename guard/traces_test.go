package guard

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Traces are believed from proxies that are, and the request of others is not changed for who has it.
func TestTraces(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	said := http.Header{"Traceparent": {"00-1-2-01"}, "Tracestate": {"a=b"}, "X-Other": {"x"}}
	for _, test := range []struct {
		name, peer string
		want       http.Header
	}{
		{"proxy", "10.1.2.3:80", said},
		{"proxy as IPv6", "[::ffff:10.1.2.3]:80", said},
		{"client", "192.0.2.1:80", http.Header{"X-Other": {"x"}}},
		{"nobody knows", "@", http.Header{"X-Other": {"x"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got http.Header
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.RemoteAddr, r.Header = test.peer, said.Clone()
			Traces(proxies, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header })).
				ServeHTTP(httptest.NewRecorder(), r)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(said, r.Header); diff != "" {
				t.Errorf("what was sent (-want +got):\n%s", diff)
			}
		})
	}
}
