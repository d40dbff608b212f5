// Package tables writes a history as tables of a SQLite database, so that anybody may ask it a question in SQL: what the
// clients tried, what happened, and the shop's books as each reading had them.
//
// Amounts are whole numbers of the currency's minor unit beside the currency; moments are nanoseconds since the run's start. What is
// not known is NULL. The tables and columns, with what each means, are those of Schema; what a column holds is said in full where
// package history declares its field.
package tables
