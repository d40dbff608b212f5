package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/paystorm/paystorm/scenarios"
)

// CheckScript asks k6 what it makes of a script, which runs what stands outside its functions. What is wrong with the script
// comes as scenarios.Errors. self is this binary.
func CheckScript(ctx context.Context, self, path string) error {
	dir, err := os.MkdirTemp("", "paystorm-script-")
	if err != nil {
		return fmt.Errorf("check the script: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var complaint bytes.Buffer
	command := exec.CommandContext(ctx, self, CheckCommand, dir, path)
	command.Env, command.Stderr = environment(dir), &complaint
	err = command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && complaint.Len() > 0 && ctx.Err() == nil {
		return scenarios.Errors{complaintOf(path, complaint.String())}
	}
	if err != nil {
		return fmt.Errorf("check the script: %w", errors.Join(err, ctx.Err()))
	}
	return nil
}

// inScript is a place of a file in what k6 says: "file:///shop.js: Line 3:13 " of what it cannot read, and
// "file:///shop.js:2:15(13)" of what was thrown.
var inScript = regexp.MustCompile(`file://([^\s'"]*?)(?:: Line (\d+):(\d+) |:(\d+):(\d+)\(\d+\))`)

// ours is what k6 says before it comes to the point.
var ours = regexp.MustCompile(`^could not initialize '[^']*': could not load JS test '[^']*': `)

// complaintOf is what k6 said, at its place in the script if it has one there.
func complaintOf(path, said string) scenarios.Error {
	fault := scenarios.Error{File: path, Line: 1, Column: 1}
	for _, place := range inScript.FindAllStringSubmatch(said, -1) {
		if place[1] == path {
			fault.Line, _ = strconv.Atoi(place[2] + place[4])
			fault.Column, _ = strconv.Atoi(place[3] + place[5])
			break
		}
	}
	message, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	message = ours.ReplaceAllString(message, "")
	message = strings.TrimPrefix(inScript.ReplaceAllString(message, ""), "Error: ")
	fault.Message = "script: " + strings.TrimPrefix(message, "GoError: ")
	return fault
}
