// Package web serves the pages for people: a start page and the GraphQL playground. All that they need is embedded.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
)

//go:embed pages assets
var files embed.FS

// examples are the operations that the start page shows and opens in the playground. The demo has an order with the id.
var examples = []struct{ Title, Why, Query string }{
	{"The newest orders", "As the view has them, with what customers are shown of each.", `{
  orderHistory(first: 20) {
    total { count }
    nodes { orderId createdAt status total { amount } consumer { name } restaurant { name } }
  }
}`},
	{"A search as people type it", "Words, conditions and their counts; extensions.search tells how it was understood.", `{
  orderHistory(query: "chicken -status:cancelled total:>10", orderBy: {field: RELEVANCE}) {
    total { count }
    edges { score highlights { field fragment ranges { start end } } node { orderId status total { amount } } }
    facets { status { values { value count } } restaurant(first: 5) { values { value count query } others } }
    didYouMean
  }
}`},
	{"What somebody may be typing", "Dishes, restaurants, cities, orders and fields that begin so.", `{
  suggest(prefix: "ch") { kind text count query }
}`},
	{"A consumer in short", "Rolled up from the orders.", `{
  consumer(id: "1") {
    name
    summary {
      orders { count }
      spent { amount currency }
      restaurants(first: 3) { values { value count } }
      dishes(first: 3) { values { value count } }
      lastOrder { orderId status createdAt }
    }
  }
}`},
	{"Restaurants nearby", "The nearest first, by words of their menus, with how far they are.", `{
  availableRestaurants(near: {latitude: 37.80, longitude: -122.27}, withinKm: 10, query: "soup") {
    edges { distanceKm node { name cuisines openingHours { day opens closes } } }
    facets { cuisine { values { value count query } } }
  }
}`},
	{"One order, as fresh as can be", "Composed from its four owners; extensions.freshness tells.", `{
  order(id: "1000000", freshness: {mode: FRESH}) {
    status version
    ticket { state version }
    delivery { state version }
    bill { state version }
  }
}`},
	{"Orders as they change", "The newest twenty, and then every change, until you stop it.", `subscription {
  ordersChanged { orderId status updatedAt total { amount } restaurant { name } }
}`},
}

// policy lets pages load and ask this host alone. GraphiQL sets styles on its elements, and its style sheet has its
// fonts and images in it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Options say what the pages offer.
type Options struct {
	Playground bool // there is one
	DemoTokens bool // /demo/token answers a token for whatever role is asked for
}

// Handler serves the start page at /, the playground, where there is one, at /playground, and what they load at /assets/.
// Both expect the GraphQL endpoint at /graphql.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", page("start.html", struct {
		Options
		Examples any
	}{o, examples}))
	if o.Playground {
		mux.HandleFunc("GET /playground", page("playground.html", o))
	}
	mux.Handle("GET /assets/", assets())
	return secured(mux)
}

// page renders a page once, for all who ask.
func page(name string, data any) http.HandlerFunc {
	var text bytes.Buffer
	if err := template.Must(template.ParseFS(files, "pages/"+name)).Execute(&text, data); err != nil {
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
