# Every target says what it is for: `make help`.

GO      ?= go
BIN     := bin/paystorm
RUNS    ?= runs
# The race detector needs a C compiler and the C library's headers; without them the tests run without it, and say so.
# It leaves SQLite alone, which is C that was translated, and in which it spent half of its time.
RACE    := $(shell $$($(GO) env CC) -E -include stdlib.h -x c /dev/null >/dev/null 2>&1 && \
	echo -race -gcflags=modernc.org/...=-race=false)
# The detector lets a program sleep for a second before it ends, and these tests run and start hundreds.
export GORACE ?= atexit_sleep_ms=0
# The detector itself is C, whatever CGO_ENABLED says outside.
WITH_C  := $(if $(RACE),CGO_ENABLED=1)
# What vet would say, lint says: with an empty cache, vet reads every dependency besides.
VET     := -vet=off
# These run whole shops and wait for them: one after another, or they wait for one another.
TIMED   := cmd/paystorm examples/flashshop harness/link harness/load/k6child
FUZZ    ?= 2m
HISTORIES ?= 200
SEEDS   ?= 1
DEFECT_SEEDS ?= 1
# Runs mostly wait, and two at a time save a third of the time; beside another, one proves nothing a little more often.
PARALLEL ?= 1
# Which part of a proof matrix, such as 2/5; the whole where it is empty. MEMORY names a file by which an interrupted proof goes on.
PART     ?=
MEMORY   ?=
STRIPE_MOCK  ?= v0.203.0
PROVE_PART = -part "$(PART)" -resume "$(MEMORY)" -mark "$(if $(MEMORY),$(shell git rev-parse HEAD))"
NOTICE  := $(GO) -C tools run ./notice -module ..

.DEFAULT_GOAL := help

.PHONY: help
help: ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/paystorm, in pure Go
	CGO_ENABLED=0 $(GO) build -o $(BIN) ./cmd/paystorm

.PHONY: images
images: build ## the images that the examples need, from Debian's packages, where no registry can be reached; needs Docker and root
	./tools/images.sh

.PHONY: demo
demo: build ## storm the reference shop; ends green
	$(BIN) run stormy-sale --out $(RUNS)

.PHONY: demo-broken
demo-broken: build ## the same storm on a shop that dedupes by check-then-act (D02); ends red, exit 1
	@$(BIN) run stormy-sale --out $(RUNS) --set system.launch.process.env.DEFECTS=D02; status=$$?; \
	if [ $$status -eq 1 ]; then echo "demo-broken: the broken shop was found out (exit 1), as it must be"; exit 1; fi; \
	echo "demo-broken: expected exit 1, got $$status"; exit 99

.PHONY: test
test: ## everything that needs no Docker, with the race detector where there is a C compiler
ifeq ($(RACE),)
	@echo "no C compiler: the tests run without the race detector"
endif
# Compiled before, what only the timed ones need is not compiled one package after another.
	$(WITH_C) $(GO) list $(RACE) -test -deps -export ./... >/dev/null
	$(WITH_C) $(GO) test $(VET) $(RACE) $$($(GO) list ./... | grep -vE '$(subst $() $(),|,$(TIMED))')
	$(WITH_C) $(GO) test $(VET) $(RACE) -p 1 $(addprefix ./,$(TIMED))

.PHONY: test-docker
test-docker: ## what needs Docker and the images of the examples (make images); with PAYSTORM_REQUIRE=docker a skip is a failure
	$(GO) test -tags docker -p 1 -count 1 -v -run '^TestDocker' ./harness/... ./cmd/paystorm

.PHONY: test-sdk
test-sdk: ## the providers' own SDKs against the channel's dialects; needs Node 20
	npm ci --prefix mockchannel/sdktest/node --no-audit --no-fund
	$(GO) test -tags sdk -count 1 ./mockchannel/sdktest/...

.PHONY: prove
prove: build ## the correct shop under every scenario, and every known defect under its own
	$(GO) run ./cmd/prove -binary $(BIN) -out $(RUNS)/prove -parallel $(PARALLEL) $(PROVE_PART) -seeds $(SEEDS) -defect-seeds $(DEFECT_SEEDS)

