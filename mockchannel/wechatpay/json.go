package wechatpay

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/paystorm/paystorm/mockchannel"
)

// object is a JSON object of a request. What is wrong with it is kept in err, which the objects within it share; after the
// first thing that is wrong the others do not matter.
type object struct {
	path    string // a JSON pointer
	members map[string]gjson.Result
	err     *error
}

// parse reads a JSON object, in UTF-8, each key once in it. Unknown keys are the provider's to ignore.
func parse(text []byte) (object, error) {
	if !utf8.Valid(text) || !gjson.ValidBytes(text) {
		return object{}, malformed("请求报文不是合法的 JSON，或者不是 UTF-8 编码")
	}
	var err error
	o := objectOf("", gjson.ParseBytes(text), &err)
	return o, err
}

func objectOf(path string, value gjson.Result, err *error) object {
	o := object{path: path, err: err}
	if !value.IsObject() {
		o.wrong("", "要求是 JSON 对象")
		return o
	}
	o.members = map[string]gjson.Result{}
	value.ForEach(func(key, member gjson.Result) bool {
		if _, twice := o.members[key.Str]; twice {
			o.wrong(key.Str, "字段重复")
		}
		o.members[key.Str] = member
		return *err == nil
	})
	return o
}

// has says whether a member is there, and of what is given not null.
func (o object) has(name string) bool {
	value, found := o.members[name]
	return found && value.Type != gjson.Null
}

// text is a string of at most longest characters, "" if it is absent.
func (o object) text(name string, longest int) string {
	if !o.has(name) {
		return ""
	}
	value := o.members[name]
	if value.Type != gjson.String || utf8.RuneCountInString(value.Str) > longest {
		o.wrong(name, "要求是不超过 "+strconv.Itoa(longest)+" 个字符的字符串")
		return ""
	}
	return value.Str
}

// required is a text that must not be empty.
func (o object) required(name string, longest int) string {
	text := o.text(name, longest)
	if text == "" {
		o.wrong(name, "不能为空")
	}
	return text
}

// amount is a whole number of fen, at least 1.
func (o object) amount(name string) int64 {
	value := o.members[name]
	minor, err := strconv.ParseInt(value.Raw, 10, 64)
	if value.Type != gjson.Number || err != nil || minor < 1 || minor > largestAmount {
		o.wrong(name, "要求是整数，单位为分，大于 0")
	}
	return minor
}

// within is an object inside it; if it is absent, an empty one.
func (o object) within(name string) object {
	if !o.has(name) {
		return object{path: o.path + "/" + name, err: o.err}
	}
	return objectOf(o.path+"/"+name, o.members[name], o.err)
}

// time is a date in RFC 3339, the zero time if it is absent.
func (o object) time(name string) time.Time {
	text := o.text(name, 64)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		o.wrong(name, "要求遵循 rfc3339 标准格式")
	}
	return at
}

// wrong notes the first thing that is wrong.
func (o object) wrong(name, issue string) {
	if *o.err != nil {
		return
	}
	path := o.path
	if name != "" {
		path += "/" + name
	}
	*o.err = &mockchannel.Error{Code: mockchannel.CodeInvalidRequest, Field: path, Message: issue}
}
