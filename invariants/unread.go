package invariants

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/history"
)

// unreadNotes name what the shop's books told and no clause reads: whoever wrote a probe for it must not believe it judged.
func unreadNotes(run *Run, asked []Invariant) []string {
	if run.Final == nil {
		return nil
	}
	notes := unreadTables(run, asked)
	if len(run.Final.Books.Ledger) > 0 && len(run.Header.System.ChannelAccounts) == 0 {
		notes = append(notes, "unread: which accounts of the shop's ledger stand for the channel is not declared "+
			"(ledger: {channel: [...]}), so the ledger was not compared with the channel's")
	}
	if words := unreadStates(run); words != "" {
		notes = append(notes, "unread: "+words)
	}
	return notes
}

// unreadTables are those that were read and that no clause needs. Stored notifications and coupons are read where they are
// there, beside what is needed.
func unreadTables(run *Run, asked []Invariant) []string {
	needed := map[history.Table]bool{history.TableInbox: true, history.TableCoupons: true}
	for _, invariant := range asked {
		for _, clause := range invariant.Clauses {
			for _, table := range clause.Needs {
				needed[table] = true
			}
		}
	}
	var notes []string
	for _, table := range run.Final.Tables {
		if !needed[table] {
			notes = append(notes, fmt.Sprintf("unread: no clause reads the table %s", table))
		}
	}
	return notes
}

// unreadStates counts the rows of payments whose state is no canonical word, and names what they say.
func unreadStates(run *Run) string {
	counts := map[string]int{}
	for _, row := range run.Final.Books.Payments {
		if !slices.Contains(history.PaymentStates(), row.State) {
			counts[row.State]++
		}
	}
	var words []string
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%q (%s)", state, countOf(counts[state], "row")))
	}
	if len(words) == 0 {
		return ""
	}
	return "the states of payments " + strings.Join(words, ", ") + " are mapped to nothing: map them, under " +
		"probes.payments.states, to " + strings.Join(history.PaymentStates(), ", ")
}
