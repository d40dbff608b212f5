package sut

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEngineWayOut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"nothing listens", errors.New("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\nmore"), "docker does not answer: start it"},
		{"no leave", fmt.Errorf("dial unix /var/run/docker.sock: connect: %w", os.ErrPermission), "add the user to the group docker"},
		{"no leave, in words", errors.New("permission denied while trying to connect to the docker API"), "add the user to the group docker"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := wayOut(test.err); !strings.Contains(got.Error(), test.want) || strings.Contains(got.Error(), "\n") {
				t.Errorf("got %v", got)
			}
		})
	}
	if err := wayOut(nil); err != nil {
		t.Errorf("nothing wrong: %v", err)
	}
}

// TestOwnerIsGone: a process that has ended is not there any more, reaped or not, and nobody else is taken for it.
func TestOwnerIsGone(t *testing.T) {
	t.Parallel()
	if own := ownerOf("r"); own.started == "" || startOf(own.pid) != own.started {
		t.Errorf("this process: %+v", own)
	}
	child := exec.CommandContext(t.Context(), "sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(child.Process.Pid)
	if startOf(pid) == "" || startOf(pid) == startOf("1") {
		t.Errorf("a living process was started at %q", startOf(pid))
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	waitFor(child.Process.Pid, unix.WEXITED) // a zombie now
	if got := startOf(pid); got != "" {
		t.Errorf("a process that has ended was started at %q", got)
	}
	_ = child.Wait() // killed
	if got := startOf(pid); got != "" {
		t.Errorf("one that was reaped was started at %q", got)
	}
}
