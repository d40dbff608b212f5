package invariants

func noStateMovesBack() Invariant {
	return Invariant{ID: "I5", Judge: func(*Run) Finding { return Finding{} }}
}
