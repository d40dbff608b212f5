package sut

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/scenarios"
)

// imageWithin bounds one pull or one build.
const imageWithin = 10 * time.Minute

// Image is one that the engine has.
type Image struct {
	Name   string
	Digest string
}

// Images are those of a system's services, on their way into the engine.
type Images struct {
	System    scenarios.System
	SystemDir string // of the system file
	Secrets   scenarios.Secrets
	Tell      func(doing string) // called with each step of a pull or a build, by several at once
}

// Make sees to it that the engine has them all, and returns them by service. It makes nothing else: what goes wrong leaves
// nothing but layers, with which the next try is quicker.
func (i Images) Make(ctx context.Context, engine *Engine) (map[string]Image, error) {
	made := map[string]Image{}
	var mutex sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for name, service := range i.System.Launch.Container.Services {
		group.Go(func() error {
			image, err := i.makeOne(ctx, engine, name, service)
			if err != nil {
				return fmt.Errorf("service %s: %w", name, i.Secrets.Error(err))
			}
			mutex.Lock()
			defer mutex.Unlock()
			made[name] = image
			return nil
		})
	}
	return made, group.Wait()
}

func (i Images) makeOne(ctx context.Context, engine *Engine, name string, service scenarios.Service) (image Image, err error) {
	ctx, cancel := context.WithTimeout(ctx, imageWithin)
	defer cancel()
	if service.Build != nil {
		image.Name, err = i.build(ctx, engine, name, *service.Build)
	} else {
		image.Name, err = i.pull(ctx, engine, service.Image)
	}
	if err != nil {
		return Image{}, err
	}
	found, err := engine.client.ImageInspect(ctx, image.Name)
	if err != nil {
		return Image{}, fmt.Errorf("look at image %s: %w", image.Name, err)
	}
	image.Digest = found.ID
	if len(found.RepoDigests) > 0 {
		_, image.Digest, _ = strings.Cut(found.RepoDigests[0], "@")
	}
	return image, nil
}

// pull gets an image that the engine has not.
func (i Images) pull(ctx context.Context, engine *Engine, template string) (image string, err error) {
	if image, err = scenarios.Expand(template, i.Secrets.Values()); err != nil {
		return "", err
	}
	if _, err = engine.client.ImageInspect(ctx, image); err == nil || !cerrdefs.IsNotFound(err) {
		return image, err
	}
	if err := i.pullMissing(ctx, engine, image); err != nil {
		return "", fmt.Errorf("image %s is not here and cannot be pulled: want the name of one that exists, or one made here "+
			"(docker build, or make images for those of the examples): %w", image, err)
	}
	return image, nil
}

func (i Images) pullMissing(ctx context.Context, engine *Engine, image string) (err error) {
	var options client.ImagePullOptions
	if _, auth, err := testcontainers.DockerImageAuth(ctx, image); err == nil { // public images need none
		if options.RegistryAuth, err = authconfig.Encode(auth); err != nil {
			return err
		}
	}
	i.Tell("pull " + image)
	answer, err := engine.client.ImagePull(ctx, image, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Close()) }()
	layers := download{}
	for message, err := range answer.JSONMessages(ctx) {
		if err != nil {
			return err
		}
		if message.Error != nil {
			return errors.New(message.Error.Message)
		}
		if percent, further := layers.take(message); further {
			i.Tell(fmt.Sprintf("pull %s: %d %%", image, percent))
		}
	}
	return nil
}

// download is how far an image's layers have come.
type download struct {
	layers map[string]jsonstream.Progress
	told   int64 // percent
}

// take takes a message about a layer, and says how many tenths there are, in percent, if they are more than before. It does
// not go back where a layer is heard of late.
func (d *download) take(message jsonstream.Message) (percent int64, further bool) {
	if message.Status != "Downloading" || message.Progress == nil {
		return 0, false
	}
	if d.layers == nil {
		d.layers = map[string]jsonstream.Progress{}
	}
	d.layers[message.ID] = *message.Progress
	var current, total int64
	for _, layer := range d.layers {
		current, total = current+layer.Current, total+layer.Total
	}
	if total <= 0 {
		return 0, false
	}
	percent = current * 10 / total * 10
	further = percent > d.told
	d.told = max(d.told, percent)
	return percent, further
}

// build makes an image from a Dockerfile. It stays in the engine, so that the next run has its layers.
func (i Images) build(ctx context.Context, engine *Engine, name string, build scenarios.Build) (string, error) {
	args := map[string]*string{}
	for arg, template := range build.Args {
		value, err := scenarios.Expand(template, i.Secrets.Values())
		if err != nil {
			return "", fmt.Errorf("build: %s: %w", arg, err)
		}
		args[arg] = &value
	}
	dir := build.Context
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(i.SystemDir, dir)
	}
	dockerfile := cmp.Or(build.Dockerfile, "Dockerfile")
	if _, err := os.Stat(filepath.Join(dir, dockerfile)); err != nil {
		return "", fmt.Errorf("build: want a Dockerfile in the context: %w", err)
	}
	printed := &buildOutput{tell: func(step string) { i.Tell("build " + name + ": step " + step) }}
	image, err := engine.provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		Context: dir, Dockerfile: build.Dockerfile, Repo: "paystorm-" + i.System.Name, Tag: name,
		BuildArgs: args, BuildLogWriter: printed, KeepImage: true,
	}})
	if err != nil {
		return "", fmt.Errorf("build: want %s to build, as docker build %s does: %w; the last lines of the build:\n%s",
			filepath.Join(dir, dockerfile), dir, err, lastOf(string(printed.last)))
	}
	return image, nil
}

// buildOutput takes what a build prints: it keeps the end of it, and tells of each step.
type buildOutput struct {
	last []byte
	tell func(step string)
}

// Write takes a piece of the output. The engine's "Step 3/5 : RUN make" is one.
func (o *buildOutput) Write(piece []byte) (int, error) {
	o.last = append(o.last, piece...)
	o.last = o.last[max(0, len(o.last)-lastBytes):]
	if step, is := strings.CutPrefix(string(piece), "Step "); is {
		o.tell(strings.Replace(strings.TrimSpace(step), " : ", " ", 1))
	}
	return len(piece), nil
}
