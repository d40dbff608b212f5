package scenarios

import (
	"regexp"
	"strings"
)

// Parts of an answer that a capture can be taken from.
const (
	FromJSON   = "json"
	FromHeader = "header"
	FromCookie = "cookie"
)

// CapturedFrom parts what stands in Step.Capture: "data.order.id" is a path in the answer's JSON, "header Location" a
// header, and "cookie sid" a cookie that the answer sets.
func CapturedFrom(text string) (part, name string) {
	for _, part := range []string{FromHeader, FromCookie} {
		if name, found := strings.CutPrefix(text, part+" "); found {
			return part, strings.TrimSpace(name)
		}
	}
	return FromJSON, text
}

// httpToken is what a header or a cookie may be called (RFC 9110, section 5.6.2).
var httpToken = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")
