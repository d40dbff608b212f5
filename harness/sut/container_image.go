package sut

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// imageWithin bounds one pull or one build.
const imageWithin = 10 * time.Minute

// image sees to it that the service's image is in the engine, records which one it is, and returns its name.
func (c *containers) image(ctx context.Context, name string) (string, error) {
	service := c.launch.Services[name]
	ctx, cancel := context.WithTimeout(ctx, imageWithin)
	defer cancel()
	var image string
	var err error
	if service.Build != nil {
		image, err = c.build(ctx, name, *service.Build)
	} else {
		image, err = c.pull(ctx, name, service.Image)
	}
	if err != nil {
		return "", fmt.Errorf("service %s: %w", name, err)
	}
	found, err := c.engine.client.ImageInspect(ctx, image)
	if err != nil {
		return "", fmt.Errorf("service %s: look at image %s: %w", name, image, err)
	}
	digest := found.ID
	if len(found.RepoDigests) > 0 {
		_, digest, _ = strings.Cut(found.RepoDigests[0], "@")
	}
	c.config.Record(history.Event{Source: history.SourceNode, Kind: history.NodeImage, Key: name, Detail: image + "@" + digest})
	return image, nil
}

// pull gets an image that the engine has not, and tells in the service's image log how far it is.
func (c *containers) pull(ctx context.Context, name, template string) (image string, err error) {
	if image, err = scenarios.Expand(template, c.config.Secrets.Values()); err != nil {
		return "", err
	}
	if _, err = c.engine.client.ImageInspect(ctx, image); err == nil || !cerrdefs.IsNotFound(err) {
		return image, err
	}
	progress, err := c.imageLog(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, progress.Close()) }()
	if err := c.pullInto(ctx, image, progress); err != nil {
		return "", fmt.Errorf("image %s is not here and cannot be pulled: want the name of one that exists, or one made here "+
			"(docker build, or make images for those of the examples): %w", image, err)
	}
	return image, nil
}

func (c *containers) pullInto(ctx context.Context, image string, progress *os.File) (err error) {
	var options client.ImagePullOptions
	if _, auth, err := testcontainers.DockerImageAuth(ctx, image); err == nil { // public images need none
		if options.RegistryAuth, err = authconfig.Encode(auth); err != nil {
			return err
		}
	}
	answer, err := c.engine.client.ImagePull(ctx, image, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Close()) }()
	for message, err := range answer.JSONMessages(ctx) {
		switch {
		case err != nil:
			return err
		case message.Error != nil:
			return errors.New(message.Error.Message)
		case message.Progress == nil: // of a layer on its way there are hundreds
			fmt.Fprintln(progress, strings.TrimSpace(message.ID+" "+message.Status))
		}
	}
	return nil
}

// build makes an image from a Dockerfile. It stays in the engine, so that the next run has its layers.
func (c *containers) build(ctx context.Context, name string, build scenarios.Build) (image string, err error) {
	args := map[string]*string{}
	for arg, template := range build.Args {
		value, err := scenarios.Expand(template, c.config.Secrets.Values())
		if err != nil {
			return "", fmt.Errorf("build: %s: %w", arg, err)
		}
		args[arg] = &value
	}
	dir := build.Context
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(c.config.SystemDir, dir)
	}
	if _, err := os.Stat(filepath.Join(dir, cmp.Or(build.Dockerfile, "Dockerfile"))); err != nil {
		return "", fmt.Errorf("build: want a Dockerfile in the context: %w", err)
	}
	progress, err := c.imageLog(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, progress.Close()) }()
	image, err = c.engine.provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		Context: dir, Dockerfile: build.Dockerfile, Repo: "paystorm-" + c.system.Name, Tag: name,
		BuildArgs: args, BuildLogWriter: progress, KeepImage: true,
	}})
	if err != nil {
		return "", fmt.Errorf("%w; the last lines of the build:\n%s", err, tail(progress, 0))
	}
	return image, nil
}

// imageLog is the file in which one can follow how a service's image comes about.
func (c *containers) imageLog(service string) (*os.File, error) {
	file, _, err := openLog(c.config.RunDir, service+"-image")
	return file, err
}
