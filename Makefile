# Every target needs Go and nothing else, unless it says so.
.DEFAULT_GOAL := help
GOFLAGS_TEST ?= -race

.PHONY: help run test check generate bench backends backends-down

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

run: ## everything in one process, with simulated orders: broker, services, indexer, gateway (ARGS="--orders 100")
	go run . demo $(ARGS)

test: ## all tests, with the race detector
	go test $(GOFLAGS_TEST) ./...

check: ## what must hold beside the tests: format, vet, tidy go.mod, fresh generated code
	@test -z "$$(gofmt -l .)" || { echo 'not formatted:'; gofmt -l .; exit 1; }
	go vet ./...
	go mod tidy -diff
	@$(MAKE) --no-print-directory generate
	@git diff --exit-code -- graph || { echo 'generated code was not fresh: commit what make generate changed'; exit 1; }

generate: ## the GraphQL server's code, from schema/ and gqlgen.yml
	go tool gqlgen generate

bench: ## benchmarks of the embedded store and of the whole path (SIZES=10000,100000)
	go test -run '^$$' -bench . -benchtime 1x ./view/embedded ./bench -sizes $(or $(SIZES),10000)

backends: ## real Kafka and Elasticsearch for the tests, without Docker: needs a JDK, Maven and curl
	backends/backends up
	@echo 'export VIEWGATE_TEST_KAFKA=127.0.0.1:9092 VIEWGATE_TEST_ELASTICSEARCH=http://127.0.0.1:9200'

backends-down: ## stops them
	backends/backends down
