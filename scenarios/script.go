package scenarios

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// scriptPatience is how long a buyer of a script takes at most whose system file says nothing.
const scriptPatience = 30 * time.Second

// scriptJourney is the journey of a script for a scenario that names none.
const scriptJourney = "buy"

// readScript reads the script that stands for the journeys, so that the plan's digest covers it. What k6 makes of it is for
// k6 to say.
func (s *System) readScript(v Vocabulary) Errors {
	if s.Script == "" {
		return nil
	}
	fail := func(err error, want string) Errors {
		at := s.source.at("script")
		return Errors{{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf("script: %s%s", err, want)}}
	}
	text, err := os.ReadFile(filepath.Join(s.source.dir, filepath.FromSlash(s.Script)))
	if err != nil {
		return fail(err, ": want a k6 script, relative to this file")
	}
	path, err := s.ScriptPath()
	if err != nil {
		return fail(err, "")
	}
	if v.CheckScript != nil {
		var wrong Errors
		if err := v.CheckScript(path); errors.As(err, &wrong) {
			for index := range wrong {
				wrong[index].File = filepath.Join(s.source.dir, s.Script)
			}
			return wrong
		} else if err != nil {
			return fail(err, "")
		}
	}
	sum := sha256.Sum256(text)
	s.ScriptDigest = hex.EncodeToString(sum[:])
	return nil
}

// script checks that the journeys are said once: by steps or by a script.
func (c *checker) script(s *System) {
	switch {
	case s.Script != "" && c.has("journeys"):
		c.fail(at("script"), "script: the journeys are said by steps already: want one of journeys and script")
	case s.Script == "" && c.emptyMap("journeys"):
		c.fail(at("journeys"), "journeys: is empty: want at least one")
	case s.Script == "" && len(s.Journeys) == 0 && !c.has("journeys") && !c.has("script"):
		c.fail(at(), "missing key \"journeys\": want what buyers do: journeys, or a k6 script")
	case s.Script == "" && c.has("patience"):
		c.fail(at("patience"), "patience: belongs to a script: steps say within")
	case s.Script != "" && s.Cookies:
		c.fail(at("cookies"), "cookies: k6 keeps the cookies of a script by itself: want no cookies here")
	}
}

// emptyMap tells a map without entries from one whose entries did not decode.
func (c *checker) emptyMap(path ...any) bool {
	if !c.has(path...) {
		return false
	}
	found := c.source.tree.find(path...)
	return found.shape == shapeMapping && len(found.entries) == 0
}

// ScriptPath is where the system's script lies, "" if it has none.
func (p Plan) ScriptPath() (string, error) { return p.System.scriptPath(p.SystemDir) }

// ScriptPath is where the system's script lies, "" if it has none.
func (s System) ScriptPath() (string, error) { return s.scriptPath(s.Dir()) }

func (s System) scriptPath(dir string) (string, error) {
	if s.Script == "" {
		return "", nil
	}
	path, err := filepath.Abs(filepath.Join(dir, filepath.FromSlash(s.Script)))
	if err != nil {
		return "", fmt.Errorf("find the script: %w", err)
	}
	return path, nil
}
