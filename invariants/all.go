package invariants

// All is every invariant, in the order in which a verdict lists them. A new one is one file and one line here.
func All() []Invariant {
	return []Invariant{
		oneEffectivePayment(),
		paidMeansCaptured(),
		refundsMatch(),
		stockConserved(),
		noStateMovesBack(),
		lateSuccessSettled(),
		everySuccessReflected(),
		forgedHasNoEffect(),
		effectsExactlyOnce(),
		booksAgree(),
		ackSurvives(),
		limitsHold(),
		nothingStuck(),
		toldIsKept(),
	}
}
