package event

import (
	"encoding/json"
	"reflect"
)

// Erase returns an event's body without what is personal in it, and with the pseudonym in the place of the person's id. It folds
// as the body does, but for that. Of a type that the aggregate does not have nobody knows what is personal, so nothing is left; nor
// of a body that does not fit.
func Erase(a Aggregate, typ string, data json.RawMessage, pseudonym string) json.RawMessage {
	payload := ParsePayload(a, typ, data)
	if payload == nil {
		return nil
	}
	erase(reflect.ValueOf(payload), pseudonym)
	erased, err := json.Marshal(payload)
	if err != nil { // it was read from JSON
		return nil
	}
	return erased
}

// erase does to the fields of a payload what their tags say.
func erase(v reflect.Value, pseudonym string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			erase(v.Elem(), pseudonym)
		}
	case reflect.Slice:
		for i := range v.Len() {
			erase(v.Index(i), pseudonym)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			switch field := v.Field(i); v.Type().Field(i).Tag.Get("personal") {
			case "erase":
				field.SetZero()
			case "replace":
				field.SetString(pseudonym)
			default:
				if field.CanSet() {
					erase(field, pseudonym)
				}
			}
		}
	}
}
