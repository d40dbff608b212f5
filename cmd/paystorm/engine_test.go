package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user who may do nothing that root may.
const nobody = 65534

// TestRunWithoutLeaveToUseDocker: an engine runs, and its socket is not this user's.
func TestRunWithoutLeaveToUseDocker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket := filepath.Join(dir, "docker.sock")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := os.Chmod(socket, 0); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"run":   {"run", "flash-sale", "--system", "flashshop-containers", "--out", filepath.Join(dir, "runs")},
		"clean": {"clean"},
	} {
		t.Run(name, func(t *testing.T) {
			command := unprivileged(t, dir, args...)
			command.Env = append(os.Environ(), "DOCKER_HOST=unix://"+socket, "HOME="+dir)
			printed, err := command.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitEnvironment {
				t.Errorf("%v, want exit status %d", err, exitEnvironment)
			}
			lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
			last := lines[len(lines)-1]
			if !strings.Contains(last, "docker runs, and this user may not use it: add the user to the group docker") {
				t.Errorf("printed %s", printed)
			}
			if _, err := os.Stat(filepath.Join(dir, "runs")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("there is a run directory: %v", err)
			}
		})
	}
}

// unprivileged is paystorm as a user who is not root, in a folder that such a user may change.
func unprivileged(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		return exec.CommandContext(t.Context(), "paystorm", args...)
	}
	program, err := exec.LookPath("paystorm")
	if err != nil {
		t.Fatal(err)
	}
	// The tests' own copy lies where only root may look.
	within := filepath.Join(dir, filepath.Base(program))
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(within, text, 0o755), os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), within, args...)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return command
}
