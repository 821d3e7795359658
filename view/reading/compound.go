package reading

import "reflect"

// enter begins a list or an object, leave ends it.
func (s *scanner) enter(bracket byte) bool {
	s.levels++
	return s.levels <= mostLevels && s.take(bracket)
}

func (s *scanner) leave(bracket byte) bool {
	s.levels--
	return s.take(bracket)
}

// pointer returns what reads pointers.
func (m *maker) pointer(t reflect.Type) reader {
	of := t.Elem()
	read := m.value(of)
	return func(s *scanner, v reflect.Value) bool {
		to := reflect.New(of)
		v.Set(to)
		return read(s, to.Elem())
	}
}

// fewElements is how many elements a list has room for at first.
const fewElements = 4

// slice returns what reads lists.
func (m *maker) slice(t reflect.Type) reader {
	read := m.value(t.Elem())
	return func(s *scanner, v reflect.Value) bool {
		if !s.enter('[') {
			return false
		}
		if s.next() == ']' {
			v.Set(reflect.MakeSlice(t, 0, 0))
			return s.leave(']')
		}
		for n := 0; ; n++ {
			if n == v.Cap() {
				v.Grow(max(n, fewElements))
			}
			v.SetLen(n + 1)
			if !read(s, v.Index(n)) {
				return false
			}
			if !s.take(',') {
				return s.leave(']')
			}
		}
	}
}

// maps returns what reads objects into maps.
func (m *maker) maps(t reflect.Type) reader {
	read := m.value(t.Elem())
	return func(s *scanner, v reflect.Value) bool {
		if !s.enter('{') {
			return false
		}
		v.Set(reflect.MakeMap(t))
		if s.next() == '}' {
			return s.leave('}')
		}
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		for n := 1; ; n++ {
			value.SetZero()
			if !readString(s, key) || !s.take(':') || !read(s, value) {
				return false
			}
			if v.SetMapIndex(key, value); v.Len() < n { // the same once more
				return false
			}
			if !s.take(',') {
				return s.leave('}')
			}
		}
	}
}

// object returns what reads objects into structs with these members. Others are skipped.
func object(members []member) reader {
	byName := make(map[string]int, len(members))
	for i, m := range members {
		byName[m.name] = i
	}
	find := func(name []byte, from int) (at int, known bool) { // mostly the next, or one of the next, since the empty ones are left out
		for at = from; at < len(members); at++ {
			if members[at].name == string(name) {
				return at, true
			}
		}
		at, known = byName[string(name)]
		return at, known
	}
	return func(s *scanner, v reflect.Value) bool {
		if !s.enter('{') {
			return false
		}
		if s.next() == '}' {
			return s.leave('}')
		}
		last, seen := -1, uint64(0) // of members
		for {
			from, to, plain, ok := s.quoted()
			if !ok || !plain || !s.take(':') {
				return false
			}
			at, known := find(s.source[from:to], last+1)
			switch {
			case !known:
				if !s.skip() {
					return false
				}
			case seen&(1<<at) != 0: // the same once more
				return false
			default:
				last, seen = at, seen|1<<at
				m := &members[at]
				if m.read == nil && !s.skip() || m.read != nil && !m.read(s, field(v, m.index)) {
					return false
				}
			}
			if !s.take(',') {
				return s.leave('}')
			}
		}
	}
}

// field returns a struct's field, or one of a struct that is embedded in it.
func field(v reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		v = v.Field(i)
	}
	return v
}
