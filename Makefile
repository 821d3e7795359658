# Every target needs Go and nothing else, unless it says so.
.DEFAULT_GOAL := help
GOFLAGS_TEST ?= -race
# start: backends of their own for benchmarks and faults. Empty: those that VIEWGATE_TEST_KAFKA and
# VIEWGATE_TEST_ELASTICSEARCH name.
BACKENDS ?= start
NPM_CI = npm ci --ignore-scripts --no-audit --no-fund --loglevel error

.PHONY: help run test check generate bench bench-subscribers bench-hostile bench-elastic bench-scale bench-reads bench-search bench-peers faults promises fuzz backends backends-down federation clients pages browser bench-pages pictures

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

run: ## everything in one process, with simulated orders: broker, services, indexer, gateway (ARGS="--orders 100")
	go build . && exec ./viewgate demo $(ARGS)

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
	go run ./graph/generate

bench: ## benchmarks of the embedded store and of the whole path (SIZES=10000,100000)
	go test -run '^$$' -bench . -benchtime 1x ./view/embedded
	go test -run '^$$' -bench Embedded -benchtime 1x ./bench $(if $(SIZES),-sizes $(SIZES)) $(ARGS)

bench-subscribers: ## what 1,000 and 10,000 subscribers cost
	go test -run '^$$' -bench Subscribers -benchtime 1x -timeout 1h ./graph

bench-hostile: ## what requests cost that are meant to hurt: the time of the answer, and the memory
	go test -run '^$$' -bench Hostile -benchtime 1x ./graph

bench-elastic: ## from Kafka to Elasticsearch beside Benthos, all started for it; Java 17, Maven, curl (SIZES=100000 ARGS="-rounds 1")
	VIEWGATE_TEST_BACKENDS=$(BACKENDS) go test -run '^$$' -bench Elastic -benchtime 1x -timeout 2h ./bench \
		$(if $(SIZES),-sizes $(SIZES)) $(ARGS)

bench-reads: ## what fresh reads cost, beside Elasticsearch's own; backends started for it; Java 17, Maven, curl
	VIEWGATE_TEST_BACKENDS=$(BACKENDS) go test -run '^$$' -bench Reads -benchtime 1x -timeout 1h ./bench \
		$(if $(SIZES),-sizes $(SIZES)) $(ARGS)

bench-search: ## what a search costs beside the store's own; backends started for it; Java 17, Maven, curl (SIZES=10000,100000,1000000)
	VIEWGATE_TEST_BACKENDS=$(BACKENDS) go test -run '^$$' -bench Search -benchtime 1x -timeout 2h ./bench \
		$(if $(SIZES),-sizes $(SIZES)) $(ARGS)

bench-peers: ## viewgate beside Apollo Server and Elasticsearch itself; backends started for it; wrk, Node.js, npm, Java 17, Maven, curl
	cd bench/apollo && $(NPM_CI)
	VIEWGATE_TEST_BACKENDS=$(BACKENDS) go test -run '^$$' -bench Peers -benchtime 1x -timeout 1h ./bench \
		$(if $(SIZES),-sizes $(SIZES)) $(ARGS)

bench-scale: ## what an event costs 1, 2 and 4 indexers, with a stub for Elasticsearch; Java 17, Maven, curl (SIZES=20000)
	VIEWGATE_TEST_BACKENDS=$(BACKENDS) go test -run '^$$' -bench Scale -benchtime 1x -timeout 1h ./bench \
		$(if $(SIZES),-sizes $(SIZES)) $(ARGS)

faults: ## kills and faults, with real backends started for it; Java 17, Maven, curl (ARGS="-seed 100")
	VIEWGATE_TEST_BACKENDS=$(BACKENDS) go test -count 1 -timeout 1h ./bench/faults -seeds 100 -kills 8 $(ARGS)

promises: ## reads of one's own writes, 10,000 of them, while the indexer is slow, held up, killed and fills a new view
	go test -count 1 ./bench/promises -writes 10000 -v $(ARGS)

federation: ## viewgate beside other subgraphs, composed by and behind real ones; Node.js 20 or later, and npm with its registry
	cd federation && $(NPM_CI)
	VIEWGATE_TEST_NODE=required go test -count 1 ./federation $(ARGS)

clients: ## viewgate before clients of GraphQL, and the audits of GraphQL over HTTP; Node.js 20 or later, and npm with its registry
	cd clients && $(NPM_CI)
	VIEWGATE_TEST_NODE=required go test -count 1 ./clients $(ARGS)

pages: ## the order search page, built from web/app into web/dist; Node.js 20 or later, and npm with its registry
	cd web && $(NPM_CI) && npm run build

browser: ## tests of the pages in a browser; as pages, and Chromium (CHROMIUM=/usr/bin/chromium ARGS="browser/search.test.mjs")
	cd web && $(NPM_CI) && node browser/run.mjs $(ARGS)

bench-pages: ## what the pages cost a reader: bytes, first paint, interactive; as browser
	cd web && $(NPM_CI) && node browser/measure.mjs

pictures: ## the pictures in README.md; as browser, and img2webp and cwebp of Debian's package webp
	cd web && $(NPM_CI) && node browser/pictures.mjs

# What faces the network, as package:target.
FUZZ = ./graph:FuzzBody ./graph:FuzzMessages ./graph:FuzzPromise ./graph:FuzzNesting ./graph/media:FuzzAccept ./cost:FuzzShape \
	./guard:FuzzForwarded ./auth:FuzzIdentify ./auth:FuzzParseKeys ./search:FuzzParse ./search:FuzzCompile \
	./view:FuzzDecodeCursor ./compose:FuzzParseRead

fuzz: ## whatever faces the network, an hour in all (FUZZTIME=277s for each)
	@for each in $(FUZZ); do echo "== $$each"; \
		go test -run '^$$' -fuzz "^$${each#*:}$$" -fuzztime $(or $(FUZZTIME),277s) "$${each%:*}" $(ARGS) || exit 1; done

backends: ## real Kafka and Elasticsearch for the tests, without Docker: needs a JDK, Maven and curl
	backends/backends up
	@echo 'export VIEWGATE_TEST_KAFKA=127.0.0.1:9092 VIEWGATE_TEST_ELASTICSEARCH=http://127.0.0.1:9200'

backends-down: ## stops them
	backends/backends down
