package sut

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// The labels of all that a run makes in the engine. A process's number alone is given to another one some day: with the
// time of its start, it is not.
const (
	labelRun     = "io.paystorm.run"
	labelPID     = "io.paystorm.pid"
	labelHost    = "io.paystorm.host"
	labelStarted = "io.paystorm.started"
)

// owner is the run that something in the engine belongs to, and the process that makes the run.
type owner struct {
	run, pid, host, started string
}

// ownerOf is this process, making a run.
func ownerOf(run string) owner {
	pid := strconv.Itoa(os.Getpid())
	return owner{run: run, pid: pid, host: here(), started: startOf(pid)}
}

// here is where the numbers of processes mean what they mean to this one: a host, and its processes' name space. Job
// containers on the host's network bear its name, share its engine, and do not see one another's processes.
func here() string {
	host, _ := os.Hostname()
	space, _ := os.Readlink("/proc/self/ns/pid") // both are always there
	return host + " " + space
}

// name is that of the run's network, and begins those of its containers.
func (o owner) name() string { return "paystorm-" + o.run + "-" + o.pid }

func (o owner) labels() map[string]string {
	return map[string]string{labelRun: o.run, labelPID: o.pid, labelHost: o.host, labelStarted: o.started}
}

// filter finds what the owner has made.
func (o owner) filter() client.Filters {
	filter := client.Filters{}
	for label, value := range o.labels() {
		filter.Add("label", label+"="+value)
	}
	return filter
}

// startOf is when a process of this machine was started, in the kernel's ticks, or "" if there is none. One that has ended
// and that nobody has reaped is none.
func startOf(pid string) string {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	// "pid (name) state …", and the name may hold anything. The start is the twentieth after it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

// Remain is something in the engine that a run has made.
type Remain struct {
	Kind  string // container, network or volume
	Name  string
	Run   string
	owner owner
}

// Remains lists what runs of this host have left behind whose process is gone, and what belongs to runs elsewhere: on another
// host that shares the engine, or in a container that may have vanished. Whether those are under way cannot be seen from here.
func (e *Engine) Remains(ctx context.Context) (gone, elsewhere []Remain, err error) {
	all, err := e.list(ctx, client.Filters{}.Add("label", labelRun))
	for _, found := range all {
		switch {
		case found.owner.host != here():
			elsewhere = append(elsewhere, found)
		case startOf(found.owner.pid) != found.owner.started:
			gone = append(gone, found)
		}
	}
	return gone, elsewhere, err
}

// Clean removes what is listed. What is gone meanwhile is as it should be.
func (e *Engine) Clean(ctx context.Context, remains []Remain) error {
	var group errgroup.Group // a network goes only after its containers
	for _, remain := range remains {
		if remain.Kind == "container" {
			group.Go(func() error { return e.remove(ctx, remain) })
		}
	}
	errs := []error{group.Wait()}
	for _, remain := range remains {
		if remain.Kind != "container" {
			errs = append(errs, e.remove(ctx, remain))
		}
	}
	return errors.Join(errs...)
}

// clean removes what a filter finds.
func (e *Engine) clean(ctx context.Context, filter client.Filters) error {
	found, err := e.list(ctx, filter)
	if err != nil {
		return err
	}
	return e.Clean(ctx, found)
}

func (e *Engine) remove(ctx context.Context, remain Remain) (err error) {
	switch remain.Kind {
	case "container":
		_, err = e.client.ContainerRemove(ctx, remain.Name, client.ContainerRemoveOptions{RemoveVolumes: true, Force: true})
	case "network":
		_, err = e.client.NetworkRemove(ctx, remain.Name, client.NetworkRemoveOptions{})
	default:
		_, err = e.client.VolumeRemove(ctx, remain.Name, client.VolumeRemoveOptions{Force: true})
	}
	if err == nil || cerrdefs.IsNotFound(err) || strings.Contains(err.Error(), "already in progress") {
		return nil
	}
	return fmt.Errorf("remove %s %s: %w", remain.Kind, remain.Name, err)
}

// list finds containers first, and then what only they keep in use.
func (e *Engine) list(ctx context.Context, filter client.Filters) ([]Remain, error) {
	var all []Remain
	add := func(kind, name string, labels map[string]string) {
		by := owner{run: labels[labelRun], pid: labels[labelPID], host: labels[labelHost], started: labels[labelStarted]}
		all = append(all, Remain{Kind: kind, Name: name, Run: by.run, owner: by})
	}
	containers, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	for _, found := range containers.Items {
		name := found.ID
		if len(found.Names) > 0 {
			name = strings.TrimPrefix(found.Names[0], "/")
		}
		add("container", name, found.Labels)
	}
	networks, err := e.client.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	for _, found := range networks.Items {
		add("network", found.Name, found.Labels)
	}
	volumes, err := e.client.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	for _, found := range volumes.Items {
		add("volume", found.Name, found.Labels)
	}
	return all, nil
}
