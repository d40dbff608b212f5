package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	loopbackAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	probeDir        = regexp.MustCompile(`/\S*/paystorm-probe-\d+/probe-\S*/system`)
)

// TestWrongProbes holds what is said of probes that do not work against golden files: all of it, each at its place.
func TestWrongProbes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/probe/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			var told bytes.Buffer
			probe := exec.CommandContext(t.Context(), "paystorm", "probe", file)
			probe.Stderr = &told
			var exit *exec.ExitError
			if err := probe.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitEnvironment {
				t.Errorf("it ended with %v", err)
			}
			got := loopbackAddress.ReplaceAllString(probeDir.ReplaceAllString(told.String(), "DIR"), "ADDRESS")
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}
