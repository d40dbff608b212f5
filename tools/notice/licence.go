package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// licence is one licence file, with the licences in it by SPDX identifier. A notice of attribution has none.
type licence struct {
	file string // from the module's folder
	ids  []string
	text string
}

var (
	licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|unlicense)([._-].*)?$`)
	noticeFile  = regexp.MustCompile(`(?i)^(notice|attribution|third[-_]party.*)(\.(md|txt))?$`)
	sourceFile  = regexp.MustCompile(`\.(go|s|c|h)$`)
)

// exception is what a person found where the texts alone do not tell: in a file, or for a module without one.
type exception struct {
	ids    []string // none: the file has no bearing on the binary
	reason string
}

// exceptions are known by module, and by file where there is one.
var exceptions = map[string]exception{
	"buf.build/gen/go/prometheus/prometheus/protocolbuffers/go": {
		ids: []string{"Apache-2.0"},
		reason: "It has no licence file. Its source files begin: Copyright Prometheus Team. Licensed under the Apache License,\n" +
			"Version 2.0. That licence's text is elsewhere in this file.",
	},
	"github.com/grafana/k6-cloud-openapi-client-go": {
		ids: []string{"NOASSERTION"},
		reason: "It publishes no licence. It is generated from the description of Grafana Labs' own service, and k6, which is\n" +
			"Grafana Labs' too, is linked with it.",
	},
	"github.com/smartwalle/ngx": {
		ids: []string{"NOASSERTION"},
		reason: "This version has no licence file. It is by the author of github.com/smartwalle/alipay, which imports it, and\n" +
			"whose other modules here are under the MIT licence.",
	},
	"github.com/grafana/sobek: ftoa/LICENSE_LUCENE":     {ids: []string{"SMLNJ"}, reason: "worded like it but for how it names Lucent"},
	"github.com/opencontainers/go-digest: LICENSE.docs": {reason: "it is about the documentation"},
	"modernc.org/memory: LICENSE-LOGO":                  {reason: "it is about a picture in the documentation"},
}

// readLicences reads the licence files in the folders of a module.
func (m *module) readLicences(ctx context.Context) error {
	if m.Path == standard {
		return m.readStandard(ctx)
	}
	var unclear []error
	for _, folder := range slices.Sorted(maps.Keys(m.folders)) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
		for _, entry := range entries {
			if !entry.IsDir() && !sourceFile.MatchString(entry.Name()) {
				unclear = append(unclear, m.readLicence(filepath.Join(folder, entry.Name())))
			}
		}
	}
	if known, excepted := exceptions[m.Path]; excepted {
		m.licences = append(m.licences, licence{file: "no file", ids: known.ids, text: known.reason})
	}
	if !slices.ContainsFunc(m.licences, func(l licence) bool { return len(l.ids) > 0 }) {
		unclear = append(unclear, fmt.Errorf("%s %s: no licence in %s", m.Path, m.Version, m.Dir))
	}
	return errors.Join(unclear...)
}

// readLicence reads a file if its name says that it is a licence or a notice.
func (m *module) readLicence(path string) error {
	isLicence := licenceFile.MatchString(filepath.Base(path))
	if !isLicence && !noticeFile.MatchString(filepath.Base(path)) {
		return nil
	}
	file, err := filepath.Rel(m.Dir, path)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	read := licence{file: filepath.ToSlash(file), text: tidy(raw)}
	known, excepted := exceptions[m.Path+": "+read.file]
	switch {
	case excepted && known.ids == nil:
		return nil
	case excepted:
		read.ids = known.ids
	case isLicence:
		for _, match := range licensecheck.Scan(raw).Match {
			if !match.IsURL {
				read.ids = append(read.ids, match.ID)
			}
		}
		if len(read.ids) == 0 {
			return fmt.Errorf("%s %s: no licence recognised in %s", m.Path, m.Version, path)
		}
	}
	m.licences = append(m.licences, read)
	return nil
}

// readStandard reads the licence of Go itself.
func (m *module) readStandard(ctx context.Context) error {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("ask for the folder of Go: %w", err)
	}
	m.Dir = strings.TrimSpace(string(root))
	return m.readLicence(filepath.Join(m.Dir, "LICENSE"))
}

// tidy makes texts that differ in nothing but white space at the ends of lines equal.
func tidy(raw []byte) string {
	var lines []string
	for line := range strings.Lines(string(raw)) {
		lines = append(lines, strings.TrimRight(line, " \t\r\n\f"))
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}
