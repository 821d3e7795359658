// Package web serves the pages for people: the order search page and the GraphQL playground. All that they need is embedded.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

//go:embed assets examples pages
var files embed.FS

// policy lets pages load and ask this host alone. Style sheets have their fonts and images in them.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Options say what the pages offer. The order search page is told those that it uses, as JSON.
type Options struct {
	Playground bool   `json:"playground"` // there is one
	Private    bool   `json:"-"`          // nobody is told the schema: the playground does not ask for it
	Auth       string `json:"auth"`       // how it is found out who asks, as --auth has it; demo: /demo/token answers a token for any role
	Demo       bool   `json:"demo"`       // one can order, at /demo/orders
	Version    string `json:"version"`    // of viewgate
}

// Handler serves the order search page at /, the playground, where there is one, at /playground, and what they load at /app/ and
// /assets/. Both expect the GraphQL endpoint at /graphql, and the former what is known of the views at /views.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", page(built, "dist/index.html", asJSON(o)))
	mux.Handle("GET /app/", searchAssets())
	if o.Playground {
		mux.HandleFunc("GET /playground", playground(o))
	}
	mux.Handle("GET /assets/", assets())
	return secured(mux)
}

// page renders a page once, for all who ask.
func page(files fs.FS, name string, data any) http.HandlerFunc {
	var text bytes.Buffer
	if err := template.Must(template.ParseFS(files, name)).Execute(&text, data); err != nil {
		panic(fmt.Sprintf("web: %v", err)) // page and data are part of the program
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text.Bytes()))
	}
}

// assets serves files without listing their directory. Those with a version in their name never change.
func assets() http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		if strings.Contains(r.URL.Path, ".min.") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		server.ServeHTTP(w, r)
	})
}

// secured adds the headers that keep a page to itself.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy":      policy,
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}
