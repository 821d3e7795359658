package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/viewgate/viewgate/auth"
	"github.com/viewgate/viewgate/view"
)

// How a gateway finds out who asks.
const (
	authNone = "none" // not at all
	authJWT  = "jwt"  // by access tokens
	authDemo = "demo" // by access tokens that the demo gives to everybody who wants one
)

// The claims that have ids unless others are named.
const (
	defaultConsumerClaim   = "sub"
	defaultRestaurantClaim = "restaurant_id"
)

// authSettings are how a gateway finds out who asks, and what the claims of tokens mean.
type authSettings struct {
	mode            string
	keys            string // a file or an address
	issuer          string
	audiences       []string
	algorithms      []string
	leeway          time.Duration
	roleClaim       string
	roleMap         []string // VALUE=ROLE
	consumerClaim   string
	restaurantClaim string
	anonymous       bool // a request without a token is answered, with what is public

	demo *auth.Issuer // of the demo's tokens
}

// check reports what does not go together, as a usageError.
func (s authSettings) check() error {
	ruled := s.keys+s.issuer+s.roleClaim+strings.Join(s.audiences, "")+strings.Join(s.roleMap, "") != "" ||
		cmp.Or(s.consumerClaim, defaultConsumerClaim) != defaultConsumerClaim ||
		cmp.Or(s.restaurantClaim, defaultRestaurantClaim) != defaultRestaurantClaim
	switch {
	case s.mode == authNone && ruled:
		return usageError{errors.New("--jwks and the like say how tokens are checked, and --auth none that they are not: set --auth jwt")}
	case s.mode == authNone && s.anonymous:
		return usageError{errors.New("--allow-anonymous goes with --auth jwt: with none everybody sees everything")}
	case s.mode == authJWT && (s.keys == "" || s.issuer == "" || len(s.audiences) == 0):
		return usageError{errors.New("--auth jwt needs --jwks, --jwt-issuer and --jwt-audience, to check tokens by")}
	case s.mode == authJWT && s.leeway < 0 || s.leeway > auth.MaxLeeway:
		return usageError{fmt.Errorf("--jwt-leeway %v: 0 to %v are possible", s.leeway, auth.MaxLeeway)}
	case s.mode == authNone, s.mode == authJWT, s.mode == authDemo && s.demo != nil:
		return nil
	}
	return usageError{fmt.Errorf("--auth %q is none of the possible ones: see --help", s.mode)}
}

// authenticate returns what tells who asks; the verifier is nil where nothing is verified. Keys in a file must be there;
// those at an address are waited for.
func (s authSettings) authenticate(ctx context.Context, logger *slog.Logger) (
	func(context.Context, http.Header) (auth.Identity, error), *auth.Verifier, error) {
	var o auth.Options
	switch s.mode {
	case authNone:
		logger.Warn("there is no authentication: everybody who reaches the address sees every order; see --auth")
		return auth.Everybody(view.Support()), nil, nil
	case authDemo:
		logger.Warn("everybody who reaches the address can have a token for whatever they like: this is a demo, and not for production")
		o = s.demo.Options()
	case authJWT:
		o = auth.Options{
			Issuer: s.issuer, Audiences: s.audiences, Algorithms: s.algorithms, Leeway: s.leeway,
			Roles: auth.Roles{Claim: s.roleClaim, Consumer: s.consumerClaim, Restaurant: s.restaurantClaim},
		}
		for _, text := range s.roleMap {
			m, err := auth.ParseMapped(text)
			if err != nil {
				return nil, nil, fmt.Errorf("--jwt-role-map: %w", err)
			}
			o.Roles.Map = append(o.Roles.Map, m)
		}
		var err error
		if o.Keys, err = auth.SourceAt(s.keys); err != nil {
			return nil, nil, fmt.Errorf("--jwks: %w", err)
		}
		if strings.HasPrefix(s.keys, "http://") {
			logger.Warn("--jwks is read without TLS: whoever can change it on its way can be anybody")
		}
	}
	o.Logger = logger
	if s.anonymous {
		o.Anonymous = auth.Anybody()
	}
	verifier, err := auth.NewVerifier(o)
	if err != nil {
		return nil, nil, fmt.Errorf("--auth %s: %w", s.mode, err)
	}
	if err := verifier.Load(ctx); err != nil && s.mode == authJWT && !strings.Contains(s.keys, "://") {
		return nil, nil, fmt.Errorf("--jwks: %w", err)
	}
	return verifier.Identify, verifier, nil
}

// demoTokenLife is how long a token of the demo is good.
const demoTokenLife = 12 * time.Hour

// demoToken answers a token of the demo: for ?role=support, ?role=consumer&id=… or ?role=restaurant&id=…
func (s authSettings) demoToken(w http.ResponseWriter, r *http.Request) {
	role, id := auth.Role(r.FormValue("role")), r.FormValue("id")
	switch {
	case role == auth.Support:
		id = "demo"
	case role != auth.Consumer && role != auth.Restaurant, id == "":
		http.Error(w, "ask for ?role=support, ?role=consumer&id=ID or ?role=restaurant&id=ID", http.StatusBadRequest)
		return
	}
	token, err := s.demo.Issue(role, id, time.Now().Add(demoTokenLife))
	if err != nil {
		http.Error(w, "no token can be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	io.WriteString(w, token)
}
