package reports

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

//go:embed report.html.tmpl
var page string

// How much of a bad run the page shows; the rest is in the history.
const (
	storiesPerPattern = 3
	mostStories       = 12
	mostBeats         = 60
)

// view is what the page shows.
type view struct {
	invariants.Verdict
	Sentence string   // the verdict in the words of a business owner
	Lost     []string // what is missing, and whose it is
	Others   []string // reasons that the groups do not tell
	Groups   []group
	Chart    template.HTML
	Ops      []opRow
	Cells    map[string][]invariants.CoverageCell // by fault
	States   []stateCount
	Header   history.Header
}

// group is one cause with the orders that show it.
type group struct {
	Result    invariants.InvariantResult
	Statement string
	Cause     invariants.Cause
	Risks     []string
	Whom      string
	Also      []consequence
	Stories   []orderStory
}

// consequence is an invariant that is red on the same orders as a cause.
type consequence struct{ ID, Name string }

// orderStory is one order's story, and how many of its lines are left out.
type orderStory struct {
	Order, Detail string
	Beats         []beat
	Left          int
}

type opRow struct {
	Kind string
	invariants.OpCounts
	invariants.LatencyMS
}

type stateCount struct {
	State history.OrderState
	Count int
}

// HTML writes the page: one file, no network, readable from disk. html/template escapes whatever came from a shop, and
// what would not show, such as a character that turns the reading direction around, becomes a dot.
func HTML(out io.Writer, verdict invariants.Verdict, recorded *history.History) error {
	parsed, err := template.New("report").Funcs(template.FuncMap{
		"at": at, "count": count[int], "figure": figure, "lasting": lastingMS, "percent": percent,
		"levelName": levelName, "levelValue": levelValue, "levelBound": levelBound, "sold": sold, "busy": busy, "statusWords": statusWords, "share": filled, "amount": amount, "capital": capital,
	}).Parse(page)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := parsed.Execute(&text, newView(verdict, recorded)); err != nil {
		return err
	}
	_, err = io.WriteString(out, strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return visible(r)
	}, text.String()))
	return err
}

func newView(verdict invariants.Verdict, recorded *history.History) view {
	v := view{
		Verdict: verdict, Header: recorded.Header,
		Sentence: sentence(verdict, recorded), Lost: loss(verdict), Others: otherReasons(verdict),
		Groups: groups(verdict, recorded), Chart: chart(newSeries(recorded)), Ops: opRows(verdict.Load),
		Cells: map[string][]invariants.CoverageCell{},
	}
	for _, cell := range verdict.Coverage {
		v.Cells[cell.Fault] = append(v.Cells[cell.Fault], cell)
	}
	for _, state := range history.OrderStates() {
		if n := verdict.Orders.States[string(state)]; n > 0 {
			v.States = append(v.States, stateCount{state, n})
		}
	}
	tellStories(v.Groups, recorded)
	return v
}

// groups lists the causes, the gravest first.
func groups(verdict invariants.Verdict, recorded *history.History) []group {
	statements := map[string]string{}
	for _, invariant := range invariants.All() {
		statements[invariant.ID] = invariant.Statement
	}
	results := map[string]invariants.InvariantResult{}
	for _, result := range verdict.Invariants {
		results[result.ID] = result
	}
	var all []group
	for _, cause := range verdict.Causes {
		g := group{
			Result: results[cause.Invariant], Statement: statements[cause.Invariant], Cause: cause, Whom: subjects(cause.Orders, recorded, mostOrders),
		}
		for _, risk := range totalRisks(cause.AtRisk) {
			g.Risks = append(g.Risks, risk.words())
		}
		for _, id := range cause.Also {
			g.Also = append(g.Also, consequence{id, results[id].Name})
		}
		all = append(all, g)
	}
	return all
}

// tellStories gives each group the stories of its first orders. A story that another group tells already is not told
// again, and there are no more than a reader takes in.
func tellStories(all []group, recorded *history.History) {
	told := map[string]bool{}
	for i := range all {
		g := &all[i]
		for n, order := range g.Cause.Orders {
			if len(g.Stories) == storiesPerPattern || len(told) == mostStories {
				break
			}
			if order == "" || told[order] || onSale(recorded, order) {
				continue
			}
			told[order] = true
			story := orderStory{Order: order}
			if n < len(g.Cause.Details) {
				story.Detail = g.Cause.Details[n]
			}
			story.Beats, story.Left = heaviest(digest(tell(recorded.Story(order))), mostBeats)
			g.Stories = append(g.Stories, story)
		}
	}
}

// filled is how much of a bar is full, in percent.
func filled(part, whole int) string {
	if whole <= 0 {
		return "0"
	}
	return fmt.Sprintf("%.0f", min(100, 100*float64(part)/float64(whole)))
}

// opRows puts the operations in the order in which a buyer meets them.
func opRows(load invariants.LoadResult) []opRow {
	known := []string{
		history.OpOrder, history.OpRepay, history.OpPay, history.OpPoll, history.OpLook, history.OpCancel, history.OpRefund,
	}
	rank := func(kind string) int {
		if index := slices.Index(known, kind); index >= 0 {
			return index
		}
		return len(known)
	}
	var rows []opRow
	for kind, counts := range load.Ops {
		rows = append(rows, opRow{kind, counts, load.LatencyMS[kind]})
	}
	slices.SortFunc(rows, func(a, b opRow) int {
		if byRank := rank(a.Kind) - rank(b.Kind); byRank != 0 {
			return byRank
		}
		return strings.Compare(a.Kind, b.Kind)
	})
	return rows
}
