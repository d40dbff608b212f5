package reports

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/fatih/color"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

// How much of a bad run is told. The page has more, and the history all of it.
const (
	textColumns  = 100
	textLines    = 60
	mostReasons  = 8
	mostPatterns = 8
	mostOrders   = 6
	mostStory    = 25
	leastStory   = 16
	slowSigning  = 0.3 // ms, of half of the signatures: RSA takes that and more, and is worth telling
)

// Text writes the short form for a terminal: the verdict and the money first, then what was thrown at the shop, what was
// judged, one order's story where something is wrong, and which command to use next. dir is the run directory. NO_COLOR
// is honoured.
func Text(out io.Writer, dir string, verdict invariants.Verdict, recorded *history.History) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s  %s, seed %d\n", badge(verdict), plain(verdict.Scenario), verdict.Seed)
	fmt.Fprintf(&b, "%s\n", sentence(verdict, recorded))
	textReasons(&b, verdict)
	textSale(&b, verdict)
	textFaults(&b, verdict)
	textInvariants(&b, verdict)
	textViolations(&b, verdict, recorded)
	fmt.Fprintf(&b, "\nreport  %s\n%s\n", plain(filepath.Join(dir, "report.html")), next(dir, verdict, recorded))
	_, err := io.WriteString(out, b.String())
	return err
}

func badge(verdict invariants.Verdict) string {
	text := " " + strings.ToUpper(plain(verdict.Headline)) + " "
	switch verdict.Verdict {
	case invariants.Pass:
		return color.New(color.BgGreen, color.FgBlack, color.Bold).Sprint(text)
	case invariants.Fail:
		return color.New(color.BgRed, color.FgWhite, color.Bold).Sprint(text)
	default:
		return color.New(color.BgYellow, color.FgBlack, color.Bold).Sprint(text)
	}
}

func textReasons(b *strings.Builder, verdict invariants.Verdict) {
	reasons, left := firstOf(otherReasons(verdict), mostReasons)
	for _, reason := range reasons {
		fmt.Fprintf(b, "  - %s\n", fit(plain(reason), 2*textColumns))
	}
	if left > 0 {
		fmt.Fprintf(b, "  - and %s\n", count(left, "more reason"))
	}
}

// textSale says who came, what was sold, and where the money is.
func textSale(b *strings.Builder, verdict invariants.Verdict) {
	b.WriteString("\n")
	table := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	fmt.Fprintf(table, "buyers\t%s\n", came(verdict.Load))
	fmt.Fprintf(table, "orders\t%s\n", fit(fmt.Sprintf("%d accepted, %s%s", verdict.Orders.Orders,
		count(verdict.Orders.Payments, "payment"), metWords(verdict)), textColumns-len("orders  ")))
	for _, sale := range verdict.Sale {
		fmt.Fprintf(table, "stock\t%s\n", sold(sale))
	}
	for _, money := range verdict.Money {
		fmt.Fprintf(table, "money\t%s\n", paid(money))
	}
	if signing := verdict.Channel; signing.SigningMS.P50 >= slowSigning {
		fmt.Fprintf(table, "signing\t%d by the channel, 99%% within %s ms: the channel's time, not the shop's\n",
			signing.Signatures, figure(signing.SigningMS.P99))
	}
	if cpu := busy(verdict.CPU); cpu != "" {
		fmt.Fprintf(table, "busy\t%s\n", fit(plain(cpu), 2*textColumns))
	}
	lost := loss(verdict)
	for _, line := range lost {
		fmt.Fprintf(table, "\t%s\n", color.RedString(line))
	}
	if len(lost) == 0 {
		fmt.Fprintf(table, "\tno money at risk\n")
	}
	flush(table)
}

func textFaults(b *strings.Builder, verdict invariants.Verdict) {
	if len(verdict.Faults) == 0 {
		return
	}
	b.WriteString("\n")
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "fault\taffected\tfloor\tplanned")
	for _, fault := range verdict.Faults {
		planned := plain(fault.Planned)
		if !fault.Healed {
			planned = "NOT UNDONE; " + planned
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", plain(fault.ID), count(fault.Affected, fault.Unit), fault.Floor, planned)
	}
	flush(table)
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(b, fit(strings.TrimRight(line, "\n"), textColumns))
	}
	for _, line := range demandedCells(verdict) {
		fmt.Fprintln(b, fit(line, textColumns))
	}
}

