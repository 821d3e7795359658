package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// DecodeSource decodes a document's JSON for Field.Values and Visible. Numbers stay exact.
func DecodeSource(source json.RawMessage) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(source))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("document is no JSON object: %w", err)
	}
	if m == nil {
		return nil, errors.New("document is no JSON object: it is null")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("document is no JSON object: something follows it")
	}
	return m, nil
}

// DecodeIndexed decodes what of a document is indexed, as DecodeSource does, and leaves out the other members of its root,
// which may be most of it.
func (m *Mapping) DecodeIndexed(source json.RawMessage) (map[string]any, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(source, &members); err != nil {
		return nil, fmt.Errorf("document is no JSON object: %w", err)
	}
	decoded := make(map[string]any, len(members))
	for name, member := range members {
		if m.byPath[name] == nil && !m.branches[name] {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(member))
		d.UseNumber()
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("document's member %s: %w", name, err)
		}
		decoded[name] = value
	}
	return decoded, nil
}

// Values returns the field's values in a decoded document, in the order they stand there: string, float64, time.Time,
// bool or Point by its kind. What is null, missing or of another type has no value.
func (f *Field) Values(source map[string]any) []any {
	return f.collect(nil, source, f.Path)
}

func (f *Field) collect(into []any, from any, path string) []any {
	switch from := from.(type) {
	case []any:
		for _, element := range from {
			into = f.collect(into, element, path)
		}
		return into
	case map[string]any:
		if path != "" {
			name, rest, _ := strings.Cut(path, ".")
			return f.collect(into, from[name], rest)
		}
		switch f.Kind {
		case Money:
			return f.append(into, from["amount"])
		case Geo:
			return appendPoint(into, from["latitude"], from["longitude"])
		}
		return into
	}
	if path != "" || f.Kind == Money || f.Kind == Geo {
		return into
	}
	return f.append(into, from)
}

func appendPoint(into []any, latitude, longitude any) []any {
	var p Point
	for _, read := range []struct {
		raw any
		to  *float64
	}{{latitude, &p.Latitude}, {longitude, &p.Longitude}} {
		number, ok := read.raw.(json.Number)
		n, err := number.Float64()
		if !ok || err != nil {
			return into
		}
		*read.to = n
	}
	if p.check("") != nil {
		return into
	}
	return append(into, p)
}

func (f *Field) append(into []any, raw any) []any {
	if v := f.value(raw); v != nil {
		into = append(into, v)
	}
	return into
}

func (f *Field) value(raw any) any {
	switch f.Kind {
	case Text, Keyword:
		switch v := raw.(type) {
		case string:
			return v
		case json.Number:
			return v.String()
		}
	case Number, Money:
		switch v := raw.(type) {
		case string: // an exact decimal; as a float64 it still orders and equals right up to 15 digits
			if n, err := strconv.ParseFloat(v, 64); err == nil && strings.Trim(v, "+-.0123456789eE") == "" {
				return n
			}
		case json.Number:
			if n, err := v.Float64(); err == nil {
				return n
			}
		}
	case Date:
		if s, ok := raw.(string); ok {
			if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
				return t
			}
		}
	case Boolean:
		if b, ok := raw.(bool); ok {
			return b
		}
	}
	return nil
}
