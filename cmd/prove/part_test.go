package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPartsAreTheWholeAndShareNothing(t *testing.T) {
	for of := 1; of <= 5; of++ {
		for index := range 23 {
			having := 0
			for number := 1; number <= of; number++ {
				if (part{number, of}).has(index) {
					having++
				}
			}
			if having != 1 {
				t.Errorf("line %d stands in %d of %d parts", index, having, of)
			}
		}
	}
}

func TestAPartThatIsNone(t *testing.T) {
	for _, text := range []string{"0/5", "6/5", "2", "a/5", "-1/5", "2/"} {
		if _, err := parsePart(text); err == nil {
			t.Errorf("%q is no part", text)
		}
	}
	if whole, err := parsePart(""); err != nil || !whole.has(7) {
		t.Errorf("no part named is the whole, got %v, %v", whole, err)
	}
}

func TestAProofGoesOnWhereItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "proven.jsonl")
	first, err := openMemory(path, "a1")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.keep("flash-sale seed 1", verdict{Verdict: "pass", Headline: "pass, 14 of 14 judged"}); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"mark":"a1","run":"cut o`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := openMemory(path, "a1")
	if err != nil {
		t.Fatal(err)
	}
	if v, known := again.recall("flash-sale seed 1"); !known || v.Verdict != "pass" {
		t.Errorf("want the run that was proven, got %v, %v", v, known)
	}
	if _, known := again.recall("flash-sale seed 2"); known {
		t.Error("a run that was never made is not proven")
	}
	other, err := openMemory(path, "b2")
	if err != nil {
		t.Fatal(err)
	}
	if _, known := other.recall("flash-sale seed 1"); known {
		t.Error("what was proven of other code says nothing of this")
	}
	if _, err := openMemory(path, ""); err == nil {
		t.Error("without a mark nobody knows whose proof it is")
	}
}
