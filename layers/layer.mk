# Shared by the Makefiles of both layers. `sam build` runs them in their folder with ARTIFACTS_DIR set.
ROOT := $(abspath ../..)
UV := $(ROOT)/.uv/bin/uv
PYTHON := $(ROOT)/.venv/bin/python
BASE_PYTHON = $(shell $(PYTHON) -c "import sys; print(sys._base_executable)")
ARCHITECTURE ?= x86_64
PLATFORM := $(subst arm64,aarch64,$(ARCHITECTURE))-manylinux_2_28

# Installs wheels for Lambda's platform by hash. Nothing is compiled or taken from this machine.
INSTALL_LOCKED = $(UV) pip install --quiet --python $(PYTHON) --python-version 3.13 --python-platform $(PLATFORM) \
  --only-binary :all: --no-deps --require-hashes --link-mode copy
INSTALL_OWN = $(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --link-mode copy

# Compiles byte code that is never checked against its source, which saves time at a cold start.
define FINISH
	rm -rf $(1)/bin $(1)/.lock $(1)/*.dist-info/direct_url.json
	find $(1) -type d \( -name tests -o -name test -o -name __pycache__ \) -prune -exec rm -rf {} +
	$(BASE_PYTHON) -m compileall -q --invalidation-mode unchecked-hash $(1)
endef
