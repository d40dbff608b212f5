package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

// Markdown writes a summary fit for a CI job's page.
func Markdown(out io.Writer, verdict invariants.Verdict, recorded *history.History) error {
	var b strings.Builder
	mark := map[invariants.Result]string{invariants.Pass: "✅", invariants.Fail: "❌", invariants.Inconclusive: "⚠️"}
	fmt.Fprintf(&b, "## %s %s: %s\n\n", mark[verdict.Verdict], markdown(verdict.Scenario), markdown(verdict.Headline))
	fmt.Fprintf(&b, "**%s**\n", markdown(sentence(verdict, recorded)))
	for _, line := range loss(verdict) {
		fmt.Fprintf(&b, "%s.\n", markdown(capital(line)))
	}
	b.WriteString("\n")
	reasons, left := firstOf(otherReasons(verdict), mostReasons)
	for _, reason := range reasons {
		fmt.Fprintf(&b, "- %s\n", markdown(reason))
	}
	if left > 0 {
		fmt.Fprintf(&b, "- and %s\n", count(left, "more reason"))
	}
	if len(reasons) > 0 {
		b.WriteString("\n")
	}
	markdownSale(&b, verdict)
	markdownViolations(&b, verdict, recorded)
	markdownInvariants(&b, verdict)
	markdownFaults(&b, verdict)
	system := strings.TrimSpace(verdict.System.Name + " " + verdict.System.Version)
	fmt.Fprintf(&b, "\nSystem %s, seed %d, plan %s, judge %s.\n", markdown(system), verdict.Seed,
		markdown(fit(verdict.PlanDigest, 13)), markdown(verdict.Judge))
	_, err := io.WriteString(out, b.String())
	return err
}

func markdownSale(b *strings.Builder, verdict invariants.Verdict) {
	b.WriteString("| the sale | |\n|---|---|\n")
	fmt.Fprintf(b, "| buyers | %s |\n", came(verdict.Load))
	fmt.Fprintf(b, "| orders | %d accepted, %s |\n", verdict.Orders.Orders, count(verdict.Orders.Payments, "payment"))
	for _, sale := range verdict.Sale {
		fmt.Fprintf(b, "| stock | %s |\n", markdown(sold(sale)))
	}
	for _, money := range verdict.Money {
		fmt.Fprintf(b, "| money | %s |\n", markdown(paid(money)))
	}
	if cpu := busy(verdict.CPU); cpu != "" {
		fmt.Fprintf(b, "| busy | %s |\n", markdown(cpu))
	}
}

// markdownViolations tells the causes, each with its money and what follows from it.
func markdownViolations(b *strings.Builder, verdict invariants.Verdict, recorded *history.History) {
	for _, g := range groups(verdict, recorded) {
		fmt.Fprintf(b, "\n### %d × %s\n\n", g.Cause.Count, markdown(g.Cause.Pattern))
		fmt.Fprintf(b, "- %s %s: %s\n", g.Result.ID, markdown(g.Result.Name), statusWords(g.Result))
		for _, risk := range g.Risks {
			fmt.Fprintf(b, "- %s\n", markdown(risk))
		}
		if g.Whom != "" {
			fmt.Fprintf(b, "- %s\n", markdown(g.Whom))
		} else if len(g.Cause.Details) > 0 {
			fmt.Fprintf(b, "- %s\n", markdown(g.Cause.Details[0]))
		}
		if len(g.Also) > 0 {
			fmt.Fprintf(b, "- with it, on the same orders: %s\n", strings.Join(g.Cause.Also, ", "))
		}
	}
}

func markdownInvariants(b *strings.Builder, verdict invariants.Verdict) {
	b.WriteString("\n| invariant | | status | evaluated | exercised |\n|---|---|---|---:|---:|\n")
	for _, result := range verdict.Invariants {
		status := statusWords(result)
		if violated(result) {
			status = fmt.Sprintf("**%s** %d×", status, result.Violations)
		}
		if result.Required {
			status += " (required)"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %d | %d |\n", result.ID, markdown(result.Name), status, result.Evaluated, result.Exercised)
	}
}

func markdownFaults(b *strings.Builder, verdict invariants.Verdict) {
	if len(verdict.Faults) == 0 {
		return
	}
	b.WriteString("\n| fault | contract | affected | floor |\n|---|---|---:|---:|\n")
	for _, fault := range verdict.Faults {
		fmt.Fprintf(b, "| %s | %s | %s | %d |\n", markdown(fault.ID), fault.Contract,
			markdown(count(fault.Affected, fault.Unit)), fault.Floor)
	}
}

// markdown escapes text so that a shop's order number can neither format nor link, break a table, nor begin a list.
func markdown(text string) string {
	text = strings.TrimSpace(plain(text))
	var b strings.Builder
	for i, r := range text {
		before, after := text[:i], text[i:]
		switch {
		case strings.ContainsRune("<>&@", r), strings.HasPrefix(after, "://"):
			fmt.Fprintf(&b, "&#%d;", r)
		case strings.ContainsRune("\\`*_{}[]()#|~!$", r), i == 0 && strings.ContainsRune("-+=", r),
			r == '.' && (strings.Trim(before, "0123456789") == "" && (after == "." || after[1] == ' ') ||
				strings.HasSuffix(strings.ToLower(before), "www")):
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
