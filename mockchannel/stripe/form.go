package stripe

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/paystorm/paystorm/mockchannel"
)

// Limits of a request's parameters. Stripe names none but those of metadata:
// https://docs.stripe.com/api/metadata ("up to 50 keys, with key names up to 40 characters long and values up to 500").
const (
	mostParameters  = 1000
	longestName     = 300
	mostMetadata    = 50
	longestMetaKey  = 40
	longestMetadata = 500
)

// parameter is one decoded name and value, such as metadata[order].
type parameter struct{ name, value string }

// form is a request's parameters in the order in which they came. Of one that comes twice the last counts, as in Rack,
// on which Stripe's API runs.
type form []parameter

func parseForm(text string) (form, error) {
	if text == "" {
		return nil, nil
	}
	count := strings.Count(text, "&") + 1
	if count > mostParameters {
		return nil, invalid("", "", "Too many parameters.")
	}
	f := make(form, 0, count)
	for text != "" {
		var part string
		part, text, _ = strings.Cut(text, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := unescape(name)
		if err == nil {
			value, err = unescape(value)
		}
		if err != nil || !utf8.ValidString(name) || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return nil, invalid("", "", "Invalid request: the parameters are not percent-encoded UTF-8.")
		}
		if name == "" || len(name) > longestName || !wellNested(name) {
			return nil, invalid("parameter_unknown", clip(name), "Received unknown parameter: "+clip(name))
		}
		f = append(f, parameter{name, value})
	}
	return f, nil
}

// unescape is url.QueryUnescape for those many texts that need it not.
func unescape(text string) (string, error) {
	if strings.IndexByte(text, '%') < 0 && strings.IndexByte(text, '+') < 0 {
		return text, nil
	}
	return url.QueryUnescape(text)
}

// wellNested says whether a name is a word and any number of [words].
func wellNested(name string) bool {
	open := false
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '[':
			if open || i == 0 {
				return false
			}
			open = true
		case ']':
			if !open || (i+1 < len(name) && name[i+1] != '[') {
				return false
			}
			open = false
		default:
		}
	}
	return !open
}

func clip(text string) string {
	if len(text) > 40 {
		text = text[:40]
	}
	return strings.ToValidUTF8(text, "�")
}

func (f form) get(name string) (value string, found bool) {
	for i := len(f) - 1; i >= 0; i-- {
		if f[i].name == name {
			return f[i].value, true
		}
	}
	return "", false
}

// under are the parameters below a name, by what their names go on with: under("a") of a[b][c] has b[c].
func (f form) under(name string) form {
	var inner form
	for _, p := range f {
		if rest, found := strings.CutPrefix(p.name, name+"["); found {
			key, rest, _ := strings.Cut(rest, "]")
			inner = append(inner, parameter{key + rest, p.value})
		}
	}
	return inner
}

// list are the values of an array, which clients write as a[]=x or as a[0]=x.
func (f form) list(name string) []string {
	var values []string
	for _, p := range f {
		if rest, found := strings.CutPrefix(p.name, name+"["); found && strings.HasSuffix(rest, "]") && !strings.Contains(rest, "[") {
			values = append(values, p.value)
		}
	}
	return values
}

// items are the members of an array of objects: a[0][b]=x.
func (f form) items(name string) []form {
	byIndex := map[string]form{}
	var order []string
	for _, p := range f.under(name) {
		index, rest, found := strings.Cut(p.name, "[")
		if !found {
			continue
		}
		key, rest, _ := strings.Cut(rest, "]")
		if _, known := byIndex[index]; !known {
			order = append(order, index)
		}
		byIndex[index] = append(byIndex[index], parameter{key + rest, p.value})
	}
	items := make([]form, 0, len(order))
	for _, index := range order {
		items = append(items, byIndex[index])
	}
	return items
}

// json is the parameters as an object of objects and strings, as Stripe echoes an address. Unlike a list it keeps the
// names of what it does not know.
func (f form) json() string {
	if len(f) == 0 {
		return ""
	}
	w := &writer{}
	f.write(w)
	return string(w.text)
}

func (f form) write(w *writer) {
	w.begin("")
	done := map[string]bool{}
	for _, p := range f {
		top, _, nested := strings.Cut(p.name, "[")
		if done[top] {
			continue
		}
		done[top] = true
		w.name("")
		w.text = appendString(w.text, top)
		w.text = append(w.text, ':')
		if nested {
			inner := &writer{}
			f.under(top).write(inner)
			w.text = append(w.text, inner.text...)
			continue
		}
		value, _ := f.get(p.name)
		w.text = appendString(w.text, value)
	}
	w.end()
}

