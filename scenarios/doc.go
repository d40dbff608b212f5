// Package scenarios turns files into plain values: a Scenario says what shall happen, a System what it happens to, and
// Compile resolves both with a seed into a Plan in which no choice is left open.
//
// Files are decoded strictly: every fault of a file is reported at once, each as file:line:column with what is wrong and
// what is allowed. The package knows no fault, invariant or dialect; it is handed a Vocabulary of them.
package scenarios
