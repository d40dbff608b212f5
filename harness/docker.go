package harness

import (
	"context"
	"errors"
	"fmt"

	"github.com/paystorm/paystorm/harness/sut"
	"github.com/paystorm/paystorm/history"
)

// phaseImages is what a person who watches is told before the run begins.
const phaseImages = "images"

// docker is what a shop in containers needs of the machine.
type docker struct {
	engine *sut.Engine          // nil: the shop is no containers
	host   string               // this machine as the shop reaches it
	images map[string]sut.Image // by service
}

// openDocker opens the engine for a shop in containers, removes what earlier runs have left there, and makes the images. All
// this comes before the run: where it fails, no shop was tried, and there is no history to keep or to judge.
func openDocker(ctx context.Context, config Config) (d docker, err error) {
	d.host = loopback
	if config.Plan.System.Launch.Container == nil {
		return d, nil
	}
	if err = d.open(ctx, config); err == nil {
		return d, nil
	}
	err = errors.Join(err, d.close())
	if ctx.Err() != nil {
		return docker{}, context.Cause(ctx)
	}
	return docker{}, &EnvironmentError{Phase: history.PhaseStart, Err: err}
}

func (d *docker) open(ctx context.Context, config Config) (err error) {
	if d.engine, err = sut.OpenEngine(ctx); err != nil {
		return err
	}
	remains, _, err := d.engine.Remains(ctx)
	if err != nil {
		return err
	}
	if err := d.engine.Clean(ctx, remains); err != nil {
		return err
	}
	if d.host, err = d.engine.Gateway(ctx); err != nil {
		return err
	}
	clock := history.StartClock()
	d.images, err = sut.Images{
		System: config.Plan.System, SystemDir: config.Plan.SystemDir, Secrets: config.Secrets,
		Tell: func(doing string) {
			if config.Progress != nil {
				config.Progress(Progress{Phase: phaseImages, Doing: doing, Elapsed: clock.Now().Duration()})
			}
		},
	}.Make(ctx, d.engine)
	return err
}

// close lets the engine go. Whatever was started in it is gone by then.
func (d docker) close() error {
	if d.engine == nil {
		return nil
	}
	if err := d.engine.Close(); err != nil {
		return fmt.Errorf("close the connection to Docker: %w", err)
	}
	return nil
}