// metWords say how often faults met orders of each state, or "" if none met any.
func metWords(verdict invariants.Verdict) string {
	met := map[string]int{}
	for _, cell := range verdict.Coverage {
		met[cell.State] += cell.Hits
	}
	var words []string
	for _, state := range history.OrdersAtFault() {
		if n := met[string(state)]; n > 0 {
			words = append(words, fmt.Sprintf("%d × %s", n, state))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "; met by faults " + strings.Join(words, ", ")
}

// demandedCells are the lines of what the scenario wants its faults to meet.
func demandedCells(verdict invariants.Verdict) []string {
	var lines []string
	for _, cell := range verdict.Coverage {
		if cell.Floor == 0 {
			continue
		}
		line := fmt.Sprintf("%s met %d × %s", plain(cell.Fault), cell.Hits, cell.State)
		if cell.Message != "" {
			line += " (" + plain(cell.Message) + ")"
		}
		lines = append(lines, fmt.Sprintf("%s, floor %d", line, cell.Floor))
	}
	return lines
}

func textInvariants(b *strings.Builder, verdict invariants.Verdict) {
	b.WriteString("\n")
	table := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "invariant\t\tcases\texercised\tstatus")
	for _, result := range verdict.Invariants {
		status := statusWords(result)
		if violated(result) {
			status = fmt.Sprintf("%s %d×", strings.Replace(status, "violated", "VIOLATED", 1), result.Violations)
		}
		if result.Required {
			status += ", required"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", result.ID, result.Name, result.Evaluated, result.Exercised, status)
	}
	flush(table)
}

// flush cannot fail: every table here writes into a strings.Builder.
func flush(table *tabwriter.Writer) { _ = table.Flush() }

// textViolations shows what went wrong, cause by cause, and tells one order's story in the lines that are left.
func textViolations(b *strings.Builder, verdict invariants.Verdict, recorded *history.History) {
	all := groups(verdict, recorded)
	if len(all) > 0 {
		b.WriteString("\n")
	}
	first, left := firstOf(all, mostPatterns)
	for _, g := range first {
		id := fmt.Sprintf("%-4s", g.Result.ID)
		fmt.Fprintf(b, "%s %s\n", color.RedString(id), fit(fmt.Sprintf("%d × %s", g.Cause.Count, plain(g.Cause.Pattern)), textColumns-5))
		for _, risk := range g.Risks {
			fmt.Fprintf(b, "       %s\n", fit(risk, textColumns-7))
		}
		if g.Whom != "" {
			fmt.Fprintf(b, "       %s\n", whomWithin(g.Cause.Orders, recorded, textColumns-7))
		}
		if len(g.Also) > 0 {
			fmt.Fprintf(b, "       with it, on the same orders: %s\n", strings.Join(g.Cause.Also, ", "))
		}
		if len(ordersOf(g.Cause.Orders, recorded)) == 0 && len(g.Cause.Details) > 0 { // no order's story tells it
			fmt.Fprintf(b, "       %s\n", fit(plain(g.Cause.Details[0]), 2*textColumns))
		}
	}
	if left > 0 {
		fmt.Fprintf(b, "     and %s\n", count(left, "more cause"))
	}
	textStory(b, example(all, recorded), recorded)
}

// whomWithin is as many of a cause's subjects as fit a width.
func whomWithin(orders []string, recorded *history.History, width int) string {
	text := ""
	for most := mostOrders; most > 0; most-- {
		if text = subjects(orders, recorded, most); utf8.RuneCountInString(text) <= width {
			return text
		}
	}
	return fit(text, width)
}

func textStory(b *strings.Builder, order string, recorded *history.History) {
	if order == "" {
		return
	}
	room := textLines - strings.Count(b.String(), "\n") - 6
	beats, left := heaviest(digest(tell(recorded.Story(order))), min(mostStory, max(leastStory, room)))
	if len(beats) == 0 {
		return
	}
	fmt.Fprintf(b, "\nthe story of order %s\n%s", fit(plain(order), textColumns), storyLines(beats, textColumns))
	if left > 0 {
		fmt.Fprintf(b, "  … and %s that matter less\n", count(left, "line"))
	}
}

// next is what to do now.
func next(dir string, verdict invariants.Verdict, recorded *history.History) string {
	if order := example(groups(verdict, recorded), recorded); order != "" {
		return fmt.Sprintf("next    paystorm history %s --order %s", quoted(dir), quoted(order))
	}
	scenario := quoted(cmp.Or(recorded.Header.File, verdict.Scenario))
	for _, flag := range recorded.Header.Flags {
		scenario += " " + quoted(flag)
	}
	if verdict.Verdict == invariants.Pass {
		return fmt.Sprintf("next    try other seeds: paystorm run %s --seeds %d..%d", scenario, verdict.Seed+1, verdict.Seed+20)
	}
	return fmt.Sprintf("next    mend what is named above, read %s, then: paystorm run %s --seed %d",
		quoted(filepath.Join(dir, "logs")), scenario, verdict.Seed)
}

// quoted makes text one word of a shell's command line.
func quoted(text string) string {
	text = plain(text)
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-…") == "" && text != "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
