package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/mattn/go-isatty"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// lines records events on standard output, timed and numbered as in a history: one short line each for a person at a
// terminal, JSON for a program.
func lines(out io.Writer, clock history.Clock) func(history.Event) {
	var mu sync.Mutex
	seq := uint64(0)
	encoder := json.NewEncoder(out)
	file, isFile := out.(*os.File)
	person := isFile && isatty.IsTerminal(file.Fd())
	return func(event history.Event) {
		mu.Lock()
		defer mu.Unlock()
		seq++
		event.Writer, event.Seq = "channel", seq
		if event.At == 0 {
			event.At = clock.Now()
		}
		if person {
			fmt.Fprintln(out, clock.Wall(event.At).Format("15:04:05.000"), short(event))
			return
		}
		_ = encoder.Encode(event) // a broken pipe has nobody left to tell
	}
}

// short is an event in one line.
func short(event history.Event) string {
	words := []string{fmt.Sprintf("%-18s", event.Kind)}
	add := func(word string) {
		if word != "" {
			words = append(words, word)
		}
	}
	if event.Order != "" {
		add("order " + clean(event.Order))
	}
	switch event.Source {
	case history.SourceDelivery:
		add(fmt.Sprintf("%s #%d", cmp.Or(event.Key, event.State), event.Attempt))
	case history.SourceChannel:
		if event.Kind == history.Request {
			add(event.State)
			break
		}
		add(money.Amount{Minor: event.Minor, Currency: event.Currency}.String())
	default:
		add(event.Key)
	}
	if event.Status != 0 {
		add(fmt.Sprint(event.Status))
	}
	if event.Outcome != "" && event.Outcome != history.OK {
		add(string(event.Outcome))
	}
	add(clean(event.Reason))
	if event.Forgery != "" {
		add("forged: " + event.Forgery)
	}
	if event.Fault != "" {
		add("fault: " + event.Fault)
	}
	return strings.Join(words, "  ")
}

// clean keeps a shop's text from steering the terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return '·'
		}
		return r
	}, text)
}

// both hands an event to two that want it.
func both(one, other func(history.Event)) func(history.Event) {
	return func(event history.Event) {
		one(event)
		other(event)
	}
}
