package invariants

func paidMeansCaptured() Invariant {
	return Invariant{ID: "I2", Judge: func(*Run) Finding { return Finding{} }}
}
