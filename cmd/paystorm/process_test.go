package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

// patience bounds every wait of these tests. It is for busy machines; no test takes so long by itself.
const patience = 60 * time.Second

// program is a paystorm that runs as a process of its own, in a process group of its own, watched from outside.
type program struct {
	cmd   *exec.Cmd
	out   string        // the folder of its run directories
	lines chan string   // of standard error
	ended chan struct{} // closed when it has ended
	err   error         // how; read after ended

	mutex sync.Mutex
	text  bytes.Buffer // all that it has printed
}

// Write keeps what the program prints.
func (p *program) Write(text []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.text.Write(text)
}

func (p *program) printed() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.text.String()
}

// paystorm starts the program. It is found by its name, where TestMain has put it.
func paystorm(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{lines: make(chan string, 1000), ended: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), "paystorm", args...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout = p
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		defer close(p.lines)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			_, _ = p.Write(append(lines.Bytes(), '\n'))
			p.lines <- lines.Text()
		}
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // an error: it has ended
		<-p.ended
		if t.Failed() {
			t.Logf("paystorm %q printed:\n%s", args, p.printed())
		}
	})
	return p
}

// startRun starts a run of the scenario, whose text may name shop.yaml.
func startRun(t *testing.T, scenario string, args ...string) *program {
	t.Helper()
	dir := t.TempDir()
	shop, err := os.ReadFile(filepath.Join("testdata", "shop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"shop.yaml": shop, "scenario.yaml": []byte(scenario)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "runs")
	p := paystorm(t, append([]string{"run", filepath.Join(dir, "scenario.yaml"), "--out", out}, args...)...)
	p.out = out
	return p
}

// await waits for a line of standard error.
func (p *program) await(t *testing.T, pattern *regexp.Regexp) string {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case line, more := <-p.lines:
			if !more {
				t.Fatalf("it ended before it printed %s", pattern)
			}
			if pattern.MatchString(line) {
				return line
			}
		case <-timer.C:
			t.Fatalf("it has not printed %s in %s", pattern, patience)
		}
	}
}

// awaitPhase waits until the plain progress lines say that a phase has begun.
func (p *program) awaitPhase(t *testing.T, phase string) {
	t.Helper()
	p.await(t, regexp.MustCompile(`^ +\d+\.\ds  `+regexp.QuoteMeta(phase)+`$`))
}

// dir is the run directory.
func (p *program) dir(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.out, "*-s*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("run directories %q, %v", found, err)
	}
	return found[0]
}

// exit waits for the end and returns the exit status. A death by signal is none.
func (p *program) exit(t *testing.T, within time.Duration) int {
	t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		select {
		case _, more := <-p.lines: // nobody else reads them any more
			if more {
				continue
			}
			<-p.ended
			var exit *exec.ExitError
			switch {
			case p.err == nil:
				return 0
			case errors.As(p.err, &exit) && exit.Exited():
				return exit.ExitCode()
			default:
				t.Fatalf("it did not exit: %v", p.err)
			}
		case <-timer.C:
			t.Fatalf("it is still there after %s", within)
		}
	}
}

// verdict is what stands in the run directory, which also must be readable and free of reports of the race detector.
func (p *program) verdict(t *testing.T) (invariants.Verdict, *history.History) {
	t.Helper()
	recorded, err := history.Open(p.dir(t))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(p.dir(t), "verdict.json"))
	if err != nil {
		t.Fatal(err)
	}
	var verdict invariants.Verdict
	if err := json.Unmarshal(text, &verdict); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(p.dir(t), "logs", "*"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("logs %q, %v", logs, err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("DATA RACE")) {
			t.Errorf("%s:\n%s", path, text)
		}
	}
	return verdict, recorded
}

// because says whether one of the verdict's reasons matches.
func because(verdict invariants.Verdict, pattern string) bool {
	return slices.ContainsFunc(verdict.Reasons.Texts(), regexp.MustCompile(pattern).MatchString)
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !so() {
		select {
		case <-ticker.C:
		case <-timer.C:
			t.Fatalf("not in %s: %s", patience, what)
		}
	}
}

// family are the processes that the program has started: those that name its run directory in their command line or work
// in it. A zombie is gone, whoever may reap it.
func (p *program) family(t *testing.T) map[int]string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == p.cmd.Process.Pid {
			continue
		}
		// What cannot be read belongs to others, or has ended.
		line, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		cwd, _ := os.Readlink(filepath.Join("/proc", entry.Name(), "cwd"))
		if bytes.Contains(line, []byte(p.out+"/")) || strings.HasPrefix(cwd, p.out+"/") {
			found[pid] = string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
		}
	}
	return found
}

// member waits for a process of the family and returns its number: the shop works below system, and the load generator
// has k6 in its command line.
func (p *program) member(t *testing.T, word string) int {
	t.Helper()
	number := 0
	eventually(t, "a process "+word, func() bool {
		for pid, line := range p.family(t) {
			if strings.Contains(line, " "+word) {
				number = pid
			}
		}
		return number != 0
	})
	return number
}

// sockets are the listening TCP sockets of the program and its family, by inode, with their addresses. Another process
// may take a port as soon as it is free, but not the socket.
func (p *program) sockets(t *testing.T) map[string]string {
	t.Helper()
	all := listening(t)
	own := map[string]string{}
	for _, pid := range append(keys(p.family(t)), p.cmd.Process.Pid) {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			target, _ := os.Readlink(file) // an error: it has been closed
			inode := strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")
			if address, is := all[inode]; is {
				own[inode] = address
			}
		}
	}
	return own
}

// listening are the machine's listening TCP sockets.
func listening(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // a kernel without IPv6
		}
		for line := range strings.Lines(string(text)) {
			const address, state, inode, listen = 1, 3, 9, "0A"
			if fields := strings.Fields(line); len(fields) > inode && fields[state] == listen {
				found[fields[inode]] = fields[address]
			}
		}
	}
	return found
}

func keys[V any](of map[int]V) []int {
	var all []int
	for key := range of {
		all = append(all, key)
	}
	return all
}

// left are the processes of the family that there still are, and which of the sockets.
func (p *program) left(t *testing.T, sockets map[string]string) []string {
	t.Helper()
	var left []string
	for pid, line := range p.family(t) {
		left = append(left, fmt.Sprintf("process %d, %s", pid, line))
	}
	still := listening(t)
	for inode, address := range sockets {
		if _, listens := still[inode]; listens {
			left = append(left, fmt.Sprintf("socket %s, at %s", inode, address))
		}
	}
	return left
}
