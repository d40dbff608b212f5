package sut

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

const (
	readyWithin = 10 * time.Second // unless the system file says otherwise
	readyEvery  = 20 * time.Millisecond
	bodyLargest = 64 << 20
)

// door is what every shop has, however it came to run: the way in past all links.
type door struct {
	system  scenarios.System
	base    *url.URL // of the shop itself
	dir     string   // that the probes' files are relative to
	clock   history.Clock
	client  *http.Client
	facts   scenarios.Values // what the shop was started with
	secrets scenarios.Secrets
	learned map[string]string                    // what configure captured
	reach   func(service string) (string, error) // where a service is, past all links; nil: there are none
}

func newDoor(config Config, base *url.URL, dir string) door {
	port, _ := strconv.Atoi(base.Port()) // of an address without one, nothing that could name it
	return door{
		system: config.System, base: base, dir: dir, clock: config.Clock,
		facts: templateValues(config, port, dir), secrets: config.Secrets,
		client: &http.Client{
			// A proxy from the environment, or a redirect, would lead elsewhere than to the shop. A connection kept alive
			// would be one to a process that has been killed since.
			Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Address is the host:port at which the shop listens.
func (d *door) Address() string {
	port := d.base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[d.base.Scheme]
	}
	return net.JoinHostPort(d.base.Hostname(), port)
}

// Version is what the system file says.
func (d *door) Version() string { return d.system.Version }

// ready asks until the shop says that it is up. gone, if not nil, says why asking on is of no use.
func (d *door) ready(ctx context.Context, gone func() error) error {
	within := time.Duration(d.system.Ready.Within)
	if within <= 0 {
		within = readyWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	var last error
	for {
		_, err := d.ask(ctx, http.MethodGet, d.system.Ready.HTTP)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // that time was up is no news
			last = err
		}
		if gone != nil {
			if err := gone(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the shop was not ready within %s: %w", within, last)
		case <-ticker.C:
		}
	}
}

// Values are what the steps that configure the shop may name.
func (d *door) Values() scenarios.Values { return d.facts }

// Learn keeps what those steps captured, for jobs and probes.
func (d *door) Learn(captured map[string]string) { d.learned = captured }

// values are what jobs and probes may name: a map of the caller's own.
func (d *door) values() scenarios.Values {
	values := d.secrets.Values()
	for name, value := range d.learned {
		values[name] = value
	}
	return values
}

// RunJob makes the shop run one of its own jobs.
func (d *door) RunJob(ctx context.Context, job scenarios.Job) error {
	if err := d.runJob(ctx, job); err != nil {
		return fmt.Errorf("job %s: %w", job.Name, err)
	}
	return nil
}

func (d *door) runJob(ctx context.Context, job scenarios.Job) (err error) {
	path, body := job.Post, []byte(nil)
	if job.GraphQL != nil {
		path = job.GraphQL.Path
		if body, err = graphQLBody(*job.GraphQL, d.values()); err != nil {
			return err
		}
	}
	if path, err = scenarios.Expand(path, d.values()); err != nil {
		return err
	}
	header, err := scenarios.ExpandAll(job.Header, d.values())
	if err != nil {
		return fmt.Errorf("header %w", err)
	}
	answer, err := d.send(ctx, http.MethodPost, d.at(path), header, body)
	if err == nil && job.GraphQL != nil {
		err = graphQLErrors(answer)
	}
	return err
}

// at is a path of the shop itself.
func (d *door) at(path string) string { return strings.TrimSuffix(d.base.String(), "/") + path }

// ask makes a request without a body to the shop itself.
func (d *door) ask(ctx context.Context, method, path string) ([]byte, error) {
	return d.send(ctx, method, d.at(path), nil, nil)
}

// send makes a request. Any answer but 2xx is an error, and no error has a secret in it.
func (d *door) send(ctx context.Context, method, target string, header map[string]string, content []byte) (body []byte, err error) {
	defer func() { err = d.secrets.Error(err) }()
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, target, err)
	}
	if content != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	answer, err := d.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	body, err = io.ReadAll(io.LimitReader(answer.Body, bodyLargest+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", method, target, err)
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return nil, fmt.Errorf("%s %s: %s: %s", method, target, answer.Status, excerpt(string(body)))
	case len(body) > bodyLargest:
		return nil, fmt.Errorf("%s %s: the answer is longer than %d bytes", method, target, bodyLargest)
	}
	return body, nil
}

// excerpt is as much of a text as fits into an error.
func excerpt(text string) string {
	const most = 200
	text = strings.TrimSpace(text)
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
