package auth

import (
	"errors"
	"strings"
	"testing"
)

// Whatever comes is refused as not authenticated, unless it is a token that was issued.
func FuzzIdentify(f *testing.F) {
	ring := newKeyring(f)
	v := newVerifier(f, ring.set(f))
	issued := map[string]bool{}
	for _, says := range []object{good(nil), good(object{"aud": []string{"viewgate"}}), good(object{"exp": 1})} {
		token := forge(f, object{"alg": "ES256", "kid": "ec", "typ": "JWT"}, says, withEC(f, ring.ec))
		issued[token[:strings.LastIndex(token, ".")]] = true
		f.Add(token)
	}
	for _, seed := range []string{"", ".", "..", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.e30.AA", "a.b.c.d.e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		who, err := identify(v, token)
		if err != nil {
			if !errors.Is(err, ErrUnauthenticated) || who != (Identity{}) {
				t.Errorf("%+v, %v", who, err)
			}
			return
		}
		if at := strings.LastIndex(token, "."); at < 0 || !issued[token[:at]] {
			t.Errorf("%q is taken for %+v", token, who)
		}
	})
}

// Whatever a key server answers is a set of public keys for signatures, or an error.
func FuzzParseKeys(f *testing.F) {
	f.Add(newKeyring(f).set(f))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := parseKeys(text)
		if err != nil {
			return
		}
		for _, key := range set.keys {
			if !key.IsPublic() || !key.Valid() {
				t.Errorf("%v is taken", key)
			}
			for _, algorithm := range algorithms {
				set.find(key.KeyID, algorithm) // must not panic
			}
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	ring := newKeyring(b)
	v := newVerifier(b, ring.set(b))
	for _, test := range []struct{ name, token string }{
		{"RS256", forge(b, object{"alg": "RS256", "kid": "rsa"}, good(nil), withRSA(b, ring.rsa))},
		{"ES256", forge(b, object{"alg": "ES256", "kid": "ec"}, good(nil), withEC(b, ring.ec))},
	} {
		b.Run(test.name+" known", func(b *testing.B) {
			for b.Loop() {
				if _, err := identify(v, test.token); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(test.name+" new", func(b *testing.B) {
			for b.Loop() {
				v.keys.current.Load().verified.Purge()
				if _, err := identify(v, test.token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