// known refuses the first parameter that is not one of these, nor below one.
func (f form) known(names ...string) error {
	for _, p := range f {
		top, _, _ := strings.Cut(p.name, "[")
		if top != "expand" && !slices.Contains(names, top) {
			return invalid("parameter_unknown", p.name, "Received unknown parameter: "+p.name)
		}
	}
	return nil
}

// reader takes typed values out of a form, and remembers the first that was wrong.
type reader struct {
	form
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// has says whether a parameter is there, itself or something below it.
func (r *reader) has(name string) bool {
	return slices.ContainsFunc(r.form, func(p parameter) bool {
		rest, found := strings.CutPrefix(p.name, name)
		return found && (rest == "" || rest[0] == '[')
	})
}

// text is a string; "" where there is none.
func (r *reader) text(name string) string {
	value, found := r.get(name)
	if !found && r.has(name) {
		r.fail(invalid("", name, "Invalid string: "+name+" must be a string"))
	}
	return value
}

// filled is a string that may be left out, but not be empty.
func (r *reader) filled(name string) string {
	value := r.text(name)
	if _, found := r.get(name); found && value == "" {
		r.fail(empty(name))
	}
	return value
}

func empty(name string) *mockchannel.Error {
	return invalid("parameter_invalid_empty", name, "You passed an empty string for '"+name+"'. We assume empty values are an "+
		"attempt to unset a field; however '"+name+"' cannot be unset. You should remove '"+name+"' from your request or supply a non-empty value.")
}

func (r *reader) required(name string) string {
	value := r.filled(name)
	if !r.has(name) {
		r.fail(missing(name))
	}
	return value
}

func missing(name string) *mockchannel.Error {
	return invalid("parameter_missing", name, "Missing required param: "+name+".")
}

// integer is a whole number, or otherwise where there is none.
func (r *reader) integer(name string, otherwise int64) int64 {
	if !r.has(name) {
		return otherwise
	}
	value := r.filled(name)
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil && value != "" {
		r.fail(invalid("parameter_invalid_integer", name, "Invalid integer: "+clip(value)))
	}
	return n
}

func (r *reader) bool(name string) bool {
	switch value := r.filled(name); value {
	case "true":
		return true
	case "false", "":
		return false
	default:
		r.fail(invalid("", name, "Invalid boolean: "+clip(value)))
		return false
	}
}

// oneOf is one of some words, the first of which is what it is where there is none.
func (r *reader) oneOf(name string, words ...string) string {
	value := cmp.Or(r.filled(name), words[0])
	if !slices.Contains(words, value) {
		r.fail(invalid("", name, "Invalid "+name+": must be one of "+strings.Join(words[:len(words)-1], ", ")+", or "+words[len(words)-1]))
	}
	return value
}

const metadataName = "metadata"

// metadata is what known becomes by the request: a key with an empty value is removed, and an empty metadata removes all.
func (r *reader) metadata(known map[string]string) map[string]string {
	if all, found := r.get(metadataName); found {
		if all != "" {
			r.fail(invalid("", metadataName, "Invalid object"))
		}
		return nil
	}
	var changed map[string]string
	for _, p := range r.form {
		rest, found := strings.CutPrefix(p.name, metadataName+"[")
		if !found {
			continue
		}
		if changed == nil {
			changed = make(map[string]string, len(known)+4)
			for key, value := range known {
				changed[key] = value
			}
		}
		key, rest, _ := strings.Cut(rest, "]")
		switch {
		case rest != "":
			r.fail(invalid("", p.name, "Metadata values must be strings, but for key '"+clip(key)+"' you passed in an object"))
		case utf8.RuneCountInString(key) > longestMetaKey:
			r.fail(invalid("", metadataName, "Metadata keys can have up to 40 characters, but you passed in a key with "+
				strconv.Itoa(utf8.RuneCountInString(key))+" characters. Invalid key: "+clip(key)))
		case utf8.RuneCountInString(p.value) > longestMetadata:
			r.fail(invalid("", p.name, "Metadata values can have up to 500 characters, but you passed in a value with "+
				strconv.Itoa(utf8.RuneCountInString(p.value))+" characters."))
		case p.value == "":
			delete(changed, key)
		default:
			changed[key] = p.value
		}
	}
	if changed == nil {
		return known
	}
	if len(changed) > mostMetadata {
		r.fail(invalid("", metadataName, "You can have up to 50 metadata keys."))
	}
	return changed
}
