package sut

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/ports"
	"github.com/paystorm/paystorm/scenarios"
)

const (
	selfCommand = "paystorm" // in a system file: this very binary
	stopWithin  = 5 * time.Second
	listenHost  = "127.0.0.1"
	workingDir  = "system" // below the run directory
)

// process is a shop that we start as a child process.
type process struct {
	door
	node  *node
	files files // that we wrote for it
}

func startProcess(ctx context.Context, config Config) (Shop, error) {
	launch := config.System.Launch.Process
	port, err := ports.Free(ctx, listenHost)
	if err != nil {
		return nil, err
	}
	dir, err := launchDir(config, launch)
	if err != nil {
		return nil, err
	}
	if err := config.connectDials(); err != nil {
		return nil, err
	}
	values := templateValues(config, port, dir)
	argv, err := command(config, launch.Command, values)
	if err != nil {
		return nil, err
	}
	env, err := environment(launch.Env, withSecrets(values, config.Secrets))
	if err != nil {
		return nil, err
	}
	files, err := writeFiles(dir, launch.Files, withSecrets(values, config.Secrets))
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(listenHost, strconv.Itoa(port))
	shop := &process{door: newDoor(config, &url.URL{Scheme: "http", Host: address}, dir), files: files}
	shop.node = &node{
		lives: lives{name: config.System.Name, runDir: config.RunDir, record: config.Record, up: shop.ready},
		argv:  argv, env: env, dir: dir, stop: time.Duration(launch.Stop),
	}
	if shop.node.stop <= 0 {
		shop.node.stop = stopWithin
	}
	if err := shop.node.launch(ctx); err != nil {
		return nil, errors.Join(err, files.remove())
	}
	return shop, nil
}

// launchDir is the absolute working directory of the process, which is made if the system file names none.
func launchDir(config Config, launch *scenarios.Process) (string, error) {
	dir := filepath.Join(config.RunDir, workingDir)
	if launch.Dir != "" {
		if dir = launch.Dir; !filepath.IsAbs(dir) {
			dir = filepath.Join(config.SystemDir, dir)
		}
		if _, err := os.Stat(dir); err != nil { // the kernel would say that the program is missing
			return "", fmt.Errorf("find the working directory: %w", err)
		}
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the working directory: %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	return dir, nil
}

// templateValues are what the strings of a `process:` may name.
func templateValues(config Config, port int, dir string) scenarios.Values {
	values := scenarios.Values{
		"address": net.JoinHostPort(listenHost, strconv.Itoa(port)),
		"port":    strconv.Itoa(port),
		"dir":     dir,
		"link":    lookUp("link", config.Links),
		"tcp":     lookUp("link", bare(config.Links)),
		"sink":    lookUp("sink", config.Sinks),
	}
	for name, told := range config.Channel {
		values["channel."+name] = told
	}
	return values
}

// bare are links by host and port, for whoever speaks no HTTP over them.
func bare(links map[string]string) map[string]string {
	addresses := map[string]string{}
	for name, address := range links {
		addresses[name] = strings.TrimPrefix(address, "http://")
	}
	return addresses
}

// lookUp is a template's function that has one of these.
func lookUp(kind string, among map[string]string) func(string) (string, error) {
	return func(name string) (string, error) {
		if found, ok := among[name]; ok {
			return found, nil
		}
		return "", fmt.Errorf("unknown %s: want one of %s", kind, strings.Join(slices.Sorted(maps.Keys(among)), ", "))
	}
}

// withSecrets are values that may stand in the shop's environment, and nowhere where others could read them.
func withSecrets(values scenarios.Values, secrets scenarios.Secrets) scenarios.Values {
	all := secrets.Values()
	maps.Copy(all, values)
	return all
}

// command fills in the command. A program given by a relative path lies beside the system file, wherever it runs.
func command(config Config, words []string, values scenarios.Values) ([]string, error) {
	argv := make([]string, len(words))
	for i, word := range words {
		var err error
		if argv[i], err = scenarios.Expand(word, values); err != nil {
			return nil, fmt.Errorf("command: %w", err)
		}
	}
	switch {
	case len(argv) == 0 || argv[0] == "":
		return nil, fmt.Errorf("command: names no program")
	case argv[0] == selfCommand:
		argv[0] = config.Self
	case strings.ContainsRune(argv[0], filepath.Separator) && !filepath.IsAbs(argv[0]):
		path, err := filepath.Abs(filepath.Join(config.SystemDir, argv[0]))
		if err != nil {
			return nil, fmt.Errorf("command: %w", err)
		}
		argv[0] = path
	}
	return argv, nil
}

// environment is what the system file says and the little that any program needs. Nothing else of ours leaks in: a run
// must not depend on whose shell it was started from.
func environment(env map[string]string, values scenarios.Values) ([]string, error) {
	var result []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, set := os.LookupEnv(name); set && env[name] == "" {
			result = append(result, name+"="+value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		value, err := scenarios.Expand(env[name], values)
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", name, err)
		}
		result = append(result, name+"="+value)
	}
	return result, nil
}

// Nodes is the one process.
func (p *process) Nodes() []Node { return []Node{p.node} }

// Ready waits until the shop answers that it is up, or its process is gone.
func (p *process) Ready(ctx context.Context) error { return p.node.ready(ctx) }

// Stop ends the process.
func (p *process) Stop(ctx context.Context) error {
	if err := errors.Join(p.node.shutdown(ctx), p.files.remove()); err != nil {
		return fmt.Errorf("stop the shop: %w", err)
	}
	return nil
}
