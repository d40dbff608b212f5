package load

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
)

// Command is the word after which this binary's arguments are those of Args: it is then the k6 child.
const Command = "k6"

// CheckCommand is the word after which it is k6 that reads a script and does nothing else; its only argument is the path.
const CheckCommand = "k6-check"

// Writer is the child's name in the history.
const Writer = "load"

// File descriptors that the child inherits.
const (
	GateFD     = 3 // the parent writes one Opening, as a line of JSON, when buyers may come
	ProgressFD = 4 // the child writes Progress, as lines of JSON
)

// LogDir is where the child's own output goes, in the run directory, and the names of the files there.
const (
	LogDir      = "logs"
	SummaryText = "k6-summary.txt"
	SummaryJSON = "k6-summary.json"
	LogFile     = "k6.log"
)

// Config is what the child must be told beside the plan.
type Config struct {
	Self        string // path of this binary; the parent's alone
	RunDir      string
	PlanPath    string
	ClockOrigin int64  // history.Clock.Origin
	RunID       string // as in history.Ref.Run
	ShopURL     string
	ChannelURL  string
	Script      string // path of the system's own k6 script; "" for native journeys
}

// Args are the child's arguments after Command.
func (c Config) Args() []string {
	return []string{
		"-run-dir", c.RunDir, "-plan", c.PlanPath, "-clock-origin", strconv.FormatInt(c.ClockOrigin, 10),
		"-run", c.RunID, "-shop", c.ShopURL, "-channel", c.ChannelURL, "-script", c.Script,
	}
}

// ParseArgs is the inverse of Args.
func ParseArgs(args []string) (Config, error) {
	var c Config
	flags := flag.NewFlagSet(Command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.RunDir, "run-dir", "", "")
	flags.StringVar(&c.PlanPath, "plan", "", "")
	flags.Int64Var(&c.ClockOrigin, "clock-origin", 0, "")
	flags.StringVar(&c.RunID, "run", "", "")
	flags.StringVar(&c.ShopURL, "shop", "", "")
	flags.StringVar(&c.ChannelURL, "channel", "", "")
	flags.StringVar(&c.Script, "script", "", "")
	if err := flags.Parse(args); err != nil {
		return Config{}, fmt.Errorf("load generator: %w", err)
	}
	if c.RunDir == "" || c.PlanPath == "" {
		return Config{}, errors.New("load generator: it is started by a run, and not by hand")
	}
	return c, nil
}

// Warm is how the warm-up of a script went.
type Warm struct {
	Fault string `json:"fault,omitempty"` // "" if every buyer was served
}

// Progress is how the crowd stands. The child tells it a few times a second.
type Progress struct {
	Warm        *Warm  `json:"warm,omitempty"` // how the warm-up went, once it is over
	Ready       bool   `json:"ready"`          // virtual users are there, and the gate is all they wait for
	Offered     int64  `json:"offered"`        // buyers that the load model wanted so far
	Started     int64  `json:"started"`        // journeys begun
	Completed   int64  `json:"completed"`      // journeys ended, however
	Interrupted int64  `json:"interrupted"`    // cut off before they ended
	Open        int64  `json:"open"`
	Dropped     int64  `json:"dropped"`         // by k6's own count: wanted, and no virtual user was free
	Done        bool   `json:"done"`            // the child's history is closed
	Error       string `json:"error,omitempty"` // its history could not be written
}
