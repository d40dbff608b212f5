package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is one third party whose code is in the binary.
type module struct {
	Path, Version, Dir string
	Main               bool
	folders            map[string]bool // of its packages in the binary and above them, where licence files may be
	licences           []licence
}

func (m module) String() string { return fmt.Sprintf("%-72s  %-38s", m.Path, m.Version) }

// standard is what stands for the standard library. Its version is that of whoever builds, and its licence has not
// changed since 2009.
const standard = "std"

// linked lists the modules whose packages are in the binary, by path, and the standard library.
func linked(ctx context.Context, root, target string) ([]module, error) {
	// One platform's list, or the notice would depend on whose machine wrote it.
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Standard,Module", target)
	list.Dir, list.Stderr = root, os.Stderr
	list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages of %s: %w", target, err)
	}
	found := map[string]module{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Dir      string
			Standard bool
			Module   *module
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the packages of %s: %w", target, err)
		}
		switch {
		case p.Standard:
			found[standard] = module{Path: standard, Version: "-"}
			continue
		case p.Module == nil:
			return nil, fmt.Errorf("the package in %s belongs to no module", p.Dir)
		case p.Module.Main:
			continue
		}
		if _, known := found[p.Module.Path]; !known {
			p.Module.folders = map[string]bool{}
			found[p.Module.Path] = *p.Module
		}
		found[p.Module.Path].addFolders(p.Dir)
	}
	return slices.SortedFunc(maps.Values(found), func(a, b module) int { return cmp.Compare(a.Path, b.Path) }), nil
}

// addFolders adds a package's folder and those above it: code that was copied from elsewhere has its licence beside it.
func (m module) addFolders(folder string) {
	for strings.HasPrefix(folder, m.Dir) {
		m.folders[folder] = true
		folder = filepath.Dir(folder)
	}
}
