package sut

import (
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/jsonstream"
)

func TestDownloadGoesOnByTenths(t *testing.T) {
	t.Parallel()
	layer := func(id, status string, current, total int64) jsonstream.Message {
		return jsonstream.Message{ID: id, Status: status, Progress: &jsonstream.Progress{Current: current, Total: total}}
	}
	var layers download
	var told []int64
	for _, message := range []jsonstream.Message{
		{ID: "17-alpine", Status: "Pulling from library/postgres"},
		layer("a", "Downloading", 5, 100),
		layer("a", "Downloading", 25, 100),
		layer("a", "Downloading", 29, 100),
		layer("b", "Downloading", 0, 900), // heard of late: nothing goes back
		layer("a", "Downloading", 100, 100),
		layer("a", "Extracting", 1, 100), // is no download
		layer("b", "Downloading", 500, 900),
		layer("b", "Downloading", 900, 900),
	} {
		if percent, further := layers.take(message); further {
			told = append(told, percent)
		}
	}
	if want := []int64{20, 60, 100}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestBuildOutputTellsSteps(t *testing.T) {
	t.Parallel()
	var told []string
	output := &buildOutput{tell: func(step string) { told = append(told, step) }}
	for _, piece := range []string{"Step 1/2 : FROM debian", "\n", " ---> 69dea908b12d\n", "Step 2/2 : RUN make\n", strings.Repeat("x", 2*lastBytes), "\nno such luck\n"} {
		if n, err := output.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if want := []string{"1/2 FROM debian", "2/2 RUN make"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if len(output.last) > lastBytes || !strings.HasSuffix(lastOf(string(output.last)), "\nno such luck") {
		t.Errorf("kept %d bytes, to the end %q", len(output.last), lastOf(string(output.last)))
	}
}
