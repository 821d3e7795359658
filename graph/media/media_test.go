package media

import (
	"net/http"
	"testing"
)

func TestBest(t *testing.T) {
	const (
		urql   = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
		apollo = "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9"
	)
	all := []Type{JSON, Response, Parts, Events}
	for _, test := range []struct {
		name   string
		accept []string
		of     []Type
		want   Type // "" for none
	}{
		{"no header", nil, all, JSON},
		{"empty", []string{""}, all, JSON},
		{"anything", []string{"*/*"}, all, JSON},
		{"anything, with a quality", []string{"*/*;q=0.1"}, all, JSON},
		{"any application", []string{"application/*"}, all, JSON},
		{"a browser", []string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, all, JSON},
		{"one", []string{"application/graphql-response+json"}, all, Response},
		{"one, in capitals", []string{"Application/JSON"}, all, JSON},
		{"with a character set", []string{"application/graphql-response+json; charset=utf-8"}, all, Response},
		{"by order", []string{"application/graphql-response+json, application/json"}, all, Response},
		{"by order, the other", []string{"application/json, application/graphql-response+json"}, all, JSON},
		{"by order, in two headers", []string{"application/graphql-response+json", "application/json"}, all, Response},
		{"by quality", []string{"application/json;q=0.5, application/graphql-response+json;q=0.9"}, all, Response},
		{"named before a wildcard", []string{"application/graphql-response+json, */*"}, all, Response},
		{"named behind a wildcard", []string{"*/*, application/graphql-response+json"}, all, JSON},
		{"a wildcard below what is named", []string{"application/graphql-response+json, */*;q=0.1"}, all, Response},
		{"not the one that is named", []string{"application/json;q=0, */*"}, all, Response},
		{"nothing of it", []string{"text/html, image/*"}, all, ""},
		{"refused", []string{"application/json;q=0"}, all, ""},
		{"no quality", []string{"application/json;q=none"}, all, ""},
		{"beyond quality", []string{"application/json;q=2"}, all, ""},
		{"no type", []string{"json"}, all, ""},
		{"events", []string{"text/event-stream"}, all, Events},
		{"events by wildcard", []string{"text/*, */*"}, []Type{Events}, ""},
		{"parts by wildcard", []string{"multipart/*, */*"}, []Type{Parts}, ""},
		{"urql", []string{urql}, all, Response},
		{"urql, events alone", []string{urql}, []Type{Events}, Events},
		{"Apollo", []string{apollo}, all, Parts},
		{"Apollo, without parts", []string{apollo}, []Type{JSON, Response}, Response},
		{"parts, quoted", []string{`multipart/mixed; deferSpec="20220824"`}, all, Parts},
		{"parts of another form", []string{"multipart/mixed;deferSpec=20230621, application/json"}, all, JSON},
		{"parts of a later draft", []string{"multipart/mixed;incrementalSpec=v0.2, application/json"}, all, JSON},
		{"parts of a subscription", []string{"multipart/mixed;boundary=graphql;subscriptionSpec=1.0, application/json"}, all, JSON},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{}
			for _, value := range test.accept {
				header.Add("Accept", value)
			}
			got, ok := AcceptOf(header).Best(test.of...)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("%q %v, want %q", got, ok, test.want)
			}
		})
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("application/json;q=0.5, */*")
	f.Add(`multipart/mixed; deferSpec="20220824";;=,/;q=`)
	f.Fuzz(func(t *testing.T, value string) {
		best, ok := AcceptOf(http.Header{"Accept": {value}}).Best(JSON, Response, Parts, Events)
		if ok != (best != "") {
			t.Errorf("%q %v", best, ok)
		}
	})
}

func BenchmarkAccept(b *testing.B) {
	header := http.Header{"Accept": {"application/graphql-response+json, application/json;q=0.9"}}
	for b.Loop() {
		AcceptOf(header).Best(JSON, Response)
	}
}
