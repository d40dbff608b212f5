// Command benchchannel measures the mock channel's Stripe dialect against what its users would run instead. In rounds, so
// that a busy machine slows all alike, the same load tool (wrk) asks three servers to create PaymentIntents: the channel,
// which keeps each of them and records it into a history; stripe-mock, which keeps nothing; and a bare net/http handler
// that reads the form and answers as many bytes. Then it lets 100,000 notifications wait in a channel, weighs them, and
// times how late they leave.
//
// It prints a table, and ends with exit status 1 if a wanted figure is missed.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// What is wanted.
const (
	overStripeMock = 2.0
	overBare       = 0.5
	pending        = 100_000
	pendingMemory  = 200 << 20 // bytes
	postsPerSecond = 2000
	lateness       = 10 * time.Millisecond // at the 99th percentile
	tries          = 3                     // of the lateness
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

type config struct {
	wrk, stripeMock     string
	rounds, connections int
	each                time.Duration
}

func run(ctx context.Context, args []string, out, log io.Writer) int {
	if len(args) > 0 && args[0] == "serve" { // this program again, as one of the servers
		if err := serve(ctx, args[1:]); err != nil {
			fmt.Fprintln(log, "benchchannel serve:", err)
			return 1
		}
		return 0
	}
	var c config
	flags := flag.NewFlagSet("benchchannel", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&c.wrk, "wrk", "wrk", "the load tool")
	flags.StringVar(&c.stripeMock, "stripe-mock", "stripe-mock", "stripe-mock v0.203.0")
	flags.IntVar(&c.rounds, "rounds", 5, "how often each server is measured")
	flags.IntVar(&c.connections, "connections", 16, "connections of the load tool")
	flags.DurationVar(&c.each, "each", 4*time.Second, "how long each measurement is")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	missed, err := measure(ctx, c, out)
	if err != nil {
		fmt.Fprintln(log, "benchchannel:", err)
		return 4
	}
	if missed != nil {
		fmt.Fprintln(log, missed)
		return 1
	}
	return 0
}

// measure prints the table. missed says which wanted figures were not reached.
func measure(ctx context.Context, c config, out io.Writer) (missed, err error) {
	rates, err := requestRates(ctx, c, out)
	if err != nil {
		return nil, err
	}
	var waiting waiting
	for try := 1; try <= tries; try++ {
		if waiting, err = waitingNotifications(ctx); err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "pending notifications, try %d: p99 of the lateness %v\n", try, waiting.percentile(99))
		if waiting.percentile(99) < lateness { // other processes only ever make it later
			break
		}
	}
	mock, bare := median(rates.over(serverStripeMock)), median(rates.over(serverBare))
	fmt.Fprintf(out, "\n| figure | measured | wanted |\n|---|---:|---:|\n")
	for _, server := range servers() {
		fmt.Fprintf(out, "| PaymentIntents created per second, %s | %.0f | |\n", server, rates.perSecond(server))
		fmt.Fprintf(out, "| CPU of the server for one, %s | %v | |\n", server, rates.cpu(server))
	}
	fmt.Fprintf(out, "| the channel over stripe-mock | %.2f | ≥ %.1f |\n", mock, overStripeMock)
	fmt.Fprintf(out, "| the channel over a bare handler | %.2f | ≥ %.1f |\n", bare, overBare)
	fmt.Fprintf(out, "| memory of %d pending notifications | %.0f MB | < %d MB |\n", pending, float64(waiting.memory)/(1<<20), pendingMemory>>20)
	fmt.Fprintf(out, "| lateness at %d posts/s, p50 | %v | |\n", postsPerSecond, waiting.percentile(50))
	fmt.Fprintf(out, "| lateness at %d posts/s, p99 | %v | < %v |\n", postsPerSecond, waiting.percentile(99), lateness)
	var misses []error
	for _, figure := range []struct {
		name string
		held bool
	}{
		{"the channel over stripe-mock", mock >= overStripeMock},
		{"the channel over a bare handler", bare >= overBare},
		{"memory of pending notifications", waiting.memory < pendingMemory},
		{"lateness", waiting.percentile(99) < lateness},
	} {
		if !figure.held {
			misses = append(misses, fmt.Errorf("missed: %s", figure.name))
		}
	}
	return errors.Join(misses...), nil
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
