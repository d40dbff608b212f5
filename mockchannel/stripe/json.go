package stripe

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// writer appends one of Stripe's objects as JSON, member by member, in the order of Stripe's reference. Reflection would
// be most of the time of a request.
type writer struct {
	text     []byte
	business func(history.Time) time.Time
	call     *mockchannel.Call // by which references are expanded; nil where they are not, as in events
	expand   []string          // the members to expand, as paths from the object that is being written
}

// buffers are bytes that are in use no longer: writers' texts, and requests' bodies. What is kept, as an answer is for as
// long as its idempotency key, gets a text of just its own length.
var buffers = sync.Pool{New: func() any { return new([4096]byte) }}

// written is what a writer has written of an object.
func written(w writer, object func(*writer)) []byte {
	buffer, _ := buffers.Get().(*[4096]byte)
	defer buffers.Put(buffer)
	w.text = buffer[:0]
	object(&w)
	return bytes.Clone(w.text)
}

// name begins a member, or a member of a list if it is "".
func (w *writer) name(name string) {
	if last := len(w.text) - 1; last >= 0 {
		switch w.text[last] {
		case '{', '[', ':', ',':
		default:
			w.text = append(w.text, ',')
		}
	}
	if name != "" {
		w.text = append(w.text, '"')
		w.text = append(w.text, name...)
		w.text = append(w.text, '"', ':')
	}
}

func (w *writer) begin(name string) {
	w.name(name)
	w.text = append(w.text, '{')
}

func (w *writer) end() { w.text = append(w.text, '}') }

func (w *writer) beginList(name string) {
	w.name(name)
	w.text = append(w.text, '[')
}

func (w *writer) endList() { w.text = append(w.text, ']') }

// constant appends members that are the same in every object of the kind.
func (w *writer) constant(members string) {
	w.name("")
	w.text = append(w.text, members...)
}

// raw is a value that is JSON already; "" is null.
func (w *writer) raw(name, value string) {
	w.name(name)
	if value == "" {
		value = "null"
	}
	w.text = append(w.text, value...)
}

func (w *writer) null(name string) { w.raw(name, "null") }

func (w *writer) string(name, value string) {
	w.name(name)
	w.text = appendString(w.text, value)
}

// optional is a string, or null if it is "".
func (w *writer) optional(name, value string) {
	if value == "" {
		w.null(name)
		return
	}
	w.string(name, value)
}

func (w *writer) number(name string, value int64) {
	w.name(name)
	w.text = strconv.AppendInt(w.text, value, 10)
}

func (w *writer) bool(name string, value bool) {
	w.name(name)
	w.text = strconv.AppendBool(w.text, value)
}

// moment is a time of the run in whole seconds of business time.
func (w *writer) moment(name string, t history.Time) { w.number(name, w.business(t).Unix()) }

func (w *writer) strings(name string, values []string) {
	w.beginList(name)
	for _, value := range values {
		w.string("", value)
	}
	w.endList()
}

// metadata has its keys in order, so that an object is the same text each time.
func (w *writer) metadata(metadata map[string]string) {
	w.begin("metadata")
	keys := make([]string, 0, 8)
	for key := range metadata {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		w.name("")
		w.text = appendString(w.text, key)
		w.text = append(w.text, ':')
		w.text = appendString(w.text, metadata[key])
	}
	w.end()
}

// reference is another object's id, or the object itself where that was asked for.
func (w *writer) reference(name, id string, object func(*writer)) {
	switch {
	case id == "":
		w.null(name)
	case w.call == nil || !w.expands(name):
		w.string(name, id)
	default:
		outer := w.expand
		w.expand = below(outer, name)
		w.name(name)
		object(w)
		w.expand = outer
	}
}

func (w *writer) expands(name string) bool {
	return slices.ContainsFunc(w.expand, func(path string) bool {
		rest, found := strings.CutPrefix(path, name)
		return found && (rest == "" || rest[0] == '.')
	})
}

// below are the paths that go on below a member.
func below(expand []string, name string) []string {
	var inner []string
	for _, path := range expand {
		if rest, found := strings.CutPrefix(path, name+"."); found {
			inner = append(inner, rest)
		}
	}
	return inner
}

const hexDigits = "0123456789abcdef"

func appendString(text []byte, value string) []byte {
	text = append(text, '"')
	start := 0
	for i := 0; i < len(value); {
		c := value[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(value[i:])
			if r == utf8.RuneError && size == 1 {
				text = append(text, value[start:i]...)
				text = append(text, `\ufffd`...)
				start = i + 1
			}
			i += size
			continue
		}
		text = append(text, value[start:i]...)
		switch c {
		case '"', '\\':
			text = append(text, '\\', c)
		case '\n':
			text = append(text, '\\', 'n')
		default:
			text = append(text, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	text = append(text, value[start:]...)
	return append(text, '"')
}
