//go:build docker

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/paystorm/paystorm/dice"
)

// The tests here need a Docker engine, and the images of the examples: make images. PAYSTORM_REQUIRE=docker makes a machine
// without them a failure.

// inContainers asks the engine itself, so that what paystorm says of it is held against something.
func inContainers(t *testing.T) *client.Client {
	t.Helper()
	engine, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	for _, image := range []string{"paystorm/postgres:15", "paystorm/redis:7", "paystorm/flashshop"} {
		_, err := engine.ImageInspect(t.Context(), image)
		switch required := slices.Contains(strings.Split(os.Getenv("PAYSTORM_REQUIRE"), ","), "docker"); {
		case err != nil && required:
			t.Fatalf("%s: %v: and PAYSTORM_REQUIRE demands docker", image, err)
		case err != nil:
			t.Skipf("SKIPPED: %s: %v: start Docker, and make images", image, err)
		}
	}
	t.Setenv("PAYSTORM_POSTGRES", "paystorm/postgres:15")
	t.Setenv("PAYSTORM_REDIS", "paystorm/redis:7")
	return engine
}

// TestDockerDemanded: without an engine the tests here skip and say what is missing, and fail where one is demanded.
func TestDockerDemanded(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, require, want string
		passes              bool
	}{
		{"nobody asks for it", "", "SKIPPED: paystorm/postgres:15: .*: start Docker, and make images", true},
		{"demanded", "race,docker", "PAYSTORM_REQUIRE demands docker", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), self, "-test.v", "-test.run", "^TestDockerScripts$")
			command.Env = append(os.Environ(), "DOCKER_HOST=unix:///nonexistent.sock", "PAYSTORM_REQUIRE="+test.require)
			printed, err := command.CombinedOutput()
			if (err == nil) != test.passes || !regexp.MustCompile(test.want).Match(printed) {
				t.Errorf("%v, want %q in\n%s", err, test.want, printed)
			}
		})
	}
}

// TestDockerScripts runs testdata/docker/*.txtar, as TestScripts does those that need no engine.
func TestDockerScripts(t *testing.T) {
	inContainers(t)
	testscript.Run(t, scripts("docker", asProcess))
}

// madeBy lists what a process has made in the engine, by its label.
func madeBy(t *testing.T, engine *client.Client, pid int) (made []string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	filter := client.Filters{}.Add("label", "io.paystorm.pid="+strconv.Itoa(pid))
	containers, err := engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	networks, err := engine.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	volumes, err := engine.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	for _, container := range containers.Items {
		made = append(made, "container "+container.Names[0])
	}
	for _, network := range networks.Items {
		made = append(made, "network "+network.Name)
	}
	for _, volume := range volumes.Items {
		made = append(made, "volume "+volume.Name)
	}
	return made
}

// TestDockerCleanAfterSIGKILL kills the harness at ten moments between its start and the middle of the storm, and counts what is
// in the engine before and after `paystorm clean`. Nobody has a chance to clean up after SIGKILL but whoever comes next.
func TestDockerCleanAfterSIGKILL(t *testing.T) {
	engine := inContainers(t)
	moments := dice.New(5)
	left := 0
	for nth := range 10 {
		t.Run(fmt.Sprint(nth), func(t *testing.T) {
			p := paystorm(t, "run", "flash-sale", "--system", "flashshop-containers", "--out", t.TempDir())
			moment := moments.Between(200*time.Millisecond, 9*time.Second, "kill", strconv.Itoa(nth))
			timer := time.NewTimer(moment)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-p.ended:
				t.Fatalf("it ended within %s", moment)
			}
			if err := syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			<-p.ended
			before := madeBy(t, engine, p.cmd.Process.Pid)
			t.Logf("killed after %s, with %d things in the engine", moment, len(before))
			left += len(before)
			if status := paystorm(t, "clean").exit(t, patience); status != exitPass {
				t.Errorf("clean: exit status %d", status)
			}
			if after := madeBy(t, engine, p.cmd.Process.Pid); len(after) > 0 {
				t.Errorf("left behind: %q", after)
			}
		})
	}
	if left < 10 {
		t.Errorf("only %d things were ever left: nothing was tried", left)
	}
}

// TestDockerCleanLeavesALivingRun: what belongs to a run under way stays, and is gone after its interrupt.
func TestDockerCleanLeavesALivingRun(t *testing.T) {
	engine := inContainers(t)
	p := paystorm(t, "run", "flash-sale", "--system", "flashshop-containers", "--out", t.TempDir())
	p.awaitPhase(t, "storm")
	before := madeBy(t, engine, p.cmd.Process.Pid)
	if len(before) != 5 {
		t.Errorf("made %q, want four containers and a network", before)
	}
	if status := paystorm(t, "clean").exit(t, patience); status != exitPass {
		t.Errorf("clean: exit status %d", status)
	}
	if after := madeBy(t, engine, p.cmd.Process.Pid); len(after) != len(before) {
		t.Errorf("of %q there is %q", before, after)
	}
	begun := time.Now()
	if err := controlC(p); err != nil {
		t.Fatal(err)
	}
	if status := p.exit(t, interruptedWithin); status != exitInconclusive {
		t.Errorf("exit status %d, want %d", status, exitInconclusive)
	}
	t.Logf("interrupted, judged and gone in %s", time.Since(begun).Round(time.Millisecond))
	if after := madeBy(t, engine, p.cmd.Process.Pid); len(after) > 0 {
		t.Errorf("left behind: %q", after)
	}
}

// TestDockerCleanElsewhere: what belongs to a run whose process cannot be seen from here goes only when somebody says so.
func TestDockerCleanElsewhere(t *testing.T) {
	engine := inContainers(t)
	const name = "paystorm-test-elsewhere"
	_, err := engine.NetworkCreate(t.Context(), name, client.NetworkCreateOptions{Labels: map[string]string{
		"io.paystorm.run": "r", "io.paystorm.pid": "1", "io.paystorm.host": "elsewhere", "io.paystorm.started": "1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // an error: it is gone, as it should be
		_, _ = engine.NetworkRemove(context.WithoutCancel(t.Context()), name, client.NetworkRemoveOptions{})
	})
	for _, test := range []struct {
		args []string
		want string
		gone bool
	}{
		{[]string{"clean"}, "kept  network " + name + ", of run r on another host or in another container\nIf the runs elsewhere are over: paystorm clean --all\n", false},
		{[]string{"clean", "--all", "--dry-run"}, "left by a killed run  network " + name + ", of run r\n", false},
		{[]string{"clean", "--all"}, "removed  network " + name + ", of run r\n", true},
	} {
		p := paystorm(t, test.args...)
		if status := p.exit(t, patience); status != exitPass || !strings.Contains(p.printed(), test.want) {
			t.Errorf("%q: exit status %d, printed %q, want %q", test.args, status, p.printed(), test.want)
		}
		_, err := engine.NetworkInspect(t.Context(), name, client.NetworkInspectOptions{})
		if (err != nil) != test.gone {
			t.Errorf("%q: the network: %v, want it gone: %v", test.args, err, test.gone)
		}
	}
}
