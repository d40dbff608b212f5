package k6child

import (
	"maps"

	"go.k6.io/k6/js/modules"
	"go.k6.io/k6/metrics"
	"go.k6.io/k6/output"

	"github.com/paystorm/paystorm/harness/load"
)

const moduleName = "k6/x/paystorm"

// module is k6/x/paystorm.
type module struct{ crowd *crowd }

// NewModuleInstance is called once for each virtual user.
func (m *module) NewModuleInstance(vu modules.VU) modules.Instance {
	return &instance{vu: vu, crowd: m.crowd}
}

type instance struct {
	vu      modules.VU
	crowd   *crowd // nil where k6 only reads a script
	visit   *load.Visit
	leaving func(cut bool)
}

// Exports are what the script imports.
func (i *instance) Exports() modules.Exports {
	return modules.Exports{Named: map[string]any{
		"planned": i.planned, "gate": i.gate, "native": i.native, // of our own scripts alone
		"arrive": i.arrive, "warmUp": i.warmUp, "leave": i.leave, "warmed": i.warmed,
		"op": map[string]any{"begin": i.begin}, "pay": i.pay, "buyer": i.buyer, "think": i.think,
	}}
}

// planned are k6's options; a map of its own for each virtual user, because k6 writes into it.
func (i *instance) planned() map[string]any {
	if i.crowd == nil {
		return nil
	}
	return maps.Clone(i.crowd.options)
}

// gate waits for the storm, or for so many buyers of a warm-up.
func (i *instance) gate() (warmUp int, err error) { return i.crowd.waitAtGate(i.vu.Context()) }

// native is one iteration of a native journey.
func (i *instance) native() { i.crowd.arrive(i.vu.Context(), i.number()) }

// number is the iteration's buyer. The count is of iterations that were started, without gaps: k6 draws it when an
// iteration begins.
func (i *instance) number() int64 { return int64(i.vu.State().GetScenarioGlobalVUIter()) + 1 }

// warmed tells the parent that the warm-up is over.
func (i *instance) warmed() {
	i.crowd.isWarm.Store(true)
	i.crowd.report(i.crowd.progress())
}

// tap is an output of k6's that stores nothing. It counts what k6 dropped, and is told when all iterations are over:
// the one moment on every orderly way out of k6 at which the history can be closed.
type tap struct{ crowd *crowd }

var _ output.WithStopWithTestError = (*tap)(nil)

// Description is what k6 prints of the output.
func (t *tap) Description() string { return "paystorm" }

// Start has nothing to do.
func (t *tap) Start() error { return nil }

// AddMetricSamples counts drops.
func (t *tap) AddMetricSamples(containers []metrics.SampleContainer) {
	for _, container := range containers {
		for _, sample := range container.GetSamples() {
			if sample.Metric.Name == metrics.DroppedIterationsName {
				t.crowd.dropped.Add(int64(sample.Value))
			}
		}
	}
}

// Stop ends the history of a run that k6 ended by itself.
func (t *tap) Stop() error { return t.StopWithTestError(nil) }

// StopWithTestError ends the history. An error is why k6 ended before its time.
func (t *tap) StopWithTestError(cut error) error { return t.crowd.finish(cut) }
