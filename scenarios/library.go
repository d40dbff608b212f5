package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed library
var shipped embed.FS

// Library is a set of scenario files with their systems, found by name.
type Library struct {
	files fs.FS // *.yaml, and systems/*.yaml
}

// Shipped is the library inside the binary.
func Shipped() (Library, error) {
	files, err := fs.Sub(shipped, "library")
	if err != nil {
		return Library{}, fmt.Errorf("open the shipped library: %w", err)
	}
	return NewLibrary(files), nil
}

// NewLibrary is a library of other files: *.yaml are scenarios, systems/*.yaml the systems.
func NewLibrary(files fs.FS) Library { return Library{files: files} }

// Names lists the scenarios, sorted.
func (l Library) Names() []string { return l.list("*.yaml") }

// Systems lists the systems, sorted.
func (l Library) Systems() []string { return l.list("systems/*.yaml") }

func (l Library) list(pattern string) []string {
	found, err := fs.Glob(l.files, pattern)
	if err != nil {
		return nil // only a malformed pattern, and ours are not
	}
	all := names(found, func(file string) string { return strings.TrimSuffix(path.Base(file), ".yaml") })
	slices.Sort(all) // files sort otherwise: a hyphen comes before the dot of the shorter name's end
	return all
}

// Text is a shipped scenario as it is written, for people who start from it.
func (l Library) Text(name string) ([]byte, error) {
	text, err := fs.ReadFile(l.files, name+".yaml")
	if err != nil {
		return nil, fmt.Errorf("read the shipped scenario %s: %w", name, err)
	}
	return text, nil
}

// Find loads a scenario: a file if it looks like a path (a slash in it, or .yaml at its end), else one of the library.
func (l Library) Find(nameOrPath string, v Vocabulary) (*Scenario, error) {
	if isPath(nameOrPath) {
		return LoadScenario(nameOrPath, v)
	}
	scenario, err := LoadScenarioFS(l.files, nameOrPath+".yaml", v)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unknownName("scenario", place{}, nameOrPath, l.Names())
	}
	return scenario, err
}

// FindSystem loads a system file in the same way.
func (l Library) FindSystem(nameOrPath string, v Vocabulary) (*System, error) {
	return l.findSystem(nameOrPath, place{}, v)
}

// SystemOf loads the system that a scenario names: a file relative to the scenario's own, or one of the library.
func (l Library) SystemOf(scenario *Scenario, v Vocabulary) (*System, error) {
	reference, at := scenario.System, scenario.source.at("system")
	if !isPath(reference) {
		return l.findSystem(reference, at, v)
	}
	if from := scenario.source; from != nil && !filepath.IsAbs(reference) {
		reference = filepath.Join(from.dir, filepath.FromSlash(reference))
	}
	system, err := LoadSystem(reference, v)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Errors{{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(
			"system: there is no file %s: want a path relative to this file, or the name of a shipped system (%s)",
			reference, strings.Join(l.Systems(), ", "),
		)}}
	}
	return system, err
}

func (l Library) findSystem(nameOrPath string, at place, v Vocabulary) (*System, error) {
	if isPath(nameOrPath) {
		return LoadSystem(nameOrPath, v)
	}
	system, err := LoadSystemFS(l.files, path.Join("systems", nameOrPath+".yaml"), v)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unknownName("system", at, nameOrPath, l.Systems())
	}
	return system, err
}

func unknownName(noun string, at place, name string, known []string) Errors {
	return Errors{{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(
		"no %s named %q is shipped: %s; a file's name has a slash or ends in .yaml", noun, name, choose(name, known),
	)}}
}

func isPath(nameOrPath string) bool {
	extension := filepath.Ext(nameOrPath)
	return extension == ".yaml" || extension == ".yml" || strings.ContainsAny(nameOrPath, `/\`)
}

// Validate checks a scenario or a system file, and tells them apart by their keys. A scenario is held against the
// system that it names, as a run would.
func (l Library) Validate(path string, v Vocabulary) error {
	from, err := readSource(path)
	if err != nil {
		return fmt.Errorf("validate: %w", err)
	}
	if from.tree.child("launch") != nil || from.tree.child("probes") != nil || from.tree.child(keyExtends) != nil {
		_, err := decodeSystem(from, v)
		return err
	}
	scenario, err := decodeScenario(from, v)
	if err != nil {
		return err
	}
	system, err := l.SystemOf(scenario, v)
	if err != nil {
		return err
	}
	_, err = Compile(scenario, system, v, 1, nil)
	return err
}
