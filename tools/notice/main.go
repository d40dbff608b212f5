// Command notice prints the third-party notice of a binary: every module that is linked into it, its licence by SPDX
// identifier, and the licence texts, each once. It fails when a module has no licence that can be recognised.
//
//	go run ./notice -module .. -package ./cmd/paystorm > ../NOTICE
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

type module struct {
	Path, Version, Dir string
	Main               bool
	licences           []string // SPDX
	texts              []string
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense)([.-].*)?$`)

func main() {
	root := flag.String("module", ".", "folder of the main module")
	target := flag.String("package", "./cmd/paystorm", "package of the binary")
	flag.Parse()
	modules, err := linked(*root, *target)
	if err == nil {
		err = write(os.Stdout, modules)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notice:", err)
		os.Exit(1)
	}
}

// linked lists the modules whose packages are in the binary, with their licences.
func linked(root, target string) ([]module, error) {
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{json .}}{{end}}", target)
	list.Dir, list.Stderr = root, os.Stderr
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the packages of %s: %w", target, err)
	}
	seen := map[string]bool{}
	var modules []module
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var m module
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if m.Main || seen[m.Path] {
			continue
		}
		seen[m.Path] = true
		if err := m.read(); err != nil {
			return nil, err
		}
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b module) int { return cmp.Compare(a.Path, b.Path) })
	return modules, nil
}

// read finds the licence files of a module and names their licences.
func (m *module) read() error {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	for _, entry := range entries {
		if entry.IsDir() || !licenceFile.MatchString(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, entry.Name()))
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
		for _, match := range licensecheck.Scan(text).Match {
			if !match.IsURL && !slices.Contains(m.licences, match.ID) {
				m.licences = append(m.licences, match.ID)
			}
		}
		m.texts = append(m.texts, strings.ReplaceAll(strings.TrimSpace(string(text)), "\r\n", "\n"))
	}
	if len(m.licences) == 0 {
		return fmt.Errorf("%s %s: no licence recognised in %s", m.Path, m.Version, m.Dir)
	}
	return nil
}

func write(out io.Writer, modules []module) error {
	var b strings.Builder
	b.WriteString("Paystorm\n\nPaystorm's own source is licensed under the Apache License 2.0 (see LICENSE).\n\n" +
		"The built binary contains the modules below. k6 is licensed under the GNU Affero General Public License 3.0, and\n" +
		"so the binary as a whole is distributed under the AGPL-3.0. This file is generated (make notice).\n\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "%-72s %-38s %s\n", m.Path, m.Version, strings.Join(m.licences, ", "))
	}
	var texts []string
	users := map[string][]string{}
	for _, m := range modules {
		for _, text := range m.texts {
			if users[text] == nil {
				texts = append(texts, text)
			}
			users[text] = append(users[text], m.Path)
		}
	}
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n%s\n\n%s\n", strings.Repeat("=", 100), strings.Join(users[text], "\n"), strings.Repeat("-", 100), text)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
