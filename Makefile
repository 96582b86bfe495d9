# make run and make test are all a newcomer needs; they install what they need.

BIN      := bin/roost
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PACKAGES := ./...
VULNDB   ?= https://vuln.go.dev

.PHONY: build run test race hostile fuzz corpus bench numbers lint audit setup clean

build: ## the server, at bin/roost
	go build -trimpath -ldflags '-X main.version=$(VERSION)' -o $(BIN) ./cmd/roost

run: build ## the server with a demo: prints its URLs and a token
	$(BIN) serve --dev

test: lint setup build ## all tests, the edge's by TLS too; those of e2e and hostile run a binary that the test cache knows nothing of
	go test $$(go list $(PACKAGES) | grep -v -e /e2e -e /hostile)
	go test ./edge -tls
	go test -count=1 -p 1 ./e2e ./hostile

race: ## all tests of the packages, with the race detector
	go test -race $$(go list $(PACKAGES) | grep -v -e /e2e -e /hostile)

hostile: ## all attacks on the server, those that take a minute too, and what each cost
	go test -count=1 -v ./hostile -slow

fuzz: ## each fuzz test for a minute, ten at once; an hour each with FUZZTIME=1h, in four hours
	@.ci/fuzz

corpus: ## keeps the smallest inputs that fuzzing found interesting, as seeds for all
	@.ci/fuzz keep

bench: ## benchmarks of the packages: time and allocations
	go test -run '^$$' -bench . -benchmem $(PACKAGES)

numbers: build ## the README's table, against the reference server in the same run
	go run ./bench/numbers

lint: ## go vet, gofmt, staticcheck
	go vet $(PACKAGES)
	@out=$$(gofmt -l $$(go list -f '{{.Dir}}' $(PACKAGES))); test -z "$$out" || { echo "gofmt: $$out"; exit 1; }
	go tool staticcheck $(PACKAGES)

audit: ## the modules as go.sum knows them, and known vulnerabilities: needs $(VULNDB), which may be file:///a/copy
	go mod verify
	@go tool govulncheck -db $(VULNDB) $(PACKAGES) || { status=$$?; \
	  test $$status = 3 || echo "audit: could not look for vulnerabilities in $(VULNDB): nothing is known, good or bad" >&2; exit $$status; }

setup: ## what the tests need beside Go: Node with two packages, and Chromium
	@e2e/setup

clean:
	rm -rf bin e2e/clients/node_modules
