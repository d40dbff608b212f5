// Package dbtest starts database servers for tests, where the machine has their programs. PAYSTORM_REQUIRE lists those without which a
// test must not pass: "postgres,mariadb".
package dbtest

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Program finds a program, and otherwise skips the test, or fails it where the run demands it.
func Program(t testing.TB, name, places string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err == nil {
		if found, err = filepath.EvalSymlinks(found); err == nil {
			return found
		}
	}
	candidates, _ := filepath.Glob(filepath.Join(places, name))
	if len(candidates) > 0 {
		return candidates[len(candidates)-1]
	}
	required := map[string]string{"postgres": "postgres", "mariadbd": "mariadb", "mariadb-install-db": "mariadb"}[name]
	if slices.Contains(strings.Split(os.Getenv("PAYSTORM_REQUIRE"), ","), required) {
		t.Fatalf("there is no %s on this machine, and PAYSTORM_REQUIRE demands %s", name, required)
	}
	t.Skipf("SKIPPED: there is no %s on this machine: install the Debian package postgresql, or mariadb-server", name)
	return ""
}

// nobody is whom servers run as that refuse to be root; nil if we are not root ourselves.
func nobody(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	who, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// Dir is a short path, because a socket goes into it, and one that nobody may enter.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "paystorm-db-") //nolint:usetesting // a test's own folder is below one that others may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if as := nobody(t); as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func asNobody(t testing.TB, dir, name string, arguments ...string) *exec.Cmd {
	t.Helper()
	made := exec.CommandContext(context.WithoutCancel(t.Context()), name, arguments...)
	made.Dir = dir
	made.SysProcAttr = &syscall.SysProcAttr{Credential: nobody(t), Setpgid: true}
	return made
}

// Run runs one of its programs to its end, as nobody.
func Run(t testing.TB, dir, name string, arguments ...string) {
	t.Helper()
	if output, err := asNobody(t, dir, name, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
}

// Serve runs a server until the test ends. Whether it accepts connections yet is the caller's to find out.
func Serve(t testing.TB, dir, name string, arguments ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	daemon := asNobody(t, dir, name, arguments...)
	daemon.Stdout, daemon.Stderr = log, log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGQUIT) // at once, and without a shared memory segment left behind
		_ = daemon.Wait()                          // it was told to
		_ = log.Close()
	})
}
