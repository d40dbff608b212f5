package invariants

func oneEffectivePayment() Invariant {
	return Invariant{ID: "I1", Judge: func(*Run) Finding { return Finding{} }}
}
