package scenarios

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes the plan for people: everything that is going to happen, and when.
func (p Plan) WriteText(w io.Writer) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s, seed %d\n", p.Name, p.Seed)
	if p.Why != "" {
		fmt.Fprintf(&text, "%s\n", strings.TrimSpace(p.Why))
	}
	fmt.Fprintf(&text, "digest %s\n", p.Digest)
	for _, section := range []func(io.Writer){
		p.writeSystem, p.writeSale, p.writeLoad, p.writeFaults, p.writeJudgement,
	} {
		text.WriteByte('\n')
		table := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
		section(table)
		if err := table.Flush(); err != nil {
			return fmt.Errorf("lay the plan out: %w", err)
		}
	}
	if _, err := w.Write(trimLines(text.Bytes())); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

// trimLines takes the spaces off that a table leaves at the ends of its lines.
func trimLines(text []byte) []byte {
	lines := bytes.Split(text, []byte("\n"))
	for index := range lines {
		lines[index] = bytes.TrimRight(lines[index], " ")
	}
	return bytes.Join(lines, []byte("\n"))
}

func (p Plan) writeSystem(w io.Writer) {
	how := "external at "
	if external := p.System.Launch.External; external != nil {
		how += external.URL
	}
	if process := p.System.Launch.Process; process != nil {
		how = "process " + strings.Join(process.Command, " ")
	}
	if container := p.System.Launch.Container; container != nil {
		var services []string
		for _, name := range sortedKeys(container.Services) {
			services = append(services, container.Nodes(name)...)
		}
		how = "containers " + strings.Join(services, ", ")
	}
	fmt.Fprintf(w, "system\t%s, %s\n", strings.TrimSpace(p.System.Name+" "+p.System.Version), how)
	fmt.Fprintf(w, "  channel\t%s, callbacks to %s\n", p.System.Channel.Dialect, p.System.Channel.Callbacks)
	if retry := p.System.Channel.Retry; len(retry) > 0 {
		fmt.Fprintf(w, "  retries\t%s\n", join(retry))
	}
	timers := p.System.Timers
	fmt.Fprintf(w, "  timers\texpiry %s, query %s, refund %s, reconcile %s, apply %s\n",
		orNone(timers.Expiry), orNone(timers.Query), orNone(timers.Refund), orNone(timers.Reconcile), orNone(timers.Apply))
	fmt.Fprintf(w, "  probes\t%s\n", orDash(strings.Join(sortedKeys(p.System.Probes), ", ")))
}

func (p Plan) writeSale(w io.Writer) {
	fmt.Fprintln(w, "sale\tstock\tprice\tper buyer")
	for _, item := range p.Items {
		limit := "no limit"
		if item.PerBuyer > 0 {
			limit = fmt.Sprint(item.PerBuyer)
		}
		fmt.Fprintf(w, "  %s\t%d\t%s\t%s\n", item.SKU, item.Stock, item.Price, limit)
	}
}

// stepLinesMax keeps a ramp of many small steps readable: what is between the first and last of them is summed up.
const stepLinesMax = 12

func (p Plan) writeLoad(w io.Writer) {
	fmt.Fprintf(w, "load\t%d buyers, %d virtual users\n", p.Offered, p.VUs)
	skipped := LoadStep{}
	for index, step := range p.Steps {
		if len(p.Steps) > stepLinesMax && index >= stepLinesMax/2 && index < len(p.Steps)-stepLinesMax/2 {
			skipped.Iterations += step.Iterations
			skipped.For += step.For
			continue
		}
		if skipped.For > 0 {
			fmt.Fprintf(w, "  …\t%d steps for %s, %d buyers\n", len(p.Steps)-stepLinesMax/2*2, skipped.For, skipped.Iterations)
			skipped = LoadStep{}
		}
		buyers := "no buyers"
		if step.Iterations > 0 {
			buyers = fmt.Sprintf("buyers %d to %d", step.FirstBuyer, step.FirstBuyer+step.Iterations-1)
		}
		fmt.Fprintf(w, "  at %s\tfor %s\t%s\t%s\n", step.At, step.For, strconv.FormatFloat(step.PerSecond, 'g', 4, 64)+"/s", buyers)
	}
	for _, journey := range p.Journeys {
		fmt.Fprintf(w, "  journey %s\t%s\n", journey.Name, Share(journey.Share))
	}
	fmt.Fprintf(w, "  storm\tat most %s\n", p.StormMax)
	fmt.Fprintf(w, "  settle\tat most %s\n", p.Settle)
	if len(p.Checkpoints) > 0 {
		fmt.Fprintf(w, "  books read at\t%s\n", join(p.Checkpoints))
	}
}

func (p Plan) writeFaults(w io.Writer) {
	writeFaultTable(w, "faults", p.Faults)
	writeFaultTable(w, "payers", p.Payers)
}

func writeFaultTable(w io.Writer, title string, faults []Fault) {
	if len(faults) == 0 {
		fmt.Fprintf(w, "%s\tnone\n", title)
		return
	}
	fmt.Fprintf(w, "%s\tkind\tcontract\tfloor\tplanned\n", title)
	for _, fault := range faults {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%d\t%s\n", fault.ID, fault.Kind, fault.Contract, fault.Floor, fault.Planned)
	}
}

func (p Plan) writeJudgement(w io.Writer) {
	fmt.Fprintf(w, "required\t%s\n", strings.Join(p.Required, ", "))
	for _, law := range p.Laws {
		fmt.Fprintf(w, "  law\t%s %s, reads %s\n", law.ID, law.Name, cmp.Or(strings.Join(law.Needs, ", "), "none of the shop's books"))
	}
	for _, invariant := range sortedKeys(p.Waive) {
		fmt.Fprintf(w, "  waived\t%s: %s\n", invariant, p.Waive[invariant])
	}
	fmt.Fprintf(w, "floors\t%d orders, %s of buyers started, %s of outcomes known\n",
		p.Expect.Orders, Share(p.Expect.StartedShare), Share(p.Expect.KnownShare))
	if p.Expect.SoldOut {
		fmt.Fprintln(w, "  sold out\trequired")
	}
	for _, cell := range p.Cells {
		fmt.Fprintf(w, "  cell\t%s meets %d orders that are %s %s\n", cell.Fault, cell.Hits, cell.State, cell.Message)
	}
	fmt.Fprintf(w, "review\tat most %d orders\n", p.ReviewCap)
	for _, known := range p.Known {
		fmt.Fprintf(w, "known\t%s: %s (%s, until %s)\n",
			known.Invariant, known.Pattern, known.Ticket, known.Until.Format(time.DateOnly))
	}
	for _, goal := range p.Service {
		fmt.Fprintf(w, "service\t%s, bound %g\n", goal.ID, goal.Bound)
	}
}

func join[T fmt.Stringer](of []T) string { return strings.Join(names(of, T.String), ", ") }

func orNone(d Duration) string {
	if d == 0 {
		return "none"
	}
	return d.String()
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}