.PHONY: prove-docker
prove-docker: images ## the same of two replicas on PostgreSQL and Redis in containers, and what goes wrong with those; needs Docker
	PAYSTORM_POSTGRES=paystorm/postgres:15 PAYSTORM_REDIS=paystorm/redis:7 \
	$(GO) run ./cmd/prove -binary $(BIN) -out $(RUNS)/prove-docker $(PROVE_PART) -seeds $(SEEDS) -defect-seeds $(DEFECT_SEEDS) -matrix examples/flashshop/proofs-docker.yaml

.PHONY: prove-graphql
prove-graphql: build ## whether the reference shop has the same verdicts over GraphQL as over REST (SEEDS=5)
	$(GO) run ./cmd/prove -binary $(BIN) -out $(RUNS)/prove-graphql -parallel $(PARALLEL) $(PROVE_PART) -seeds $(SEEDS) -defect-seeds $(DEFECT_SEEDS) -compare flashshop,flashshop-graphql

.PHONY: prove-nodeshop
prove-nodeshop: build ## the same of the shop in examples/nodeshop, which no Go knows of; needs Node 20
	npm ci --prefix examples/nodeshop --no-audit --no-fund
	$(GO) run ./cmd/prove -binary $(BIN) -out $(RUNS)/prove $(PROVE_PART) -seeds $(SEEDS) -defect-seeds $(DEFECT_SEEDS) -matrix examples/nodeshop/proofs.yaml

.PHONY: nightly
nightly: build ## every proof whole, in hours; goes on where it was stopped; writes docs/proofs/DATE.md (SEEDS=5 DEFECT_SEEDS=5)
	./tools/nightly.sh

.PHONY: lint
lint: ## golangci-lint, as pinned in tools/go.mod, and whether NOTICE lists what is in the binary
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...
	$(GO) -C tools tool golangci-lint run ./...
	$(NOTICE) -check

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZ (2m) each
	./tools/fuzz.sh $(FUZZ)

.PHONY: fuzz-judge
fuzz-judge: ## lies in simulated histories, none of which the judge may pass (HISTORIES=200 for each lie)
	$(GO) test ./invariants -count 1 -timeout 60m -run '^(TestEveryLieIsSeen|TestAnHonestHistoryPasses)$$' -histories $(HISTORIES)

.PHONY: bench
bench: ## the history's and the channel's benchmarks
	GOMAXPROCS=1 $(GO) test -run '^$$' -bench . -benchmem ./history
	$(GO) test -run '^$$' -bench . -benchmem ./mockchannel/... ./invariants

.PHONY: bench-load
bench-load: ## native journeys against a k6/http script, and what a link adds; fails if a figure is missed
	$(GO) test -run '^$$' -bench AddedLatency -benchtime 1x ./harness/link
	$(GO) test -run '^$$' -bench NativeAgainstScript -benchtime 1x ./harness/load/k6child

.PHONY: bench-channel
bench-channel: ## the Stripe dialect against stripe-mock and a bare handler, and pending notifications; fails if a figure is missed
	@command -v wrk >/dev/null || { echo "the load tool is missing: apt-get install wrk, or https://github.com/wg/wrk"; exit 1; }
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	GOBIN="$$dir" $(GO) install github.com/stripe/stripe-mock@$(STRIPE_MOCK); \
	CGO_ENABLED=0 $(GO) build -o "$$dir/benchchannel" ./cmd/benchchannel; \
	"$$dir/benchchannel" -stripe-mock "$$dir/stripe-mock"

.PHONY: golden
golden: ## rewrite golden files and generated schemas from what the code does now; read the diff
	$(GO) test ./scenarios/... ./reports ./invariants ./cmd/... -update

.PHONY: notice
notice: ## rewrite NOTICE from the licences of what is linked into the binary
	$(NOTICE)

.PHONY: clean
clean: ## remove what was built and run here
	rm -rf bin runs
