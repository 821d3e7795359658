package main

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/view"
)

// What does not go together ends the start: nobody must believe that tokens are checked where they are not.
func TestAuthenticationFlags(t *testing.T) {
	for _, test := range []struct {
		name string
		env  map[string]string
		args string
		says string
	}{
		{"no such way", nil, "--auth ldap", `--auth "ldap"`},
		{"the demo's way", nil, "--auth demo", `--auth "demo"`},
		{"keys and no way", nil, "--jwks keys.json", "set --auth jwt"},
		{"issuer and no way", map[string]string{"JWT_ISSUER": "i"}, "", "set --auth jwt"},
		{"anonymous and no way", nil, "--allow-anonymous", "--auth jwt"},
		{"no keys", nil, "--auth jwt --jwt-issuer i --jwt-audience a", "needs --jwks"},
		{"no issuer", nil, "--auth jwt --jwks k --jwt-audience a", "needs --jwks"},
		{"no audience", nil, "--auth jwt --jwks k --jwt-issuer i", "needs --jwks"},
		{"leeway", nil, "--auth jwt --jwks k --jwt-issuer i --jwt-audience a --jwt-leeway 1h", "--jwt-leeway"},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"serve", "--data", t.TempDir(), "--addr", "127.0.0.1:0"}, strings.Fields(test.args)...)
			p := start(t, test.env, args...)
			<-p.exited
			if p.code != 2 || !strings.Contains(p.err.String(), test.says) {
				t.Errorf("code %d: %s", p.code, p.err.String())
			}
		})
	}
}

func TestAuthenticate(t *testing.T) {
	issuer, err := auth.NewIssuer("https://issuer.example/")
	if err != nil {
		t.Fatal(err)
	}
	text, err := issuer.Options().Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	s := authSettings{
		mode: authJWT, keys: file, issuer: "https://issuer.example/", audiences: []string{"https://issuer.example/"},
		algorithms: []string{"ES256"}, roleClaim: "role", roleMap: []string{"support=support", "consumer=consumer"},
		consumerClaim: "id",
	}
	who, verifier, err := s.authenticate(t.Context(), logger)
	if err != nil || verifier.Ready() != nil {
		t.Fatal(err)
	}
	for role, want := range map[auth.Role]view.Viewer{
		auth.Support: view.Support(), auth.Consumer: view.As(view.RoleConsumer, "7"), auth.Restaurant: {},
	} {
		token, err := issuer.Issue(role, "7", time.Now().Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		is, err := who(t.Context(), http.Header{"Authorization": {"Bearer " + token}})
		if is.Viewer != want || (err == nil) != (want != view.Viewer{}) {
			t.Errorf("%s is %v, %v", role, is.Viewer, err)
		}
	}
	if is, err := who(t.Context(), nil); !errors.Is(err, auth.ErrNoToken) {
		t.Errorf("without a token it is %v, %v", is.Viewer, err)
	}
	s.anonymous = true
	if who, _, err = s.authenticate(t.Context(), logger); err != nil {
		t.Fatal(err)
	}
	if is, err := who(t.Context(), nil); err != nil || is != auth.Anybody() {
		t.Errorf("with --allow-anonymous it is %v, %v", is.Viewer, err)
	}
	for name, change := range map[string]func(*authSettings){
		"no such file": func(s *authSettings) { s.keys = file + "x" },
		"no keys":      func(s *authSettings) { s.keys = os.DevNull },
		"no mapping":   func(s *authSettings) { s.roleMap = []string{"x"} },
		"no algorithm": func(s *authSettings) { s.algorithms = []string{"HS256"} },
	} {
		bad := s
		change(&bad)
		if _, _, err := bad.authenticate(t.Context(), logger); err == nil {
			t.Errorf("%s: it starts", name)
		}
	}
	s.keys = "http://127.0.0.1:1/keys" // where nobody answers yet
	if who, verifier, err = s.authenticate(t.Context(), logger); err != nil || verifier.Ready() == nil {
		t.Errorf("with keys that cannot be read yet: %v", err)
	}
}

func TestDemoToken(t *testing.T) {
	issuer, err := auth.NewIssuer("demo")
	if err != nil {
		t.Fatal(err)
	}
	s := authSettings{mode: authDemo, demo: issuer}
	who, _, err := s.authenticate(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]view.Viewer{}
	for _, query := range []string{"role=support", "role=consumer&id=7", "role=restaurant&id=3", "role=consumer", "role=admin&id=1", ""} {
		w := httptest.NewRecorder()
		s.demoToken(w, httptest.NewRequest(http.MethodGet, "/demo/token?"+query, nil))
		is, err := who(t.Context(), http.Header{"Authorization": {"Bearer " + w.Body.String()}})
		if (w.Code == http.StatusOK) != (err == nil) {
			t.Errorf("%q: status %d, %v", query, w.Code, err)
		}
		if err == nil {
			got[query] = is.Viewer
		}
	}
	want := map[string]view.Viewer{"role=support": view.Support(), "role=consumer&id=7": view.As(view.RoleConsumer, "7"),
		"role=restaurant&id=3": view.As(view.RoleRestaurant, "3")}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b view.Viewer) bool { return a == b })); diff != "" {
		t.Errorf("viewers (-want +got):\n%s", diff)
	}
}
