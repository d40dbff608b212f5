package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPrintClock(t *testing.T) {
	var told bytes.Buffer
	if status := printClock(&told); status != exitPass || strings.Trim(told.String(), "0123456789") != "\n" {
		t.Errorf("status %d, %q", status, told.String())
	}
}

func TestDoctorOnChildProcesses(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, script, wrong string }{
		{"shares the clock", "exec '" + self + "' " + clockChild, ""},
		{"does not run", "exit 1", "cannot run itself"},
		{"has another clock", "echo 5", "time namespaces"},
		{"says something else", "echo hello", "time namespaces"},
	} {
		// One after the other: a process that is forked meanwhile would hold the script open for writing.
		t.Run(test.name, func(t *testing.T) {
			script := filepath.Join(t.TempDir(), "self")
			if err := os.WriteFile(script, []byte("#!/bin/sh\n"+test.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			f := childProcesses(t.Context(), script)
			if !f.needed || (f.wrong == nil) != (test.wrong == "") {
				t.Fatalf("%+v", f)
			}
			if f.wrong != nil && !strings.Contains(f.wrong.Error(), test.wrong) {
				t.Errorf("%v: want %q in it", f.wrong, test.wrong)
			}
		})
	}
}

func TestDoctorOnLimits(t *testing.T) {
	t.Parallel()
	if f := openFiles(1); f.wrong != nil || !f.needed {
		t.Errorf("one user: %+v", f)
	}
	if f := openFiles(1 << 40); f.wrong == nil || !strings.Contains(f.wrong.Error(), "ulimit") {
		t.Errorf("too many users: %+v", f)
	}
	if f := loopbackPorts(t.Context()); f.wrong != nil && f.needed {
		t.Errorf("ports: %+v", f)
	}
}

func TestDoctorOnTheCompiler(t *testing.T) {
	t.Setenv("CC", "no-such-compiler")
	if f := compiler(); f.wrong == nil || f.needed {
		t.Errorf("none: %+v", f)
	}
	t.Setenv("CC", "sh")
	if f := compiler(); f.wrong != nil {
		t.Errorf("one: %+v", f)
	}
}

// TestDoctorDoesNotWaitForDocker gives it one that takes connections and never answers. No other test of this process may
// ask for Docker: testcontainers remembers where it found it.
func TestDoctorDoesNotWaitForDocker(t *testing.T) {
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	t.Setenv("DOCKER_HOST", "tcp://"+silent.Addr().String())
	begun := time.Now()
	f := docker(t.Context())
	if took := time.Since(begun); took < dockerWithin || took > 3*dockerWithin {
		t.Errorf("took %s", took)
	}
	if f.needed || f.wrong == nil || !strings.Contains(f.wrong.Error(), "no answer") || !strings.Contains(f.wrong.Error(), "start it") {
		t.Errorf("%+v", f)
	}
}

func TestDoctorFailsForWhatIsNeededOnly(t *testing.T) {
	t.Parallel()
	missing := errors.New("none: install one")
	for _, test := range []struct {
		name   string
		second finding
		line   string
		status error
	}{
		{"all well", finding{about: "b", says: "there"}, "ok  b  there\n", nil},
		{"not needed", finding{about: "b", wrong: missing}, "note  b  none: install one\n", nil},
		{"needed", finding{about: "b", needed: true, wrong: missing}, "FAILED  b  none: install one\n", statusError(exitEnvironment)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := printFindings(&out, []finding{{about: "a", needed: true, says: "here"}, test.second})
			if !errors.Is(err, test.status) {
				t.Errorf("got %v, want %v", err, test.status)
			}
			if !strings.Contains(out.String(), test.line) || !strings.HasPrefix(out.String(), "ok ") {
				t.Error(out.String())
			}
		})
	}
}
