package auth

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/viewgate/viewgate/view"
)

func TestRoles(t *testing.T) {
	ring := newKeyring(t)
	set := ring.set(t)
	keycloak := Roles{
		Claim: "realm_access.roles", Consumer: "consumer_id", Restaurant: "restaurant_id",
		Map: []Mapped{{"order-support", Support}, {"restaurant-staff", Restaurant}, {"customer", Consumer}},
	}
	auth0 := Roles{Claim: "https://viewgate.example/roles", Consumer: "https://viewgate.example/consumer"}
	scopes := Roles{Claim: "scope", Map: []Mapped{{"orders:all", Support}, {"orders", Consumer}}}
	consumer, staff := view.As(view.RoleConsumer, "7"), view.As(view.RoleRestaurant, "3")
	for _, test := range []struct {
		name  string
		roles Roles
		says  object
		want  view.Viewer // zero: forbidden
	}{
		{"plain, a consumer", Roles{}, object{}, consumer},
		{"plain, staff", Roles{}, object{"restaurant_id": "3"}, staff},
		{"plain, number", Roles{}, object{"restaurant_id": 3}, staff},
		{"plain, list of one", Roles{}, object{"restaurant_id": []string{"3"}}, staff},
		{"plain, list of two", Roles{}, object{"restaurant_id": []string{"3", "4"}}, view.Viewer{}},
		{"plain, empty", Roles{}, object{"restaurant_id": ""}, view.Viewer{}},
		{"plain, fraction", Roles{}, object{"restaurant_id": 3.5}, view.Viewer{}},
		{"plain, object", Roles{}, object{"restaurant_id": object{"x": "3"}}, view.Viewer{}},
		{"plain, no subject", Roles{}, object{"sub": nil}, view.Viewer{}},
		{"plain, support is not to be had", Roles{}, object{"role": "support"}, consumer},
		{"Keycloak, a consumer", keycloak, object{"realm_access": object{"roles": []string{"offline_access", "customer"}},
			"consumer_id": "7"}, consumer},
		{"Keycloak, support before consumer", keycloak, object{"realm_access": object{"roles": []string{"customer", "order-support"}},
			"consumer_id": "7"}, view.Support()},
		{"Keycloak, staff", keycloak, object{"realm_access": object{"roles": []string{"restaurant-staff"}},
			"restaurant_id": "3"}, staff},
		{"Keycloak, staff of nowhere", keycloak, object{"realm_access": object{"roles": []string{"restaurant-staff"}}}, view.Viewer{}},
		{"Keycloak, no role of ours", keycloak, object{"realm_access": object{"roles": []string{"offline_access"}}}, view.Viewer{}},
		{"Keycloak, the name of a role of ours", keycloak, object{"realm_access": object{"roles": []string{"support"}}}, view.Viewer{}},
		{"Keycloak, no roles", keycloak, object{}, view.Viewer{}},
		{"Keycloak, the claim is no object", keycloak, object{"realm_access": "order-support"}, view.Viewer{}},
		{"Auth0", auth0, object{"https://viewgate.example/roles": []string{"consumer"},
			"https://viewgate.example/consumer": "7"}, consumer},
		{"Auth0, support", auth0, object{"https://viewgate.example/roles": []string{"support"}}, view.Support()},
		{"Auth0, a role with a space is no word", auth0, object{"https://viewgate.example/roles": []string{"no support"}}, view.Viewer{}},
		{"scopes", scopes, object{"scope": "openid orders profile"}, consumer},
		{"scopes, all", scopes, object{"scope": "orders orders:all"}, view.Support()},
		{"scopes, none", scopes, object{"scope": "openid"}, view.Viewer{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVerifier(t, set, func(o *Options) { o.Roles = test.roles })
			who, err := identify(v, forge(t, object{"alg": "ES256", "kid": "ec"}, good(test.says), withEC(t, ring.ec)))
			if who.Viewer != test.want {
				t.Errorf("it is %v, %v; want %v", who.Viewer, err, test.want)
			}
			if forbidden := errors.Is(err, ErrForbidden); forbidden != (test.want == view.Viewer{}) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestParseMapped(t *testing.T) {
	for text, want := range map[string]Mapped{
		"order-support=support": {"order-support", Support}, "cn=staff,dc=example=restaurant": {"cn=staff,dc=example", Restaurant},
		"": {}, "support": {}, "=support": {}, "x=admin": {}, "x=": {}, "x=Support": {},
	} {
		got, err := ParseMapped(text)
		if got != want && err == nil || (err == nil) != (want != Mapped{}) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestIssuer(t *testing.T) {
	issuer, err := NewIssuer("the demo")
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(issuer.Options())
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Now().Add(time.Minute).Truncate(time.Second)
	for role, want := range map[Role]view.Viewer{
		Support: view.Support(), Consumer: view.As(view.RoleConsumer, "7"), Restaurant: view.As(view.RoleRestaurant, "7"),
	} {
		token, err := issuer.Issue(role, "7", expires)
		if err != nil {
			t.Fatal(err)
		}
		who, err := identify(v, token)
		if err != nil || who.Viewer != want || !who.Until.Equal(expires) || who.Subject != string(role)+" 7" {
			t.Errorf("%s is %+v, %v", role, who, err)
		}
	}
	if other, err := NewIssuer("the demo"); err != nil {
		t.Error(err)
	} else if token, err := other.Issue(Support, "", expires); err != nil {
		t.Error(err)
	} else if who, err := identify(v, token); err == nil {
		t.Errorf("another one's token is taken for %+v", who)
	}
}

func TestHeader(t *testing.T) {
	ring := newKeyring(t)
	token := forge(t, object{"alg": "ES256", "kid": "ec"}, good(nil), withEC(t, ring.ec))
	strict := newVerifier(t, ring.set(t))
	open := newVerifier(t, ring.set(t), func(o *Options) { o.Anonymous = Anybody() })
	for _, test := range []struct {
		name      string
		header    []string
		want      error
		anonymous bool // to be let in where nobody needs to say who they are
	}{
		{"none", nil, ErrNoToken, true},
		{"empty", []string{""}, ErrNoToken, true},
		{"Bearer", []string{"Bearer " + token}, nil, false},
		{"small letters", []string{"bearer " + token}, nil, false},
		{"more spaces", []string{"Bearer   " + token}, nil, false},
		{"twice", []string{"Bearer " + token, "Bearer " + token}, ErrUnauthenticated, false},
		{"Basic", []string{"Basic dTpw"}, ErrUnauthenticated, false},
		{"token alone", []string{token}, ErrUnauthenticated, false},
		{"Bearer alone", []string{"Bearer"}, ErrUnauthenticated, false},
		{"something behind it", []string{"Bearer " + token + " x"}, ErrUnauthenticated, false},
		{"bad token", []string{"Bearer " + token + "x"}, ErrUnauthenticated, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{"Authorization": test.header}
			if _, err := strict.Identify(t.Context(), header); !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("%v, want %v", err, test.want)
			}
			who, err := open.Identify(t.Context(), header)
			if anonymous := who == Anybody(); anonymous != test.anonymous || (err == nil) != (test.anonymous || test.want == nil) {
				t.Errorf("with --allow-anonymous %+v, %v", who, err)
			}
		})
	}
}
