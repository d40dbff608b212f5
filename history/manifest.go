package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	manifestFile   = "MANIFEST"
	manifestSchema = 1
)

// Manifest lists what a run wrote before it was closed: <run directory>/MANIFEST, as JSON. Verdict and reports come later and
// are not in it; they follow from what is.
type Manifest struct {
	Schema int            `json:"schema"`
	Files  []ManifestFile `json:"files"` // by path
}

// ManifestFile is one file.
type ManifestFile struct {
	Path   string `json:"path"` // below the run directory, with slashes
	Size   int64  `json:"size"` // in bytes
	SHA256 string `json:"sha256"`
}

// Seal closes a run: it writes the manifest of all regular files that are in the directory now. What cannot be read is left
// out; a history with a file that its manifest does not list is not whole.
func Seal(runDir string) error {
	manifest := Manifest{Schema: manifestSchema, Files: []ManifestFile{}}
	err := filepath.WalkDir(runDir, func(path string, entry fs.DirEntry, err error) error {
		if path != runDir && (errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)) {
			return nil
		}
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(runDir, path)
		if err != nil || !entry.Type().IsRegular() || relative == manifestFile {
			return err
		}
		file, err := listed(path, filepath.ToSlash(relative))
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		manifest.Files = append(manifest.Files, file)
		return nil
	})
	if err != nil {
		return fmt.Errorf("list the files of the run: %w", err)
	}
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the run's manifest: %w", err)
	}
	if err := writeWhole(filepath.Join(runDir, manifestFile), append(text, '\n')); err != nil {
		return fmt.Errorf("write the run's manifest: %w", err)
	}
	return nil
}

func listed(path, name string) (file ManifestFile, err error) {
	content, err := os.Open(path)
	if err != nil {
		return file, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	hash := sha256.New()
	size, err := io.Copy(hash, content)
	return ManifestFile{Path: name, Size: size, SHA256: hex.EncodeToString(hash.Sum(nil))}, err
}

// readManifest is nil where a run has none: it was never closed.
func readManifest(runDir string) (*Manifest, error) {
	path := filepath.Join(runDir, manifestFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	if err != nil {
		return nil, fmt.Errorf("read the run's manifest: %w", err)
	}
	var manifest Manifest
	if err := decodeStrictly(text, &manifest); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; put back the file that the run wrote, or run the scenario again", path, err)
	}
	if manifest.Schema != manifestSchema {
		return nil, fmt.Errorf("%s has schema %d, and this program reads %d: use the version of paystorm that wrote it, or a newer one",
			path, manifest.Schema, manifestSchema)
	}
	return &manifest, nil
}

// file finds an entry of the history's folder by its name.
func (m *Manifest) file(name string) (ManifestFile, bool) {
	for _, file := range m.Files {
		if file.Path == segmentDir+"/"+name {
			return file, true
		}
	}
	return ManifestFile{}, false
}

// differs says how the content of a file of the history's folder differs from what was there at close; "" if it does not.
func (m *Manifest) differs(name string, content []byte) string {
	file, is := m.file(name)
	sum := sha256.Sum256(content)
	switch found := hex.EncodeToString(sum[:]); {
	case !is:
		return "MANIFEST does not list it: it was added after the run was closed"
	case found != file.SHA256 || int64(len(content)) != file.Size:
		return fmt.Sprintf("it was changed after the run was closed: MANIFEST lists %d bytes with the SHA-256 %s, and these are %d with %s",
			file.Size, file.SHA256, len(content), found)
	default:
		return ""
	}
}

// holdTo marks what of the history is not as it was at close. names and files are the segments that were found.
func (h *History) holdTo(manifest *Manifest, names []string, files [][]byte) {
	found := map[string]bool{}
	for i, name := range names {
		found[name] = true
		if how := manifest.differs(name+segmentSuffix, files[i]); how != "" {
			damage := &h.Segments[i].Damage
			*damage = strings.TrimPrefix(*damage+"; "+how, "; ")
		}
	}
	for _, file := range manifest.Files {
		name, is := strings.CutPrefix(file.Path, segmentDir+"/")
		if name, segment := strings.CutSuffix(name, segmentSuffix); is && segment && !found[name] {
			h.Segments = append(h.Segments, Segment{Writer: name, Damage: "it is gone, and MANIFEST lists it"})
		}
	}
}

// writeWhole writes a file whole or not at all, whatever the machine does meanwhile.
func writeWhole(path string, content []byte) (err error) {
	file, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
