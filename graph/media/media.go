// Package media chooses what a response is written as, by what a request's Accept header says: RFC 9110, section 12.5.1.
package media

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Type is a form that a response can have.
type Type string

// The forms of a GraphQL response. Wildcards are for the first two alone: who can take events or parts says so.
const (
	JSON     Type = "application/json"
	Response Type = "application/graphql-response+json"
	Events   Type = "text/event-stream"
	Parts    Type = "multipart/mixed" // as Apollo's clients read them: deferSpec=20220824
)

// Accept is what a client takes, the best first.
type Accept []taken

// taken is one range of an Accept header.
type taken struct {
	name    string // in lower case
	quality int    // in thousandths
}

// anything is what a client takes that says nothing.
var anything = Accept{{"*/*", 1000}}

// AcceptOf reads a request's header. What cannot be understood of it is left out.
func AcceptOf(header http.Header) Accept {
	values := header["Accept"]
	if len(values) == 0 || len(values) == 1 && (values[0] == "" || values[0] == "*/*") {
		return anything
	}
	var a Accept
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if t, ok := readRange(part); ok {
				a = append(a, t)
			}
		}
	}
	slices.SortStableFunc(a, func(x, y taken) int { return cmp.Compare(y.quality, x.quality) })
	return a
}

func readRange(text string) (taken, bool) {
	name, parameters, _ := strings.Cut(text, ";")
	t := taken{strings.ToLower(strings.TrimSpace(name)), 1000}
	if !strings.Contains(t.name, "/") {
		return t, false
	}
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(parameter, "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "q":
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return t, false
			}
			t.quality = int(q * 1000)
		case "deferspec":
			if t.name == string(Parts) && value != "20220824" {
				return t, false
			}
		case "incrementalspec", "subscriptionspec": // other forms of parts
			return t, false
		}
	}
	return t, true
}

// Best returns which of these the client takes best. Of equals it is the one that the client names first, and of those that
// it does not name the first of these. It reports false where the client takes none.
func (a Accept) Best(of ...Type) (Type, bool) {
	best, place, quality := Type(""), 0, 0
	for _, t := range of {
		at := a.find(t)
		if at < 0 || a[at].quality == 0 {
			continue
		}
		if q := a[at].quality; best == "" || q > quality || q == quality && at < place {
			best, place, quality = t, at, q
		}
	}
	return best, best != ""
}

// find returns which range is for a form: the most exact that it lies in. It returns -1 where there is none.
func (a Accept) find(t Type) int {
	names := []string{string(t)}
	if t == JSON || t == Response {
		names = append(names, "application/*", "*/*")
	}
	for _, name := range names {
		if at := slices.IndexFunc(a, func(r taken) bool { return r.name == name }); at >= 0 {
			return at
		}
	}
	return -1
}
