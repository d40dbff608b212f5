package sut

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/paystorm/paystorm/scenarios"
)

// files are paths of configuration files that were written for a shop. They hold keys, and go when the shop has gone.
type files []string

// writeFiles writes the configuration files of a system file below dir, readable by nobody else. One that is there
// already is somebody's own, and stays.
func writeFiles(dir string, wanted map[string]scenarios.File, values scenarios.Values) (written files, err error) {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		text, err := scenarios.Expand(wanted[name].Text, values)
		if err == nil {
			err = writeNew(path, text)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("file %s: %w", name, err), written.remove())
		}
		written = append(written, path)
	}
	return written, nil
}

func writeNew(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("there is one already: move it away, or let the shop read another")
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

func (f files) remove() error {
	var failed []error
	for _, path := range f {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, fmt.Errorf("remove a file that was written for the shop: %w", err))
		}
	}
	return errors.Join(failed...)
}
