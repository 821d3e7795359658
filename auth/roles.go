package auth

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/viewgate/viewgate/view"
)

// Role is what somebody may be here.
type Role string

// The roles.
const (
	Consumer   Role = "consumer"   // sees their own orders
	Restaurant Role = "restaurant" // staff, sees their restaurant's orders
	Support    Role = "support"    // sees everything
)

// Roles says what the claims of a token make its owner.
type Roles struct {
	// Claim has the roles: a text of words, or a list of texts. It is a claim's name, or a path of names with dots between
	// them. "": whose token names a restaurant is its staff, and every other a consumer.
	Claim string
	// Map says which role a value of Claim gives. The first entry of which a token has the value counts. Nil: the values are
	// called like the roles, and support counts before restaurant and that before consumer.
	Map []Mapped
	// Consumer and Restaurant are the claims that have the ids of whom they are: names or paths. "": sub, and restaurant_id.
	Consumer, Restaurant string
}

// Mapped is a value of a claim, and the role that it gives.
type Mapped struct {
	Value string
	Role  Role
}

// ParseMapped reads VALUE=ROLE.
func ParseMapped(text string) (Mapped, error) {
	at := strings.LastIndex(text, "=") // a value may have one
	if at <= 0 {
		return Mapped{}, fmt.Errorf("%q is not VALUE=ROLE", text)
	}
	m := Mapped{text[:at], Role(text[at+1:])}
	if !slices.Contains([]Role{Consumer, Restaurant, Support}, m.Role) {
		return Mapped{}, fmt.Errorf("%q: the roles are %s, %s and %s", text, Consumer, Restaurant, Support)
	}
	return m, nil
}

// check completes the roles, and reports what does not go together.
func (r *Roles) check() error {
	if r.Claim == "" && r.Map != nil {
		return fmt.Errorf("roles are mapped, and no claim is named that has them")
	}
	if r.Map == nil {
		r.Map = []Mapped{{"support", Support}, {"restaurant", Restaurant}, {"consumer", Consumer}}
	}
	if r.Consumer == "" {
		r.Consumer = "sub"
	}
	if r.Restaurant == "" {
		r.Restaurant = "restaurant_id"
	}
	return nil
}

// viewer returns who the owner of a token is, or an ErrForbidden.
func (r *Roles) viewer(says claims) (view.Viewer, error) {
	if r.Claim == "" {
		if says.at(r.Restaurant) != nil {
			return says.viewer(view.RoleRestaurant, r.Restaurant)
		}
		return says.viewer(view.RoleConsumer, r.Consumer)
	}
	has := says.texts(r.Claim)
	if text, ok := says.at(r.Claim).(string); ok {
		has = strings.Fields(text)
	}
	for _, m := range r.Map {
		if !slices.Contains(has, m.Value) {
			continue
		}
		switch m.Role {
		case Support:
			return view.Support(), nil
		case Restaurant:
			return says.viewer(view.RoleRestaurant, r.Restaurant)
		case Consumer:
			return says.viewer(view.RoleConsumer, r.Consumer)
		}
	}
	return view.Viewer{}, fmt.Errorf("%w: the token gives no role here", ErrForbidden)
}

// maxID is how long an id may be, in bytes.
const maxID = 256

// viewer returns the viewer whose id a claim has: a text, a whole number, or a list of one of them.
func (c claims) viewer(role view.Role, claim string) (view.Viewer, error) {
	value := c.at(claim)
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	id, _ := value.(string)
	if number, ok := value.(json.Number); ok {
		if _, err := number.Int64(); err == nil {
			id = number.String()
		}
	}
	if id == "" || len(id) > maxID {
		return view.Viewer{}, fmt.Errorf("%w: the token does not name one id in %s", ErrForbidden, claim)
	}
	return view.As(role, id), nil
}
