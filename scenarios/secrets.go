package scenarios

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Secrets are what a system's templates name by {{ env "NAME" }} and {{ file "path" }}. They are read once, before
// anything is started, and stay in memory: plans have the templates, and Redact keeps the values out of errors.
type Secrets struct {
	Env   map[string]string `json:"env,omitempty"`
	Files map[string]string `json:"files,omitempty"`
	// Settings are variables that every mention gives a default: no secrets, and kept in no error's way.
	Settings map[string]string `json:"settings,omitempty"`
}

// The names of templates that stand for secrets. Each takes an argument.
const (
	nameEnv  = "env"
	nameFile = "file"
)

// ReadSecrets reads all that the system's templates name: variables by lookUp, as os.LookupEnv has them, and files
// relative to dir, without the line's end that editors leave behind. What is missing comes as Errors, all of it.
func (s System) ReadSecrets(lookUp func(string) (string, bool), dir string) (Secrets, error) {
	uses, err := s.secretUses()
	if err != nil {
		return Secrets{}, err
	}
	secrets := Secrets{Env: map[string]string{}, Files: map[string]string{}, Settings: map[string]string{}}
	var errs Errors
	for _, use := range uses {
		problem := ""
		switch {
		case use.Default:
			if value, set := lookUp(use.Argument); set {
				secrets.Settings[use.Argument] = value
			}
		case use.Name == nameEnv:
			value, set := lookUp(use.Argument)
			if secrets.Env[use.Argument] = value; !set {
				problem = fmt.Sprintf("the environment variable %s is not set: export it before you start", use.Argument)
			}
		case use.Name == nameFile:
			path := use.Argument
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			text, err := os.ReadFile(path)
			if secrets.Files[use.Argument] = strings.TrimRight(string(text), "\r\n"); err != nil {
				problem = fmt.Sprintf("a secret cannot be read: %s", err)
			}
		}
		if problem != "" {
			at := s.source.mention(use)
			errs = append(errs, Error{File: at.file, Line: at.line, Column: at.column, Message: problem})
		}
	}
	return secrets, errs.asError()
}

// secretUses lists each secret that a template of the system names, once.
func (s System) secretUses() ([]Use, error) {
	written, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("look for the system's secrets: %w", err)
	}
	var tree any
	if err := json.Unmarshal(written, &tree); err != nil {
		return nil, fmt.Errorf("look for the system's secrets: %w", err)
	}
	var uses []Use
	eachText(tree, func(text string) { uses = append(uses, secretsIn(text)...) })
	slices.SortFunc(uses, func(a, b Use) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Argument, b.Argument)) })
	return slices.Compact(uses), nil
}

// eachText calls do with every string of a JSON value.
func eachText(value any, do func(string)) {
	switch value := value.(type) {
	case string:
		do(value)
	case map[string]any:
		for _, field := range value {
			eachText(field, do)
		}
	case []any:
		for _, item := range value {
			eachText(item, do)
		}
	}
}

// secretsIn lists the secrets that a text names, if it is a template. A document or a query with braces in it is none.
func secretsIn(text string) []Use {
	return slices.DeleteFunc(usesOf(text), func(u Use) bool { return !u.Call || (u.Name != nameEnv && u.Name != nameFile) })
}

// usesOf lists what a text names, if it is a template.
func usesOf(text string) []Use {
	parsed, err := ParseTemplate(text)
	if err != nil {
		return nil
	}
	return parsed.Uses()
}

// mention is the first place in the file that names the secret.
func (s *source) mention(secret Use) place {
	if s == nil {
		return place{}
	}
	var search func(*node) *node
	search = func(n *node) *node {
		if n.isScalar() && slices.Contains(secretsIn(n.text), secret) {
			return n
		}
		for _, entry := range n.entries {
			if found := search(entry.value); found != nil {
				return found
			}
		}
		for _, item := range n.items {
			if found := search(item); found != nil {
				return found
			}
		}
		return nil
	}
	if found := search(s.tree); found != nil {
		return found.place
	}
	return s.tree.place // it stands in a file of its own
}

// Values are the secrets as templates name them.
func (s Secrets) Values() Values {
	lookUp := func(missing string, among ...map[string]string) func(string) (string, error) {
		return func(name string) (string, error) {
			for _, in := range among {
				if value, known := in[name]; known {
					return value, nil
				}
			}
			return "", fmt.Errorf("%s", missing)
		}
	}
	return Values{nameEnv: lookUp("is not set", s.Env, s.Settings), nameFile: lookUp("was not read", s.Files)}
}

// redactedLeast is how long a value must be to be told from ordinary text.
const redactedLeast = 4

// Redact puts the templates back in place of the values.
func (s Secrets) Redact(text string) string {
	var pairs [][2]string
	add := func(kind string, values map[string]string) {
		for _, name := range sortedKeys(values) {
			template := fmt.Sprintf("{{ %s %q }}", kind, name)
			for _, form := range []string{values[name], url.QueryEscape(values[name])} {
				if len(form) >= redactedLeast {
					pairs = append(pairs, [2]string{form, template})
				}
			}
		}
	}
	add(nameEnv, s.Env)
	add(nameFile, s.Files)
	// One value may be part of another: the longest goes first.
	slices.SortStableFunc(pairs, func(a, b [2]string) int { return cmp.Compare(len(b[0]), len(a[0])) })
	for _, pair := range pairs {
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}

// Error is an error without the secrets in its text. What it wraps can still be told apart.
func (s Secrets) Error(err error) error {
	if err == nil {
		return nil
	}
	return redactedError{text: s.Redact(err.Error()), err: err}
}

type redactedError struct {
	text string
	err  error
}

func (r redactedError) Error() string { return r.text }
func (r redactedError) Unwrap() error { return r.err }
