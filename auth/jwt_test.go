package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/viewgate/viewgate/view"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// keyring has a key of each kind, and one of each that is in no set.
type keyring struct {
	rsa, otherRSA, smallRSA *rsa.PrivateKey
	ec, otherEC, wideEC     *ecdsa.PrivateKey
	ed                      ed25519.PrivateKey
}

func newKeyring(t testing.TB) *keyring {
	t.Helper()
	k := &keyring{}
	var errs [7]error
	k.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	k.otherRSA, errs[1] = rsa.GenerateKey(rand.Reader, 2048)
	k.smallRSA, errs[2] = rsa.GenerateKey(rand.Reader, 1024)
	k.ec, errs[3] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.otherEC, errs[4] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.wideEC, errs[5] = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, k.ed, errs[6] = ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return k
}

// set is the public keys, and some that must not be used.
func (k *keyring) set(t testing.TB) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": []any{
		jose.JSONWebKey{Key: &k.rsa.PublicKey, KeyID: "rsa"},
		jose.JSONWebKey{Key: &k.ec.PublicKey, KeyID: "ec", Algorithm: "ES256", Use: "sig"},
		jose.JSONWebKey{Key: &k.wideEC.PublicKey, KeyID: "wide", Use: "sig"},
		jose.JSONWebKey{Key: &k.smallRSA.PublicKey, KeyID: "small", Use: "sig"},
		jose.JSONWebKey{Key: &k.otherRSA.PublicKey, KeyID: "encrypts", Use: "enc"},
		jose.JSONWebKey{Key: k.ed.Public(), KeyID: "ed", Use: "sig"},
		jose.JSONWebKey{Key: []byte("a secret that is shared with all"), KeyID: "secret", Use: "sig"},
		map[string]any{"kty": "LATTICE", "kid": "unknown", "use": "sig"},
		"no key at all",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

type object = map[string]any

