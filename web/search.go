package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
)

// built is the order search page as "make pages" builds it from app/, and operations the documents that it sends.
//
//go:embed dist
var built embed.FS

//go:embed app/src/operations.json
var operations []byte

// Operations returns the documents that the order search page sends, as a manifest of persisted documents: a gateway that
// answers no others must answer these.
func Operations() []byte { return bytes.Clone(operations) }

// asJSON returns what the order search page is to know of the server, for an attribute in its head.
func asJSON(o Options) string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("web: %v", err)) // of texts and truths
	}
	return string(text)
}

// searchAssets serves what the order search page loads, without listing it. The files' names have hashes of what is in them.
func searchAssets() http.Handler {
	files, err := fs.Sub(built, "dist")
	if err != nil {
		panic(fmt.Sprintf("web: %v", err)) // likewise
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		server.ServeHTTP(w, r)
	})
}
