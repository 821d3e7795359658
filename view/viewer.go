package view

import "slices"

// Role is what kind of reader a Viewer is. The schema's @visibleTo names it.
type Role string

const (
	// RoleConsumer sees what is their own.
	RoleConsumer Role = "CONSUMER"
	// RoleRestaurant is a restaurant's staff and sees what is their restaurant's.
	RoleRestaurant Role = "RESTAURANT"
	// roleAll sees everything.
	roleAll Role = "SUPPORT"
	// roleAnybody sees what is public.
	roleAnybody Role = "ANYBODY"
)

// Viewer is who reads. Every read takes one, and the store itself adds its filter. The zero Viewer sees nothing, not even
// of a public view, so that who forgets to say who reads shows nothing.
type Viewer struct {
	role Role
	id   string
}

// Support returns the viewer that sees every document: support staff, and the indexer, which must read what it folds into.
func Support() Viewer { return Viewer{role: roleAll} }

// Anybody returns the viewer of whom nothing is known: who sees public views, and of others nothing.
func Anybody() Viewer { return Viewer{role: roleAnybody} }

// As returns the viewer who sees the documents whose field marked @visibleTo(role) equals id.
func As(role Role, id string) Viewer { return Viewer{role: role, id: id} }

// Is returns the id of whom a viewer of this role is; not ok for other viewers.
func (v Viewer) Is(role Role) (id string, ok bool) { return v.id, v.role == role && v.id != "" }

// Role returns what kind of reader the viewer is; "" for the zero Viewer.
func (v Viewer) Role() Role { return v.role }

// SeesAll reports whether the viewer is Support.
func (v Viewer) SeesAll() bool { return v.role == roleAll }

// String identifies the viewer in cursors and caches: equal for equal viewers only.
func (v Viewer) String() string { return string(v.role) + ":" + v.id }

// seesAll reports whether the viewer may see every document of the view.
func (m *Mapping) seesAll(v Viewer) bool {
	return v.SeesAll() || m.Public && (v.role == roleAnybody || v.role != "" && v.id != "")
}

// Scope returns the filter that limits a query to what the viewer may see: nil for all. Of a view that is not public, a role
// that the mapping does not know sees nothing.
func (m *Mapping) Scope(v Viewer) Filter {
	if m.seesAll(v) {
		return nil
	}
	if f := m.scopeField(v.role); f != nil && v.id != "" {
		return In{Field: f.Path, Values: []any{v.id}}
	}
	return Or{}
}

// Visible reports whether the viewer may see a document, decoded by DecodeSource.
func (m *Mapping) Visible(v Viewer, source map[string]any) bool {
	if m.seesAll(v) {
		return true
	}
	f := m.scopeField(v.role)
	if f == nil || v.id == "" {
		return false
	}
	for _, value := range f.Values(source) {
		if value == v.id {
			return true
		}
	}
	return false
}

// Viewers returns all who may see a document, decoded by DecodeSource: those of whom Visible says so. Support is the first.
// Of a public view it names those alone whom the document would be shown to if the view were not.
func (m *Mapping) Viewers(source map[string]any) []Viewer {
	viewers := []Viewer{Support()}
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.VisibleTo == "" || m.scopeField(f.VisibleTo) != f {
			continue
		}
		for _, value := range f.Values(source) {
			if id, _ := value.(string); id != "" && !slices.Contains(viewers, As(f.VisibleTo, id)) {
				viewers = append(viewers, As(f.VisibleTo, id))
			}
		}
	}
	return viewers
}

func (m *Mapping) scopeField(role Role) *Field {
	for i := range m.Fields {
		if role != "" && m.Fields[i].VisibleTo == role { // most fields decide for nobody
			return &m.Fields[i]
		}
	}
	return nil
}
