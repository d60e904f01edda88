# One door for people and for CI: `make demo` shows it, `make test` proves it.
#
# Everything goes into .venv/, target/ (or $CARGO_TARGET_DIR) and dist/. All paths are relative, so that a checkout may
# lie anywhere, also under a name with spaces.

PYTHON ?= python3
CARGO ?= cargo
VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
OUT ?= out

# Rust's tests and the Python module share a profile and a folder, and tests take the whole workspace so that features
# are the same: arrow and parquet are compiled once for both. pyo3 is told always what maturin tells it, or lint and
# wheel would undo each other's build.
export PYO3_BUILD_EXTENSION_MODULE := 1

# Rust files of users (`crawlrank.rust`) are compiled in here, too.
IN_VENV_RUST := CRAWLRANK_RUST_CACHE="$(CURDIR)/$(VENV)/rust"

.PHONY: help demo test format lint test-rust test-python test-notebooks notebooks test-slow test-bvgraph test-s3 test-spark wheel-in-venv docs python reference bench fuzz clean
.NOTPARALLEL:

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

demo: ## Build the release program and run the whole job on its embedded sample
	$(CARGO) build --release --locked
	$(CARGO) run --release --locked --quiet -- demo --out "$(OUT)"

test: format lint test-rust test-python test-notebooks docs ## Prove that it works: all that follows up to `python`

format: $(VENV)/installed ## Check the format of Rust and Python
	@if $(CARGO) fmt --version >/dev/null 2>&1; \
	then echo '$(CARGO) fmt --all --check' && $(CARGO) fmt --all --check; \
	else echo 'skipped: cargo fmt is not installed'; fi
	$(VENV_PYTHON) -m ruff format --check python notebooks
	$(VENV_PYTHON) -m ruff check python notebooks
	$(VENV_PYTHON) -m ruff format --check --config python/pyproject.toml benches docs/site
	$(VENV_PYTHON) -m ruff check --config python/pyproject.toml benches docs/site

lint: ## Run clippy, where it is installed
	@if $(CARGO) clippy --version >/dev/null 2>&1; \
	then echo '$(CARGO) clippy' && $(CARGO) clippy --workspace --all-targets --locked -- -D warnings \
		&& $(CARGO) clippy --package crawlrank-analysis --features python --locked -- -D warnings; \
	else echo 'skipped: cargo clippy is not installed'; fi

test-rust: ## Run Rust tests (by nextest where it is installed) and the examples in the documentation
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then echo '$(CARGO) nextest run' && $(CARGO) nextest run --workspace --locked --no-fail-fast; \
	else echo '$(CARGO) test' && $(CARGO) test --workspace --locked --no-fail-fast --lib --bins --tests; fi
	$(CARGO) test --workspace --locked --doc
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --quiet --workspace --no-deps --locked

test-python: wheel-in-venv ## Build a wheel, install it into the local venv, run its tests; one of them imports a Rust file
	$(IN_VENV_RUST) $(VENV_PYTHON) -m pytest --config-file python/pyproject.toml --numprocesses auto python/tests

test-notebooks: wheel-in-venv $(VENV)/notebooks ## Run the notebooks, and compare their cells with the .ipynb beside them
	rm -rf out/notebooks
	$(VENV_PYTHON) notebooks/export.py --check

