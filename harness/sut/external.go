package sut

import (
	"context"
	"fmt"
	"net/url"
)

// external is a shop that runs already and is not ours to start or stop.
type external struct{ door }

// startExternal finds the shop. That it may be stormed, Start has checked.
func startExternal(_ context.Context, config Config) (Shop, error) {
	base, err := url.Parse(config.System.Launch.External.URL)
	if err != nil {
		return nil, fmt.Errorf("the shop's address: %w", err)
	}
	if err := config.connectDials(); err != nil {
		return nil, err
	}
	return &external{newDoor(config, base, config.SystemDir)}, nil
}

// Nodes are none: nobody but its owner starts and kills this shop.
func (*external) Nodes() []Node { return nil }

// Ready waits until the shop answers that it is up.
func (e *external) Ready(ctx context.Context) error { return e.ready(ctx, nil) }

// Stop leaves the shop as it is.
func (*external) Stop(context.Context) error { return nil }
