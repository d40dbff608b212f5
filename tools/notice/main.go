// Command notice writes the third-party notice of the binary: Go itself and every module that is linked into it, each
// with its licences by SPDX identifier, and all licence texts, each once. It fails when it does not recognise a licence.
// With -check it writes nothing, and fails when the modules of the notice are not those of the build.
//
//	go -C tools run ./notice -module ..
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	root := flag.String("module", ".", "folder of the main module, where NOTICE is")
	target := flag.String("package", "./cmd/paystorm", "package of the binary, from there")
	check := flag.Bool("check", false, "write nothing: say whether NOTICE lists the modules of the build")
	flag.Parse()
	do := write
	if *check {
		do = verify
	}
	if err := do(context.Background(), *root, *target); err != nil {
		fmt.Fprintln(os.Stderr, "notice:", err)
		os.Exit(1)
	}
}

func noticeOf(root string) string { return filepath.Join(root, "NOTICE") }

func write(ctx context.Context, root, target string) error {
	modules, err := linked(ctx, root, target)
	if err != nil {
		return err
	}
	// All at once, so that one run names every module that needs a look.
	var unclear []error
	for i := range modules {
		unclear = append(unclear, modules[i].readLicences(ctx))
	}
	if err := errors.Join(unclear...); err != nil {
		return err
	}
	return os.WriteFile(noticeOf(root), []byte(render(modules)), 0o644)
}

const preamble = `Paystorm

Paystorm's own source is licensed under the Apache License 2.0 (see LICENSE).

The built binary contains what is listed below. k6 and some of its extensions are licensed under the GNU Affero General
Public License 3.0, and so the binary as a whole is distributed under the AGPL-3.0.

This file is generated from the build for Linux (make notice). First the modules with their licences, then the texts.

`

// rule ends the list of modules, and stands before each text.
var rule = strings.Repeat("=", 100)

func render(modules []module) string {
	var b strings.Builder
	b.WriteString(preamble)
	var texts []string
	from := map[string][]string{}
	for _, m := range modules {
		var ids []string
		for _, l := range m.licences {
			ids = append(ids, l.ids...)
			if from[l.text] == nil {
				texts = append(texts, l.text)
			}
			from[l.text] = append(from[l.text], m.Path+": "+l.file)
		}
		slices.Sort(ids)
		fmt.Fprintf(&b, "%s  %s\n", m, strings.Join(slices.Compact(ids), ", "))
	}
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n%s\n\n%s\n", rule, strings.Join(from[text], "\n"), strings.Repeat("-", len(rule)), text)
	}
	return b.String()
}

// verify compares the list in the notice with the build. It reads no licences, and so it is quick.
func verify(ctx context.Context, root, target string) error {
	modules, err := linked(ctx, root, target)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(noticeOf(root))
	if err != nil {
		return err
	}
	list, _, _ := strings.Cut(strings.TrimPrefix(string(text), preamble), rule)
	listed := map[string]bool{}
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); len(fields) > 1 {
			listed[fields[0]+" "+fields[1]] = true
		}
	}
	var wrong []error
	for _, m := range modules {
		name := m.Path + " " + m.Version
		if !listed[name] {
			wrong = append(wrong, fmt.Errorf("%s is in the binary and not in NOTICE", name))
		}
		delete(listed, name)
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		wrong = append(wrong, fmt.Errorf("%s is in NOTICE and not in the binary", name))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("NOTICE is out of date (make notice rewrites it):\n%w", errors.Join(wrong...))
	}
	return nil
}
