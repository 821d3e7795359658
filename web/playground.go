package web

import (
	"net/http"
	"strings"
)

// lockedStyle is the one style that GraphiQL 4.1.2 writes into the page by itself: what keeps it from scrolling behind a dialog
// or a menu. The browser's console tells another's sum.
const lockedStyle = "'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='"

// playground serves GraphiQL on /graphql, with the examples.
func playground(o Options) http.HandlerFunc {
	examples, err := Examples()
	if err != nil {
		panic("web: " + err.Error()) // they are part of the program
	}
	serve := page(files, "pages/playground.html", struct {
		Examples   []Example `json:"examples"`
		DemoTokens bool      `json:"demoTokens"`
		Schema     bool      `json:"schema"`
	}{examples, o.Auth == "demo", !o.Private})
	allowed := strings.Replace(policy, "style-src 'self'", "style-src 'self' "+lockedStyle, 1)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", allowed)
		serve(w, r)
	}
}
