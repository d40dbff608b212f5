package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

// JSON writes verdict.json: the verdict and nothing else, indented, the same bytes for the same history.
func JSON(out io.Writer, verdict invariants.Verdict, _ *history.History) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(verdict); err != nil {
		return err
	}
	_, err := io.WriteString(out, escapeInvisible(text.String()))
	return err
}

// escapeInvisible writes what does not show as \u escapes: the value is the same, and a file that somebody prints cannot
// command their terminal. Only strings of a JSON text can hold such characters.
func escapeInvisible(text string) string {
	var b bytes.Buffer
	for _, r := range text {
		switch {
		case unicode.IsPrint(r) || r == '\n':
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