// good are claims that are taken; change says what else.
func good(change object) object {
	c := object{
		"iss": "https://issuer.example/", "aud": "viewgate", "sub": "7", "exp": noon.Add(time.Minute).Unix(),
		"iat": noon.Add(-time.Minute).Unix(),
	}
	maps.Copy(c, change)
	for name, value := range c {
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

func encode(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// forge signs what it is told to, as no library would.
func forge(t testing.TB, header, says object, sign func(input []byte) []byte) string {
	t.Helper()
	input := encode(t, header) + "." + encode(t, says)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

func withRSA(t testing.TB, key *rsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
}

func withPSS(t testing.TB, key *rsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], nil)
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
}

func withEC(t testing.TB, key *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		signature := make([]byte, 2*size)
		r.FillBytes(signature[:size])
		s.FillBytes(signature[size:])
		return signature
	}
}

func withHMAC(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func unsigned([]byte) []byte { return nil }

func newVerifier(t testing.TB, set []byte, change ...func(*Options)) *Verifier {
	t.Helper()
	o := Options{
		Keys:   func(context.Context) ([]byte, error) { return set, nil },
		Issuer: "https://issuer.example/", Audiences: []string{"viewgate"}, Leeway: 10 * time.Second,
		Now: func() time.Time { return noon }, Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&o)
	}
	v, err := NewVerifier(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func identify(v *Verifier, token string) (Identity, error) {
	return v.Identify(context.Background(), http.Header{"Authorization": {"Bearer " + token}})
}

func TestTokens(t *testing.T) {
	keys := newKeyring(t)
	rsaKey, ecKey := withRSA(t, keys.rsa), withEC(t, keys.ec)
	public, err := x509.MarshalPKIXPublicKey(&keys.rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	attackers := jose.JSONWebKey{Key: &keys.otherEC.PublicKey, KeyID: "ec", Algorithm: "ES256", Use: "sig"}
	rs, es := object{"alg": "RS256", "kid": "rsa"}, object{"alg": "ES256", "kid": "ec"}
	with := func(header object, name string, value any) object {
		header = maps.Clone(header)
		header[name] = value
		return header
	}
	valid := forge(t, rs, good(nil), rsaKey)
	parts := strings.Split(valid, ".")
	for _, test := range []struct {
		name, token string
		why         string // "": it is taken
	}{
		{"RSA", valid, ""},
		{"EC", forge(t, es, good(nil), ecKey), ""},
		{"type JWT", forge(t, with(es, "typ", "JWT"), good(nil), ecKey), ""},
		{"type of access tokens", forge(t, with(es, "typ", "at+jwt"), good(nil), ecKey), ""},
		{"several audiences", forge(t, es, good(object{"aud": []string{"other", "viewgate"}}), ecKey), ""},
		{"time with a fraction", forge(t, es, good(object{"exp": float64(noon.Unix()) + 0.5}), ecKey), ""},
		{"expired within the leeway", forge(t, es, good(object{"exp": noon.Unix() - 9}), ecKey), ""},
		{"not yet within the leeway", forge(t, es, good(object{"nbf": noon.Unix() + 9}), ecKey), ""},
		{"header with pointers to keys, which are not followed", forge(t, with(with(with(es, "jku", "https://attacker.example/"),
			"x5u", "https://attacker.example/"), "jwk", attackers), good(nil), ecKey), ""},

		{"none", forge(t, object{"alg": "none"}, good(nil), unsigned), "algorithm"},
		{"none with a key id", forge(t, object{"alg": "none", "kid": "rsa"}, good(nil), unsigned), "algorithm"},
		{"none in other letters", forge(t, object{"alg": "nOnE", "kid": "rsa"}, good(nil), unsigned), "algorithm"},
		{"no algorithm", forge(t, object{"kid": "rsa"}, good(nil), rsaKey), "algorithm"},
		{"HMAC with the public key as PEM", forge(t, with(rs, "alg", "HS256"), good(nil), withHMAC(asPEM)), "algorithm"},
		{"HMAC with the public key as DER", forge(t, with(rs, "alg", "HS256"), good(nil), withHMAC(public)), "algorithm"},
		{"HMAC with the modulus", forge(t, with(rs, "alg", "HS256"), good(nil), withHMAC(keys.rsa.N.Bytes())), "algorithm"},
		{"HMAC with a secret of the set", forge(t, object{"alg": "HS256", "kid": "secret"}, good(nil),
			withHMAC([]byte("a secret that is shared with all"))), "algorithm"},
		{"an algorithm that is not taken", forge(t, with(rs, "alg", "PS256"), good(nil), withPSS(t, keys.rsa)), "algorithm"},
		{"a curve that is not taken", forge(t, object{"alg": "ES384", "kid": "wide"}, good(nil), withEC(t, keys.wideEC)), "algorithm"},
		{"EdDSA, not taken", forge(t, object{"alg": "EdDSA", "kid": "ed"}, good(nil),
			func(input []byte) []byte { return ed25519.Sign(keys.ed, input) }), "algorithm"},
		{"key of another kind than the algorithm", forge(t, with(es, "kid", "rsa"), good(nil), ecKey), "not known"},
		{"curve of another algorithm", forge(t, with(es, "kid", "wide"), good(nil), withEC(t, keys.wideEC)), "not known"},
		{"RSA for an EC key's id", forge(t, with(rs, "kid", "ec"), good(nil), rsaKey), "not known"},
		{"another key's id", forge(t, rs, good(nil), withRSA(t, keys.otherRSA)), "signature"},
		{"unknown key id", forge(t, with(es, "kid", "else"), good(nil), withEC(t, keys.otherEC)), "not known"},
		{"key id is a path", forge(t, with(es, "kid", "../../dev/null"), good(nil), withHMAC(nil)), "not known"},
		{"no key id, and several keys", forge(t, object{"alg": "RS256"}, good(nil), withRSA(t, keys.otherRSA)), "signature"},
		{"key for encryption", forge(t, with(rs, "kid", "encrypts"), good(nil), withRSA(t, keys.otherRSA)), "not known"},
		{"small key", forge(t, with(rs, "kid", "small"), good(nil), withRSA(t, keys.smallRSA)), "not known"},
		{"embedded key", forge(t, with(es, "jwk", attackers), good(nil), withEC(t, keys.otherEC)), "signature"},
		{"embedded key without an id", forge(t, object{"alg": "ES256", "jwk": attackers}, good(nil), withEC(t, keys.otherEC)), "signature"},
		{"address of keys", forge(t, with(es, "jku", "https://attacker.example/keys"), good(nil), withEC(t, keys.otherEC)), "signature"},
		{"certificates", forge(t, with(es, "x5c", []string{base64.StdEncoding.EncodeToString(public)}), good(nil),
			withEC(t, keys.otherEC)), "not authenticated"},
		{"critical header", forge(t, with(with(es, "crit", []string{"exp"}), "exp", noon.Unix()), good(nil), ecKey), "no access token"},
		{"critical header that is not there", forge(t, with(es, "crit", []string{"b64"}), good(nil), ecKey), "not authenticated"},
		{"ID token's type", forge(t, with(es, "typ", "logout+jwt"), good(nil), ecKey), "no access token"},
		{"type is no text", forge(t, with(es, "typ", 7), good(nil), ecKey), "not authenticated"},
		{"signature of zeros", forge(t, es, good(nil), func([]byte) []byte { return make([]byte, 64) }), "signature"},
		{"signature cut", valid[:len(valid)-4], "signature"},
		{"no signature", parts[0] + "." + parts[1] + ".", "signature"},
		{"claims exchanged", parts[0] + "." + encode(t, good(object{"sub": "8"})) + "." + parts[2], "signature"},
		{"header exchanged", encode(t, with(rs, "typ", "JWT")) + "." + parts[1] + "." + parts[2], "signature"},

		{"another issuer", forge(t, es, good(object{"iss": "https://issuer.example"}), ecKey), "another issuer"},
		{"no issuer", forge(t, es, good(object{"iss": nil}), ecKey), "another issuer"},
		{"list of issuers", forge(t, es, good(object{"iss": []string{"https://issuer.example/"}}), ecKey), "another issuer"},
		{"another audience", forge(t, es, good(object{"aud": "viewgate2"}), ecKey), "somebody else"},
		{"no audience", forge(t, es, good(object{"aud": nil}), ecKey), "somebody else"},
		{"empty audience", forge(t, es, good(object{"aud": ""}), ecKey), "somebody else"},
		{"expired", forge(t, es, good(object{"exp": noon.Unix() - 10}), ecKey), "expired"},
		{"never expires", forge(t, es, good(object{"exp": nil}), ecKey), "when it expires"},
		{"expires as text", forge(t, es, good(object{"exp": "9999999999"}), ecKey), "when it expires"},
		{"expires beyond time", forge(t, es, good(object{"exp": 1e300}), ecKey), "when it expires"},
		{"not yet", forge(t, es, good(object{"nbf": noon.Unix() + 11}), ecKey), "not good yet"},
		{"not before as text", forge(t, es, good(object{"nbf": "0"}), ecKey), "not good yet"},

		{"empty", "", "malformed"},
		{"text", "abc", "malformed"},
		{"two parts", parts[0] + "." + parts[1], "malformed"},
		{"four parts", valid + ".x", "malformed"},
		{"five parts, as encrypted ones have", valid + "..", "malformed"},
		{"JSON form", `{"payload":"` + parts[1] + `"}`, "malformed"},
		{"no base64", "!." + parts[1] + "." + parts[2], "malformed"},
		{"line break", parts[0] + "\n." + parts[1] + "." + parts[2], "malformed"},
		{"padding", parts[0] + "=." + parts[1] + "." + parts[2], "malformed"},
		{"claims are no object", parts[0] + "." + encode(t, []int{1}) + "." + parts[2], "signature"},
		{"oversized", forge(t, es, good(object{"x": strings.Repeat("x", maxToken)}), ecKey), "longer than"},
		{"many dots", strings.Repeat(".", maxToken), "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVerifier(t, keys.set(t))
			who, err := identify(v, test.token)
			switch {
			case test.why == "" && err != nil:
				t.Fatal(err)
			case test.why == "" && (who.Viewer != view.As(view.RoleConsumer, "7") || who.Subject != "7"):
				t.Errorf("it is %+v", who)
			case test.why != "" && err == nil:
				t.Errorf("it is taken for %+v", who)
			case test.why != "" && (!errors.Is(err, ErrUnauthenticated) || !strings.Contains(err.Error(), test.why)):
				t.Errorf("%v, want something of %q", err, test.why)
			case test.why != "" && who != Identity{}:
				t.Errorf("with the error comes %+v", who)
			}
		})
	}
}