wheel-in-venv: $(VENV)/installed
	rm -rf $(VENV)/wheels
	$(VENV_PYTHON) -m maturin build --manifest-path python/Cargo.toml --locked --profile dev --strip \
		--compatibility linux --compression-method stored --interpreter $(VENV_PYTHON) --out $(VENV)/wheels
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall \
		$(VENV)/wheels/*.whl

test-slow: wheel-in-venv ## Prove, too, all that is said of users' Rust files, compiled as users have them (a minute at first)
	$(IN_VENV_RUST) $(VENV_PYTHON) -m pytest --config-file python/pyproject.toml -m slow python/tests

test-bvgraph: ## Prove that BVGraph files go in and out: the program with the crate `webgraph` (minutes at first)
	$(CARGO) clippy --package crawlrank --all-targets --locked --features bvgraph -- -D warnings
	$(CARGO) test --package crawlrank --locked --features bvgraph --test main -- bvgraph

test-s3: ## Prove that shards come from buckets: the program with the crate `object_store` (minutes at first)
	$(CARGO) clippy --package crawlrank --all-targets --locked --features s3 -- -D warnings
	$(CARGO) test --package crawlrank --locked --features s3 --lib -- network::
	$(CARGO) test --package crawlrank --locked --features s3 --test main -- s3::

# Spark comes in 430 MB; Java from the path, or in 60 MB more where there is none.
test-spark: wheel-in-venv $(VENV)/notebooks $(VENV)/spark ## Prove that the job on Spark gives the same run, in processes that are killed, too (ten minutes at most)
	$(VENV_PYTHON) -m pytest --config-file python/pyproject.toml --override-ini 'addopts=--strict-markers -ra' python/tests_spark

# Strict: a link that leads nowhere fails. Nothing is compiled: what comes from Rust is in docs/, and `test` keeps it so.
docs: $(VENV)/installed ## Build the documentation as a site: target/site/index.html
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement docs/site/requirements.txt
	$(VENV_PYTHON) -m sphinx --quiet --fail-on-warning --keep-going --conf-dir docs/site --doctree-dir target/site-cache \
		. target/site
	@echo target/site/index.html

python: $(VENV)/installed ## Build the wheel for users into dist/
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement python/requirements-wheel.txt
	PATH="$$PWD/$(VENV)/bin:$$PATH" $(VENV_PYTHON) -m maturin build --manifest-path python/Cargo.toml --locked \
		--profile wheel --strip --compression-level 9 --zig --compatibility manylinux2014 --interpreter $(VENV_PYTHON) --out dist

notebooks: wheel-in-venv $(VENV)/notebooks ## Run the notebooks over a fresh sample, and write the .ipynb beside them
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement notebooks/requirements-export.txt
	rm -rf out/notebooks
	$(VENV_PYTHON) notebooks/export.py

reference: ## Make docs/tables.md and docs/commands.md anew, from the schemas and the flags
	CRAWLRANK_WRITE_REFERENCE=1 $(CARGO) test --locked --test main -- reference::

bench: ## Print the figures of benches/README.md anew
	$(CARGO) bench --locked

FUZZ_SECONDS ?= 60
fuzz: ## Feed a parser with hostile bytes: make fuzz TARGET=... [FUZZ_SECONDS=60]
	@test -n "$(TARGET)" || { echo "which? make fuzz TARGET=..., one of:"; ls fuzz/fuzz_targets; exit 2; }
	@$(CARGO) +nightly fuzz --version >/dev/null 2>&1 || { \
		echo "needs: rustup toolchain install nightly && cargo install cargo-fuzz --version 0.13.2 --locked"; exit 2; }
	@mkdir -p fuzz/corpus/$(TARGET)
	$(CARGO) +nightly fuzz run $(TARGET) fuzz/corpus/$(TARGET) $(wildcard fuzz/seeds/$(TARGET)) -- \
		-max_total_time=$(FUZZ_SECONDS) $(patsubst %,-dict=%,$(wildcard fuzz/dictionaries/$(TARGET).dict))

clean: ## Remove all that was built
	rm -rf $(VENV) dist
	$(CARGO) clean

$(VENV)/spark: $(VENV)/installed python/requirements-spark.txt
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement python/requirements-spark.txt \
		|| { echo 'Spark cannot be installed here: it takes 1 GB in $(VENV), and a package index'; exit 2; }
	touch $@

# A venv that was only half made has no stamp, and is made anew.
$(VENV)/installed: python/requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo '$(PYTHON) must be Python 3.10 or later; choose one: make PYTHON=python3.11'; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo 'Python has no venv here: sudo apt-get install -y python3-venv'; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement python/requirements-dev.txt
	touch $@

$(VENV)/notebooks: notebooks/requirements.txt $(VENV)/installed
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement notebooks/requirements.txt
	touch $@
