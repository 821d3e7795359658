package guard

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

func upgrades(r *http.Request) bool { return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") }

// Headers adds the headers that make a browser use an answer for what it is, and nothing else. What a handler sets itself stays.
func Headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

// Origins are those whose pages may ask: "https://app.example.com", "https://*.example.com" for all hosts below, or "*" for every
// page.
type Origins []string

// ParseOrigins reads a list of origins.
func ParseOrigins(list []string) (Origins, error) {
	for _, text := range list {
		scheme, host, _ := strings.Cut(text, "://")
		if text != "*" && (scheme != "http" && scheme != "https" || host == "" || strings.ContainsAny(host, "/?#@ ") ||
			strings.Count(text, "*") > 1) {
			return nil, fmt.Errorf("%q is no origin, such as https://app.example.com or https://*.example.com", text)
		}
	}
	return list, nil
}

// Allow reports whether a page of this origin may ask.
func (o Origins) Allow(origin string) bool {
	origin = strings.ToLower(origin)
	return slices.ContainsFunc(o, func(pattern string) bool {
		before, after, wild := strings.Cut(strings.ToLower(pattern), "*")
		if !wild {
			return before == origin
		}
		return len(origin) > len(before)+len(after) && strings.HasPrefix(origin, before) && strings.HasSuffix(origin, after)
	})
}

// What pages of other origins may see of an answer. There is no "credentials": what proves who asks is sent by the page itself,
// and no cookie.
const (
	corsMethods = "GET, POST, OPTIONS"
	corsMaxAge  = "7200" // seconds; browsers keep it no longer
	corsExposed = "X-Request-Id, Viewgate-Token, RateLimit, RateLimit-Policy, Retry-After"
)

// CrossOrigin lets pages of these origins ask, with any header, and answers what browsers ask before. Without it, or of others,
// browsers keep the answer from the page.
func CrossOrigin(allowed Origins, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		h := w.Header()
		h.Add("Vary", "Origin")
		may := origin != "" && allowed.Allow(origin)
		if may {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", corsExposed)
		}
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		if !may {
			refuse(w, http.StatusForbidden, "FORBIDDEN", "pages of this origin may not ask")
			return
		}
		h.Add("Vary", "Access-Control-Request-Headers")
		h.Set("Access-Control-Allow-Methods", corsMethods)
		if names := r.Header.Get("Access-Control-Request-Headers"); names != "" {
			h.Set("Access-Control-Allow-Headers", names)
		}
		h.Set("Access-Control-Max-Age", corsMaxAge)
		w.WriteHeader(http.StatusNoContent)
	})
}

// preflights are headers that no page can send to another origin without asking before.
var preflights = []string{"Apollo-Require-Preflight", "X-Apollo-Operation-Name", "GraphQL-Preflight", "Authorization"}

// Preflight refuses what a browser sends for any page, to any server, without asking that server before: what has a body as a
// form has it, or none, and no header of preflights. A page could make its readers' browsers ask in their name. What the browser says
// comes from a page of this server, or from the reader's own hand, gets through.
func Preflight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions || upgrades(r) || asksBefore(r) {
			next.ServeHTTP(w, r)
			return
		}
		refuse(w, http.StatusBadRequest, "BAD_USER_INPUT", "the request could come from any page of the web: "+
			"send Content-Type: application/json, or the header GraphQL-Preflight: 1")
	})
}

func asksBefore(r *http.Request) bool {
	for _, name := range preflights {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	if from := r.Header.Get("Sec-Fetch-Site"); from == "same-origin" || from == "none" {
		return true
	}
	text := r.Header.Get("Content-Type")
	if text == "" {
		return false
	}
	media, _, err := mime.ParseMediaType(text)
	if err != nil { // browsers are laxer: what they may take for a form is one
		media, _, _ = strings.Cut(strings.ToLower(text), ";")
	}
	switch strings.TrimSpace(media) {
	case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		return false
	}
	return err == nil
}
