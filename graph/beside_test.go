package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/guard"
	"github.com/viewgate/viewgate/view"
)

// TestBeside: what is served beside GraphQL is for those whom GraphQL answers, costs them, and is observed.
func TestBeside(t *testing.T) {
	var observed []string
	g := newGateway(t, ada, newOrders(1), func(o *Options) {
		o.Clients = guard.NewClients(0.001, 4)
		o.Viewer = func(_ context.Context, client http.Header) (auth.Identity, error) {
			switch who := client.Get("Authorization"); who {
			case "":
				return auth.Identity{}, auth.ErrNoToken
			case "staff":
				return auth.Identity{Viewer: view.Support(), Subject: who}, nil
			default:
				return auth.Identity{Viewer: ada, Subject: who}, nil
			}
		}
		o.Observe = func(_ context.Context, o Observation) {
			observed = append(observed, fmt.Sprint(o.Operation, " ", o.Subject, " ", o.Outcome, " ", o.Status))
		}
	})
	served := g.Handler.(*Handler).Beside("figures", func(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
		switch {
		case r.URL.Path == "/panic":
			panic("a fault")
		case !who.Viewer.SeesAll():
			return fmt.Errorf("%w: it is for staff", auth.ErrForbidden)
		}
		fmt.Fprint(w, "figures")
		return nil
	})
	for _, test := range []struct {
		name, path, who string
		status          int
		says            string
	}{
		{"staff", "/", "staff", 200, "figures"},
		{"a customer", "/", "customer", 403, `{"errors":[{"message":"forbidden: it is for staff","extensions":{"code":"FORBIDDEN"}}]}`},
		{"nobody", "/", "", 401, "UNAUTHENTICATED"},
		{"a fault", "/panic", "staff", 500, "INTERNAL_SERVER_ERROR"},
		{"who has spent all", "/", "staff", 200, "figures"},
		{"once more", "/", "staff", 200, "figures"},
		{"and more", "/", "staff", 429, "RATE_LIMITED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, test.path, nil)
			r.Header.Set("Authorization", test.who)
			r.Header.Set("X-Request-Id", "mine")
			w := httptest.NewRecorder()
			served.ServeHTTP(w, r)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) || w.Header().Get("X-Request-Id") != "mine" {
				t.Errorf("status %d, %s, %v", w.Code, w.Body, w.Header())
			}
			if stored := w.Header().Get("Cache-Control"); stored != "no-store" {
				t.Errorf("Cache-Control %q", stored)
			}
			if asked := w.Header().Get("WWW-Authenticate") != ""; asked != (test.status == 401) {
				t.Errorf("it asks for a token: %v", asked)
			}
		})
	}
	want := []string{
		"figures staff ok 200", "figures customer FORBIDDEN 403", "figures  UNAUTHENTICATED 401",
		"figures staff INTERNAL_SERVER_ERROR 500", "figures staff ok 200", "figures staff ok 200", "figures staff RATE_LIMITED 429",
	}
	if diff := cmp.Diff(want, observed); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}
