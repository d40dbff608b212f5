package ports

import (
	"net"
	"testing"
)

func TestBelowTheEphemeralRange(t *testing.T) {
	for name, test := range map[string]struct {
		text      string
		low, high int
		safe      bool
	}{
		"Linux":           {"32768\t60999\n", 20000, 32000, true},
		"begins earlier":  {"25000\t60999\n", 20000, 25000, true},
		"begins at 10000": {"10000\t65000\n", 5000, 10000, true},
		"is everything":   {"1024\t65535\n", 20000, 32000, false},
		"makes no sense":  {"x y", 20000, 32000, true},
		"is missing":      {"", 20000, 32000, true},
	} {
		t.Run(name, func(t *testing.T) {
			if low, high := below(test.text); low != test.low || high != test.high {
				t.Fatalf("got %d to %d, want %d to %d", low, high, test.low, test.high)
			}
			if safe := isBelow(test.high, test.text); safe != test.safe {
				t.Errorf("safe is %t", safe)
			}
		})
	}
}

func TestListenAndFree(t *testing.T) {
	low, high := span()
	seen := map[int]bool{}
	for range 20 {
		listener, err := Listen(t.Context(), "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		port := listener.Addr().(*net.TCPAddr).Port
		if port < low || port >= high || seen[port] {
			t.Fatalf("port %d", port)
		}
		seen[port] = true
	}
	free, err := Free(t.Context(), "127.0.0.1")
	if err != nil || seen[free] {
		t.Fatalf("port %d, %v", free, err)
	}
	if _, err := Listen(t.Context(), "192.0.2.1"); err == nil {
		t.Fatal("listened on an address that is not ours")
	}
}
