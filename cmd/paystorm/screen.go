package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/mattn/go-isatty"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/sys/unix"

	"github.com/paystorm/paystorm/harness"
	"github.com/paystorm/paystorm/scenarios"
)

// screen shows a run while it goes on: one live line on a terminal, a plain line for each phase elsewhere.
type screen struct {
	out   io.Writer
	live  *mpb.Progress // nil where out is no terminal that knows its size
	bar   *mpb.Bar
	mu    sync.Mutex
	last  harness.Progress
	title string
}

func newScreen(out io.Writer, plan scenarios.Plan) *screen {
	s := &screen{out: out, title: fmt.Sprintf("%s, seed %d", plan.Name, plan.Seed)}
	fmt.Fprintf(out, "%s: %d buyers, settle at most %s\n", s.title, plan.Offered, plan.Settle)
	if file, ok := out.(*os.File); ok && isatty.IsTerminal(file.Fd()) && hasSize(file) {
		s.live = mpb.New(mpb.WithOutput(out), mpb.WithWidth(1))
		s.bar = s.live.New(1, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(s.line)))
	}
	return s
}

// hasSize says whether a terminal knows its size. Where it does not, as in some containers, a live line would be cut
// down to nothing.
func hasSize(terminal *os.File) bool {
	size, err := unix.IoctlGetWinsize(int(terminal.Fd()), unix.TIOCGWINSZ)
	return err == nil && size.Col > 0 && size.Row > 0
}

// show is called by the run a few times a second.
func (s *screen) show(p harness.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := p.Phase != s.last.Phase || p.Doing != s.last.Doing
	s.last = p
	if s.live == nil && changed {
		fmt.Fprintln(s.out, strings.TrimRight(fmt.Sprintf("%6.1fs  %-8s  %s", p.Elapsed.Seconds(), p.Phase, p.Doing), " "))
	}
}

// line is the live line: phase, rates, active faults.
func (s *screen) line(decor.Statistics) string {
	s.mu.Lock()
	p := s.last
	s.mu.Unlock()
	line := fmt.Sprintf("%6.1fs  %-8s", p.Elapsed.Seconds(), p.Phase)
	if p.Phase == "storm" {
		line += fmt.Sprintf("  offered %3.0f/s  started %3.0f/s  buyers %d  open %d", p.Offered, p.Started, p.Buyers, p.Open)
		if p.Dropped > 0 {
			line += fmt.Sprintf("  dropped %d", p.Dropped)
		}
	}
	if p.Doing != "" {
		line += "  " + p.Doing
	}
	if p.Due > 0 {
		line += fmt.Sprintf("  callbacks due %d", p.Due)
	}
	if len(p.Faults) > 0 {
		line += "  faults: " + strings.Join(p.Faults, " ")
	}
	const most = 150
	if runes := []rune(line); len(runes) > most {
		line = string(runes[:most-1]) + "…"
	}
	return line
}

// close takes the live line away.
func (s *screen) close() {
	if s.live == nil {
		return
	}
	s.bar.Abort(true)
	s.live.Wait()
}
