package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// unseenWithout judges the recorded runs of a defect again, each time as if one of the system's optional tables had not been
// read, and lists the tables without which one of the runs that were red no longer is. Orders and stock are not optional.
func (p *prover) unseenWithout(ctx context.Context, of proof, seeds int) string {
	var unseen []string
	for seed := 1; seed <= seeds && ctx.Err() == nil; seed++ {
		dirs, err := filepath.Glob(filepath.Join(p.folder(of, seed), "*"))
		if err != nil || len(dirs) != 1 {
			continue // there was no run, which is told already
		}
		if status, err := p.check(ctx, dirs[0]); err != nil || status != 1 {
			continue
		}
		tables, err := optionalTables(dirs[0])
		if err != nil {
			p.failed(of.String() + ": " + err.Error())
			continue
		}
		for _, table := range tables {
			status, err := p.check(ctx, dirs[0], "--without", table)
			if err != nil {
				p.failed(of.String() + " without " + table + ": " + err.Error())
			} else if status != 1 && !slices.Contains(unseen, table) {
				unseen = append(unseen, table)
			}
		}
	}
	if len(unseen) == 0 {
		return "–"
	}
	return strings.Join(unseen, ", ")
}

// check judges a run again and returns the exit status, 1 where a violation is proven.
func (p *prover) check(ctx context.Context, dir string, flags ...string) (status int, err error) {
	command := exec.CommandContext(ctx, p.binary, append([]string{"check", dir}, flags...)...)
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	status = command.ProcessState.ExitCode()
	if status == 2 || status == 4 {
		return status, errors.New(lastLine(output))
	}
	return status, nil
}

// optionalTables are the tables that a run's system declares beside orders and stock.
func optionalTables(dir string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "history", "header.json"))
	if err != nil {
		return nil, err
	}
	var header struct {
		System struct {
			Tables []string `json:"tables"`
		} `json:"system"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(header.System.Tables, func(table string) bool { return table == "orders" || table == "stock" }), nil
}
