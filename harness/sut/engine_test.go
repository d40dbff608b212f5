package sut

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/network"
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

func TestOwnAddressInANetwork(t *testing.T) {
	t.Parallel()
	subnet, gateway := netip.MustParsePrefix("172.17.0.0/16"), netip.MustParseAddr("172.17.0.1")
	for _, test := range []struct {
		name    string
		config  network.IPAMConfig
		address string
		is      bool
	}{
		{"the engine's machine", network.IPAMConfig{Subnet: subnet, Gateway: gateway}, "172.17.0.1/16", true},
		{"a job container on its network", network.IPAMConfig{Subnet: subnet, Gateway: gateway}, "172.17.0.5/16", false},
		{"a job container on another network", network.IPAMConfig{Subnet: subnet, Gateway: gateway}, "172.18.0.2/16", false},
		{"an engine that names no gateway", network.IPAMConfig{Subnet: subnet}, "172.17.0.1/16", true},
		{"version 6", network.IPAMConfig{Subnet: netip.MustParsePrefix("fd00::/64")}, "fd00::1/64", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ip, mask, err := net.ParseCIDR(test.address)
			if err != nil {
				t.Fatal(err)
			}
			addresses := []net.Addr{&net.IPNet{IP: net.IPv4(127, 0, 0, 1), Mask: net.CIDRMask(8, 32)}, &net.IPNet{IP: ip, Mask: mask.Mask}}
			got, is := ownIn([]network.IPAMConfig{test.config}, addresses)
			if is != test.is || is && got.String() != ip.String() {
				t.Errorf("got %s, %v", got, is)
			}
		})
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
