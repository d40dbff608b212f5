package scenarios

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
)

// source is where a decoded value came from: for places in later errors, and to decode it again with settings.
type source struct {
	file  string // as errors name it
	dir   string // what the file's own relative paths start from; "" for a shipped one
	files fs.FS  // that a shipped one is in; nil for one of this machine's
	tree  *node
}

// read reads a file that this one names, relative to it. It returns how errors name that file.
func (s *source) read(name string) (file string, text []byte, err error) {
	switch {
	case s == nil:
		text, err = os.ReadFile(name)
		return name, text, err
	case s.files != nil:
		file = path.Join(path.Dir(s.file), name)
		text, err = fs.ReadFile(s.files, file)
		return file, text, err
	case !filepath.IsAbs(name):
		name = filepath.Join(s.dir, filepath.FromSlash(name))
	}
	text, err = os.ReadFile(name)
	return name, text, err
}

// with is the same source with another tree.
func (s *source) with(tree *node) *source {
	changed := *s
	changed.tree = tree
	return &changed
}

func (s *source) at(path ...any) place {
	if s == nil {
		return place{}
	}
	return s.tree.at(path...)
}

// LoadScenario reads and checks a scenario file. What is wrong with it comes as Errors, all of it; a file that cannot
// be read comes as another error.
func LoadScenario(path string, v Vocabulary) (*Scenario, error) {
	from, err := readSource(path)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return decodeScenario(from, v)
}

// LoadSystem reads and checks a system file, with errors as LoadScenario has them.
func LoadSystem(path string, v Vocabulary) (*System, error) {
	from, err := readSource(path)
	if err != nil {
		return nil, fmt.Errorf("read system: %w", err)
	}
	return decodeSystem(from, v)
}

// LoadScenarioFS reads a scenario of another file system. A path in it leads nowhere: it names a shipped system.
func LoadScenarioFS(files fs.FS, path string, v Vocabulary) (*Scenario, error) {
	from, err := readSourceFS(files, path)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return decodeScenario(from, v)
}

// LoadSystemFS reads a system file of another file system.
func LoadSystemFS(files fs.FS, path string, v Vocabulary) (*System, error) {
	from, err := readSourceFS(files, path)
	if err != nil {
		return nil, fmt.Errorf("read system: %w", err)
	}
	return decodeSystem(from, v)
}

func readSource(path string) (*source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tree, errs := parseTree(path, text)
	return &source{file: path, dir: filepath.Dir(path), tree: tree}, errs.asError()
}

func readSourceFS(files fs.FS, path string) (*source, error) {
	text, err := fs.ReadFile(files, path)
	if err != nil {
		return nil, err
	}
	tree, errs := parseTree(path, text)
	return &source{file: path, files: files, tree: tree}, errs.asError()
}

func decodeScenario(from *source, v Vocabulary) (*Scenario, error) {
	scenario := &Scenario{
		Expect: Expect{Orders: 1, StartedShare: 0.95, KnownShare: 0.5},
		source: from,
	}
	d := newDecoder(v)
	d.structure(from.tree, "scenario", reflect.ValueOf(scenario).Elem(), nil)
	errs := append(d.errs, checkScenario(scenario, v)...)
	if len(errs) > 0 {
		return nil, errs.asError()
	}
	return scenario, nil
}

func decodeSystem(from *source, v Vocabulary) (*System, error) {
	if errs := from.extend(); len(errs) > 0 {
		return nil, errs.asError()
	}
	system := &System{source: from}
	d := newDecoder(v)
	d.structure(from.tree, "system", reflect.ValueOf(system).Elem(), nil)
	errs := append(d.errs, system.readCompose()...)
	errs = append(errs, system.readTemplates()...)
	errs = append(errs, system.readScript(v)...)
	errs = append(errs, checkSystem(system, v)...)
	if len(errs) > 0 {
		return nil, errs.asError()
	}
	return system, nil
}

// Dir is the folder of the system file, from which its own relative paths start; "" for a shipped one.
func (s System) Dir() string {
	if s.source == nil {
		return ""
	}
	return s.source.dir
}

// Place is where a key of the system file stands, "file:line:column", and empty for a system built in Go.
func (s System) Place(path ...any) string {
	at := s.source.at(path...)
	return Error{File: at.file, Line: at.line, Column: at.column}.Place()
}

// readTemplates reads the templates of the shop's configuration files that stand in files of their own, so that the plan
// holds them and its digest covers them.
func (s *System) readTemplates() (errs Errors) {
	read := func(files map[string]File, path ...any) {
		for name, file := range files {
			if file.Template == "" {
				continue
			}
			text, err := os.ReadFile(filepath.Join(s.source.dir, filepath.FromSlash(file.Template)))
			if err != nil {
				at := s.source.at(under(path, "files", name, "template")...)
				errs = append(errs, Error{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(
					"template: %s: want a file, relative to this one", err)})
			}
			file.Text = string(text)
			files[name] = file
		}
	}
	if process := s.Launch.Process; process != nil {
		read(process.Files, "launch", "process")
	}
	if container := s.Launch.Container; container != nil {
		for name, service := range container.Services {
			read(service.Files, "launch", "container", "services", name)
		}
	}
	return errs
}
