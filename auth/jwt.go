package auth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// MaxLeeway is the most that clocks may be taken to differ by.
const MaxLeeway = 5 * time.Minute

const (
	maxToken = 8 << 10 // bytes
	maxKeyID = 256
)

// algorithms are those that tokens may be signed by: only such whose verifier cannot sign.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Options are what a Verifier can be told.
type Options struct {
	// Keys is where the keys are that tokens are signed with. Required.
	Keys Source
	// Issuer is whose tokens are taken: their iss. Required.
	Issuer string
	// Audiences are whom tokens may be for: one of them must be in a token's aud. Required: a token that somebody was given
	// for another service must not be good here.
	Audiences []string
	// Algorithms that tokens may be signed by, by their names in RFC 7518. Nil: RS256 and ES256.
	Algorithms []string
	// Leeway is how much the issuer's clock and this one may differ, MaxLeeway at most. 0: not at all.
	Leeway time.Duration
	// Roles says who sees what.
	Roles Roles
	// Anonymous is who asks without a token. The zero Identity: nobody may.
	Anonymous Identity
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Logger is told when the keys change, and when they cannot be read. Nil: slog.Default.
	Logger *slog.Logger
}

// Verifier tells who asks by access tokens in the form of JSON Web Tokens: RFC 7519, and RFC 8725 for what to beware of.
// It may be used concurrently.
type Verifier struct {
	options    Options
	algorithms []jose.SignatureAlgorithm
	keys       keys
}

// NewVerifier returns a verifier that has no keys yet: it reads them when the first token comes, or with Load.
func NewVerifier(o Options) (*Verifier, error) {
	if o.Keys == nil || o.Issuer == "" || len(o.Audiences) == 0 {
		return nil, errors.New("tokens need keys, an issuer and an audience to be checked by")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Algorithms == nil {
		o.Algorithms = []string{string(jose.RS256), string(jose.ES256)}
	}
	if err := o.Roles.check(); err != nil {
		return nil, err
	}
	v := &Verifier{options: o, keys: keys{source: o.Keys, now: o.Now, logger: o.Logger}}
	for _, name := range o.Algorithms {
		if !slices.Contains(algorithms, jose.SignatureAlgorithm(name)) {
			return nil, fmt.Errorf("%q is no algorithm that tokens can be verified by: %v are", name, algorithms)
		}
		v.algorithms = append(v.algorithms, jose.SignatureAlgorithm(name))
	}
	return v, nil
}

// Load reads the keys.
func (v *Verifier) Load(ctx context.Context) error { return v.keys.read(ctx) }

// Run keeps the keys up to date until ctx ends: every five minutes, and every ten seconds while they cannot be read.
func (v *Verifier) Run(ctx context.Context) { v.keys.run(ctx) }

// Ready reports, as an error, whether no token can be checked because the keys could not be read yet.
func (v *Verifier) Ready() error {
	if v.keys.current.Load() == nil {
		return errors.New("the keys of tokens could not be read yet")
	}
	return nil
}

// Identify tells who asks, by the header Authorization. The error wraps one of the package's. What a token says is
// remembered until it ends or the keys change.
func (v *Verifier) Identify(ctx context.Context, client http.Header) (Identity, error) {
	token, err := bearer(client)
	if errors.Is(err, ErrNoToken) && v.options.Anonymous != (Identity{}) {
		return v.options.Anonymous, nil
	}
	if err != nil {
		return Identity{}, err
	}
	set, sum := v.keys.current.Load(), sha256.Sum256([]byte(token))
	if set != nil {
		if known, ok := set.verified.Get(sum); ok && v.options.Now().Before(known.Until) {
			return known, nil
		}
	}
	payload, set, err := v.verify(ctx, set, token)
	if err != nil {
		return Identity{}, err
	}
	identity, err := v.read(payload)
	if err == nil {
		set.verified.Add(sum, identity)
	}
	return identity, err
}

// bearer returns the token in a request's header: RFC 6750, 2.1.
func bearer(client http.Header) (string, error) {
	switch values := client.Values("Authorization"); {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", ErrNoToken
	case len(values) > 1:
		return "", denied("Authorization is there %d times", len(values))
	default:
		scheme, token, _ := strings.Cut(values[0], " ")
		token = strings.TrimLeft(token, " ")
		switch {
		case !strings.EqualFold(scheme, "Bearer"):
			return "", denied("Authorization must be Bearer and a token")
		case len(token) > maxToken:
			return "", denied("the token is longer than %d bytes", maxToken)
		case token == "" || strings.Trim(token, tokenCharacters) != "":
			return "", denied("the token is malformed")
		}
		return token, nil
	}
}

const tokenCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

func denied(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnauthenticated}, args...)...)
}

