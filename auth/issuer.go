package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer issues tokens that are signed with a key of its own, which is made with it and kept nowhere. It asks nobody who they
// are, so it is for demos and tests.
type Issuer struct {
	name   string
	signer jose.Signer
	set    []byte
}

// NewIssuer returns an issuer of this name, with a new key.
func NewIssuer(name string) (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	private := jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: string(jose.ES256), Use: "sig"}
	i := &Issuer{name: name}
	if i.set, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}}); err != nil {
		return nil, err
	}
	i.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	return i, err
}

// Options returns those of a verifier that takes the issuer's tokens, and no others.
func (i *Issuer) Options() Options {
	return Options{
		Keys:   func(context.Context) ([]byte, error) { return i.set, nil },
		Issuer: i.name, Audiences: []string{i.name}, Roles: Roles{Claim: "role", Consumer: "id", Restaurant: "id"},
	}
}

// Issue returns a token for somebody of a role, who is called id: the consumer, or the restaurant whose staff they are.
// It expires at this time.
func (i *Issuer) Issue(role Role, id string, expires time.Time) (string, error) {
	payload, err := json.Marshal(map[string]any{
		"iss": i.name, "aud": i.name, "sub": string(role) + " " + id, "role": role, "id": id, "exp": expires.Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("claims: %w", err)
	}
	signed, err := i.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed.CompactSerialize()
}
