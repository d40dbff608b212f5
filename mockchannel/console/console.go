// Package console is the page on which a person watches a mock channel and acts in it: as the payer, as the provider's
// own staff, and as somebody who forges messages.
//
// It listens to what the channel records and traces, keeps the latest of it in bounded memory, and renders it with what
// the channel says of its payments. What is clicked becomes a call of the channel's exported acts, so that whatever a
// person can do a test can do too. It is served beside the channel, to this machine alone and behind a token, and never
// in a run of the harness.
package console

import (
	"crypto/rand"
	"html/template"
	"net/http"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// Config is what a console is made from.
type Config struct {
	Clock     history.Clock // the channel's
	Dialect   mockchannel.Dialect
	Merchants []mockchannel.Merchant // whose secrets are not shown
	Faults    []string               // what goes wrong at this channel, in words
}

// Console watches one channel. Its methods may be called from many goroutines at once.
type Console struct {
	config Config
	token  string
	veil   veil
	memory *memory
	pages  *template.Template
}

// New makes a console. The channel's Config gets its Record and Trace, and Handler gets the channel.
func New(config Config) *Console {
	return &Console{
		config: config, token: rand.Text(), veil: newVeil(config.Merchants), memory: newMemory(Bound),
		pages: newPages(config.Clock),
	}
}

// Record takes in an event of the channel.
func (c *Console) Record(event history.Event) {
	if event.At == 0 {
		event.At = c.config.Clock.Now()
	}
	c.memory.record(event)
}

// Trace takes in an exchange of the channel.
func (c *Console) Trace(trace mockchannel.Trace) { c.memory.trace(trace) }

// Path is the page's address below the channel's, with the token that lets a person in.
func (c *Console) Path() string { return "/?" + tokenParameter + "=" + c.token }

// Handler serves the channel, and the page at "/" and below "/console/".
func (c *Console) Handler(channel *mockchannel.Channel) http.Handler {
	desk := &desk{Console: c, channel: channel}
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", desk.showOverview)
	pages.HandleFunc("GET /console/style.css", showStyle)
	pages.HandleFunc("GET /console/payments/{id}", desk.showPayment)
	pages.HandleFunc("POST /console/payments/{id}", desk.act)
	guarded, open := c.guard(pages), channel.Handler()
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", toThisHost(guarded, open))
	mux.Handle("/console/", toThisHost(guarded, open))
	mux.Handle("/", open)
	return mux
}

// desk is a console with the channel that it is about.
type desk struct {
	*Console
	channel *mockchannel.Channel
}