// verify returns what a token has been signed for, and the keys with which that was seen. Keys that a token brings or points
// to are not looked at.
func (v *Verifier) verify(ctx context.Context, set *keySet, token string) ([]byte, *keySet, error) {
	signed, err := jose.ParseSignedCompact(token, v.algorithms)
	if err != nil {
		return nil, nil, denied("the token is malformed, or signed by an algorithm that is not taken")
	}
	header := signed.Signatures[0].Protected
	kid := header.KeyID
	_, critical := header.ExtraHeaders["crit"] // what must be understood, of which access tokens have nothing
	if critical || len(kid) > maxKeyID || !isAccessToken(header.ExtraHeaders[jose.HeaderType]) {
		return nil, nil, denied("it is no access token")
	}
	candidates := set.find(kid, jose.SignatureAlgorithm(header.Algorithm))
	if len(candidates) == 0 {
		if set, err = v.keys.other(ctx, set); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		candidates = set.find(kid, jose.SignatureAlgorithm(header.Algorithm))
	}
	if len(candidates) == 0 {
		return nil, nil, denied("the token is signed with a key that is not known")
	}
	for _, key := range candidates {
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, set, nil
		}
	}
	return nil, nil, denied("the token's signature is not right")
}

// isAccessToken reports whether a token's type is none or one that access tokens have: RFC 9068, 2.1. Others are issued by
// the same keys for other purposes.
func isAccessToken(kind any) bool {
	if kind == nil {
		return true
	}
	text, _ := kind.(string)
	return slices.Contains([]string{"jwt", "at+jwt", "application/jwt", "application/at+jwt"}, strings.ToLower(text))
}

// claims are what a token says.
type claims map[string]any

// read checks what a token says, which has been verified, and tells whose it is.
func (v *Verifier) read(payload []byte) (Identity, error) {
	var says claims
	numbers := json.NewDecoder(bytes.NewReader(payload))
	numbers.UseNumber()
	if err := numbers.Decode(&says); err != nil || says == nil {
		return Identity{}, denied("the token says nothing")
	}
	now, leeway := v.options.Now(), v.options.Leeway
	expires, expiresOK := says.time("exp")
	begins, beginsOK := says.time("nbf")
	switch {
	case says["iss"] != v.options.Issuer:
		return Identity{}, denied("the token is of another issuer")
	case !slices.ContainsFunc(says.texts("aud"), func(to string) bool { return slices.Contains(v.options.Audiences, to) }):
		return Identity{}, denied("the token is for somebody else than this service")
	case !expiresOK:
		return Identity{}, denied("the token does not say when it expires")
	case !now.Before(expires.Add(leeway)):
		return Identity{}, denied("the token has expired")
	case says["nbf"] != nil && (!beginsOK || now.Before(begins.Add(-leeway))):
		return Identity{}, denied("the token is not good yet")
	}
	viewer, err := v.options.Roles.viewer(says)
	if err != nil {
		return Identity{}, err
	}
	subject, _ := says["sub"].(string)
	return Identity{Viewer: viewer, Subject: subject, Until: expires.Add(leeway)}, nil
}

// time returns a claim that is a time: seconds since 1970, perhaps with a fraction.
func (c claims) time(name string) (time.Time, bool) {
	number, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	if err != nil || math.Abs(seconds) > 1e11 { // some thousand years
		return time.Time{}, false
	}
	return time.UnixMilli(int64(seconds * 1000)), true
}

// texts returns a claim that is a text or a list of them.
func (c claims) texts(name string) (all []string) {
	switch value := c.at(name).(type) {
	case string:
		return []string{value}
	case []any:
		for _, element := range value {
			if text, ok := element.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all
}

// at returns the claim of this name; without one the name is a path of names with dots between them.
func (c claims) at(path string) any {
	if value, ok := c[path]; ok {
		return value
	}
	if name, rest, ok := strings.Cut(path, "."); ok {
		if below, ok := c[name].(map[string]any); ok {
			return claims(below).at(rest)
		}
	}
	return nil
}
