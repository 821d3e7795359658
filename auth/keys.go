package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	refreshEvery = 5 * time.Minute  // how long a key that was withdrawn is good for at most
	retryEvery   = 10 * time.Second // how long until keys are asked for again, after a fault or for a key that is not known
	fetchTimeout = 5 * time.Second
	maxKeySet    = 1 << 20 // bytes
	maxKeys      = 100
	minRSA       = 2048 // bits of a modulus: RFC 7518, 3.3
	cachedTokens = 10_000
)

// Source reads a JSON Web Key Set, RFC 7517.
type Source func(context.Context) ([]byte, error)

// SourceAt returns the source at a URL, or in a file. A redirection is not followed: keys come from where they were said to.
func SourceAt(place string) (Source, error) {
	if !strings.Contains(place, "://") {
		return func(context.Context) ([]byte, error) { return os.ReadFile(place) }, nil
	}
	u, err := url.Parse(place)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%s: neither a file nor an address with http or https", place)
	}
	client := &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(ctx context.Context) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Accept", "application/jwk-set+json, application/json")
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s answers %s", u.Redacted(), response.Status)
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
		if len(body) > maxKeySet {
			return nil, fmt.Errorf("%s answers more than %d bytes", u.Redacted(), maxKeySet)
		}
		return body, err
	}, nil
}

// keySet is the keys that were in a set, and what they have verified: so that nothing outlives a key that was withdrawn.
type keySet struct {
	sum      [sha256.Size]byte // of the set's text
	keys     []jose.JSONWebKey
	verified *lru.Cache[[sha256.Size]byte, Identity] // by the hashes of tokens
}

// parseKeys reads a set. Keys that are no public keys to verify signatures with, and those of kinds that are not known, are
// left out: a set may have them for others.
func parseKeys(text []byte) (*keySet, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("no JSON Web Key Set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("a set of %d keys: %d are possible", len(set.Keys), maxKeys)
	}
	s := &keySet{sum: sha256.Sum256(text)}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && key.IsPublic() && key.Valid() && (key.Use == "" || key.Use == "sig") {
			s.keys = append(s.keys, key)
		}
	}
	if len(s.keys) == 0 {
		return nil, errors.New("there is no public key for signatures in the JSON Web Key Set")
	}
	var err error
	s.verified, err = lru.New[[sha256.Size]byte, Identity](cachedTokens)
	return s, err
}

// find returns the keys that a token may be signed with: those of its key id that suit its algorithm. A token without a key
// id must leave no choice.
func (s *keySet) find(kid string, algorithm jose.SignatureAlgorithm) []jose.JSONWebKey {
	if s == nil {
		return nil
	}
	var found []jose.JSONWebKey
	for _, key := range s.keys {
		if (kid == "" || key.KeyID == kid) && suits(key, algorithm) {
			found = append(found, key)
		}
	}
	if kid == "" && len(found) > 1 {
		return nil
	}
	return found
}

// suits reports whether a key is for an algorithm, by what it is and by what it says.
func suits(key jose.JSONWebKey, algorithm jose.SignatureAlgorithm) bool {
	if key.Algorithm != "" && key.Algorithm != string(algorithm) {
		return false
	}
	curve := func(want elliptic.Curve) bool {
		k, ok := key.Key.(*ecdsa.PublicKey)
		return ok && k.Curve == want
	}
	switch algorithm {
	case jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512:
		k, ok := key.Key.(*rsa.PublicKey)
		return ok && k.N.BitLen() >= minRSA
	case jose.ES256:
		return curve(elliptic.P256())
	case jose.ES384:
		return curve(elliptic.P384())
	case jose.ES512:
		return curve(elliptic.P521())
	case jose.EdDSA:
		_, ok := key.Key.(ed25519.PublicKey)
		return ok
	}
	return false
}

// keys are the keys of a source, as they were read last.
type keys struct {
	source Source
	now    func() time.Time
	logger *slog.Logger

	current atomic.Pointer[keySet] // nil until they could be read

	mu     sync.Mutex // held while they are read
	asked  time.Time  // guarded by mu: when they were last tried to be read
	failed error      // guarded by mu: what came of it
}

// read reads the keys. Where that fails, those read before stay.
func (k *keys) read(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.readLocked(ctx)
}

func (k *keys) readLocked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout) // it is for others, too
	defer cancel()
	k.asked = k.now()
	set, err := k.fetch(ctx)
	if k.failed = err; err != nil {
		k.logger.Warn("the keys of tokens cannot be read; those that were read before stay good",
			"before", k.current.Load() != nil, "err", err)
		return err
	}
	if before := k.current.Load(); before == nil || before.sum != set.sum {
		k.current.Store(set)
		k.logger.Info("the keys of tokens were read", "keys", len(set.keys))
	}
	return nil
}

func (k *keys) fetch(ctx context.Context) (*keySet, error) {
	text, err := k.source(ctx)
	if err != nil {
		return nil, err
	}
	return parseKeys(text)
}

// other returns other keys than these, if there are any: a token may be signed with a key that is new. All who wait wait for
// one reading, and there is not more than one in retryEvery, whatever tokens come. The error says that this is not known.
func (k *keys) other(ctx context.Context, than *keySet) (*keySet, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.current.Load(); now != than {
		return now, nil
	}
	if k.asked.IsZero() || k.now().Sub(k.asked) >= retryEvery {
		k.readLocked(ctx)
	}
	return k.current.Load(), k.failed
}

// run reads the keys again and again until ctx ends.
func (k *keys) run(ctx context.Context) {
	for {
		k.mu.Lock()
		wait := refreshEvery
		if k.failed != nil || k.current.Load() == nil {
			wait = retryEvery
		}
		k.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			k.read(ctx)
		}
	}
}
