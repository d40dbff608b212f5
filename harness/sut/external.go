package sut

import (
	"context"
	"fmt"
	"net"
	"net/url"

	"github.com/paystorm/paystorm/scenarios"
)

// external is a shop that runs already and is not ours to start or stop.
type external struct{ door }

// startExternal checks that the shop may be stormed. Load and faults go to this machine only, unless the system file
// names the host and gives a reason.
func startExternal(_ context.Context, config Config) (Shop, error) {
	target := config.System.Launch.External.URL
	base, err := url.Parse(target)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Hostname() == "" {
		return nil, fmt.Errorf("%q is no address of a shop: want one such as http://127.0.0.1:8080", target)
	}
	if !isLoopback(base.Hostname()) && !allowed(base.Hostname(), config.System.Allow) {
		return nil, fmt.Errorf("%s is not this machine: want a loopback address, or an entry in allow with the host and a reason", base.Hostname())
	}
	return &external{newDoor(config, base, config.SystemDir)}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func allowed(host string, allow []scenarios.Allow) bool {
	for _, entry := range allow {
		if entry.Host == host && entry.Reason != "" {
			return true
		}
	}
	return false
}

// Nodes are none: nobody but its owner starts and kills this shop.
func (*external) Nodes() []Node { return nil }

// Ready waits until the shop answers that it is up.
func (e *external) Ready(ctx context.Context) error { return e.ready(ctx, nil) }

// Stop leaves the shop as it is.
func (*external) Stop(context.Context) error { return nil }
