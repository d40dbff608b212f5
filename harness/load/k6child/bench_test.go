package k6child

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paystorm/paystorm/harness/load"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/scenarios"
)

// What is compared, and how. Both sides are k6 with the same options, in a closed loop: as many virtual users as are kept
// busy here, each with one buyer after the other.
const (
	closedNative = "closed loop, native"
	closedScript = "closed loop, k6/http"
	closedUsers  = 32
	closedFor    = 3 * time.Second
	closedRounds = 7
	ratioWanted  = 1.6
)

// closedScriptText is the journey of closedPlan as a k6/http script, as a person would write it.
const closedScriptText = `
import http from 'k6/http';
import { gate, planned } from 'k6/x/paystorm';

export const options = planned();
export function setup() { gate(); }

const json = { headers: { 'Content-Type': 'application/json' } };

export default function () {
  const ref = __VU + '-' + __ITER;
  const order = http.post('SHOP/orders', JSON.stringify({ sku: 'phone', quantity: 1, buyer: ref, ref: ref }), json);
  if (order.status !== 201) throw new Error('order: ' + order.status);
  const { id, payment_id } = order.json();
  const paid = http.post('SHOP/pay/' + payment_id, JSON.stringify({ action: 'pay', ref: ref }), json);
  if (paid.status !== 200) throw new Error('pay: ' + paid.status);
  const seen = http.get('SHOP/orders/' + id);
  if (seen.status !== 200 || seen.json('state') !== 'paid') throw new Error('poll: ' + seen.status);
}
`

// closedLoop is the child of the comparison, if it is one.
func closedLoop(args []string) (status int, ran bool) {
	config, err := load.ParseArgs(args)
	if err != nil {
		return 0, false
	}
	file, err := os.Open(config.PlanPath)
	if err != nil {
		return 0, false
	}
	plan, err := scenarios.ReadPlan(file)
	if err != nil || (plan.Name != closedNative && plan.Name != closedScript) {
		return 0, false
	}
	c, err := newCrowd(config, func(scenarios.Plan) load.Payers { return nil })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitBroken, true
	}
	c.options["scenarios"] = map[string]any{"buyers": map[string]any{
		"executor": "constant-vus", "vus": closedUsers, "duration": closedFor.String(), "gracefulStop": "5s",
	}}
	text := script
	if plan.Name == closedScript {
		text = []byte(strings.ReplaceAll(closedScriptText, "SHOP", config.ShopURL))
	}
	if err := c.execute(config.RunDir, text); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return exitBroken, true
}

// closedPlan is the native journey.
func closedPlan(name string) scenarios.Plan {
	p := plan(1, time.Second, closedUsers)
	ok := func(status int) scenarios.Match { return scenarios.Match{Status: []int{status}} }
	p.Name, p.Schema = name, scenarios.PlanSchema
	p.Steps[0].Iterations = 10_000_000 // nobody is beyond the plan
	p.System.Journeys["buy"] = []scenarios.Step{
		{
			Name: history.OpOrder, Post: "/orders", OK: ok(http.StatusCreated),
			JSON: map[string]any{
				"sku": "{{ sku }}", "quantity": "{{ quantity | number }}", "buyer": "{{ buyer }}", "ref": "{{ ref }}",
			},
			Capture: map[string]string{"order": "id", "payment": "payment_id"},
		},
		{Name: history.OpPay, Payment: "{{ payment }}"},
		{
			Name: history.OpPoll, Get: "/orders/{{ order }}", OK: ok(http.StatusOK), State: "state", Until: []string{"paid"},
			Within: scenarios.Duration(time.Second),
		},
	}
	return p
}

// counter is a shop and a channel that do nothing but answer, and count. It reads no more of HTTP than it must: what a
// server takes of the machine it takes from both sides, and hides how far they are apart.
type counter struct {
	answered    atomic.Int64
	first, last atomic.Int64 // UnixNano
}

// serve answers whatever comes to a listener, until that is closed.
func (c *counter) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			for in := bufio.NewReader(conn); c.answer(in, conn) == nil; {
			}
		}()
	}
}

// answer reads a request and answers it.
func (c *counter) answer(in *bufio.Reader, out io.Writer) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	status, body := "200 OK", `{"payment": "P1", "state": "succeeded"}`
	switch {
	case bytes.HasPrefix(line, []byte("GET ")):
		body = `{"id": "O1", "state": "paid"}`
	case bytes.HasPrefix(line, []byte("POST /orders ")):
		status, body = "201 Created", `{"id": "O1", "payment_id": "P1", "state": "pending"}`
	}
	length := 0
	for len(line) > len("\r\n") {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if name, value, _ := bytes.Cut(line, []byte(": ")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if _, err := in.Discard(length); err != nil {
		return err
	}
	now := time.Now().UnixNano()
	c.first.CompareAndSwap(0, now)
	c.last.Store(now)
	c.answered.Add(1)
	_, err = fmt.Fprintf(out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	return err
}

// requestsPerSecond lets one side drive a server of this process.
func requestsPerSecond(b *testing.B, name string) float64 {
	served := &counter{}
	listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go served.serve(listener)
	defer func() { _ = listener.Close() }()
	url := "http://" + listener.Addr().String()
	w := startWith(b, closedPlan(name), load.Config{ShopURL: url, ChannelURL: url})
	w.open(b)
	if err := w.Wait(); err != nil {
		b.Fatalf("%v\n%s", err, w.log(b))
	}
	if log := w.log(b); strings.Contains(log, "level=error") {
		b.Fatal(log)
	}
	if name == closedNative {
		for _, op := range w.history(b).Ops {
			if op.Outcome != history.OK {
				b.Fatalf("the server did not keep up: %+v", op)
			}
		}
	}
	return float64(served.answered.Load()) / time.Duration(served.last.Load()-served.first.Load()).Seconds()
}

// BenchmarkNativeAgainstScript holds a native journey against the same journey as a k6/http script, in turns. The figure
// is the median of the rounds' ratios.
func BenchmarkNativeAgainstScript(b *testing.B) {
	var native, script, ratios []float64
	for range closedRounds {
		native = append(native, requestsPerSecond(b, closedNative))
		script = append(script, requestsPerSecond(b, closedScript))
		ratios = append(ratios, native[len(native)-1]/script[len(script)-1])
	}
	for _, figures := range [][]float64{native, script, ratios} {
		slices.Sort(figures)
	}
	const half = closedRounds / 2
	b.ReportMetric(native[half], "native-req/s")
	b.ReportMetric(script[half], "k6/http-req/s")
	b.ReportMetric(ratios[half], "ratio")
	b.ReportMetric(0, "ns/op")
	if ratios[half] < ratioWanted {
		b.Fatalf("native journeys drive %.2f× what the script does, want %.1f×; rounds: %.2f", ratios[half], ratioWanted, ratios)
	}
}
