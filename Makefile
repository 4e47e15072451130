# The few commands a user needs; `make help` lists them.  Meson does the building: here
# are only the parts that a bare machine lacks (installing what is missing) and the two
# build folders.
#
#   build/       what `make tour` runs and `make install` installs: -O2, asserts off,
#                since a tour that measures must not time the asserts
#   build-test/  what `make test` runs: -O2, asserts on, since a test without the
#                structures' own checks would miss half
#
# Variables: V=1 shows the commands; PREFIX, LIBDIR, DESTDIR say where to install; ARGS
# goes to the tour (make tour ARGS=--json) or to `meson test` (make test ARGS=latch);
# J=2 compiles at most two files at once; ONLY="fib uts", ROUNDS=5 and WORKERS="1 2" say
# what `make bench` measures.

PREFIX = /usr/local
LIBDIR = lib
ARGS =
ONLY ?=
ROUNDS ?= 5
WORKERS ?=
J =
V = 0

Q := $(if $(filter 0,$(V)),@)
export V J
BUILD = $(Q)scripts/build.sh
OPTIONS = --prefix=$(PREFIX) --libdir=$(LIBDIR) -Dbuildtype=debugoptimized

.PHONY: all setup tour test bench test-orders fuzz test-all install clean help

all: setup
	$(BUILD) build $(OPTIONS) -Db_ndebug=true

setup:
	$(Q)scripts/setup.sh build

tour: all
	$(Q)build/cli/tutti tour $(ARGS)

test: setup
	$(BUILD) build-test $(OPTIONS) -Db_ndebug=false
	$(Q)scripts/run-tests.py build-test $(ARGS)

# What of the peers cannot be installed is missing from the figures, and named there.
bench: all
	$(Q)scripts/setup.sh bench || true
	$(Q)bench/run.py --build build --only '$(ONLY)' --rounds '$(ROUNDS)' \
		--workers '$(WORKERS)'

test-orders: setup
	$(BUILD) build-test $(OPTIONS) -Db_ndebug=false
	$(Q)scripts/test-orders.py build-test $(ARGS)

fuzz:
	$(Q)scripts/setup.sh all
	$(Q)scripts/fuzz.sh $(ARGS)

test-all:
	$(Q)scripts/setup.sh all
	$(Q)scripts/test-all.sh

install: all
	$(Q)scripts/install.sh build

clean:
	$(Q)rm -rf build build-*

help:
	@echo 'make tour      build tutti, run its programs on every executor, compare them'
	@echo 'make test      build with asserts on, run all tests'
	@echo 'make           build alone'
	@echo 'make bench     measure beside other systems; ONLY="fib uts", ROUNDS=, WORKERS='
	@echo 'make test-all  also under the thread and address sanitizers, with gcc and'
	@echo '               clang, under valgrind, and for aarch64 under qemu'
	@echo 'make test-orders  weaken each memory order in turn; list what no cell notices'
	@echo 'make fuzz      feed the parsers with mutated input; ARGS=seconds for each'
	@echo 'make install   install below PREFIX (now $(PREFIX)); honours DESTDIR'
	@echo 'make setup     install the Debian packages that a build needs; the targets'
	@echo '               above do it by themselves'
	@echo 'make clean     remove the build folders'
	@echo 'V=1 shows the commands; ARGS=... goes to the tour or to `meson test`'
