package sut

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	lastLines  = 10
	lastBytes  = 8 << 10
	lineLength = 300
)

// openLog opens <run-dir>/logs/<name>.log to append to, and says how long it is already: a process that is started
// again goes on in the same file, but an earlier life's last words are not its own.
func openLog(runDir, name string) (file *os.File, begin int64, err error) {
	dir := filepath.Join(runDir, "logs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, 0, fmt.Errorf("make the directory for logs: %w", err)
	}
	file, err = os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return nil, 0, fmt.Errorf("open the log of %s: %w", name, err)
	}
	begin, err = file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, fmt.Errorf("open the log of %s: %w", name, err)
	}
	return file, begin, nil
}

// tail is the last lines of a log from begin on, or "" if there are none.
func tail(file *os.File, begin int64) string {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil || end <= begin {
		return ""
	}
	from := max(begin, end-lastBytes)
	text := make([]byte, end-from)
	if _, err := file.ReadAt(text, from); err != nil {
		return ""
	}
	return lastOf(string(text))
}

// lastOf is the last lines of a text.
func lastOf(text string) string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD")), "\n")
	lines = lines[max(0, len(lines)-lastLines):]
	for i, line := range lines {
		if runes := []rune(line); len(runes) > lineLength {
			lines[i] = string(runes[:lineLength]) + "…"
		}
	}
	return strings.Join(lines, "\n")
}
