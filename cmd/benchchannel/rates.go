package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// newForm is the body of a request to create a PaymentIntent.
func newForm(n int) io.Reader {
	return strings.NewReader(strings.ReplaceAll(formText, "%d", strconv.Itoa(n)))
}

const (
	formText = formHead + "%d" + formMiddle + "%d" + formTail

	formHead   = "amount=2000&currency=usd&payment_method_types[0]=card&metadata[order]=o-"
	formMiddle = "&metadata[ref]=ps-bench-b"
	formTail   = "-o1"
)

// script is wrk's: each request is of another order, under an idempotency key of its own, as Stripe's libraries have it.
const script = `
local n = 0
local thread = 0
setup = function(t) thread = thread + 1; t:set("id", thread) end
request = function()
  n = n + 1
  local k = id * 100000000 + n
  local body = "` + formHead + `" .. k .. "` + formMiddle + `" .. k .. "` + formTail + `"
  return wrk.format("POST", "/v1/payment_intents", {
    ["Authorization"] = "Bearer ` + apiKey + `",
    ["Content-Type"] = "application/x-www-form-urlencoded",
    ["Idempotency-Key"] = "key-" .. k,
  }, body)
end
`

// rate is how fast a server was in one round.
type rate struct {
	perSecond float64
	cpu       time.Duration // of the server's process for one request, which other processes disturb least
}

// rates are by server, one for each round.
type rates map[string][]rate

// over is how many times as fast as another server the channel was, round by round.
func (r rates) over(server string) []float64 {
	var ratios []float64
	for round, channel := range r[serverChannel] {
		ratios = append(ratios, channel.perSecond/r[server][round].perSecond)
	}
	return ratios
}

func (r rates) perSecond(server string) float64 {
	var list []float64
	for _, one := range r[server] {
		list = append(list, one.perSecond)
	}
	return median(list)
}

func (r rates) cpu(server string) time.Duration {
	var list []time.Duration
	for _, one := range r[server] {
		list = append(list, one.cpu)
	}
	return median(list).Round(100 * time.Nanosecond)
}

// requestRates measures the servers in turn, each in a fresh process.
func requestRates(ctx context.Context, c config, out io.Writer) (rates, error) {
	dir, err := tempDir()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the table is what matters
	lua := filepath.Join(dir, "create.lua")
	if err := os.WriteFile(lua, []byte(script), 0o600); err != nil {
		return nil, err
	}
	measured, size := rates{}, 0
	for round := range c.rounds {
		for _, name := range servers() {
			one, err := c.oneRate(ctx, name, lua, filepath.Join(dir, strconv.Itoa(round)), &size)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			measured[name] = append(measured[name], one)
			fmt.Fprintf(out, "round %d: %-12s %8.0f requests/s, %v of CPU each\n", round+1, name, one.perSecond, one.cpu.Round(100*time.Nanosecond))
		}
	}
	return measured, nil
}

// oneRate starts a server, loads it, and stops it. The channel is the first, and tells how large an answer is.
func (c config) oneRate(ctx context.Context, name, lua, dir string, size *int) (measured rate, err error) {
	addr, err := freeAddress(ctx)
	if err != nil {
		return rate{}, err
	}
	stop, err := c.start(ctx, name, addr, dir, *size)
	if err != nil {
		return rate{}, err
	}
	url := "http://" + addr + "/v1/payment_intents"
	if name == serverChannel {
		*size, err = answerSize(ctx, url)
	}
	if err == nil {
		measured.perSecond, err = c.load(ctx, url, lua)
	}
	cpu, stopped := stop()
	if measured.perSecond > 0 {
		measured.cpu = time.Duration(float64(cpu) / (measured.perSecond * c.each.Seconds()))
	}
	return measured, errors.Join(err, stopped)
}

// start runs a server until it is stopped, and waits until it listens.
func (c config) start(ctx context.Context, name, addr, dir string, size int) (stop func() (cpu time.Duration, err error), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.CommandContext(ctx, c.stripeMock, "-http-port", port)
	switch name {
	case serverChannel:
		cmd = exec.CommandContext(ctx, self, "serve", name, addr, dir)
	case serverBare:
		cmd = exec.CommandContext(ctx, self, "serve", name, addr, strconv.Itoa(size))
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for tries := 0; ; tries++ {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			_ = conn.Close() // it only had to open
			break
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("it ended at once: %w: %s", err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if tries > 1000 {
			return nil, fmt.Errorf("it never listened at %s: %s", addr, log.String())
		}
	}
	return func() (time.Duration, error) {
		_ = cmd.Process.Signal(syscall.SIGTERM) // or it has ended
		err := <-ended
		if name == serverStripeMock { // which knows no orderly end
			err = nil
		}
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
	}, nil
}

var perSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// load runs wrk. A single answer that is no success spoils the measurement.
func (c config) load(ctx context.Context, url, lua string) (float64, error) {
	cmd := exec.CommandContext(ctx, c.wrk, "-t1", "-c"+strconv.Itoa(c.connections), "-d"+strconv.Itoa(int(c.each/time.Second))+"s", "-s", lua, url)
	text, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, text)
	}
	found := perSecond.FindSubmatch(text)
	if found == nil || bytes.Contains(text, []byte("Non-2xx")) || bytes.Contains(text, []byte("Socket errors")) {
		return 0, fmt.Errorf("wrk: %s", text)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
