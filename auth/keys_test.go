package auth

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keyServer serves a set of keys, or fails.
type keyServer struct {
	*httptest.Server
	asked  atomic.Int32
	answer atomic.Pointer[http.HandlerFunc]
}

func newKeyServer(t testing.TB) *keyServer {
	t.Helper()
	s := &keyServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) serves(text string) {
	s.does(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(text)) })
}

func (s *keyServer) does(f http.HandlerFunc) { s.answer.Store(&f) }

// setOf is a set of EC keys by their ids.
func setOf(t testing.TB, keys map[string]*ecdsa.PrivateKey) string {
	t.Helper()
	var set jose.JSONWebKeySet
	for kid, key := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &key.PublicKey, KeyID: kid, Use: "sig"})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// clock is one that a test moves.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time         { return noon.Add(time.Duration(c.Load())) }
func (c *clock) moves(by time.Duration) { c.Add(int64(by)) }

// Keys come and go at a server that is down now and then.
func TestRotation(t *testing.T) {
	ring := newKeyring(t)
	server, clock := newKeyServer(t), &clock{}
	source, err := SourceAt(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(t, nil, func(o *Options) { o.Keys, o.Now = source, clock.now })
	lasting := object{"exp": noon.Add(time.Hour).Unix()}
	old := forge(t, object{"alg": "ES256", "kid": "old"}, good(lasting), withEC(t, ring.ec))
	fresh := forge(t, object{"alg": "ES256", "kid": "fresh"}, good(lasting), withEC(t, ring.otherEC))
	forged := forge(t, object{"alg": "ES256", "kid": "forged"}, good(lasting), withEC(t, ring.otherEC))
	step := func(what, token string, want error, asked int32) {
		t.Helper()
		if _, err := identify(v, token); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if n := server.asked.Load(); n != asked {
			t.Errorf("%s: the server has been asked %d times, want %d", what, n, asked)
		}
	}
	down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }

	server.does(down)
	step("down from the beginning", old, ErrUnavailable, 1)
	step("still down, and not asked again at once", old, ErrUnavailable, 1)
	if v.Ready() == nil {
		t.Error("it is ready without keys")
	}
	server.serves(setOf(t, map[string]*ecdsa.PrivateKey{"old": ring.ec}))
	clock.moves(retryEvery)
	step("up", old, nil, 2)
	if err := v.Ready(); err != nil {
		t.Error(err)
	}
	step("known", old, nil, 2)
	step("unknown key, just after", forged, ErrUnauthenticated, 2)
	clock.moves(retryEvery)
	step("unknown key", forged, ErrUnauthenticated, 3)
	step("unknown key again", forged, ErrUnauthenticated, 3)
	step("new key that is not published", fresh, ErrUnauthenticated, 3)

	server.serves(setOf(t, map[string]*ecdsa.PrivateKey{"old": ring.ec, "fresh": ring.otherEC}))
	clock.moves(retryEvery)
	step("new key", fresh, nil, 4)
	step("old key beside it", old, nil, 4)

	server.does(down)
	clock.moves(retryEvery)
	step("unknown key while it is down", forged, ErrUnavailable, 5)
	step("old key while it is down", old, nil, 5)
	for _, bad := range []string{"", "<html>", `{}`, `{"keys":[]}`, `{"keys":7}`, `{"keys":[{"kty":"oct","k":"AAAA","kid":"old"}]}`,
		strings.Repeat(" ", maxKeySet) + `{"keys":[]}`} {
		server.serves(bad)
		if err := v.Load(t.Context()); err == nil {
			t.Errorf("%.20q is taken for keys", bad)
		}
	}
	step("old key after answers that are none", old, nil, 12)
	server.does(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	if err := v.Load(t.Context()); err == nil {
		t.Error("a redirection is followed")
	}

	server.serves(setOf(t, map[string]*ecdsa.PrivateKey{"fresh": ring.otherEC}))
	if err := v.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	step("withdrawn key, although its token was known", old, ErrUnauthenticated, 14)
	step("key that stays", fresh, nil, 14)
	clock.moves(time.Hour)
	step("known token that has expired", fresh, ErrUnauthenticated, 14)
}

// Many who come with a new key wait for one question.
func TestOneQuestionForAll(t *testing.T) {
	ring := newKeyring(t)
	server, clock := newKeyServer(t), &clock{}
	source, err := SourceAt(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(t, nil, func(o *Options) { o.Keys, o.Now = source, clock.now })
	server.serves(setOf(t, map[string]*ecdsa.PrivateKey{"old": ring.ec}))
	if err := v.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.serves(setOf(t, map[string]*ecdsa.PrivateKey{"fresh": ring.otherEC}))
	clock.moves(retryEvery)
	token := forge(t, object{"alg": "ES256", "kid": "fresh"}, good(nil), withEC(t, ring.otherEC))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := identify(v, token); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := server.asked.Load(); n != 2 {
		t.Errorf("the server was asked %d times, want 2", n)
	}
}

// Run reads the keys every five minutes, and every ten seconds while that fails.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := newKeyring(t).set(t)
		var down atomic.Bool
		var read []time.Duration
		start := time.Now()
		v := newVerifier(t, nil, func(o *Options) {
			o.Keys = func(context.Context) ([]byte, error) {
				read = append(read, time.Since(start))
				if down.Load() {
					return nil, errors.New("down")
				}
				return set, nil
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { v.Run(ctx); close(ended) }()
		time.Sleep(5*time.Minute + 15*time.Second)
		down.Store(true)
		time.Sleep(5*time.Minute + 20*time.Second)
		cancel()
		<-ended
		want := []time.Duration{10, 310, 610, 620, 630}
		for i := range want {
			want[i] *= time.Second
		}
		if len(read) != len(want) {
			t.Fatalf("read at %v, want %v", read, want)
		}
		for i := range want {
			if read[i] != want[i] {
				t.Errorf("read at %v, want %v", read, want)
			}
		}
	})
}

func TestSourceAt(t *testing.T) {
	for place, fine := range map[string]bool{
		"keys.json": true, "/etc/keys.json": true, "https://issuer.example/keys": true, "http://keycloak:8080/certs": true,
		"ftp://issuer.example/keys": false, "https://": false, "file:///etc/keys.json": false, "https://[": false,
	} {
		if _, err := SourceAt(place); (err == nil) != fine {
			t.Errorf("%s: %v", place, err)
		}
	}
}

func TestNewVerifier(t *testing.T) {
	keys := func(context.Context) ([]byte, error) { return nil, nil }
	for name, o := range map[string]Options{
		"no keys":            {Issuer: "i", Audiences: []string{"a"}},
		"no issuer":          {Keys: keys, Audiences: []string{"a"}},
		"no audience":        {Keys: keys, Issuer: "i"},
		"none":               {Keys: keys, Issuer: "i", Audiences: []string{"a"}, Algorithms: []string{"none"}},
		"HMAC":               {Keys: keys, Issuer: "i", Audiences: []string{"a"}, Algorithms: []string{"RS256", "HS256"}},
		"roles and no claim": {Keys: keys, Issuer: "i", Audiences: []string{"a"}, Roles: Roles{Map: []Mapped{{"x", Support}}}},
	} {
		o.Logger = slog.New(slog.DiscardHandler)
		if _, err := NewVerifier(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
