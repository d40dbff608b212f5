package invariants

import (
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"
)

// VerdictSchemaJSON is the JSON Schema of verdict.json, generated from Verdict. It ships as verdict.schema.json beside
// this file, and a test holds the two equal.
func VerdictSchemaJSON() ([]byte, error) {
	reflector := jsonschema.Reflector{Anonymous: true}
	schema := reflector.Reflect(&Verdict{})
	schema.Title = "Paystorm verdict"
	schema.Description = "The judgement of one run: a pure function of its history."
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema of verdict.json: %w", err)
	}
	return append(text, '\n'), nil
}
