package guard

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

func TestOrigins(t *testing.T) {
	o, err := ParseOrigins([]string{"https://app.example.com", "https://*.example.org:8443", "http://[::1]:3000"})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"https://app.example.com": true, "HTTPS://APP.example.com": true, "http://app.example.com": false, "https://app.example.com:1": false,
		"https://a.example.org:8443": true, "https://a.b.example.org:8443": true, "https://.example.org:8443": false,
		"https://example.org:8443": false, "https://evil.com/.example.org": false, "null": false, "": false, "http://[::1]:3000": true,
	} {
		if got := o.Allow(origin); got != want {
			t.Errorf("%s: %t", origin, got)
		}
	}
	if !(Origins{"*"}).Allow("null") {
		t.Error("* leaves somebody out")
	}
	for _, bad := range []string{"example.com", "https://", "ftp://example.com", "https://a/b", "https://*.*.com", "null"} {
		if _, err := ParseOrigins([]string{bad}); err == nil {
			t.Errorf("%s is an origin", bad)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	h := CrossOrigin(Origins{"https://app.example.com"}, ok)
	for _, test := range []struct {
		name, method string
		header, want http.Header
		status       int
	}{
		{"no page", "POST", nil, http.Header{"Vary": {"Origin"}}, 200},
		{"a page that may", "POST", http.Header{"Origin": {"https://app.example.com"}}, http.Header{
			"Vary": {"Origin"}, "Access-Control-Allow-Origin": {"https://app.example.com"}, "Access-Control-Expose-Headers": {corsExposed},
		}, 200},
		{"a page that may not", "POST", http.Header{"Origin": {"https://evil.example.com"}}, http.Header{"Vary": {"Origin"}}, 200},
		{"what is asked before", "OPTIONS", http.Header{
			"Origin": {"https://app.example.com"}, "Access-Control-Request-Method": {"POST"},
			"Access-Control-Request-Headers": {"content-type,x-mine"},
		}, http.Header{
			"Vary": {"Origin", "Access-Control-Request-Headers"}, "Access-Control-Allow-Origin": {"https://app.example.com"},
			"Access-Control-Expose-Headers": {corsExposed}, "Access-Control-Allow-Methods": {corsMethods},
			"Access-Control-Allow-Headers": {"content-type,x-mine"}, "Access-Control-Max-Age": {corsMaxAge},
		}, 204},
		{"asked before by one that may not", "OPTIONS", http.Header{
			"Origin": {"https://evil.example.com"}, "Access-Control-Request-Method": {"POST"},
		}, http.Header{"Vary": {"Origin"}, "Content-Type": {"application/json; charset=utf-8"}}, 403},
		{"other OPTIONS", "OPTIONS", nil, http.Header{"Vary": {"Origin"}}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, w := httptest.NewRequest(test.method, "/", nil), httptest.NewRecorder()
			if test.header != nil {
				r.Header = test.header
			}
			h.ServeHTTP(w, r)
			if diff := cmp.Diff(test.want, w.Header()); diff != "" || w.Code != test.status {
				t.Errorf("status %d, headers (-want +got):\n%s", w.Code, diff)
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	h := Preflight(ok)
	for _, test := range []struct {
		name, method string
		header       map[string]string
		want         int
	}{
		{"JSON", "POST", map[string]string{"Content-Type": "application/json"}, 200},
		{"JSON in UTF-8", "POST", map[string]string{"Content-Type": "application/json; charset=utf-8"}, 200},
		{"a form", "POST", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 400},
		{"a form in capitals", "POST", map[string]string{"Content-Type": "Multipart/Form-Data; boundary=x"}, 400},
		{"text", "POST", map[string]string{"Content-Type": "text/plain"}, 400},
		{"text that is hidden", "POST", map[string]string{"Content-Type": "text/plain; application/json"}, 400},
		{"what is no media type", "POST", map[string]string{"Content-Type": "application/json; ="}, 400},
		{"nothing", "POST", nil, 400},
		{"GET", "GET", nil, 400},
		{"GET by a client that says so", "GET", map[string]string{"GraphQL-Preflight": "1"}, 200},
		{"GET by Apollo's", "GET", map[string]string{"X-Apollo-Operation-Name": "Orders"}, 200},
		{"GET with a token", "GET", map[string]string{"Authorization": "Bearer x"}, 200},
		{"GET of an own page", "GET", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{"GET of another page", "GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, 400},
		{"WebSocket", "GET", map[string]string{"Upgrade": "websocket"}, 200},
		{"what browsers ask before", "OPTIONS", nil, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, w := httptest.NewRequest(test.method, "/", nil), httptest.NewRecorder()
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			if h.ServeHTTP(w, r); w.Code != test.want {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	Headers(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Security-Policy", "mine") })).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	want := http.Header{
		"X-Content-Type-Options": {"nosniff"}, "Referrer-Policy": {"no-referrer"}, "X-Frame-Options": {"DENY"},
		"Content-Security-Policy": {"mine"},
	}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
