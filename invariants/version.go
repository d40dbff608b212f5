package invariants

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// keptVerdicts are those of the runs that are kept to be judged again by every change, and digests of those of simulated histories in
// which one thing is a lie: what this judge says of them.
//
//go:embed testdata/kept/*/verdict.json testdata/kept/lies.txt
var keptVerdicts embed.FS

// JudgeVersion names this judge: the first twelve hexadecimal digits of the SHA-256 of its table of clauses and of those verdicts. A test holds those verdicts to what the judge says, so that a judge that says another thing has another version,
// and one that is only written otherwise has not.
func JudgeVersion() string { return judgeVersion() }

var judgeVersion = sync.OnceValue(func() string {
	sum := sha256.New()
	writeClauses(sum)
	files, err := fs.Glob(keptVerdicts, "testdata/kept/*/verdict.json") // sorted
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, file := range append(files, "testdata/kept/lies.txt") {
		text, err := keptVerdicts.ReadFile(file)
		if err != nil {
			panic(err) // it is part of this binary
		}
		fmt.Fprintf(sum, "%s\x00%s\x00", file, text)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
})

// writeClauses writes the table of clauses, as far as it is no code.
func writeClauses(to io.Writer) {
	for _, invariant := range All() {
		fmt.Fprintf(to, "%s\x00%s\x00%s\x00", invariant.ID, invariant.Name, invariant.Statement)
		for _, clause := range invariant.Clauses {
			fmt.Fprintf(to, "%s\x00%v\x00%t\x00", clause.Name, clause.Needs, clause.AfterSettle)
		}
	}
}
