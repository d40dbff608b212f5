package main

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paystorm/paystorm/harness/fault"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/dialects"
	"github.com/paystorm/paystorm/scenarios"
)

// channelFlags are the channel's command line as it was written.
type channelFlags struct {
	dialect, addr    string
	ca               string
	faults           []string
	seed             int64
	retry, business  string
	refundDelay      time.Duration
	endpoint, events string
}

func (f *channelFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.dialect, "dialect", "standard", "what the channel speaks: "+strings.Join(dialectNames(), ", "))
	flags.StringVar(&f.addr, "addr", "127.0.0.1:8090", "where it listens; loopback only")
	flags.StringVar(&f.ca, "ca", "", "write the certificate here that a shop must trust to reach the channel by TLS or through HTTPS_PROXY")
	flags.StringArrayVar(&f.faults, "fault", nil, "what goes wrong, as in a scenario's faults; may be repeated (paystorm list faults)")
	flags.Int64Var(&f.seed, "seed", 1, "decides which messages the faults hit")
	flags.StringVar(&f.retry, "retry", "", "waits between the attempts of a notification, such as 1s,2s,4s, or none (default: the provider's own schedule)")
	flags.StringVar(&f.business, "business-time", "", "how much of the provider's time passes in how much real time, such as 24h=30s")
	flags.DurationVar(&f.refundDelay, "refund-delay", time.Second, "how long a refund is pending")
	flags.StringVar(&f.endpoint, "endpoint", "", "where notifications go, in dialects whose payments do not say")
	flags.StringVar(&f.events, "events", "", "the provider's names of what is sent there, with commas between (default: everything)")
}

func dialectNames() []string {
	var names []string
	for _, dialect := range dialects.All() {
		names = append(names, dialect.Name())
	}
	return names
}

// channelSetup is the command line, understood.
type channelSetup struct {
	dialect     mockchannel.Dialect
	addr        string
	ca          string // where its certificate is written; "": nowhere
	faults      []scenarios.Fault
	faultTexts  []string // as they were written
	seed        int64
	retry       []time.Duration // nil: the provider's own
	business    mockchannel.Business
	refundDelay time.Duration
	endpoint    *mockchannel.Endpoint // nil: none
}

// understand reads the flags. Each error names the flag and what it wants.
func (f *channelFlags) understand() (channelSetup, error) {
	setup := channelSetup{addr: f.addr, ca: f.ca, faultTexts: f.faults, seed: f.seed, refundDelay: f.refundDelay}
	var err error
	if setup.dialect, err = dialects.Named(f.dialect); err != nil {
		return setup, err
	}
	if err = onLoopback(f.addr); err != nil {
		return setup, err
	}
	if f.refundDelay < 0 {
		return setup, fmt.Errorf("--refund-delay %s: want 0s or more", f.refundDelay)
	}
	if setup.retry, err = parseRetry(f.retry); err != nil {
		return setup, err
	}
	if setup.business, err = parseBusiness(f.business); err != nil {
		return setup, err
	}
	if setup.endpoint, err = f.parseEndpoint(setup.dialect); err != nil {
		return setup, err
	}
	vocabulary := scenarios.Vocabulary{Faults: fault.ForChannel(dialects.All())}
	setup.faults, err = scenarios.PlanFaults("--fault", f.faults, f.dialect, vocabulary)
	return setup, err
}

func onLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("--addr %q: want HOST:PORT: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--addr %q: the channel listens on loopback only; it moves play money, but anyone could move it", addr)
	}
	return nil
}

func parseRetry(text string) ([]time.Duration, error) {
	switch text {
	case "":
		return nil, nil
	case "none":
		return []time.Duration{}, nil
	}
	var waits []time.Duration
	for word := range strings.SplitSeq(text, ",") {
		wait, err := time.ParseDuration(strings.TrimSpace(word))
		if err != nil || wait <= 0 {
			return nil, fmt.Errorf("--retry %q: %q is no wait: want durations with commas between, such as 1s,2s,4s, or none", text, word)
		}
		waits = append(waits, wait)
	}
	return waits, nil
}

func parseBusiness(text string) (mockchannel.Business, error) {
	if text == "" {
		return mockchannel.Business{}, nil
	}
	long, short, _ := strings.Cut(text, "=")
	span, err := time.ParseDuration(long)
	in, err2 := time.ParseDuration(short)
	if err != nil || err2 != nil || span <= 0 || in <= 0 {
		return mockchannel.Business{}, fmt.Errorf("--business-time %q: want two durations, such as 24h=30s: a day passes in half a minute", text)
	}
	return mockchannel.Business{Span: span, In: in}, nil
}

func (f *channelFlags) parseEndpoint(dialect mockchannel.Dialect) (*mockchannel.Endpoint, error) {
	switch {
	case f.endpoint == "" && f.events != "":
		return nil, fmt.Errorf("--events %q: want --endpoint beside it, which says where they go", f.events)
	case f.endpoint == "":
		return nil, nil
	case !dialect.Traits().OneAddress:
		return nil, fmt.Errorf("--endpoint %q: in the dialect %s each payment brings its own address: leave it out", f.endpoint, f.dialect)
	}
	address, err := url.Parse(f.endpoint)
	if err != nil || address.Host == "" || (address.Scheme != "http" && address.Scheme != "https") {
		return nil, fmt.Errorf("--endpoint %q: want an absolute http or https address, such as http://127.0.0.1:3000/webhooks", f.endpoint)
	}
	endpoint := &mockchannel.Endpoint{ID: "shop", URL: f.endpoint}
	if f.events != "" {
		endpoint.Events = strings.Split(f.events, ",")
	}
	return endpoint, nil
}
