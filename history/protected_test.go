package history

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// closedRun is a run of two writers, closed.
func closedRun(t *testing.T) string {
	t.Helper()
	dir := newRun(t, "a", "b")
	for _, writer := range []string{"a", "b"} {
		recorder := newRecorder(t, dir, writer)
		for n := range 20 {
			recorder.Event(stormEvent(n))
		}
		closeRecorder(t, recorder)
	}
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plan.json", "logs/shop.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Seal(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// change rewrites a file of a run.
func change(t *testing.T, dir, name string, how func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, how(bytes.Clone(text)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func replace(old, with string) func([]byte) []byte {
	return func(text []byte) []byte { return bytes.Replace(text, []byte(old), []byte(with), 1) }
}

func TestAClosedRunIsProtected(t *testing.T) {
	dir := closedRun(t)
	h := open(t, dir)
	if h.Unprotected != "" || !h.Complete() || len(h.Events) != 40 {
		t.Fatalf("unprotected %q, %d events, %+v", h.Unprotected, len(h.Events), h.Segments)
	}
	text, err := os.ReadFile(filepath.Join(dir, "MANIFEST"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, file := range manifest.Files {
		paths = append(paths, file.Path)
		if len(file.SHA256) != 64 || file.Size == 0 {
			t.Errorf("%+v", file)
		}
	}
	if want := []string{"history/a.seg", "history/b.seg", "history/header.json", "logs/shop.log", "plan.json"}; !slices.Equal(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
	change(t, dir, "plan.json", replace("plan", "plam")) // which no verdict depends on
	if h := open(t, dir); !h.Complete() {
		t.Errorf("%+v", h.Segments)
	}
}

// A run that was killed has no manifest, and its header is protected by its segments all the same.
func TestARunThatWasNotClosedIsUnprotected(t *testing.T) {
	dir := closedRun(t)
	if err := os.Remove(filepath.Join(dir, "MANIFEST")); err != nil {
		t.Fatal(err)
	}
	if h := open(t, dir); !strings.Contains(h.Unprotected, "no MANIFEST") || len(h.Events) != 40 {
		t.Fatalf("%q, %d events", h.Unprotected, len(h.Events))
	}
	change(t, dir, "history/header.json", replace(`"test"`, `"tent"`))
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "is not the header that this run was recorded under") {
		t.Fatalf("got %v", err)
	}
}

// Runs of the schema before have no digests. They open, and say so.
func TestRunsOfSchema1Open(t *testing.T) {
	h := open(t, filepath.Join("testdata", "schema-1"))
	if !strings.Contains(h.Unprotected, "older version") || !h.Complete() || h.Header.Schema != 1 {
		t.Fatalf("unprotected %q, schema %d, %+v", h.Unprotected, h.Header.Schema, h.Segments)
	}
	if len(h.Events) < 50 || len(h.Ops) < 10 || len(h.Readings) < 2 || h.Header.System.Name != "shop" {
		t.Fatalf("%d events, %d operations, %d readings", len(h.Events), len(h.Ops), len(h.Readings))
	}
}

func TestAChangedHeaderIsRefused(t *testing.T) {
	const changed = "is not the header that this run was recorded under"
	for name, test := range map[string]struct {
		how  func([]byte) []byte
		want string
	}{
		"one letter":         {replace(`"test"`, `"tent"`), changed},
		"a space":            {replace(`"test"`, ` "test"`), changed},
		"the schema of old":  {replace(`"schema": 2`, `"schema": 1`), changed},
		"a key of old":       {replace(`"seed"`, `"gate_beyond": true, "seed"`), `unknown key "gate_beyond"`},
		"an unknown key":     {replace(`"schema"`, "\n\"skema\": 1,\n\"schema\""), `line 3: unknown key "skema"`},
		"an unknown key far": {replace(`"expiry_ns"`, `"expire_ns"`), `unknown key "expire_ns"`},
		"another case":       {replace(`"seed"`, `"Seed"`), `unknown key "Seed"`},
		"a key twice":        {replace(`"seed"`, `"seed": 1, "seed"`), `key "seed" for the second time`},
		"more after it":      {func(text []byte) []byte { return append(text, "{}"...) }, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := closedRun(t)
			change(t, dir, "history/header.json", test.how)
			if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestUnknownKeysOfSchema1AreRefused(t *testing.T) {
	for name, test := range map[string]struct{ old, with, want string }{
		"what it had":     {`"seed"`, `"gate_beyond": true, "seed"`, ""},
		"what it had not": {`"seed"`, `"attested": true, "seed"`, `unknown key "attested"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "schema-1"))); err != nil {
				t.Fatal(err)
			}
			change(t, dir, "history/header.json", replace(test.old, test.with))
			_, err := Open(dir)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
}

// What is not as it was at close is said by the segment, and the history is not complete.
func TestAChangedHistoryIsNotComplete(t *testing.T) {
	for name, test := range map[string]struct {
		do     func(t *testing.T, dir string)
		writer string
		want   string
		events int
	}{
		"a segment of another run": {func(t *testing.T, dir string) {
			other := newRun(t, "b")
			change(t, other, "history/header.json", replace("test", "tent"))
			recorder := newRecorder(t, other, "b")
			recorder.Event(stormEvent(1))
			closeRecorder(t, recorder)
			foreign, err := os.ReadFile(filepath.Join(other, "history", "b.seg"))
			if err != nil {
				t.Fatal(err)
			}
			change(t, dir, "history/b.seg", func([]byte) []byte { return foreign })
		}, "b", "it is of another run", 20},
		"an older run's segment": {func(t *testing.T, dir string) {
			old, err := os.ReadFile(filepath.Join("testdata", "schema-1", "history", "load.seg"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "history", "load.seg"), old, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "load", "it is an older run's", 40},
		"a segment written anew": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "history", "b.seg")); err != nil {
				t.Fatal(err)
			}
			recorder := newRecorder(t, dir, "b")
			recorder.Event(stormEvent(1))
			closeRecorder(t, recorder)
		}, "b", "it was changed after the run was closed", 21},
		"one more segment": {func(t *testing.T, dir string) {
			recorder := newRecorder(t, dir, "c")
			recorder.Event(stormEvent(1))
			closeRecorder(t, recorder)
		}, "c", "MANIFEST does not list it", 41},
		"one segment less": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "history", "b.seg")); err != nil {
				t.Fatal(err)
			}
		}, "b", "it is gone", 20},
		"a letter of a segment": {func(t *testing.T, dir string) {
			change(t, dir, "history/b.seg", func(data []byte) []byte { data[len(data)/2] ^= 1; return data })
		}, "b", "checksum does not match", 20},
	} {
		t.Run(name, func(t *testing.T) {
			dir := closedRun(t)
			test.do(t, dir)
			h := open(t, dir)
			at := slices.IndexFunc(h.Segments, func(s Segment) bool { return s.Writer == test.writer })
			if at < 0 || !strings.Contains(h.Segments[at].Damage, test.want) {
				t.Fatalf("got %+v, want %q", h.Segments, test.want)
			}
			if len(h.Events) != test.events || test.writer != "c" && test.writer != "load" && h.Complete() {
				t.Fatalf("%d events, want %d; complete: %v", len(h.Events), test.events, h.Complete())
			}
		})
	}
}

func TestAManifestThatMakesNoSenseIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ old, with, want string }{
		"cut off":     {`"files"`, "", "is damaged"},
		"unknown key": {`"size"`, `"length"`, `unknown key "length"`},
		"newer":       {`"schema": 1`, `"schema": 2`, "has schema 2"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := closedRun(t)
			change(t, dir, "MANIFEST", replace(test.old, test.with))
			if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestASegmentNeedsTheHeaderOfItsRun(t *testing.T) {
	if _, err := NewRecorder(t.TempDir(), "w", StartClock()); err == nil || !strings.Contains(err.Error(), "under the run's header") {
		t.Fatalf("got %v", err)
	}
}
