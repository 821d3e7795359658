package guard

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestProxies(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.0/8", "192.0.2.1", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, peer, forwarded, want string }{
		{"nobody else", "203.0.113.7:1234", "", "203.0.113.7"},
		{"who is no proxy says what they like", "203.0.113.7:1234", "198.51.100.1", "203.0.113.7"},
		{"a proxy", "10.1.2.3:1234", "203.0.113.7", "203.0.113.7"},
		{"further left is anybody's word", "10.1.2.3:1234", "1.1.1.1, 203.0.113.7", "203.0.113.7"},
		{"two proxies", "10.1.2.3:1234", "1.1.1.1, 203.0.113.7, 192.0.2.1", "203.0.113.7"},
		{"all are proxies", "10.1.2.3:1234", "10.0.0.1, 10.0.0.2", "10.0.0.1"},
		{"a proxy that says nothing", "10.1.2.3:1234", "", "10.1.2.3"},
		{"a proxy that says what is none", "10.1.2.3:1234", "203.0.113.7, unknown", "10.1.2.3"},
		{"with ports", "10.1.2.3:1234", "203.0.113.7:4711", "203.0.113.7"},
		{"IPv6 with a port", "[fd00::1]:1234", "[2001:db8::7]:4711", "2001:db8::/64"},
		{"IPv6", "[2001:db8:0:1:2:3:4:5]:1234", "", "2001:db8:0:1::/64"},
		{"IPv4 in IPv6", "[::ffff:10.1.2.3]:1234", "::ffff:203.0.113.7", "203.0.113.7"},
		{"no address", "pipe", "203.0.113.7", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got string
			h := Addresses(proxies, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = AddressOf(r.Context()) }))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = test.peer
			if test.forwarded != "" {
				r.Header.Set("X-Forwarded-For", test.forwarded)
			}
			if h.ServeHTTP(httptest.NewRecorder(), r); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	if _, err := ParseProxies([]string{"10.0.0.0/33"}); err == nil {
		t.Error("10.0.0.0/33 is a network")
	}
	if got := AddressOf(t.Context()); got != "" {
		t.Errorf("%q is the address of nobody", got)
	}
}

// FuzzForwarded: whatever a header says, the address is one that it names or that of the proxy, and not a believed one where
// another is further right.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{"", "203.0.113.7", "1.1.1.1, 10.0.0.1", "[::1]:80, x", ",,,", "10.0.0.1," + strings.Repeat("10.0.0.2,", 50)} {
		f.Add(seed)
	}
	proxies := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, said string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Header = "10.1.2.3:1", http.Header{"X-Forwarded-For": {said}}
		got := proxies.Of(r)
		if !got.IsValid() || got.Zone() != "" {
			t.Fatalf("%v", got)
		}
		hops := strings.Split(said, ",")
		for i := len(hops) - 1; i >= max(len(hops)-maxHops, 0); i-- {
			hop, err := readHop(hops[i])
			if err != nil {
				break
			}
			if !proxies.trust(hop) {
				if got != hop {
					t.Errorf("%v, want %v", got, hop)
				}
				return
			}
		}
		if !proxies.trust(got) {
			t.Errorf("%v is no proxy, and nobody named it", got)
		}
	})
}
