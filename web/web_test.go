package web

import (
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(Options{Playground: true}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}

func TestHandler(t *testing.T) {
	for _, test := range []struct {
		target      string
		status      int
		contentType string
		contains    string
	}{
		{"/", 200, "text/html; charset=utf-8", "Search orders"},
		{"/playground", 200, "text/html; charset=utf-8", "graphiql"},
		{"/playground?query={x}", 200, "text/html; charset=utf-8", "graphiql"},
		{"/assets/playground.js", 200, "text/javascript; charset=utf-8", "/graphql"},
		{"/assets/graphiql-4.1.2.min.js", 200, "text/javascript; charset=utf-8", "GraphiQL"},
		{"/assets/", 404, "", ""},
		{"/assets/none.js", 404, "", ""},
		{"/app/", 404, "", ""},
		{"/dist/index.html", 404, "", ""},
		{"/pages/playground.html", 404, "", ""},
		{"/nowhere", 404, "", ""},
	} {
		t.Run(test.target, func(t *testing.T) {
			w := get(t, test.target)
			if w.Code != test.status {
				t.Fatalf("status %d, want %d", w.Code, test.status)
			}
			if contentType := w.Header().Get("Content-Type"); test.status == 200 &&
				(contentType != test.contentType || !strings.Contains(w.Body.String(), test.contains)) {
				t.Errorf("%s without %q", contentType, test.contains)
			}
			for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
				if w.Header().Get(name) == "" {
					t.Errorf("no %s", name)
				}
			}
			immutable := strings.Contains(w.Header().Get("Cache-Control"), "immutable")
			if want := test.status == 200 && strings.Contains(test.target, ".min."); immutable != want {
				t.Errorf("Cache-Control %q", w.Header().Get("Cache-Control"))
			}
		})
	}
	w := httptest.NewRecorder()
	Handler(Options{Playground: true}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d", w.Code)
	}
}

var (
	loads  = regexp.MustCompile(`(?:src|href)="([^"]*)"`)
	remote = regexp.MustCompile(`(?i)(?:https?:)?//[a-z0-9]`)
	urls   = regexp.MustCompile(`url\(\s*["']?([^)"']{0,40})`)
)

// Nothing is loaded from anywhere else, and all that is loaded is there.
func TestOffline(t *testing.T) {
	for _, target := range []string{"/", "/playground"} {
		text := get(t, target).Body.String()
		if found := remote.FindString(text); found != "" {
			t.Errorf("%s names another host: %s", target, found)
		}
		if strings.Contains(text, "<script>") || strings.Contains(text, " style=") || strings.Contains(text, " on") &&
			regexp.MustCompile(` on[a-z]+=`).MatchString(text) {
			t.Errorf("%s has a script or a style in it, which the policy forbids", target)
		}
		for _, match := range loads.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(match[1], "/assets/") && get(t, match[1]).Code != 200 {
				t.Errorf("%s loads %s, which is not there", target, match[1])
			}
		}
	}
	fs.WalkDir(files, "assets", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		text, _ := fs.ReadFile(files, name)
		switch path.Ext(name) {
		case ".css":
			for _, match := range urls.FindAllStringSubmatch(string(text), -1) {
				if !strings.HasPrefix(match[1], "data:") && !strings.HasPrefix(match[1], "#") {
					t.Errorf("%s loads %s", name, match[1])
				}
			}
			if strings.Contains(string(text), "@import") {
				t.Errorf("%s imports", name)
			}
		case ".js":
			// The bundles name hosts in messages, links and XML name spaces; ours names none.
			if !strings.Contains(name, ".min.") && remote.Match(text) {
				t.Errorf("%s names another host", name)
			}
		}
		return nil
	})
}

// The libraries are what was published: the sums are those in gqlgen's playground.
func TestLibraries(t *testing.T) {
	for name, want := range map[string]string{
		"graphiql-4.1.2.min.js":   "hnImuor1znlJkD/FOTL3jayfS/xsyNoP04abi8bFJWs=",
		"graphiql-4.1.2.min.css":  "MEh+B2NdMSpj9kexQNN3QKc8UzMrCXW/Sx/phcpuyIU=",
		"react-18.2.0.min.js":     "S0lp+k7zWUMk2ixteM6HZvu8L9Eh//OVrt+ZfbCpmgY=",
		"react-dom-18.2.0.min.js": "IXWO0ITNDjfnNXIu5POVfqlgYoop36bDzhodR6LW5Pc=",
	} {
		text, err := fs.ReadFile(files, "assets/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(text); base64.StdEncoding.EncodeToString(sum[:]) != want {
			t.Errorf("%s was changed", name)
		}
		license, _, _ := strings.Cut(name, ".min.")
		if _, err := fs.Stat(files, "assets/"+license+".LICENSE"); err != nil {
			t.Errorf("%s has no license beside it", name)
		}
	}
}
