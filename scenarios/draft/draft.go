// Package draft writes a system file to start from. What is known of a shop, from its OpenAPI document or from nothing, is
// a Shop; its Write fills the commented skeleton with it. What only a person can know is left blank and marked, and
// `paystorm validate` lists the blanks like any other fault.
package draft

import (
	"cmp"
	"embed"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/paystorm/paystorm/scenarios"
)

//go:embed *.yaml.tmpl
var skeletons embed.FS

// Shop is what is known about a shop. What is not known is nil or empty, and becomes a blank.
type Shop struct {
	Name      string
	From      string // the document that it was guessed from, or ""
	Ready     string // a path
	Callbacks string // a path
	SetUp     *Request
	Order     *Request
	Look      *Request
	Cancel    *Request
	Refund    *Request
	Repay     *Request // another payment for an order
	Job       *Request
	Books     *Request // that lists all orders
	States    []State
}

// Request is one request of the shop's API.
type Request struct {
	Verb    string // get, post, put or delete
	Path    string // a template
	Fields  []Field
	OK      []int
	Refused []int
	Capture []Field // name → path in the answer
	State   string  // path of the order's state in the answer
	Rows    string  // path of the rows in the answer
}

// Field is a name with what it becomes.
type Field struct{ Name, Value string }

// State is a state of the shop's orders with the canonical one, "" where nobody can tell.
type State struct{ Own, Canonical string }

// Write writes the system file. file is its own name, for the commands in its comments.
func (s Shop) Write(w io.Writer, file string) error {
	return write(w, "rest.yaml.tmpl", struct {
		Shop
		File string
	}{s, file})
}

// write fills one of the skeletons.
func write(w io.Writer, skeleton string, shop any) error {
	parsed, err := template.New(skeleton).Delims("[[", "]]").Funcs(template.FuncMap{
		"blank": blank, "quote": quote, "flow": flow, "statuses": statuses, "body": body, "indent": indent,
	}).ParseFS(skeletons, "*.yaml.tmpl")
	if err != nil {
		return fmt.Errorf("read the skeleton of system files: %w", err)
	}
	if err := parsed.Execute(w, shop); err != nil {
		return fmt.Errorf("write the system file: %w", err)
	}
	return nil
}

// indent puts spaces before every line of a text.
func indent(spaces int, text string) string {
	pad := strings.Repeat(" ", spaces)
	return pad + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+pad)
}

// unfit is what a system's name cannot have.
var unfit = regexp.MustCompile(`[^a-z0-9]+`)

// NameOf is what the system of a file may be called: tickets, of conf/tickets.yaml.
func NameOf(file string) string {
	return name(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
}

// name is a title as a system may be called.
func name(title string) string {
	return cmp.Or(strings.Trim(unfit.ReplaceAllString(strings.ToLower(title), "-"), "-"), "my-shop")
}

// blank is a marked blank, quoted.
func blank(what string) string { return `"` + scenarios.Blank + what + `>"` }

// plain is text that YAML reads as text without quotes.
var plain = regexp.MustCompile(`^[A-Za-z/_][A-Za-z0-9/_.-]*$`)

// quote makes a value of YAML's flow style. A blank comes quoted already.
func quote(text string) string {
	switch {
	case strings.HasPrefix(text, `"`+scenarios.Blank):
		return text
	case plain.MatchString(text) && text != "true" && text != "false" && text != "null":
		return text
	default:
		return strconv.Quote(text)
	}
}

// flow is fields as a map in flow style.
func flow(fields []Field) string {
	pairs := make([]string, len(fields))
	for index, field := range fields {
		pairs[index] = quote(field.Name) + ": " + quote(field.Value)
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// body is a request's body; a shop whose body is not known has a blank in it.
func body(request *Request) string {
	if request == nil || len(request.Fields) == 0 {
		return ""
	}
	return flow(request.Fields)
}

// statuses are one status, or a list of them.
func statuses(of []int) string {
	words := make([]string, len(of))
	for index, status := range of {
		words[index] = strconv.Itoa(status)
	}
	if len(words) == 1 {
		return words[0]
	}
	return "[" + strings.Join(words, ", ") + "]"
}
