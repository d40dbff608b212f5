package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// part is one of several shares of the matrix: every so-manieth line, so that each share has some of everything.
type part struct{ number, of int }

// parsePart reads "2/5"; an empty text is the whole.
func parsePart(text string) (part, error) {
	if text == "" {
		return part{1, 1}, nil
	}
	number, of, _ := strings.Cut(text, "/")
	p := part{}
	var err [2]error
	p.number, err[0] = strconv.Atoi(number)
	p.of, err[1] = strconv.Atoi(of)
	if errors.Join(err[:]...) != nil || p.number < 1 || p.number > p.of {
		return part{}, fmt.Errorf("-part %q: want the number of a part and how many there are, such as 2/5", text)
	}
	return p, nil
}

func (p part) has(index int) bool { return index%p.of == p.number-1 }

// narrow says which part is to be proven, and what need not be proven again.
func (p *prover) narrow(share, resume, mark string) (err error) {
	if p.part, err = parsePart(share); err != nil {
		return err
	}
	p.memory, err = openMemory(resume, mark)
	return err
}

// memory is what earlier, interrupted proofs of the same code have proven, in a file of JSON lines. A nil memory remembers nothing.
type memory struct {
	mutex sync.Mutex
	file  *os.File
	mark  string // of the code
	known map[string]verdict
}

// remembered is a run that came out as it had to. Others are made again.
type remembered struct {
	Mark    string  `json:"mark"`
	Run     string  `json:"run"`
	Verdict verdict `json:"verdict"`
}

// openMemory opens or makes the file. What it has of another mark says nothing of this code.
func openMemory(path, mark string) (*memory, error) {
	if path == "" {
		return nil, nil
	}
	if mark == "" {
		return nil, errors.New("-resume: want -mark too, which names the code, such as its commit")
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	m := &memory{file: file, mark: mark, known: map[string]verdict{}}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line remembered
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Mark == mark { // one that was cut off is made again
			m.known[line.Run] = line.Verdict
		}
	}
	if _, err := file.WriteString("\n"); err != nil { // after a line that was cut off, the next begins anew
		return nil, err
	}
	return m, lines.Err()
}

func (m *memory) recall(run string) (verdict, bool) {
	if m == nil {
		return verdict{}, false
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	known, ok := m.known[run]
	return known, ok
}

func (m *memory) keep(run string, v verdict) error {
	if _, known := m.recall(run); m == nil || known {
		return nil
	}
	encoded, err := json.Marshal(remembered{m.mark, run, v})
	if err != nil {
		return err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	_, err = m.file.Write(append(encoded, '\n'))
	return err
}
