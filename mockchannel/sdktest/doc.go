// Package sdktest holds the contract tests of the channel's dialects: the providers' own SDKs, unmodified, talk to a real
// channel over real sockets, and their own verifiers judge what it sends. Our signing code checking itself is no contract.
//
// Go SDKs are driven by Go tests; SDKs for Node by one script for each provider in node/, which a Go test runs against a
// channel of its own. All of it has the build tag sdk, since it needs Node and what `npm ci` brings: `make test-sdk`.
package sdktest
