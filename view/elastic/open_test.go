package elastic

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOpenRefuses checks that who configures viewgate is told what is wrong, where, and what to do about it.
func TestOpenRefuses(t *testing.T) {
	m := orders(t)
	dir := t.TempDir()
	notPEM := filepath.Join(dir, "not.pem")
	if err := os.WriteFile(notPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	// serve starts a server that answers everything alike and returns its address.
	serve := func(handler http.HandlerFunc) func(t *testing.T) string {
		return func(t *testing.T) string {
			s := httptest.NewServer(handler)
			t.Cleanup(s.Close)
			return s.URL
		}
	}
	elasticsearch := func(version string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Elastic-Product", "Elasticsearch")
			answering(200, `{"version":{"number":"`+version+`"}}`)(w, r)
		}
	}
	static := func(url string) func(*testing.T) string { return func(*testing.T) string { return url } }
	for _, tt := range []struct {
		name string
		url  func(t *testing.T) string
		o    Options
		text []string
	}{
		{"nobody there", func(t *testing.T) string {
			s := httptest.NewServer(nil)
			s.Close()
			return s.URL
		}, Options{}, []string{"view orders: elasticsearch at http://127.0.0.1:", "connection refused",
			"is Elasticsearch running there, and is the URL right?"}},
		{"hangs", serve(hang), Options{Timeout: 30 * time.Millisecond},
			[]string{"deadline exceeded", "is Elasticsearch running"}},
		{"a web server", serve(answering(200, "<html>Welcome</html>")), Options{},
			[]string{"is not Elasticsearch", "Is the URL right?"}},
		{"a web server without the page", serve(answering(404, "")), Options{}, []string{"is not Elasticsearch"}},
		{"old", serve(elasticsearch("7.17.28")), Options{}, []string{`has version "7.17.28", and 8.0 or later is needed: upgrade`}},
		{"no version", serve(elasticsearch("")), Options{}, []string{`has version ""`}},
		{"no credentials", serve(answering(401, failed("security_exception"))), Options{},
			[]string{"security_exception", "set a username and password, or an API key, that it accepts"}},
		{"no privilege", serve(answering(403, failed("security_exception"))), Options{},
			[]string{"security_exception", "need the privileges"}},
		{"starting", serve(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Elastic-Product", "Elasticsearch")
			answering(503, failed("master_not_discovered_exception"))(w, r)
		}), Options{}, []string{"status 503: master_not_discovered_exception"}},
		{"no scheme", static("localhost:9200"), Options{}, []string{"not of the form http://host:9200"}},
		{"no host", static("http://"), Options{}, []string{"not of the form http://host:9200"}},
		{"not a URL", static("http://user:secret@host:port"), Options{}, []string{"not of the form http://host:9200"}},
		{"password in the URL", static("http://user:secret@127.0.0.1:1"), Options{}, []string{"http://user:xxxxx@127.0.0.1:1"}},
		{"no CA file", static("https://127.0.0.1:1"), Options{CAFile: filepath.Join(dir, "none.pem")},
			[]string{"CA file", "none.pem", "no such file"}},
		{"no certificate in it", static("https://127.0.0.1:1"), Options{CAFile: notPEM},
			[]string{"not.pem has no certificate in PEM"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.URLs = []string{tt.url(t)}
			s, err := Open(t.Context(), m, tt.o)
			if err == nil {
				s.Close()
				t.Fatal("Open is content")
			}
			for _, text := range tt.text {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q does not tell %q", err, text)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q tells the password", err)
			}
		})
	}
}

// TestOpenAliases has Elasticsearch be in a state that Open must not guess about.
func TestOpenAliases(t *testing.T) {
	m := orders(t)
	name := "viewgate-orders-" + m.Hash + "-1"
	for _, tt := range []struct {
		name    string
		aliases http.HandlerFunc
		create  http.HandlerFunc
		text    string
	}{
		{"two indices", answering(200, `{"a":{},"b":{}}`), nil, "alias viewgate-orders points to 2 indices: leave it one"},
		{"the index without its alias", answering(404, failed("aliases_not_found_exception")),
			answering(400, failed("resource_already_exists_exception")),
			"there is an index " + name + ", but no alias viewgate-orders: point the alias to the view's index"},
		{"must not create", answering(404, "{}"), answering(403, failed("security_exception")),
			"create index " + name},
		{"cannot look", answering(503, ""), nil, "look up alias viewgate-orders"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
				switch {
				case r.URL.Path == "/":
					answering(200, `{"version":{"number":"8.0.0"}}`)(w, r)
				case strings.HasPrefix(r.URL.Path, "/_alias/"):
					tt.aliases(w, r)
				case r.Method == http.MethodPut && r.URL.Path == "/"+name:
					tt.create(w, r)
				default:
					t.Errorf("request %s %s", r.Method, r.URL)
				}
			}))
			defer server.Close()
			_, err := Open(t.Context(), m, Options{URLs: []string{server.URL}})
			if err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v does not tell %q", err, tt.text)
			}
		})
	}
}

// TestCredentials checks what is sent, and that it is sent encrypted to the one whom the CA file vouches for.
func TestCredentials(t *testing.T) {
	m := orders(t)
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"none", Options{}, ""},
		{"password", Options{Username: "viewgate", Password: "secret"}, "Basic dmlld2dhdGU6c2VjcmV0"},
		{"API key", Options{APIKey: "a2V5OnNlY3JldA=="}, "APIKey a2V5OnNlY3JldA=="},
		{"both", Options{Username: "viewgate", Password: "secret", APIKey: "a2V5OnNlY3JldA=="}, "APIKey a2V5OnNlY3JldA=="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stub := newStub(t, m, answering(200, `{"_shards":{}}`))
			serve := stub.Config.Handler
			stub.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Authorization"); got != tt.want {
					w.WriteHeader(http.StatusUnauthorized)
					t.Errorf("%s: authorization %q, want %q", r.URL, got, tt.want)
					return
				}
				serve.ServeHTTP(w, r)
			})
			stub.StartTLS()
			tt.o.URLs = []string{stub.URL + "/"}
			tt.o.CAFile = filepath.Join(t.TempDir(), "ca.pem")
			ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: stub.Certificate().Raw})
			if err := os.WriteFile(tt.o.CAFile, ca, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := mustOpen(t, Open, m, tt.o).Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("unknown certificate", func(t *testing.T) {
		stub := newStub(t, m, nil)
		stub.StartTLS()
		_, err := Open(t.Context(), m, Options{URLs: []string{stub.URL}})
		if err == nil || !strings.Contains(err.Error(), "set the CA file") {
			t.Errorf("error %v does not tell what to do", err)
		}
	})
}

// TestOpenCancelled checks that Open ends with its context.
func TestOpenCancelled(t *testing.T) {
	stub := newStub(t, orders(t), nil)
	stub.Start()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, stub.mapping, Options{URLs: []string{stub.URL}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
}
