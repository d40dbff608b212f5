package history

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// decodeStrictly is json.Unmarshal that takes every key at its word: one that the type does not have, spelt to the letter,
// or that stands twice in one object, is an error with its place, as is anything after the value. encoding/json would drop
// the first, take the later of the second, and read any case of a letter.
func decodeStrictly(text []byte, into any) error {
	keys := keyReader{text: text, decoder: json.NewDecoder(bytes.NewReader(text))}
	if err := keys.value(reflect.TypeOf(into)); err != nil {
		return err
	}
	if _, err := keys.decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: something stands after the end", keys.line())
	}
	return json.Unmarshal(text, into)
}

// keyReader walks through a JSON text beside the type that it is for.
type keyReader struct {
	text    []byte
	decoder *json.Decoder
}

// line is where the last token ended, from 1.
func (r *keyReader) line() int {
	return 1 + bytes.Count(r.text[:r.decoder.InputOffset()], []byte("\n"))
}

// value takes one value. A nil type is of any shape; whether a value fits its type is Unmarshal's business.
func (r *keyReader) value(of reflect.Type) error {
	token, err := r.decoder.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return r.object(of)
	case json.Delim('['):
		element := elementOf(of, reflect.Slice)
		for r.decoder.More() {
			if err := r.value(element); err != nil {
				return err
			}
		}
		_, err = r.decoder.Token()
	}
	return err
}

func (r *keyReader) object(of reflect.Type) error {
	known, element := fieldsOf(of), elementOf(of, reflect.Map)
	seen := map[string]bool{}
	for r.decoder.More() {
		token, err := r.decoder.Token()
		if err != nil {
			return err
		}
		key := token.(string) // of an object, else Token has failed
		inside, is := known[key]
		switch {
		case known != nil && !is:
			return fmt.Errorf("line %d: unknown key %q", r.line(), key)
		case seen[key]:
			return fmt.Errorf("line %d: key %q for the second time", r.line(), key)
		case known == nil:
			inside = element
		}
		seen[key] = true
		if err := r.value(inside); err != nil {
			return err
		}
	}
	_, err := r.decoder.Token()
	return err
}

// plain is the type without its pointer, and nil if it reads itself.
func plain(of reflect.Type) reflect.Type {
	if of != nil && of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of == nil {
		return nil
	}
	pointer := reflect.PointerTo(of)
	if pointer.Implements(reflect.TypeFor[json.Unmarshaler]()) || pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	return of
}

// fieldsOf are the keys of a struct and the types of their values, nil for all other types.
func fieldsOf(of reflect.Type) map[string]reflect.Type {
	of = plain(of)
	if of == nil || of.Kind() != reflect.Struct {
		return nil
	}
	fields := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(of) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = field.Type
		}
	}
	return fields
}

// elementOf is the type of what a slice or a map holds, nil for all other types.
func elementOf(of reflect.Type, kind reflect.Kind) reflect.Type {
	of = plain(of)
	if of == nil || of.Kind() != kind {
		return nil
	}
	return of.Elem()
}
