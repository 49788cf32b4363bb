# Menshen. `make` alone says what there is.
#
# Works on a plain Debian with Rust, as root or as a user with sudo: each target installs what it needs and is
# missing. On other systems install the equivalents of the packages below first.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Targets that call cargo would only wait for each other's lock.
.NOTPARALLEL:

CARGO ?= cargo
ARGS ?=

PREFIX ?= /usr/local
DESTDIR ?=
SYSCONFDIR ?= /etc

BUILD_PACKAGES := gcc libc6-dev cmake libssl-dev pkg-config
TEST_PACKAGES := redis-server chromium chromium-driver fonts-noto-cjk fonts-noto-color-emoji radicale nginx openssl
BENCH_PACKAGES := wrk nginx

.PHONY: help
help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build-needs ## a gateway, a WeChat simulator and a sample app on this machine; ARGS="--help" for more
	@exec $(CARGO) run --locked --quiet -- demo $(ARGS)

.PHONY: build
build: build-needs ## the program, optimised, at target/release/menshen
	@$(CARGO) build --locked --release

.PHONY: test
test: build-needs test-needs ## every test; ARGS="a_test_name" for some
	@$(CARGO) test --locked --quiet --doc
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	    exec $(CARGO) nextest run --locked $(ARGS); \
	else \
	    exec $(CARGO) test --locked --lib --bins --tests $(ARGS); \
	fi

.PHONY: check
check: build-needs ## format, lints, licences, advisories
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --locked --all-targets -- --deny warnings
	@$(MAKE) --no-print-directory dependencies

# The test holds the dependencies against deny.toml without any further tool, so that this always runs; cargo-deny
# repeats it and adds the advisories, whose database it fetches. Set ADVISORIES=required where that must succeed.
.PHONY: dependencies
dependencies: build-needs ## licences, sources and forbidden crates; advisories where cargo-deny is there
	@$(CARGO) test --locked --quiet --test dependencies
	@if ! command -v cargo-deny >/dev/null; then \
	    echo 'Advisories: not checked, cargo-deny is not installed (cargo install --locked cargo-deny).'; \
	    [ "$(ADVISORIES)" != required ]; \
	else \
	    $(CARGO) deny --locked --offline check --hide-inclusion-graph bans licenses sources; \
	    if timeout 120 $(CARGO) deny --locked fetch db 2>/dev/null; then \
	        $(CARGO) deny --locked check --disable-fetch advisories; \
	    else \
	        echo 'Advisories: not checked, their database cannot be reached.'; \
	        [ "$(ADVISORIES)" != required ]; \
	    fi; \
	fi

.PHONY: bench
bench: build-needs bench-needs ## the optimised program beside nginx, on this machine; ARGS="--help" for more
	@exec $(CARGO) bench --locked --bench gateway -- $(ARGS)

.PHONY: install
install: ## the program, the systemd units and a config to start from; PREFIX, SYSCONFDIR and DESTDIR as usual
	@[ -x target/release/menshen ] || $(MAKE) --no-print-directory build
	@install -D -m 0755 target/release/menshen '$(DESTDIR)$(PREFIX)/bin/menshen'
	@install -D -m 0644 systemd/menshen.socket '$(DESTDIR)$(PREFIX)/lib/systemd/system/menshen.socket'
	@install -D -m 0644 systemd/menshen.service '$(DESTDIR)$(PREFIX)/lib/systemd/system/menshen.service'
	@sed -i 's|/usr/local/bin/|$(PREFIX)/bin/|; s|/etc/menshen/|$(SYSCONFDIR)/menshen/|' \
	    '$(DESTDIR)$(PREFIX)/lib/systemd/system/menshen.service'
	@install -D -m 0644 systemd/menshen.sysusers '$(DESTDIR)$(PREFIX)/lib/sysusers.d/menshen.conf'
	@install -D -m 0644 conf/menshen.toml '$(DESTDIR)$(PREFIX)/share/doc/menshen/menshen.toml'
	@if [ -z '$(DESTDIR)' ] && [ -d /run/systemd/system ]; then \
	    systemd-sysusers '$(PREFIX)/lib/sysusers.d/menshen.conf'; systemctl daemon-reload; \
	fi
	@conf='$(DESTDIR)$(SYSCONFDIR)/menshen/menshen.toml'; \
	if [ -e "$$conf" ]; then \
	    echo "Kept $$conf; the new reference is $(PREFIX)/share/doc/menshen/menshen.toml."; \
	else \
	    install -D -m 0640 conf/menshen.toml "$$conf"; \
	    if getent group menshen >/dev/null; then chgrp menshen "$$conf"; fi; \
	    echo "Edit $$conf, then: systemctl enable --now menshen"; \
	fi

.PHONY: clean
clean: ## removes everything that was built and what the demo kept
	@$(CARGO) clean
	@rm -rf demo-data target/witness

.PHONY: build-needs test-needs bench-needs
build-needs:
	@.ci/need $(BUILD_PACKAGES)
	@command -v $(CARGO) >/dev/null || { echo 'Rust is missing: see https://rustup.rs' >&2; exit 1; }

# After the packages, the libraries of the second witness (tests/witness); nothing happens if they are there.
test-needs:
	@.ci/need $(TEST_PACKAGES) $$(.ci/witness packages)
	@.ci/witness

bench-needs:
	@.ci/need $(BENCH_PACKAGES)
