// Package ports finds TCP ports for things that must keep theirs: links and the shop, which are dialled again after they
// were away. They lie below the kernel's ephemeral range, because an outgoing connection may take any port in that range
// while its owner is away. It is a leaf.
package ports

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// The range to choose from, where the ephemeral range leaves it free.
const (
	lowest  = 20000
	highest = 32000
)

// Listen listens on a free port of the host, such as "127.0.0.1".
func Listen(ctx context.Context, host string) (net.Listener, error) {
	low, high := span()
	// A random start keeps runs side by side, and ports that were found free but are not in use yet, apart. Where two do
	// meet, the kernel decides, and the loser tries the next.
	random, err := rand.Int(rand.Reader, big.NewInt(int64(high-low)))
	if err != nil {
		return nil, fmt.Errorf("choose a port: %w", err)
	}
	start := int(random.Int64())
	for offset := range high - low {
		address := net.JoinHostPort(host, strconv.Itoa(low+(start+offset)%(high-low)))
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			return listener, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
	}
	return nil, fmt.Errorf("listen on %s: all ports from %d to %d are in use", host, low, high-1)
}

// Free returns a port of the host that was free a moment ago, for a process that will listen on it itself.
func Free(ctx context.Context, host string) (int, error) {
	listener, err := Listen(ctx, host)
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("free port %d again: %w", port, err)
	}
	return port, nil
}

// Range is what Listen chooses from, [low, high). It is safe if it lies below the ephemeral range; where nearly every port
// is ephemeral it does not, and one must do.
func Range() (low, high int, safe bool) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return lowest, highest, true // not Linux, whose default this suits; others' ephemeral ranges begin higher
	}
	low, high = below(string(text))
	return low, high, isBelow(high, string(text))
}

// span is the range to choose from: [low, high).
func span() (low, high int) {
	low, high, _ = Range()
	return low, high
}

// isBelow says whether ports under high are outside of an ephemeral range such as "32768 60999". Of a range that makes no
// sense nothing is known to be wrong.
func isBelow(high int, ephemeral string) bool {
	var begin int
	_, err := fmt.Sscan(ephemeral, &begin)
	return err != nil || begin >= high
}

// below is the range to choose from under an ephemeral range such as "32768 60999".
func below(ephemeral string) (low, high int) {
	bounds := strings.Fields(ephemeral)
	if len(bounds) != 2 {
		return lowest, highest
	}
	begin, err := strconv.Atoi(bounds[0])
	switch {
	case err != nil || begin >= highest:
		return lowest, highest
	case begin > lowest+1000:
		return lowest, begin
	case begin > 4096:
		return begin / 2, begin
	default:
		return lowest, highest // everything is ephemeral: no port is safe, and one must do
	}
}
