package main

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/paystorm/paystorm/harness"
	"github.com/paystorm/paystorm/invariants"
)

func TestStatusOfARun(t *testing.T) {
	t.Parallel()
	broken := &harness.EnvironmentError{Phase: "start", Err: errors.New("no shop")}
	for _, test := range []struct {
		name    string
		verdict invariants.Result
		err     error
		want    int
	}{
		{"pass", invariants.Pass, nil, exitPass},
		{"fail", invariants.Fail, nil, exitFail},
		{"inconclusive", invariants.Inconclusive, nil, exitInconclusive},
		{"interrupted", invariants.Inconclusive, context.Canceled, exitInconclusive},
		{"interrupted after a violation", invariants.Fail, context.Canceled, exitFail},
		{"broken", invariants.Inconclusive, broken, exitEnvironment},
		{"broken after a violation", invariants.Fail, broken, exitFail},
		{"interrupted when all was done", invariants.Pass, context.Canceled, exitInconclusive},
		{"broken when all was done", invariants.Pass, broken, exitEnvironment},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := statusOf(invariants.Verdict{Verdict: test.verdict}, test.err); got != test.want {
				t.Errorf("exit status %d, want %d", got, test.want)
			}
		})
	}
}

func TestWorstStatusOfSeveralRuns(t *testing.T) {
	t.Parallel()
	fromBest := []int{exitPass, exitInconclusive, exitEnvironment, exitFail}
	for i, worse := range fromBest {
		for j, better := range fromBest {
			if got := outranks(worse, better); got != (i > j) {
				t.Errorf("status %d outranks %d: %t", worse, better, got)
			}
		}
	}
}

func TestSeedList(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int64{"": {7}, "3..5": {3, 4, 5}, "4..4": {4}, "3,5, 8": {3, 5, 8}, "-1..1": {-1, 0, 1}} {
		flags := planFlags{seed: 7, seeds: text}
		if got, err := flags.seedList(); err != nil || !slices.Equal(got, want) {
			t.Errorf("--seeds %q: %v, %v, want %v", text, got, err, want)
		}
	}
}
