package scenarios

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// digest is the SHA-256 of the plan's JSON without what may differ between machines: its own digest, the system file's
// directory, and how many virtual users the machine is given. encoding/json sorts the keys of maps, and floats have one
// shortest form, so equal plans have equal bytes.
func (p Plan) digest() (string, error) {
	p.Digest, p.SystemDir, p.File, p.Flags, p.VUs = "", "", "", nil, 0
	canonical, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("write the plan for its digest: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// WriteJSON writes plan.json, indented for people.
func (p Plan) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(p); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

// ReadPlan reads what WriteJSON wrote into an equal plan.
func ReadPlan(r io.Reader) (Plan, error) {
	var plan Plan
	if err := json.NewDecoder(r).Decode(&plan); err != nil {
		return Plan{}, fmt.Errorf("read the plan: %w", err)
	}
	if plan.Schema != PlanSchema {
		return Plan{}, fmt.Errorf("read the plan: its schema is %d: want %d", plan.Schema, PlanSchema)
	}
	for _, faults := range [][]Fault{plan.Faults, plan.Payers} {
		for index := range faults {
			// Indenting reached into the raw parameters; this takes it out again.
			var compact bytes.Buffer
			if err := json.Compact(&compact, faults[index].Params); err != nil {
				return Plan{}, fmt.Errorf("read the parameters of %s: %w", faults[index].ID, err)
			}
			faults[index].Params = compact.Bytes()
		}
	}
	return plan, nil
}
