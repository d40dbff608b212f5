package invariants

// All is every invariant, in the order in which a verdict lists them.
func All() []Invariant {
	return []Invariant{
		oneEffectivePayment(),
		paidMeansCaptured(),
		refundsMatch(),
		stockConserved(),
		noStateMovesBack(),
	}
}
