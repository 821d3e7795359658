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

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// asWritten takes documents as they are: a store has checked them.
var asWritten = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// DecodeDocument reads a document's JSON, as json.Marshal wrote it, into a struct.
func DecodeDocument(source json.RawMessage, into any) error {
	return jsonv2.Unmarshal(source, into, asWritten)
}

// DecodeSource decodes a document's JSON for Field.Values and Visible. Numbers stay exact.
func DecodeSource(source json.RawMessage) (map[string]any, error) {
	return decodeObject(source, nil)
}

// DecodeIndexed decodes what of a document is indexed, as DecodeSource does, and leaves out the other members of its root,
// which may be most of it.
func (m *Mapping) DecodeIndexed(source json.RawMessage) (map[string]any, error) {
	return decodeObject(source, func(name string) bool { return m.byPath[name] != nil || m.branches[name] })
}

// decodeObject decodes an object, or those of its members that are wanted.
func decodeObject(source json.RawMessage, wanted func(member string) bool) (map[string]any, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(source), asWritten)
	if d.PeekKind() != jsontext.KindBeginObject {
		return nil, errors.New("document is no JSON object")
	}
	m, err := readObject(d, wanted)
	if err == nil {
		_, err = d.ReadToken()
		if err == nil {
			err = errors.New("something follows it")
		} else if err == io.EOF {
			return m, nil
		}
	}
	return nil, fmt.Errorf("document is no JSON object: %w", err)
}

func readObject(d *jsontext.Decoder, wanted func(member string) bool) (map[string]any, error) {
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	m := map[string]any{}
	for d.PeekKind() != jsontext.KindEndObject {
		token, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		name := token.String()
		if wanted != nil && !wanted(name) {
			if err := d.SkipValue(); err != nil {
				return nil, err
			}
			continue
		}
		if m[name], err = readValue(d); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return m, err
}

func readArray(d *jsontext.Decoder) ([]any, error) {
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	list := []any{}
	for d.PeekKind() != jsontext.KindEndArray {
		element, err := readValue(d)
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	_, err := d.ReadToken()
	return list, err
}

// readValue reads a value as json.Unmarshal does, numbers as json.Number.
func readValue(d *jsontext.Decoder) (any, error) {
	switch d.PeekKind() {
	case jsontext.KindBeginObject:
		return readObject(d, nil)
	case jsontext.KindBeginArray:
		return readArray(d)
	}
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case jsontext.KindString:
		return token.String(), nil
	case jsontext.KindNumber:
		return json.Number(token.String()), nil
	case jsontext.KindTrue, jsontext.KindFalse:
		return token.Bool(), nil
	}
	return nil, nil
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
