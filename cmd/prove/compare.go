package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// compare runs every scenario with the correct shop, and every defect under its own, by each of two system files of the
// same shop, and holds the verdicts of each seed against each other: how a shop is asked must not change what is found.
func (p *prover) compare(ctx context.Context, out io.Writer, proofs matrix, seeds, defectSeeds int, chosen choice, pair [2]string) {
	var lines []line
	for _, c := range proofs.Correct {
		both := len(c.Systems) == 0 || slices.Contains(c.Systems, pair[0]) && slices.Contains(c.Systems, pair[1])
		if both && chosen.has(c.Scenario, pair[0]) {
			lines = append(lines, func() string { return p.compareCell(ctx, proof{scenario: c.Scenario}, nil, seeds, pair) })
		}
	}
	for _, d := range proofs.Defects {
		if chosen.has(d.ID, pair[0]) && (len(d.Systems) == 0 || slices.Contains(d.Systems, pair[0])) {
			of := proof{scenario: d.Scenario, defect: d.ID}
			lines = append(lines, func() string { return p.compareCell(ctx, of, d.Red, defectSeeds, pair) })
		}
	}
	p.table(out, fmt.Sprintf("| shop | under | seeds | %s | %s | the same |\n|---|---|---:|---|---|---|", pair[0], pair[1]), lines)
}

// noVerdict is what is found where a run could not even be judged.
const noVerdict = "no verdict"

// compareCell compares one line of the matrix. Of a defect, the invariants that must find it are part of the verdict.
func (p *prover) compareCell(ctx context.Context, of proof, red []string, seeds int, pair [2]string) string {
	var told [2]map[string]int
	same := 0
	for index := range told {
		told[index] = map[string]int{}
	}
	for seed := 1; seed <= seeds && ctx.Err() == nil; seed++ {
		var words, why [2]string
		var verdicts [2]verdict
		for index, system := range pair {
			of.system = system
			words[index], why[index], verdicts[index] = p.inWords(ctx, of, red, seed)
			told[index][words[index]]++
		}
		if words[0] == words[1] && !slices.Contains([]string{noVerdict, "inconclusive"}, words[0]) { // which compare nothing
			same++
			p.say("same %s seed %d: %s", of, seed, words[0])
			for index, system := range pair {
				of.system = system
				p.keep(of, seed, verdicts[index])
			}
			continue
		}
		p.failed(fmt.Sprintf("%s seed %d: %s (%s), and by %s %s (%s)",
			proof{pair[0], of.scenario, of.defect}, seed, words[0], why[0], pair[1], words[1], why[1]))
	}
	shop := "correct"
	if of.defect != "" {
		shop = of.defect
	}
	return fmt.Sprintf("| %s | %s | %d | %s | %s | %d |", shop, of.scenario, seeds, counted(told[0]), counted(told[1]), same)
}

// inWords has one run decided and says what it found, and why.
func (p *prover) inWords(ctx context.Context, of proof, red []string, seed int) (found, why string, v verdict) {
	v, err := p.decide(ctx, of, seed)
	if err != nil {
		return noVerdict, err.Error(), v
	}
	why = v.Headline + " " + v.why()
	if len(red) == 0 || v.Verdict != "fail" {
		return v.Verdict, why, v
	}
	if isRedBy(v, red) != nil {
		return "fail by others", why, v
	}
	return "fail by " + strings.Join(red, " "), why, v
}

// counted is "4 pass, 1 fail".
func counted(of map[string]int) string {
	var parts []string
	for _, words := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%d %s", of[words], words))
	}
	return strings.Join(parts, ", ")
}
