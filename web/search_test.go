package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"

	"github.com/viewgate/viewgate/graph/persisted"
	"github.com/viewgate/viewgate/schema"
)

// maxSearchPage is how many bytes the order search page may be, compressed: what somebody at a slow line waits for.
const maxSearchPage = 200_000

// All that the order search page loads is there for good, and is little.
func TestSearchPageLoads(t *testing.T) {
	page := get(t, "/")
	size, scripts := compressed(t, page.Body.Bytes()), 0
	for _, match := range loads.FindAllStringSubmatch(page.Body.String(), -1) {
		if match[1] == "/" || match[1] == "" {
			continue // a link
		}
		t.Run(match[1], func(t *testing.T) {
			w := get(t, match[1])
			if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
				t.Fatalf("status %d, Cache-Control %q", w.Code, w.Header().Get("Cache-Control"))
			}
			if strings.Contains(w.Header().Get("Content-Type"), "javascript") {
				scripts++
			}
			size += compressed(t, w.Body.Bytes())
		})
	}
	if scripts == 0 {
		t.Error("no script")
	}
	if size > maxSearchPage {
		t.Errorf("%d bytes compressed, which is more than %d", size, maxSearchPage)
	}
}

func compressed(t *testing.T, text []byte) int {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.Copy(w, bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

var told = regexp.MustCompile(`<meta name="viewgate" content="([^"]*)">`)

// The page is told what the server is, whatever that has in it.
func TestSearchPageIsTold(t *testing.T) {
	for _, o := range []Options{
		{Auth: "none", Version: `"><script>`},
		{Auth: "demo", Demo: true, Playground: true, Version: "v1.2.3"},
	} {
		t.Run(fmt.Sprint(o), func(t *testing.T) {
			w := httptest.NewRecorder()
			Handler(o).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			match := told.FindStringSubmatch(w.Body.String())
			if match == nil {
				t.Fatalf("nothing is told: %s", w.Body)
			}
			var got Options
			if err := json.Unmarshal([]byte(html.UnescapeString(match[1])), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(o, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What the page sends is valid, and is listed by its hash.
func TestOperations(t *testing.T) {
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Operations []struct{ ID, Name, Body string }
	}
	if err := json.Unmarshal(Operations(), &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest.Operations) == 0 {
		t.Fatal("no operations")
	}
	for _, o := range manifest.Operations {
		t.Run(o.Name, func(t *testing.T) {
			if _, err := gqlparser.LoadQuery(s, o.Body); err != nil {
				t.Error(err)
			}
			if want := persisted.Hash(o.Body); o.ID != want {
				t.Errorf("id %s, want %s", o.ID, want)
			}
		})
	}
}
